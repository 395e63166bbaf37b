"""Cinder as a service: volumes, their copies, backends and quotas."""

from collections.abc import Iterable
from typing import Any, Final

from stratoscope.demo.openstack.cinder import volumes
from stratoscope.demo.openstack.collection import Collection
from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.quotas import absolute, details, limits_of
from stratoscope.demo.openstack.service import Microversions, Route, Service
from stratoscope.demo.openstack.texts import micro, service, shown
from stratoscope.demo.world.models import Copy, Daemon, Pool, Volume
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
_OWNERS_SINCE = 18
"""The microversion that tells administrators whose a backup is."""


def _volume_type(_: Request, one: Pool) -> Json:
    return {**shown(one, id="type_id", name="type_name"), "is_public": True}


def _copy(one: Copy) -> Json:
    return {
        **shown(one, "id", "name", "status"),
        "updated_at": micro(one.updated),
        "size": one.volume.size_gib,
    }


def _snapshot(_: Request, one: Copy) -> Json:
    return {**_copy(one), "os-extended-snapshot-attributes:project_id": one.project.id}


def _backup(request: Request, one: Copy) -> Json:
    owner = {"os-backup-project-attr:project_id": one.project.id}
    tells = request.caller.is_admin and request.since(_OWNERS_SINCE)
    return {**_copy(one), "fail_reason": one.fail_reason, **(owner if tells else {})}


def _pool(request: Request, one: Pool) -> Json:
    """The capabilities of a backend: its volumes are counted in full, and taken to be 60 % written."""
    provisioned = sum(volume.size_gib for volume in request.world.volumes if volume.pool is one)
    capabilities = {
        "total_capacity_gb": one.total_gib,
        "free_capacity_gb": round(one.total_gib - provisioned * 0.6, 2),
        "provisioned_capacity_gb": provisioned,
        "allocated_capacity_gb": provisioned,
        "volume_backend_name": one.name,
        "vendor_name": "Open Source",
        "max_over_subscription_ratio": "20.0",
        "thin_provisioning_support": True,
    }
    name = f"{one.host}#{one.name}"
    return {"name": name, **({"capabilities": capabilities} if request.flag("detail") else {})}


def _sees(request: Request, one: Volume | Copy) -> bool:
    """The objects of all projects for administrators who request them, else those of the caller's project."""
    return (request.caller.is_admin and request.flag("all_tenants")) or request.caller.owns(one.project)


def _services(world: World) -> Iterable[Daemon]:
    return (one for one in world.daemons if one.service == "block-storage")


def _quotas(request: Request) -> Response:
    """Limits and their use by resource, those of each volume type included."""
    project = request.own_project("volume_extension:quotas:show")
    limits = {name: limits_of(project)[name] for name in _QUOTAS} | _FIXED
    for one in request.world.pools:
        limits |= {f"{resource}_{one.type_name}": -1 for resource in ("volumes", "gigabytes", "snapshots")}
    return Response({"quota_set": {**details(project, limits), "id": request.args["project"]}})


_COLLECTIONS: Final[tuple[Collection[Any], ...]] = (
    Collection("/v3/volumes/detail", lambda world: world.volumes, volumes.view, sees=_sees),
    Collection("/v3/snapshots/detail", lambda world: world.snapshots, _snapshot, sees=_sees),
    Collection("/v3/backups/detail", lambda world: world.backups, _backup, sees=_sees),
    Collection("/v3/types", lambda world: world.pools, _volume_type, key="volume_types"),
    Collection("/v3/os-services", _services, service, rule="volume_extension:services:index"),
    Collection(
        "/v3/scheduler-stats/get_pools",
        lambda world: world.pools,
        _pool,
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
