"""Statistics of domains whose driver has none in bulk (test, LXC, Xen ...), call by call.

Source: virDomainGetState, GetInfo, GetVcpus, MemoryStats, BlockStats, BlockInfo, InterfaceStats. A call that the driver
lacks costs its keys alone.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any, Final, TypeVar

import libvirt

from stratoscope.clouds.libvirt.connections import Connection
from stratoscope.clouds.libvirt.errors import GONE, NOT_SUPPORTED

T = TypeVar("T")

_INTERFACE_KEYS: Final = (
    "rx.bytes",
    "rx.pkts",
    "rx.errs",
    "rx.drop",
    "tx.bytes",
    "tx.pkts",
    "tx.errs",
    "tx.drop",
)


class Devices:
    """Device names of a domain, read from its definition once per (domain, id)."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[list[str], list[str]]] = {}

    def of(self, domain: libvirt.virDomain, key: tuple[str, int]) -> tuple[list[str], list[str]]:
        known = self._known.get(key)
        if known is None:
            devices = ET.fromstring(domain.XMLDesc(0)).find("devices")  # noqa: S314 - libvirt wrote it
            disks = [] if devices is None else [t.get("dev", "") for t in devices.iterfind("disk/target")]
            taps = [] if devices is None else [t.get("dev", "") for t in devices.iterfind("interface/target")]
            known = self._known[key] = (disks, [tap for tap in taps if tap])
        return known

    def forget_all_but(self, keys: set[tuple[str, int]]) -> None:
        self._known = {key: value for key, value in self._known.items() if key in keys}


def read(
    connection: Connection, groups: frozenset[str], devices: Devices
) -> list[tuple[str, str, int, dict[str, Any]]]:
    """UUID, name, id and statistics of every domain; blocks.

    Raises:
        libvirt.libvirtError: The daemon is gone.
    """
    found, objects = [], {}
    for domain in connection.virt.listAllDomains():
        uuid, name, domain_id = domain.UUIDString(), domain.name(), domain.ID()
        objects[uuid] = domain
        stats = _one(domain, domain_id, groups, devices, (uuid, domain_id))
        if stats is not None:
            found.append((uuid, name, domain_id, stats))
    connection.learn(objects)
    devices.forget_all_but({(uuid, domain_id) for uuid, _, domain_id, _ in found})
    return found


def _one(
    domain: libvirt.virDomain, domain_id: int, groups: frozenset[str], devices: Devices, key: tuple[str, int]
) -> dict[str, Any] | None:
    state = _tried(domain.state, 0)
    if state is None:
        return None  # it went away while the others were read
    stats: dict[str, Any] = {"state.state": state[0], "state.reason": state[1]}
    if groups & {"cpu", "vcpu", "balloon"}:
        _info(domain, stats, is_active=domain_id >= 0)
    if domain_id < 0:
        return stats
    if "vcpu" in groups:
        _vcpus(domain, stats)
    if "balloon" in groups:
        stats |= {f"balloon.{name}": value for name, value in (_tried(domain.memoryStats) or {}).items()}
    disks, taps = _tried(devices.of, domain, key) or ([], [])
    if "interface" in groups:
        _interfaces(domain, taps, stats)
    if "block" in groups:
        _disks(domain, disks, stats)
    return stats


def _info(domain: libvirt.virDomain, stats: dict[str, Any], *, is_active: bool) -> None:
    info = _tried(domain.info)
    if info is None:
        return
    _, maximum_kib, current_kib, vcpus, cpu_ns = info
    stats |= {"balloon.maximum": maximum_kib, "balloon.current": current_kib, "vcpu.current": vcpus}
    if is_active:
        stats["cpu.time"] = cpu_ns


def _vcpus(domain: libvirt.virDomain, stats: dict[str, Any]) -> None:
    listed = _tried(domain.vcpus)
    if listed is None:
        return
    for number, _state, time_ns, _cpu in listed[0]:
        stats[f"vcpu.{number}.time"] = time_ns
    stats["vcpu.maximum"] = max((vcpu[0] + 1 for vcpu in listed[0]), default=0)


def _interfaces(domain: libvirt.virDomain, taps: list[str], stats: dict[str, Any]) -> None:
    stats["net.count"] = len(taps)
    for number, tap in enumerate(taps):
        stats[f"net.{number}.name"] = tap
        values = _tried(domain.interfaceStats, tap)
        if values:
            pairs = zip(_INTERFACE_KEYS, values, strict=False)
            stats |= {f"net.{number}.{key}": value for key, value in pairs if value >= 0}


def _disks(domain: libvirt.virDomain, disks: list[str], stats: dict[str, Any]) -> None:
    stats["block.count"] = len(disks)
    for number, disk in enumerate(disks):
        prefix = f"block.{number}."
        stats[prefix + "name"] = disk
        values = _tried(domain.blockStats, disk)
        if values:
            keys = ("rd.reqs", "rd.bytes", "wr.reqs", "wr.bytes")
            stats |= {prefix + key: value for key, value in zip(keys, values, strict=False) if value >= 0}
        sizes = _tried(domain.blockInfo, disk)
        if sizes:
            stats |= {
                prefix + key: size
                for key, size in zip(("capacity", "allocation", "physical"), sizes, strict=True)
            }


def _tried(call: Callable[..., T], *args: object) -> T | None:
    """The outcome, or None where the driver lacks the call or the domain went away in between."""
    try:
        return call(*args)
    except libvirt.libvirtError as error:
        if error.get_error_code() in NOT_SUPPORTED | GONE:
            return None
        raise
