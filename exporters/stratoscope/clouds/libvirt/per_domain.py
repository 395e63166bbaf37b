"""Reads statistics of domains call by call, for drivers without bulk statistics (test, LXC, Xen ...).

Source: virDomainGetState, GetInfo, GetCPUStats, GetVcpus, MemoryStats, BlockStats, BlockInfo, InterfaceStats.
If the driver lacks a call, or it fails, only its keys are missing.
"""

import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import libvirt

from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.devices import Devices, Reader
from stratoscope.clouds.libvirt.errors import GONE

Read: TypeAlias = list[tuple[str, str, int, dict[str, Any]]]
"""UUID, name, id and statistics of each domain."""

_RX_TX: Final = ("rx.bytes", "rx.pkts", "rx.errs", "rx.drop", "tx.bytes", "tx.pkts", "tx.errs", "tx.drop")
_COUNTS: Final = ("rd.reqs", "rd.bytes", "wr.reqs", "wr.bytes")
_SIZES: Final = ("capacity", "allocation", "physical")
_STATE_ALONE: Final = frozenset({"state"})


def read(
    connection: Connection, groups: frozenset[str], devices: Devices, within_s: float
) -> tuple[Read, int]:
    """Every domain, and how many could not be read; blocks.

    After `within_s` only the state of the remaining domains is read.

    Raises:
        libvirt.libvirtError: The daemon is gone, or not one domain can be read.
    """
    until = time.monotonic() + within_s
    found: Read = []
    failed, failure, objects = 0, None, {}
    for domain in connection.virt.listAllDomains():
        uuid, name, domain_id = domain.UUIDString(), domain.name(), domain.ID()
        objects[uuid] = domain
        try:
            state = domain.state(0)
        except libvirt.libvirtError as error:
            if not connection.is_alive():
                raise
            if error.get_error_code() not in GONE:
                failed, failure = failed + 1, error
            continue
        stats = {"state.state": state[0], "state.reason": state[1]}
        wanted = groups if time.monotonic() < until else _STATE_ALONE
        _read_one(Reader(connection, domain), (uuid, domain_id), wanted, devices, stats)
        found.append((uuid, name, domain_id, stats))
    if failure is not None and not found:
        raise failure
    connection.learn(objects)
    devices.keep(objects)
    return found, failed


def _read_one(
    call: Reader, key: tuple[str, int], groups: frozenset[str], devices: Devices, stats: dict[str, Any]
) -> None:
    if key[1] < 0:
        return  # for a domain that is off these are the values that it would have
    if groups & {"cpu", "vcpu", "balloon"}:
        _info(call("info"), stats)
    if "cpu" in groups:
        _cpu(call("getCPUStats", True), stats)
    if "vcpu" in groups:
        _vcpus(call("vcpus"), stats)
    if "balloon" in groups:
        _memory(call("memoryStats"), stats)
    names = devices.of(call, *key) if groups & {"block", "interface"} else None
    if names is not None and "interface" in groups:
        _interfaces(call, names.taps, stats)
    if names is not None and "block" in groups:
        _disks(call, names.disks, stats)


def _info(info: Sequence[int] | None, stats: dict[str, Any]) -> None:
    if info is not None:
        _, stats["balloon.maximum"], stats["balloon.current"], stats["vcpu.current"], stats["cpu.time"] = info


def _cpu(total: Sequence[Mapping[str, int]] | None, stats: dict[str, Any]) -> None:
    for key, name in (("cpu.user", "user_time"), ("cpu.system", "system_time")):
        if total and name in total[0]:
            stats[key] = total[0][name]


def _memory(values: Mapping[str, int] | None, stats: dict[str, Any]) -> None:
    for name, value in (values or {}).items():
        stats["balloon." + name] = value
    if "balloon.swap_out" not in stats:
        # LXC (seen in 9.0) reports memory and swap in use under this name, not bytes in or out.
        stats.pop("balloon.swap_in", None)


def _vcpus(listed: tuple[Sequence[Sequence[int]], object] | None, stats: dict[str, Any]) -> None:
    if listed is None:
        return
    maximum = 0
    for number, state, time_ns, _cpu in listed[0]:
        maximum = max(maximum, number + 1)
        stats[_keys("vcpu", number, ("state",))[0]] = state
        if state != libvirt.VIR_VCPU_OFFLINE:
            stats[_keys("vcpu", number, ("time",))[0]] = time_ns
    stats["vcpu.maximum"] = maximum


def _interfaces(call: Reader, taps: Sequence[str], stats: dict[str, Any]) -> None:
    stats["net.count"] = len(taps)
    for number, tap in enumerate(taps):
        stats[_keys("net", number, ("name",))[0]] = tap
        _put("net", number, _RX_TX, call("interfaceStats", tap), stats)


def _disks(call: Reader, disks: Sequence[str], stats: dict[str, Any]) -> None:
    stats["block.count"] = len(disks)
    for number, disk in enumerate(disks):
        stats[_keys("block", number, ("name",))[0]] = disk
        _put("block", number, _COUNTS, call("blockStats", disk), stats)
        _put("block", number, _SIZES, call("blockInfo", disk), stats)


def _put(
    kind: str, number: int, names: tuple[str, ...], values: Sequence[int] | None, stats: dict[str, Any]
) -> None:
    """Values by key, without -1, which is libvirt's unknown."""
    pairs = zip(_keys(kind, number, names), values or (), strict=False)
    stats.update([pair for pair in pairs if pair[1] >= 0])


@functools.lru_cache(maxsize=1024)
def _keys(kind: str, number: int, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{kind}.{number}.{name}" for name in names)
