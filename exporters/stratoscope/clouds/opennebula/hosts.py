"""Hosts: `hostpool.info`, which several questions share, and what was last measured on each.

An OFFLINE host is switched off on purpose, and nothing is measured there; but its VMs go on if somebody took
it offline while they ran. The pool lists all VMs that have a place on it, so those of OFFLINE hosts are
looked up.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.condition import Condition
from stratoscope.clouds.model import Host, HostServices, Inventories, Resource, Service
from stratoscope.clouds.model import Hosts as Answer
from stratoscope.clouds.opennebula import measured, states
from stratoscope.clouds.opennebula.client.access import Access, checked, kept
from stratoscope.clouds.opennebula.client.items import (
    KIB,
    MIB,
    Element,
    fields,
    ids,
    number,
    sensible,
    within,
)
from stratoscope.clouds.opennebula.client.oned import Oned
from stratoscope.clouds.opennebula.client.pools import Pools
from stratoscope.clouds.overcommit import by_project
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.clouds.usage import HostUsage, HostUsages
from stratoscope.clouds.vm_index import VMIndex
from stratoscope.core.collector import Every
from stratoscope.core.errors import CollectError, LeftOutError

_SHARED_S: Final = 20.0
"""A pool that another question has just read is not read again."""
_YOUNG_S: Final = 75.0
"""The same for what seldom changes: by default `hosts` reads it each minute."""
_PERCENT: Final = 100
_DOWN: Final = frozenset({"ERROR", "MONITORING_ERROR", "OFFLINE", "INIT", "MONITORING_INIT"})
_OFF: Final = frozenset({"DISABLED", "MONITORING_DISABLED", "OFFLINE"})
_TAKES: Final = frozenset({"MONITORED", "MONITORING_MONITORED"})
_OFFLINE: Final = "OFFLINE"
_ENDED: Final = frozenset({Condition.STOPPED, Condition.ERROR})
_AT_ONCE: Final = 500
_MOST: Final = 20
"""Requests in one refresh for the VMs of OFFLINE hosts."""
_ROLE: Final = "group oneadmin, or HOST/* USE"


class HostRow(msgspec.Struct, frozen=True):
    """A host of the pool; CPU in hundredths of a core, memory and disk in bytes.

    Attributes:
        driver: What monitors it (IM_MAD).
        hypervisor: As its probes say, else what runs its VMs (VM_MAD).
        total_cpu, total_memory: What it has; 0 until it is monitored for the first time.
        max_cpu, max_memory: What VMs may be allocated.
        cpu_usage, memory_usage, disk_usage, vms: What is allocated to VMs, and how many they are; None where
            oned has counted them down below 0, as it does until `onedb fsck`.
        disk_used: What is really used; None if unknown.
        vm_ids: The VMs that have a place on it, whatever their state.
    """

    host_id: str
    name: str
    zone: str
    state: str
    driver: str
    hypervisor: str
    total_cpu: int
    max_cpu: int
    cpu_usage: int | None
    total_memory: int
    max_memory: int
    memory_usage: int | None
    max_disk: int
    disk_usage: int | None
    disk_used: int | None
    vms: int | None
    vm_ids: tuple[str, ...]

    @property
    def takes_vms(self) -> bool:
        return self.state in _TAKES

    def resources(self) -> Mapping[str, Resource]:
        """By name; unknown until it is monitored for the first time."""
        sizes = {
            "vcpus": (self.total_cpu, self.max_cpu, self.cpu_usage, _PERCENT),
            "memory": (self.total_memory, self.max_memory, self.memory_usage, 1),
            "disk": (self.max_disk, self.max_disk, self.disk_usage, 1),
        }
        return {name: _resource(*size) for name, size in sizes.items()}


class Hosts(Reader):
    """The hosts of one zone."""

    def __init__(self, oned: Oned, pools: Pools, access: TTLCache[Access], index: VMIndex) -> None:
        self._pools, self._access, self._index = pools, access, index
        self._rows = TTLCache(self._read, oned.budget.clock)
        self._clock = oned.budget.clock
        self._measured = TTLCache(lambda: measured.hosts(pools), oned.budget.clock)

    async def rows(self, seconds: float = _SHARED_S) -> tuple[Sequence[HostRow], int]:
        """The hosts, not older than that, and the number of malformed ones. Raises as Pools, LeftOutError."""
        return await self._rows.not_older_than(seconds)

    async def zones(self) -> Mapping[str, str]:
        """The cluster in which each host is, by the host's id, about a minute old; while hosts cannot be read
        what is known, and nothing of those that the credential may not see.
        """
        with suppress(CollectError, LeftOutError):
            await self.rows(_YOUNG_S)
        return self.known_zones

    @property
    def known_zones(self) -> Mapping[str, str]:
        """The same as last read, without a request."""
        rows, _ = self._rows.last or ((), 0)
        return {one.host_id: one.zone for one in rows}

    @question(
        "host_services",
        Every(60, 30, 180),
        cost=f"2, and 1 for each 500 VMs on hosts that are OFFLINE, at most {_MOST}",
        role=_ROLE,
    )
    async def services(self) -> HostServices:
        """The monitoring of each host: which should be up, and which are. Raises as `rows`."""
        rows, malformed = await self.rows()
        seen = await self._seen()
        left = await self._left(rows)
        services = tuple(_service(one, seen.get(one.host_id), left.get(one.host_id)) for one in rows)
        return HostServices(services, malformed, (await kept(self._access)).sees_all("HOST"))

    @question("host_usage", Every(60, 30, 180), cost="2, unless another has just read them", role=_ROLE)
    async def usage(self) -> HostUsages:
        """What is in use on each host that was measured lately. Raises as `rows`."""
        rows, malformed = await self.rows()
        seen, odd = await self._measured.not_older_than(_SHARED_S)
        found = [(one, seen[one.host_id]) for one in rows if one.host_id in seen]
        now = self._clock.now()
        fresh = tuple(_usage(one, last) for one, last in found if now - last.measured <= measured.OLD_S)
        return HostUsages(fresh, len(found) - len(fresh), malformed + odd)

    @question("hosts", Every(60, 30, 180), cost="1, unless another has just read them", role=_ROLE)
    async def hosts(self) -> Answer:
        """Raises as `rows`."""
        rows, malformed = await self.rows()
        older = sorted({one.state for one in rows} - {*states.HOSTS})
        return Answer(tuple(map(_host, rows)), (*states.HOSTS, *older), malformed)

    @question("inventories", Every(60, 30, 180), cost="1, unless another has just read them", role=_ROLE)
    async def inventories(self) -> Inventories:
        """Raises as `rows`."""
        rows, malformed = await self.rows()
        resources = {one.name: one.resources() for one in rows}
        return Inventories(
            resources=resources,
            zones={one.name: one.zone for one in rows if one.takes_vms},
            spread=None,
            by_project=await by_project(self._index, resources),
            malformed=malformed,
        )

    async def _seen(self) -> Mapping[str, measured.OfHost]:
        try:
            return (await self._measured.not_older_than(_SHARED_S))[0]
        except LeftOutError:
            return {}  # a release without this call: no heartbeats

    async def _left(self, rows: Iterable[HostRow]) -> Mapping[str, int]:
        """The VMs that may go on, by each OFFLINE host's id: those that are not known to have ended."""
        offline = {one.host_id: set(one.vm_ids) for one in rows if one.state == _OFFLINE}
        several = sorted({vm for vms in offline.values() for vm in vms})[: _MOST * _AT_ONCE]
        search = self._pools.search()
        for start in range(0, len(several), _AT_ONCE):
            some = several[start : start + _AT_ONCE]
            try:
                found, _ = await self._pools.chosen("VM", _ended, some, is_extended=False, search=search)
            except LeftOutError:
                break  # a release without this call: all may go on
            ended = {vm_id for vm_id, has_ended in found if has_ended}
            offline = {host: vms - ended for host, vms in offline.items()}
        return {host: len(vms) for host, vms in offline.items()}

    async def _read(self) -> tuple[Sequence[HostRow], int]:
        rows, malformed = await self._pools.whole("hostpool.info", "HOST", row)
        await checked(self._access, "HOST", rows, malformed, "hostpool.info")
        return rows, malformed


