"""Cinder as a service: volumes, their copies, backends, quotas; versions, microversions, errors."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Final, TypeVar

from multidict import CIMultiDict

from stratoscope.demo.openstack.cinder import views, volumes
from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.nova.service import minor_of
from stratoscope.demo.openstack.service import Handler, Route, Service, named_fault
from stratoscope.demo.world.models import Copy, Project, Volume
from stratoscope.demo.world.seed.catalog import DEFAULT_LIMITS
from stratoscope.demo.world.sorted_index import SortedIndex

T = TypeVar("T", Volume, Copy)

_MOST: Final = 1000
_FIXED: Final = {"per_volume_gigabytes": -1, "groups": 10}
"""Limits that are the same for all projects."""
_QUOTAS: Final = {
    "volumes": ("maxTotalVolumes", "totalVolumesUsed"),
    "snapshots": ("maxTotalSnapshots", "totalSnapshotsUsed"),
    "gigabytes": ("maxTotalVolumeGigabytes", "totalGigabytesUsed"),
    "backups": ("maxTotalBackups", "totalBackupsUsed"),
    "backup_gigabytes": ("maxTotalBackupGigabytes", "totalBackupGigabytesUsed"),
}
"""Resources, and the names of their limit and use in GET /limits."""
_CONTROLS: Final = frozenset({"all_tenants", "limit", "marker", "offset", "sort", "sort_key", "sort_dir"})


class Cinder(Service):
    """Everything below one prefix, without a project in the path."""

    kind, name, prefix, endpoint = "block-storage", "cinder", "/volume", "/v3"
    newest = 71

    def routes(self) -> Iterable[Route]:
        world = self.world
        yield Route("GET", "", self._versions, is_open=True)
        yield Route("GET", "/", self._versions, is_open=True)
        yield Route("GET", "/v3", _redirect)
        yield Route("GET", "/v3/", self._version)
        yield Route("GET", "/v3/volumes/detail", _listing("Volume", world.volumes, views.volume))
        yield from volumes.ROUTES
        yield Route("GET", "/v3/snapshots/detail", _listing("Snapshot", world.snapshots, views.snapshot))
        yield Route("GET", "/v3/backups/detail", _listing("Backup", world.backups, views.backup))
        yield Route("GET", "/v3/os-services", _services, "volume_extension:services:index")
        yield Route(
            "GET", "/v3/scheduler-stats/get_pools", _pools, "scheduler_extension:scheduler_stats:get_pools"
        )
        yield Route("GET", "/v3/os-quota-sets/{project}", _quotas)
        yield Route("GET", "/v3/limits", _limits)

    def negotiate(self, request: Request) -> None:
        header = request.raw.headers.get("OpenStack-API-Version", "").strip()
        version = header.removeprefix("volume ").strip() if header.startswith("volume ") else ""
        request.minor = minor_of(version, 3, 0, self.newest) if version else 0

    def error(self, request: Request, error: HttpError) -> Response:  # noqa: ARG002 - one format for all
        response = named_fault(error)
        if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            fault: Json = {"code": error.status, "message": error.message, "retryAfter": "0"}
            response.body, response.headers["Retry-After"] = {"overLimit": fault}, "0"
        return response

    def headers(self, request: Request, response: Response) -> None:
        super().headers(request, response)
        is_unknown = response.is_early and response.status == HTTPStatus.NOT_FOUND
        if response.status == HTTPStatus.UNAUTHORIZED or is_unknown:
            return
        response.headers["x-compute-request-id"] = request.request_id
        if not response.is_early:
            response.headers["OpenStack-API-Version"] = f"volume 3.{request.minor}"
            response.headers["Vary"] = "OpenStack-API-Version"

    def _versions(self, request: Request) -> Response:
        return Response({"versions": [_about(request, self.newest)]}, 300)

    def _version(self, request: Request) -> Response:
        return Response({"versions": [_about(request, self.newest)]})


def _about(request: Request, newest: int) -> Json:
    media = {"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"}
    return {
        "id": "v3.0",
        "status": "CURRENT",
        "version": f"3.{newest}",
        "min_version": "3.0",
        "updated": "2023-08-31T00:00:00Z",
        "links": [
            {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
            {"rel": "self", "href": f"{request.base}/v3/"},
        ],
        "media-types": [media],
    }


def _redirect(request: Request) -> Response:
    headers = {"Location": f"{request.base}/v3/", "Content-Type": "text/plain; charset=utf8"}
    return Response(status=302, headers=CIMultiDict(headers))


# -- Volumes and their copies ----------------------------------------------------------------------


def _listing(kind: str, index: SortedIndex[T], view: Callable[[Request, T], Json]) -> Handler:
    """The handler of a list with pages and filters."""
    key = f"{kind.lower()}s"

    def handle(request: Request) -> Response:
        limit, marker = _limit_of(request), request.query.get("marker", "")
        if marker and marker not in index:
            raise HttpError(404, f"{kind} {marker} could not be found.")
        filters = {name: value for name, value in request.query.items() if name not in _CONTROLS}

        def is_wanted(one: T) -> bool:
            shown = view(request, one) if filters else {}
            return _sees(request, one.project) and all(
                str(shown.get(name)) == value for name, value in filters.items()
            )

        found = index.page(limit, marker, keep=is_wanted)
        body: Json = {key: [view(request, one) for one in found]}
        if found and len(found) == limit:
            query = request.query_for({"marker": found[-1].id})
            body[f"{key}_links"] = [{"rel": "next", "href": f"{request.base}/v3{request.path}?{query}"}]
        return Response(body)

    return handle


def _limit_of(request: Request) -> int:
    text = request.query.get("limit", str(_MOST))
    if not text.removeprefix("-").isdecimal():
        raise HttpError(400, "limit param must be an integer")
    if text.startswith("-"):
        raise HttpError(400, "limit param must be positive")
    return min(_MOST, int(text))


def _sees(request: Request, project: Project) -> bool:
    """The objects of all projects for administrators who request them, else those of the caller's project."""
    return (request.caller.is_admin and request.flag("all_tenants")) or request.caller.owns(project)


