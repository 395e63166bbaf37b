"""What the probes of hosts measured last: `hostpool.monitoring(0)`, `vmpool.monitoring(-2, 0)`.

Pools carry nothing of it, and these calls have neither names nor states: they are joined by id. They also
have the last values of VMs that are done, and of hosts whose probes have stopped.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from stratoscope.clouds.opennebula.client.items import KIB, Element, amount, fields, number, optional, within
from stratoscope.clouds.opennebula.client.pools import ALL, Pools
from stratoscope.core.errors import LeftOutError

OLD_S: Final = 600.0
"""Age from which values are not shown. Probes measure VMs every 30 s, hosts every 2 min (MONITOR_VM and
MONITOR_HOST of monitord), and maybe more seldom where somebody has changed that."""
_PERCENT: Final = 100


class OfHost(msgspec.Struct, frozen=True, gc=False):
    """Attributes: cpus, memory: In use; None for a host that is off, of which the probes say nothing."""

    host_id: str
    measured: float
    cpus: float | None
    memory: int | None


class OfVM(msgspec.Struct, frozen=True, gc=False):
    """CPUs and bytes in use; bytes and requests since the VM was started; None for what is not measured."""

    vm_id: str
    measured: float
    cpus: float | None
    memory: int | None
    network_received: int | None
    network_transmitted: int | None
    disk_read: int | None
    disk_written: int | None
    disk_reads: int | None
    disk_writes: int | None


async def hosts(pools: Pools) -> tuple[Mapping[str, OfHost], int]:
    """The last values of each host, however old, by id, and the number of malformed ones.

    Raises as Pools; LeftOutError: A release without this call.
    """
    found, malformed = await pools.whole("hostpool.monitoring", "MONITORING", of_host, 0)
    return {one.host_id: one for one in found}, malformed


async def vms(pools: Pools, now: float) -> tuple[Mapping[str, OfVM], int]:
    """The last values of each VM, if they are not too old, by id, and the number of malformed ones.

    Nothing from a release without this call. Raises as Pools.
    """
    try:
        found, malformed = await pools.whole("vmpool.monitoring", "MONITORING", of_vm, ALL, 0)
    except LeftOutError:
        return {}, 0
    return {one.vm_id: one for one in found if now - one.measured <= OLD_S}, malformed


def of_host(element: Element) -> OfHost:
    """Raises ValueError, KeyError if it makes no sense."""
    found, capacity = fields(element), fields(element.find("CAPACITY"))
    return OfHost(
        host_id=number(found["ID"]),
        measured=float(amount(found, "TIMESTAMP")),
        cpus=_cpus(capacity, "USED_CPU"),
        memory=optional(capacity, "USED_MEMORY", KIB),
    )


def of_vm(element: Element) -> OfVM:
    """Raises ValueError, KeyError if it makes no sense."""
    found = fields(element)
    return OfVM(
        vm_id=number(found["ID"]),
        measured=float(amount(found, "TIMESTAMP")),
        cpus=_cpus(found, "CPU"),
        memory=optional(found, "MEMORY", KIB),
        network_received=optional(found, "NETRX"),
        network_transmitted=optional(found, "NETTX"),
        disk_read=optional(found, "DISKRDBYTES"),
        disk_written=optional(found, "DISKWRBYTES"),
        disk_reads=optional(found, "DISKRDIOPS"),  # a count, whatever its name says
        disk_writes=optional(found, "DISKWRIOPS"),
    )


def _cpus(found: Mapping[str, str], name: str) -> float | None:
    """In CPUs; they are measured in percent of one."""
    if not found.get(name):
        return None
    return within(float(found[name]), name) / _PERCENT