def row(element: Element) -> HostRow:
    """A host of the pool. Raises ValueError, KeyError if it makes no sense."""
    found, share = fields(element), fields(element.find("HOST_SHARE"))
    disk = fields(element.find("HOST_SHARE/DATASTORES"))
    return HostRow(
        host_id=number(found["ID"]),
        name=found["NAME"],
        zone=found["CLUSTER"],
        state=states.host(int(found["STATE"])),
        driver=found["IM_MAD"],
        hypervisor=element.findtext("TEMPLATE/HYPERVISOR", "") or found["VM_MAD"],
        total_cpu=sensible(share, "TOTAL_CPU") or 0,
        max_cpu=_most(share, "MAX_CPU"),
        cpu_usage=sensible(share, "CPU_USAGE"),
        total_memory=sensible(share, "TOTAL_MEM", KIB) or 0,
        max_memory=_most(share, "MAX_MEM", KIB),
        memory_usage=sensible(share, "MEM_USAGE", KIB),
        max_disk=sensible(disk, "MAX_DISK", MIB) or 0,
        disk_usage=sensible(disk, "DISK_USAGE", MIB),
        disk_used=sensible(disk, "USED_DISK", MIB),
        vms=sensible(share, "RUNNING_VMS"),
        vm_ids=tuple(ids(element.find("VMS"))),
    )