# -- Backends --------------------------------------------------------------------------------------


def _services(request: Request) -> Response:
    shown = [
        views.service(request, one)
        for one in request.world.daemons
        if one.service == "block-storage" and request.matches(binary=one.binary, host=one.host)
    ]
    return Response({"services": shown})


def _pools(request: Request) -> Response:
    is_detailed = request.flag("detail")
    pools = [
        {
            "name": f"{one.host}#{one.name}",
            **({"capabilities": views.pool(request, one)} if is_detailed else {}),
        }
        for one in request.world.pools
    ]
    return Response({"pools": pools})


# -- Quotas ----------------------------------------------------------------------------------------


def _quotas(request: Request) -> Response:
    """Limits by resource, those of each volume type included; with `usage` also what is used of them."""
    project = request.own_project("volume_extension:quotas:show")
    own = DEFAULT_LIMITS if project is None else project.limits
    limits = {name: own[name] for name in _QUOTAS} | _FIXED
    for one in request.world.volume_types:
        limits |= {f"{resource}_{one.name}": -1 for resource in ("volumes", "gigabytes", "snapshots")}
    quotas: Json = dict(limits)
    if request.flag("usage"):
        used = project.used if project else {}
        quotas = {
            name: {"limit": limit, "in_use": used.get(name, 0), "reserved": 0}
            for name, limit in limits.items()
        }
    return Response({"quota_set": {**quotas, "id": request.args["project"]}})


def _limits(request: Request) -> Response:
    project = request.caller.project
    limits = DEFAULT_LIMITS if project is None else project.limits
    used = project.used if project else {}
    absolute: Json = {}
    for resource, (maximum, total) in _QUOTAS.items():
        absolute |= {maximum: limits[resource], total: used.get(resource, 0)}
    return Response({"limits": {"rate": [], "absolute": absolute}})
