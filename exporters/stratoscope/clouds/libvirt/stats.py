"""Decodes statistics of domains: one flat mapping each, with the keys of virConnectGetAllDomainStats.

Drivers without bulk statistics are read per domain into the same keys, so that there is one decoder.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

import libvirt

from stratoscope.clouds.libvirt import vocabulary
from stratoscope.clouds.libvirt.hardware import MOST_VCPUS, is_too_long
from stratoscope.clouds.libvirt.model import Balloon, Disk, Domain, Interface, Vcpu

Stats: TypeAlias = Mapping[str, Any]
D = TypeVar("D", Disk, Interface)

GROUPS: Final = {
    "state": libvirt.VIR_DOMAIN_STATS_STATE,
    "interface": libvirt.VIR_DOMAIN_STATS_INTERFACE,
    "cpu": libvirt.VIR_DOMAIN_STATS_CPU_TOTAL,
    "vcpu": libvirt.VIR_DOMAIN_STATS_VCPU,
    "balloon": libvirt.VIR_DOMAIN_STATS_BALLOON,
    "block": libvirt.VIR_DOMAIN_STATS_BLOCK,
}
"""Statistics groups; only the first two never wait for a domain's monitor."""

_NS: Final = 1e9


def bits(groups: Iterable[str]) -> int:
    return functools.reduce(lambda sum_, group: sum_ | GROUPS[group], groups, 0)


def domain(uuid: str, name: str, domain_id: int, stats: Stats) -> Domain:
    """A domain from its statistics.

    CPU times of a domain that is not active are left out: libvirt reports the daemon's own there.

    Raises:
        KeyError, TypeError, ValueError: The statistics are malformed.
    """
    get, active = stats.get, domain_id >= 0
    state = vocabulary.state(stats["state.state"])
    interfaces = _named(_interface(number, get) for number in range(get("net.count", 0)))
    disks = _named(_disk(number, get) for number in range(get("block.count", 0)))
    return Domain(
        uuid=uuid,
        name=name,
        domain_id=domain_id,
        state=state,
        reason=vocabulary.reason(state, get("state.reason", 0)),
        cpu_s=_seconds(get("cpu.time")) if active else None,
        user_s=_seconds(get("cpu.user")) if active else None,
        system_s=_seconds(get("cpu.system")) if active else None,
        current_vcpus=get("vcpu.current"),
        vcpus=_vcpus(get) if active else (),
        balloon=Balloon(
            current=_bytes(get("balloon.current")),
            maximum=_bytes(get("balloon.maximum")),
            rss=_bytes(get("balloon.rss")),
            available=_bytes(get("balloon.available")),
            usable=_bytes(get("balloon.usable")),
            unused=_bytes(get("balloon.unused")),
            swap_in=_bytes(get("balloon.swap_in")),
            swap_out=_bytes(get("balloon.swap_out")),
            major_faults=get("balloon.major_fault"),
            minor_faults=get("balloon.minor_fault"),
            caches=_bytes(get("balloon.disk_caches")),
            huge_page_allocations=get("balloon.hugetlb_pgalloc"),
            huge_page_failures=get("balloon.hugetlb_pgfail"),
            updated_at=get("balloon.last-update") or None,  # 0 is never
        ),
        interfaces=tuple(interfaces),
        disks=tuple(disks),
        vcpu_states=_vcpu_states(get) if active else (),
        nameless=get("net.count", 0) + get("block.count", 0) - len(interfaces) - len(disks),
    )


def has_monitor_values(stats: Stats, groups: Iterable[str]) -> bool:
    """Whether an active domain's monitor answered: these statistics have values that only it has."""
    if "balloon" in groups:
        return "balloon.rss" in stats
    disks = range(stats.get("block.count", 0))
    return not disks or any(f"block.{number}.rd.reqs" in stats for number in disks)


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / _NS


def _bytes(kib: int | None) -> int | None:
    return None if kib is None else kib << 10  # not *, which takes a text


def _vcpus(get: Callable[..., Any]) -> tuple[Vcpu, ...]:
    """The virtual CPUs that are online."""
    found = []
    for number in range(get("vcpu.maximum", 0)):
        time_ns, delay_ns, wait_ns = map(get, _keys("vcpu", number, "time", "delay", "wait"))
        if time_ns is not None:
            # A kernel without schedstats reports a wait of 0.
            found.append(
                Vcpu(number, time_ns / _NS, _seconds(delay_ns), _seconds(wait_ns) if wait_ns else None)
            )
    return tuple(found)


def _vcpu_states(get: Callable[..., Any]) -> tuple[tuple[int, str], ...]:
    found = []
    for number in range(min(get("vcpu.maximum", 0), MOST_VCPUS)):
        state = get(_keys("vcpu", number, "state")[0])
        if state is not None:
            found.append((number, vocabulary.word("VIR_VCPU_", state)))
    return tuple(found)


def _named(devices: Iterable[D]) -> list[D]:
    """The devices whose name is not too long."""
    return [device for device in devices if not is_too_long(device.name)]


@functools.lru_cache(maxsize=1024)
def _keys(kind: str, number: int, *names: str) -> tuple[str, ...]:
    return tuple(f"{kind}.{number}.{name}" for name in names)


def _interface(number: int, get: Callable[..., Any]) -> Interface:
    k = _keys(
        "net", number, "name", "rx.bytes", "rx.pkts", "rx.errs", "rx.drop",
        "tx.bytes", "tx.pkts", "tx.errs", "tx.drop",
    )  # fmt: skip
    return Interface(
        name=get(k[0]) or str(number),
        rx_bytes=get(k[1]),
        rx_packets=get(k[2]),
        rx_errors=get(k[3]),
        rx_drops=get(k[4]),
        tx_bytes=get(k[5]),
        tx_packets=get(k[6]),
        tx_errors=get(k[7]),
        tx_drops=get(k[8]),
    )


def _disk(number: int, get: Callable[..., Any]) -> Disk:
    k = _keys(
        "block", number, "name", "rd.reqs", "rd.bytes", "rd.times", "wr.reqs", "wr.bytes", "wr.times",
        "fl.reqs", "fl.times", "allocation", "capacity", "physical",
    )  # fmt: skip
    return Disk(
        name=get(k[0]) or str(number),
        read_requests=get(k[1]),
        read_bytes=get(k[2]),
        read_s=_seconds(get(k[3])),
        write_requests=get(k[4]),
        write_bytes=get(k[5]),
        write_s=_seconds(get(k[6])),
        flush_requests=get(k[7]),
        flush_s=_seconds(get(k[8])),
        allocation=get(k[9]),
        capacity=get(k[10]),
        physical=get(k[11]),
    )
