"""What Nova lists beside servers: flavors, services, hypervisors, aggregates, zones and migrations."""

from collections.abc import Iterable
from typing import Final

from stratoscope.demo.openstack.collection import Collection, Test
from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.nova.view import find
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.texts import changes_since, micro, service, shown
from stratoscope.demo.world.models import RESERVED_MIB, Aggregate, Daemon, Flavor, Host, Migration
from stratoscope.demo.world.operations import LIVE
from stratoscope.demo.world.world import World

_HAS_UUIDS: Final = 53
_HAS_SPECS: Final = 61
_HAS_SWAP: Final = 75
_RUNNING: Final = frozenset({"queued", "preparing", "running"})
_COPIED_IN_S: Final = 6.0


# -- Flavors ---------------------------------------------------------------------------------------


def _is_shown(request: Request, flavor: Flavor) -> bool:
    """Public flavors; all for administrators who request them."""
    return flavor.is_public or (request.caller.is_admin and request.query.get("is_public") == "None")


def _flavor(request: Request, flavor: Flavor) -> Json:
    fields: Json = {
        **shown(flavor, "id", "name", "vcpus", ram="memory_mib", disk="disk_gib"),
        "swap": 0 if request.since(_HAS_SWAP) else "",
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": flavor.is_public,
    }
    return fields | ({"extra_specs": flavor.extra_specs} if request.since(_HAS_SPECS) else {})


def _specs(request: Request) -> Response:
    flavor = request.world.flavors.get(request.args["flavor"])
    if flavor is None or not (flavor.is_public or request.caller.is_admin):
        raise HttpError(404, f"Flavor {request.args['flavor']} could not be found.")
    return Response({"extra_specs": flavor.extra_specs})


# -- Hosts -----------------------------------------------------------------------------------------


def _services(world: World) -> Iterable[Daemon]:
    return (one for one in world.daemons if one.service == "compute")


def _id(request: Request, one: Daemon | Host) -> str | int:
    """Services and hypervisors had numbers before microversion 2.53."""
    return one.id if request.since(_HAS_UUIDS) else one.number


def _service(request: Request, daemon: Daemon) -> Json:
    return {**service(request, daemon), "id": _id(request, daemon), "forced_down": False}


def _hypervisor(request: Request, host: Host) -> Json:
    """The resource tracker's numbers: the claims of migrations from or to the host are in them.

    Nova counts reserved memory as used, Placement does not.
    """
    has, used, daemon = host.has, host.used, service(request, host.daemon)
    return {
        "id": _id(request, host),
        "hypervisor_hostname": host.name,
        "hypervisor_type": "QEMU",
        "hypervisor_version": 10000000,
        "service": {"host": host.name, "disabled_reason": daemon["disabled_reason"]},
        "status": daemon["status"],
        "state": daemon["state"],
        "vcpus": has.vcpus,  # the shared ones: the libvirt driver leaves out those for pinning
        "memory_mb": has.memory_mib,
        "local_gb": has.disk_gib,
        "vcpus_used": used.vcpus + used.pcpus,
        "memory_mb_used": RESERVED_MIB + used.memory_mib,
        "local_gb_used": used.disk_gib,
        "current_workload": sum(vm.task_state is not None for vm in host.vms.values()),
        "running_vms": len(host.vms),
        "disk_available_least": has.disk_gib - used.disk_gib,
    }


def _aggregate(_: Request, aggregate: Aggregate) -> Json:
    hosts = [host.name for host in aggregate.hosts]
    return {
        **shown(aggregate, "name", "metadata"),
        "hosts": hosts,
        "availability_zone": aggregate.zone or None,
    }


def _zones(request: Request) -> Response:
    enabled: dict[str, bool] = {}
    for host in request.world.hosts.values():
        enabled[host.zone] = host.daemon.is_enabled or enabled.get(host.zone, False)
    zones = [
        {"zoneName": zone, "zoneState": {"available": is_enabled}, "hosts": None}
        for zone, is_enabled in sorted(enabled.items())
    ]
    return Response({"availabilityZoneInfo": zones})


# -- Migrations ------------------------------------------------------------------------------------


def _migration(_: Request, one: Migration) -> Json:
    return {
        **shown(one, "status", id="number", uuid="id", migration_type="kind"),
        "instance_uuid": one.vm.id,
        "source_compute": one.source.name,
        "dest_compute": one.target.name,
        "created_at": micro(one.created),
        "updated_at": micro(one.updated),
    }


def _changed(request: Request) -> Iterable[Test[Migration]]:
    since = changes_since(request)
    if since is not None:
        yield lambda one: one.updated >= since


def _in_progress(request: Request) -> Response:
    """The live migration of a server: memory is copied evenly; of one that is stuck the last tenth is never
    copied.
    """
    one = request.world.migrations.get(find(request).id)
    if one is None or one.kind != LIVE or one.status not in _RUNNING:
        return Response({"migrations": []})
    memory = one.vm.flavor.memory_mib << 20
    copied = int(memory * min(0.9, (request.now - one.created) / _COPIED_IN_S))
    progress = {
        "id": one.number,
        "memory_total_bytes": memory,
        "memory_remaining_bytes": memory - copied,
        "disk_total_bytes": 0,
        "disk_remaining_bytes": 0,
    }
    return Response({"migrations": [progress]})


_COLLECTIONS: Final = (
    Collection("/v2.1/flavors/detail", lambda world: world.flavors.values(), _flavor, sees=_is_shown).route,
    Collection("/v2.1/os-services", _services, _service, rule="os-services:list").route,
    Collection(
        "/v2.1/os-hypervisors/detail",
        lambda world: world.hosts.values(),
        _hypervisor,
        rule="os-hypervisors:list-detail",
    ).route,
    Collection(
        "/v2.1/os-aggregates", lambda world: world.aggregates, _aggregate, rule="os-aggregates:index"
    ).route,
    Collection(
        "/v2.1/os-migrations",
        lambda world: reversed(world.past_migrations),
        _migration,
        rule="os-migrations:index",
        tests=_changed,
        tested=frozenset({"changes-since"}),
    ).route,
)
ROUTES: Final = (
    *_COLLECTIONS,
    Route("GET", "/v2.1/flavors/{flavor}/os-extra_specs", _specs),
    Route("GET", "/v2.1/os-availability-zone", _zones),
    Route("GET", "/v2.1/servers/{server}/migrations", _in_progress, "servers:migrations:index", since=23),
)
