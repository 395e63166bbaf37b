"""Cinder as a service: volumes, their copies, backends and quotas."""

from collections.abc import Iterable
from typing import Any, Final

from stratoscope.demo.openstack.cinder import views, volumes
from stratoscope.demo.openstack.collection import Collection
from stratoscope.demo.openstack.http_request import HttpError, Request, Response
from stratoscope.demo.openstack.quotas import absolute, details, limits_of
from stratoscope.demo.openstack.service import Microversions, Route, Service
from stratoscope.demo.world.models import Copy, Daemon, Volume
from stratoscope.demo.world.world import World

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


def _sees(request: Request, one: Volume | Copy) -> bool:
    """The objects of all projects for administrators who request them, else those of the caller's project."""
    return (request.caller.is_admin and request.flag("all_tenants")) or request.caller.owns(one.project)


def _services(world: World) -> Iterable[Daemon]:
    return (one for one in world.daemons if one.service == "block-storage")


def _quotas(request: Request) -> Response:
    """Limits and their use by resource, those of each volume type included."""
    project = request.own_project("volume_extension:quotas:show")
    limits = {name: limits_of(project)[name] for name in _QUOTAS} | _FIXED
    for one in request.world.volume_types:
        limits |= {f"{resource}_{one.name}": -1 for resource in ("volumes", "gigabytes", "snapshots")}
    return Response({"quota_set": {**details(project, limits), "id": request.args["project"]}})


_COLLECTIONS: Final[tuple[Collection[Any], ...]] = (
    Collection("/v3/volumes/detail", lambda world: world.volumes, views.volume, sees=_sees),
    Collection("/v3/snapshots/detail", lambda world: world.snapshots, views.snapshot, sees=_sees),
    Collection("/v3/backups/detail", lambda world: world.backups, views.backup, sees=_sees),
    Collection("/v3/types", lambda world: world.volume_types, views.volume_type, key="volume_types"),
    Collection("/v3/os-services", _services, views.service, rule="volume_extension:services:index"),
    Collection(
        "/v3/scheduler-stats/get_pools",
        lambda world: world.pools,
        views.pool,
        key="pools",
        rule="scheduler_extension:scheduler_stats:get_pools",
        tested=frozenset({"detail"}),
    ),
)


class Cinder(Service):
    """Everything below one prefix, without a project in the path."""

    kind, name, prefix, endpoint, version = "block-storage", "cinder", "/volume", "/v3", "v3.0"
    microversions = Microversions("volume", 3)
    newest = 71

    def own_routes(self) -> Iterable[Route]:
        yield from (one.route for one in _COLLECTIONS)
        yield from volumes.ROUTES
        yield Route("GET", "/v3/os-quota-sets/{project}", _quotas)
        yield Route("GET", "/v3/limits", lambda request: absolute(request, _QUOTAS, {}))

    def error(self, error: HttpError) -> Response:
        response = super().error(error)
        if error.status == 413:  # noqa: PLR2004 - over quota
            response.headers["Retry-After"] = "0"
        return response