def _most(share: Mapping[str, str], name: str, unit: int = 1) -> int:
    """What VMs may be allocated: nothing if more is reserved than there is, which is below 0 in the pool."""
    return round(within(max(0.0, float(share[name]) * unit), name))


def _ended(element: Element) -> tuple[str, bool]:
    """A VM's id, and whether it runs no more, for sure."""
    found = fields(element)
    state = states.vm(int(found["STATE"]), int(found["LCM_STATE"]))
    return found["ID"], states.CONDITIONS.get(state) in _ENDED


def _usage(one: HostRow, last: measured.OfHost) -> HostUsage:
    disk = one.disk_used if one.max_disk else None  # a host that is off has 0 of 0
    return HostUsage(one.name, last.cpus, last.memory, disk, last.measured)


def _resource(total: int, most: int, allocated: int | None, unit: int) -> Resource:
    """What RESERVED_CPU and RESERVED_MEM take away is reserved; negative ones add to what is allocatable."""
    if not total:
        return Resource(None, None, None, None, None)
    reserved = max(0, total - most)
    ratio = max(1.0, most / total)
    in_units = None if allocated is None else allocated / unit
    return Resource(total / unit, reserved / unit, ratio, in_units, most / unit)


def _host(one: HostRow) -> Host:
    return Host(
        host=one.name,
        zone=one.zone,
        state=one.state,
        is_enabled=one.state not in _OFF,
        reason="",
        kind=one.hypervisor,
        version="",
        vms=one.vms,
        tasks=None,
        disk_available_least=None,
        resources=one.resources(),
    )


def _service(one: HostRow, last: measured.OfHost | None, left: int | None) -> Service:
    return Service(
        service="host",
        binary=one.driver,
        host=one.name,
        zone=one.zone,
        is_up=one.state not in _DOWN,
        is_enabled=one.state not in _OFF,
        reason="",
        heartbeat=None if last is None else last.measured,
        runs_vms=True,
        vms_left=left,
    )
