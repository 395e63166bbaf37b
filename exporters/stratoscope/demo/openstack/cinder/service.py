"""The front of Cinder: volumes, their copies, backends, quotas; microversions, and how it says no."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Generic, TypeVar

from multidict import CIMultiDict

from stratoscope.demo.openstack.asking import EARLY, Answer, Ask, Json, RefusalError
from stratoscope.demo.openstack.cinder import views
from stratoscope.demo.openstack.nova.service import minor_of
from stratoscope.demo.openstack.seed.catalog import DEFAULT_LIMITS
from stratoscope.demo.openstack.service import Handler, Route, Service
from stratoscope.demo.openstack.shelf import Shelf
from stratoscope.demo.openstack.things import Copy, Project, Volume

T = TypeVar("T")

_MOST: Final = 1000
_NAMES: Final = {
    400: "badRequest",
    403: "forbidden",
    404: "itemNotFound",
    413: "overLimit",
    429: "overLimit",
    503: "serviceUnavailable",
}
"""cinder/api/openstack/wsgi.py, Fault._fault_names; all others are computeFault."""
_FIXED: Final = {"per_volume_gigabytes": -1, "groups": 10}
_CONTROLS: Final = frozenset({"all_tenants", "limit", "marker", "offset", "sort", "sort_key", "sort_dir"})


class Cinder(Service):
    """Everything below one prefix, without a project in the path."""

    kind, name, prefix, endpoint = "block-storage", "cinder", "/volume", "/v3"
    newest = 71

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "", self._versions, is_open=True)
        yield Route("GET", "/", self._versions, is_open=True)
        yield Route("GET", "/v3", lambda ask: Answer(status=302, headers=_to(f"{ask.base}/v3/")))
        yield Route("GET", "/v3/", self._version)
        yield Route("GET", "/v3/volumes", self._volumes(views.brief_volume))
        yield Route("GET", "/v3/volumes/detail", self._volumes(views.volume))
        yield Route("GET", "/v3/volumes/summary", self._summary)
        yield Route("GET", "/v3/volumes/{volume}", self._volume)
        for sort, shelf, brief, whole in (
            ("snapshots", self.world.snapshots, views.brief_snapshot, views.snapshot),
            ("backups", self.world.backups, views.brief_backup, views.backup),
        ):
            yield Route("GET", f"/v3/{sort}", self._copies(sort, shelf, brief))
            yield Route("GET", f"/v3/{sort}/detail", self._copies(sort, shelf, whole))
        yield Route("GET", "/v3/types", self._types)
        yield Route("GET", "/v3/os-services", self._services)
        yield Route("GET", "/v3/scheduler-stats/get_pools", self._pools)
        yield Route("GET", "/v3/os-quota-sets/{project}", self._quotas)
        yield Route("GET", "/v3/os-quota-sets/{project}/defaults", self._defaults)
        yield Route("GET", "/v3/limits", self._limits)
        yield Route("GET", "/v3/attachments", self._attachments)

    def negotiate(self, ask: Ask) -> None:
        said = ask.request.headers.get("OpenStack-API-Version", "").strip()
        version = said.removeprefix("volume ").strip() if said.startswith("volume ") else ""
        ask.minor = minor_of(version, 3, 0, self.newest) if version else 0

    def refusal(self, ask: Ask, error: RefusalError) -> Answer:  # noqa: ARG002 - one word for all
        name = _NAMES.get(error.status, "computeFault")
        body = {name: {"code": error.status, "message": error.message}}
        return Answer(body, error.status, is_early=error.kind == EARLY)

    def headers(self, ask: Ask, answer: Answer) -> None:
        super().headers(ask, answer)
        if answer.status == HTTPStatus.UNAUTHORIZED or (
            answer.is_early and answer.status == HTTPStatus.NOT_FOUND
        ):
            return
        answer.headers["x-compute-request-id"] = ask.request_id
        if answer.is_early:
            return
        answer.headers["OpenStack-API-Version"] = f"volume 3.{ask.minor}"
        answer.headers["Vary"] = "OpenStack-API-Version"

    def _versions(self, ask: Ask) -> Answer:
        return Answer({"versions": [_version(ask, self.newest)]}, 300)

    def _version(self, ask: Ask) -> Answer:
        return Answer({"versions": [_version(ask, self.newest)]})

    # -- Volumes and their copies ------------------------------------------------------------------

    def _volumes(self, view: Callable[[Ask, Volume], Json]) -> Handler:
        missing = "Volume {} could not be found."
        return _Listing(
            "volumes", self.world.volumes, lambda one: one.volume_id, lambda one: one.project, view, missing
        )

    @staticmethod
    def _copies(sort: str, shelf: Shelf[Copy, int], view: Callable[[Ask, Copy], Json]) -> Handler:
        missing = f"{sort.removesuffix('s').capitalize()} {{}} could not be found."
        return _Listing(sort, shelf, lambda one: one.copy_id, lambda one: one.volume.project, view, missing)

    def _volume(self, ask: Ask) -> Answer:
        wanted = ask.args["volume"]
        one = self.world.volumes.get(wanted)
        if one is None or not (ask.who.is_admin or ask.who.owns(one.project)):
            raise RefusalError(404, f"Volume {wanted} could not be found.")
        return Answer({"volume": views.volume(ask, one)})

    def _summary(self, ask: Ask) -> Answer:
        _since(ask, 12)
        sizes = [one.size_gib for one in self.world.volumes if _sees(ask, one.project)]
        return Answer(
            {"volume-summary": {"total_count": len(sizes), "total_size": sum(sizes), "metadata": {}}}
        )

    def _attachments(self, ask: Ask) -> Answer:
        _since(ask, 27)
        shown = [
            {
                "id": one.attachment_id,
                "status": "attached",
                "instance": one.vm.vm_id,
                "volume_id": one.volume_id,
            }
            for one in self.world.volumes
            if one.vm is not None and _sees(ask, one.project)
        ]
        return Answer({"attachments": shown})

    # -- Backends ----------------------------------------------------------------------------------

    def _types(self, ask: Ask) -> Answer:
        return Answer({"volume_types": [views.volume_type(ask, one) for one in self.world.volume_types]})

    def _services(self, ask: Ask) -> Answer:
        _administrators(ask, "volume_extension:services:index")
        shown = [
            views.service(ask, one)
            for one in self.world.daemons
            if one.service == "block-storage"
            and ask.query.get("binary", one.binary) == one.binary
            and ask.query.get("host", one.host) == one.host
        ]
        return Answer({"services": shown})

    def _pools(self, ask: Ask) -> Answer:
        _administrators(ask, "scheduler_extension:scheduler_stats:get_pools")
        pools: list[Json] = [{"name": f"{one.host}#{one.name}"} for one in self.world.pools]
        if ask.flag("detail"):
            for shown, one in zip(pools, self.world.pools, strict=True):
                shown["capabilities"] = views.pool(ask, one)
        return Answer({"pools": pools})

    # -- Quotas ------------------------------------------------------------------------------------

    def _quotas(self, ask: Ask) -> Answer:
        project = self._own(ask)
        limits = self._limits_of(project)
        quotas: Json = dict(limits)
        if ask.flag("usage"):
            used = project.used if project else {}
            quotas = {
                name: {"limit": limit, "in_use": used.get(name, 0), "reserved": 0}
                for name, limit in limits.items()
            }
        return Answer({"quota_set": {**quotas, "id": ask.args["project"]}})

    def _defaults(self, ask: Ask) -> Answer:
        self._own(ask)
        return Answer({"quota_set": {**self._limits_of(None), "id": ask.args["project"]}})

    def _own(self, ask: Ask) -> Project | None:
        """The caller's own project; for administrators any: Cinder does not ask whether it is there."""
        project = self.world.projects.get(ask.args["project"])
        if not ask.who.owns(project):
            _administrators(ask, "volume_extension:quotas:show")
        return project

    def _limits_of(self, project: Project | None) -> dict[str, int]:
        """By resource, those of each volume type included, in the order in which Cinder tells them."""
        own = DEFAULT_LIMITS if project is None else project.limits
        names = ("volumes", "per_volume_gigabytes", "snapshots", "gigabytes", "backups", "backup_gigabytes")
        limits = {name: _FIXED[name] if name in _FIXED else own[name] for name in names}
        for one in self.world.volume_types:
            limits |= {f"{sort}_{one.name}": -1 for sort in ("volumes", "gigabytes", "snapshots")}
        return limits | {"groups": _FIXED["groups"]}

    def _limits(self, ask: Ask) -> Answer:
        project = ask.who.project
        own = DEFAULT_LIMITS if project is None else project.limits
        used = project.used if project else {}
        absolute: Json = {
            "maxTotalVolumes": own["volumes"],
            "maxTotalSnapshots": own["snapshots"],
            "maxTotalVolumeGigabytes": own["gigabytes"],
            "maxTotalBackups": own["backups"],
            "maxTotalBackupGigabytes": own["backup_gigabytes"],
            "totalVolumesUsed": used.get("volumes", 0),
            "totalGigabytesUsed": used.get("gigabytes", 0),
            "totalSnapshotsUsed": used.get("snapshots", 0),
            "totalBackupsUsed": used.get("backups", 0),
            "totalBackupGigabytesUsed": used.get("backup_gigabytes", 0),
        }
        return Answer({"limits": {"rate": [], "absolute": absolute}})


