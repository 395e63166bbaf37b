"""Nova's services, hypervisors, aggregates and availability zones."""

import json
from typing import Final

from stratoscope.demo.openstack.http_request import Json, Request, Response
from stratoscope.demo.openstack.nova.paging import cut, only
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.texts import micro
from stratoscope.demo.world.models import RESERVED_MIB, Aggregate, Daemon, Host

_CPU: Final[Json] = {
    "arch": "x86_64",
    "model": "EPYC-Rome",
    "vendor": "AMD",
    "features": ["avx", "avx2", "sse4.2"],
    "topology": {"cores": 32, "threads": 2, "sockets": 1},
}
_PAGED_SINCE: Final = 33
_WITH_UUIDS: Final = 53
_WITHOUT_SIZES: Final = 88


def _services(request: Request) -> Response:
    only(request, "host", "binary")
    shown = [
        _service(request, daemon)
        for daemon in request.world.daemons
        if daemon.service == "compute" and request.matches(binary=daemon.binary, host=daemon.host)
    ]
    return Response({"services": shown})


def _hypervisors(request: Request) -> Response:
    only(request, "limit", "marker")
    hosts, more = list(request.world.hosts.values()), Json()
    if request.since(_PAGED_SINCE):
        hosts, more = cut(request, "hypervisors", hosts, lambda host: _id(request, host))
    return Response({"hypervisors": [_hypervisor(request, host) for host in hosts], **more})


def _aggregates(request: Request) -> Response:
    return Response({"aggregates": [_aggregate(request, one) for one in request.world.aggregates]})


def _zones(request: Request) -> Response:
    enabled: dict[str, bool] = {}
    for host in request.world.hosts.values():
        enabled[host.zone] = host.daemon.is_enabled or enabled.get(host.zone, False)
    shown = [
        {"zoneName": zone, "zoneState": {"available": is_enabled}, "hosts": None}
        for zone, is_enabled in sorted(enabled.items())
    ]
    return Response({"availabilityZoneInfo": shown})


ROUTES: Final = (
    Route("GET", "/os-services", _services, "os-services:list"),
    Route("GET", "/os-hypervisors/detail", _hypervisors, "os-hypervisors:list-detail"),
    Route("GET", "/os-aggregates", _aggregates, "os-aggregates:index"),
    Route("GET", "/os-availability-zone", _zones),
)


def _id(request: Request, one: Daemon | Host) -> str | int:
    """Services and hypervisors had numbers before microversion 2.53."""
    return one.id if request.since(_WITH_UUIDS) else one.number


def _state(request: Request, daemon: Daemon) -> Json:
    return {
        "status": "enabled" if daemon.is_enabled else "disabled",
        "state": "up" if daemon.is_up(request.now) else "down",
    }


def _service(request: Request, daemon: Daemon) -> Json:
    return {
        "binary": daemon.binary,
        "host": daemon.host,
        "id": _id(request, daemon),
        "zone": daemon.zone,
        "updated_at": micro(daemon.heartbeat(request.now)),
        "disabled_reason": daemon.disabled_reason,
        **_state(request, daemon),
        **request.newer({11: {"forced_down": False}}),
    }


def _hypervisor(request: Request, host: Host) -> Json:
    daemon = host.daemon
    shown: Json = {
        "id": _id(request, host),
        "hypervisor_hostname": host.name,
        "hypervisor_type": "QEMU",
        "hypervisor_version": 10000000,
        "host_ip": host.address,
        "service": {
            "id": _id(request, daemon),
            "host": host.name,
            "disabled_reason": daemon.disabled_reason,
        },
        **_state(request, daemon),
    }
    if not request.since(_WITHOUT_SIZES):
        shown |= _sizes(host) | {"cpu_info": _CPU if request.since(28) else json.dumps(_CPU)}
    else:
        shown["uptime"] = None
    return shown


def _sizes(host: Host) -> Json:
    """The resource tracker's numbers: the claims of migrations from or to the host are in them.

    Nova counts reserved memory as used, Placement does not.
    """
    has, used = host.has, host.used
    memory_mib = RESERVED_MIB + used.memory_mib
    return {
        "vcpus": has.vcpus,  # the shared ones: the libvirt driver leaves out those for pinning
        "memory_mb": has.memory_mib,
        "local_gb": has.disk_gib,
        "vcpus_used": used.vcpus + used.pcpus,
        "memory_mb_used": memory_mib,
        "local_gb_used": used.disk_gib,
        "free_ram_mb": has.memory_mib - memory_mib,
        "free_disk_gb": has.disk_gib - used.disk_gib,
        "current_workload": sum(vm.task_state is not None for vm in host.vms.values()),
        "running_vms": len(host.vms),
        "disk_available_least": has.disk_gib - used.disk_gib,
    }


def _aggregate(request: Request, aggregate: Aggregate) -> Json:
    return {
        "id": aggregate.number,
        "name": aggregate.name,
        "hosts": [host.name for host in aggregate.hosts],
        "metadata": aggregate.metadata,
        "created_at": micro(aggregate.created),
        "updated_at": None,
        "deleted_at": None,
        "deleted": False,
        "availability_zone": aggregate.zone or None,
        **request.newer({41: {"uuid": aggregate.id}}),
    }
