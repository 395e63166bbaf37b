"""What Nova knows of hosts: services, hypervisors, aggregates, availability zones. For administrators."""

import json
from collections.abc import Callable, Iterable
from typing import Final

from stratoscope.demo.openstack.asking import Answer, Ask, Json, RefusalError
from stratoscope.demo.openstack.nova.paging import next_link, only, page_of
from stratoscope.demo.openstack.nova.service import administrators
from stratoscope.demo.openstack.nova.view import instance_name
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.texts import micro
from stratoscope.demo.openstack.things import RESERVED_MIB, Aggregate, Daemon, Host
from stratoscope.demo.openstack.world import World

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


class Hosts:
    """Lists of what runs where."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "/os-services", self._services)
        yield Route("GET", "/os-hypervisors", self._hypervisors)
        yield Route("GET", "/os-hypervisors/detail", self._hypervisors_in_detail)
        yield Route("GET", "/os-hypervisors/statistics", self._statistics)
        yield Route("GET", "/os-hypervisors/{hypervisor}", self._hypervisor)
        yield Route("GET", "/os-aggregates", self._aggregates)
        yield Route("GET", "/os-availability-zone", self._zones)
        yield Route("GET", "/os-availability-zone/detail", self._zones_in_detail)

    # -- Services ----------------------------------------------------------------------------------

    def _services(self, ask: Ask) -> Answer:
        administrators(ask, "os-services:list")
        only(ask, "host", "binary")
        return Answer(
            {
                "services": [
                    _service(ask, daemon)
                    for daemon in self._world.daemons
                    if daemon.service == "compute"
                    and ask.query.get("binary", daemon.binary) == daemon.binary
                    and ask.query.get("host", daemon.host) == daemon.host
                ]
            }
        )

    # -- Hypervisors -------------------------------------------------------------------------------

    def _hypervisors(self, ask: Ask) -> Answer:
        administrators(ask, "os-hypervisors:list")
        return self._list(ask, _brief)

    def _hypervisors_in_detail(self, ask: Ask) -> Answer:
        administrators(ask, "os-hypervisors:list-detail")
        return self._list(ask, _whole)

    def _list(self, ask: Ask, shown: Callable[[Ask, Host], Json]) -> Answer:
        only(ask, "limit", "marker", "hypervisor_hostname_pattern", "with_servers")
        pattern = ask.query.get("hypervisor_hostname_pattern", "")
        hosts = [host for host in self._world.hosts.values() if pattern in host.name]
        if not ask.since(_PAGED_SINCE):
            return Answer({"hypervisors": [shown(ask, host) for host in hosts]})
        page = page_of(ask)
        ids = [_id(ask, host.node_id, host.number) for host in hosts]
        if page.marker and page.marker not in map(str, ids):
            raise RefusalError(400, f"marker [{page.marker}] not found")
        start = [str(one) for one in ids].index(page.marker) + 1 if page.marker else 0
        chosen = slice(start, start + page.limit)
        more = next_link(ask, "hypervisors", page, [str(one) for one in ids[chosen]])
        return Answer({"hypervisors": [shown(ask, host) for host in hosts[chosen]], **more})

    def _hypervisor(self, ask: Ask) -> Answer:
        administrators(ask, "os-hypervisors:show")
        wanted = ask.args["hypervisor"]
        for host in self._world.hosts.values():
            if str(_id(ask, host.node_id, host.number)) == wanted:
                return Answer({"hypervisor": _whole(ask, host)})
        raise RefusalError(404, f"Hypervisor with ID '{wanted}' could not be found.")

    def _statistics(self, ask: Ask) -> Answer:
        if ask.since(_WITHOUT_SIZES):
            raise RefusalError(404, "The resource could not be found.")
        administrators(ask, "os-hypervisors:statistics")
        hosts = [_sizes(host) for host in self._world.hosts.values() if host.daemon.is_enabled]
        sums = {key: sum(sizes[key] for sizes in hosts) for key in _sizes_of_nothing()}
        return Answer({"hypervisor_statistics": {"count": len(hosts), **sums}})

    # -- Aggregates and zones ----------------------------------------------------------------------

    def _aggregates(self, ask: Ask) -> Answer:
        administrators(ask, "os-aggregates:index")
        return Answer({"aggregates": [_aggregate(ask, one) for one in self._world.aggregates]})

    def _zones(self, ask: Ask) -> Answer:  # noqa: ARG002 - the same for all
        by_zone = self._by_zone()
        by_zone.pop("internal")
        available = {zone: any(daemon.is_enabled for daemon in daemons) for zone, daemons in by_zone.items()}
        return Answer(
            {
                "availabilityZoneInfo": [
                    {"zoneName": zone, "zoneState": {"available": is_available}, "hosts": None}
                    for zone, is_available in available.items()
                ]
            }
        )

    def _zones_in_detail(self, ask: Ask) -> Answer:
        administrators(ask, "os-availability-zone:detail")
        zones: list[Json] = []
        for zone, daemons in self._by_zone().items():
            hosts: dict[str, Json] = {}
            for daemon in daemons:
                hosts.setdefault(daemon.host, {})[daemon.binary] = {
                    "available": daemon.is_up(ask.now),
                    "active": daemon.is_enabled,
                    "updated_at": micro(daemon.heartbeat(ask.now)),
                }
            zones.append({"zoneName": zone, "zoneState": {"available": True}, "hosts": hosts})
        return Answer({"availabilityZoneInfo": zones})

    def _by_zone(self) -> dict[str, list[Daemon]]:
        by_zone: dict[str, list[Daemon]] = {}
        for daemon in self._world.daemons:
            if daemon.service == "compute":
                by_zone.setdefault(daemon.zone, []).append(daemon)
        return dict(sorted(by_zone.items()))


def _id(ask: Ask, uuid: str, number: int) -> str | int:
    """Services and hypervisors were numbers once."""
    return uuid if ask.since(_WITH_UUIDS) else number


def _service(ask: Ask, daemon: Daemon) -> Json:
    shown: Json = {
        "binary": daemon.binary,
        "host": daemon.host,
        "id": _id(ask, daemon.daemon_id, daemon.number),
        "zone": daemon.zone,
        "status": "enabled" if daemon.is_enabled else "disabled",
        "state": "up" if daemon.is_up(ask.now) else "down",
        "updated_at": micro(daemon.heartbeat(ask.now)),
        "disabled_reason": daemon.disabled_reason,
    }
    return shown | ({"forced_down": False} if ask.since(11) else {})


def _brief(ask: Ask, host: Host) -> Json:
    shown: Json = {
        "id": _id(ask, host.node_id, host.number),
        "hypervisor_hostname": host.name,
        "state": "up" if host.daemon.is_up(ask.now) else "down",
        "status": "enabled" if host.daemon.is_enabled else "disabled",
    }
    return shown | _servers(ask, host)


def _whole(ask: Ask, host: Host) -> Json:
    shown = _brief(ask, host)
    servers = shown.pop("servers", None)
    shown |= {
        "hypervisor_type": "QEMU",
        "hypervisor_version": 10000000,
        "host_ip": host.address,
        "service": {
            "id": _id(ask, host.daemon.daemon_id, host.daemon.number),
            "host": host.name,
            "disabled_reason": host.daemon.disabled_reason,
        },
    }
    if not ask.since(_WITHOUT_SIZES):
        shown |= _sizes(host)
        shown["cpu_info"] = _CPU if ask.since(28) else json.dumps(_CPU)
    else:
        shown["uptime"] = None
    return shown if servers is None else {**shown, "servers": servers}


def _servers(ask: Ask, host: Host) -> Json:
    if not (ask.since(_WITH_UUIDS) and ask.flag("with_servers") and host.vms):
        return {}
    return {"servers": [{"name": instance_name(vm), "uuid": vm.vm_id} for vm in host.vms.values()]}


def _sizes(host: Host) -> dict[str, int]:
    """What the resource tracker says: claims of moves on their way here or away are in it.

    To it what a host keeps for itself is used memory; to Placement it is `reserved`, and no use.
    """
    has, used = host.has, host.used
    memory_mib = RESERVED_MIB + used.memory_mib
    return {
        "vcpus": has.vcpus,  # the shared ones: the libvirt driver leaves those for pinning out
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


def _sizes_of_nothing() -> Iterable[str]:
    return (
        "vcpus", "memory_mb", "local_gb", "vcpus_used", "memory_mb_used", "local_gb_used", "free_ram_mb",
        "free_disk_gb", "current_workload", "running_vms", "disk_available_least",
    )  # fmt: skip


def _aggregate(ask: Ask, aggregate: Aggregate) -> Json:
    shown: Json = {"id": aggregate.number}
    if ask.since(41):
        shown["uuid"] = aggregate.aggregate_id
    return shown | {
        "name": aggregate.name,
        "hosts": [host.name for host in aggregate.hosts],
        "metadata": aggregate.metadata,
        "created_at": micro(aggregate.created),
        "updated_at": None,
        "deleted_at": None,
        "deleted": False,
        "availability_zone": aggregate.zone or None,
    }