@dataclass(frozen=True, slots=True)
class _Listing(Generic[T]):
    """Attributes:
    sort: Plural, as it stands in answers and paths.
    missing: What is said of a marker that is not there, with `{}` for it.
    """

    sort: str
    shelf: Shelf[T, int]
    identity: Callable[[T], str]
    owner: Callable[[T], Project]
    view: Callable[[Ask, T], Json]
    missing: str

    def __call__(self, ask: Ask) -> Answer:
        """A page of the list."""
        limit, marker = _limit_of(ask), ask.query.get("marker", "")
        if marker and marker not in self.shelf:
            raise RefusalError(404, self.missing.format(marker))
        found = self.shelf.page(limit, marker, keep=self._test(ask))
        body: Json = {self.sort: [self.view(ask, one) for one in found]}
        if found and len(found) == limit:
            query = ask.url({"marker": self.identity(found[-1])})
            body[f"{self.sort}_links"] = [{"rel": "next", "href": f"{ask.base}/v3{ask.path}?{query}"}]
        return Answer(body)

    def _test(self, ask: Ask) -> Callable[[T], bool]:
        """Whether somebody may see one, and asks for such a one."""
        filters = {name: value for name, value in ask.query.items() if name not in _CONTROLS}

        def test(one: T) -> bool:
            if not _sees(ask, self.owner(one)):
                return False
            shown = self.view(ask, one) if filters else {}
            return all(str(shown.get(name)) == value for name, value in filters.items())

        return test


def _limit_of(ask: Ask) -> int:
    said = ask.query.get("limit", str(_MOST))
    if not said.removeprefix("-").isdecimal():
        raise RefusalError(400, "limit param must be an integer")
    if said.startswith("-"):
        raise RefusalError(400, "limit param must be positive")
    return min(_MOST, int(said))


def _sees(ask: Ask, project: Project) -> bool:
    """Everybody's for administrators who ask for them, else one's own."""
    return (ask.who.is_admin and ask.flag("all_tenants")) or ask.who.owns(project)


def _administrators(ask: Ask, rule: str) -> None:
    if not ask.who.is_admin:
        raise RefusalError(403, f"Policy doesn't allow {rule} to be performed.")


def _since(ask: Ask, minor: int) -> None:
    if not ask.since(minor):
        raise RefusalError(404, "The resource could not be found.")


def _to(url: str) -> "CIMultiDict[str]":
    return CIMultiDict({"Location": url, "Content-Type": "text/plain; charset=utf8"})


def _version(ask: Ask, newest: int) -> Json:
    media = {"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"}
    return {
        "id": "v3.0",
        "status": "CURRENT",
        "version": f"3.{newest}",
        "min_version": "3.0",
        "updated": "2023-08-31T00:00:00Z",
        "links": [
            {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
            {"rel": "self", "href": f"{ask.base}/v3/"},
        ],
        "media-types": [media],
    }
