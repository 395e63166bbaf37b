"""The host. Source: /proc and /sys.

A part that the host lacks, or that may not be read, is left out with a reason. Each scrape tries it again,
since a module (conntrack) may be loaded, or a right granted, after the exporter started.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from stratoscope.core.collector import Collector, Offer, OnScrape
from stratoscope.core.deadline import time_left_s
from stratoscope.core.errors import LeftOut
from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.core.runner import LEFT_OUT
from stratoscope.core.singleflight import SingleFlight
from stratoscope.core.threads import BlockingCalls
from stratoscope.hypervisor.collectors import HOST_LABELS
from stratoscope.hypervisor.kernel.host import (
    Conntrack,
    HostCPU,
    HostMemory,
    HostPressure,
    read_conntrack,
    read_host_cpu,
    read_host_memory,
    read_host_oom_kills,
    read_host_pressure,
)
from stratoscope.hypervisor.kernel.ksm import KSM, read_ksm
from stratoscope.hypervisor.kernel.numa import HugePages, Node, read_hugepages, read_nodes
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.rapl import Zone, read_energy

log = logging.getLogger(__name__)

_PREFIX: Final = "stratoscope_hypervisor_host"


def _family(name: str, help_text: str, *labels: str) -> Family:
    return Family(f"{_PREFIX}_{name}", help_text, labels=(*HOST_LABELS, *labels))


CPUS = _family("cpus", "Online CPUs of the host.")
CPU_SECONDS = _family(
    "cpu_seconds_total",
    "CPU seconds of all CPUs of the host by mode, as in /proc/stat: user includes guest, and nice "
    "includes guest_nice.",
    "mode",
)
MEMORY = _family("memory_bytes", "Total memory of the host (MemTotal).")
MEMORY_FREE = _family(
    "memory_free_bytes", "Memory of the host that nothing uses, not even as cache (MemFree)."
)
MEMORY_AVAILABLE = _family(
    "memory_available_bytes", "Memory of the host that is available without swapping (MemAvailable)."
)
OOM_KILLS = _family(
    "oom_kills_total", "Processes that the host's OOM killer killed, whether of VMs or not (oom_kill)."
)
PRESSURE_SOME = _family(
    "pressure_some_seconds_total",
    "Seconds in which at least one task on the host waited for the resource (PSI some).",
    "resource",
)
PRESSURE_FULL = _family(
    "pressure_full_seconds_total",
    "Seconds in which all non-idle tasks on the host waited for the resource at once (PSI full); absent "
    "for cpu.",
    "resource",
)
NUMA_CELLS = _family("numa_cells", "NUMA nodes of the host, which libvirt calls cells.")
NUMA_CPUS = _family("numa_cell_cpus", "Online CPUs of the NUMA node.", "cell")
NUMA_MEMORY = _family("numa_cell_memory_bytes", "Total memory of the NUMA node (MemTotal).", "cell")
NUMA_FREE = _family(
    "numa_cell_memory_free_bytes",
    "Memory of the NUMA node that nothing uses, not even as cache (MemFree).",
    "cell",
)
NUMA_HUGE = _family(
    "numa_cell_hugepages_bytes",
    "Memory of the NUMA node set aside as huge pages of this size (nr_hugepages).",
    "cell",
    "page_bytes",
)
NUMA_HUGE_FREE = _family(
    "numa_cell_hugepages_free_bytes",
    "Memory of the NUMA node in free huge pages of this size (free_hugepages).",
    "cell",
    "page_bytes",
)
HUGE = _family(
    "hugepages_bytes", "Memory of the host set aside as huge pages of this size (nr_hugepages).", "page_bytes"
)
HUGE_FREE = _family(
    "hugepages_free_bytes",
    "Memory of the host in free huge pages of this size (free_hugepages).",
    "page_bytes",
)
HUGE_RESERVED = _family(
    "hugepages_reserved_bytes",
    "Memory of the host in free huge pages of this size that are reserved but not yet allocated "
    "(resv_hugepages).",
    "page_bytes",
)
KSM_RUNNING = _family("ksm_running", "1 if KSM merges pages now (run is 1), else 0.")
KSM_SHARED = _family(
    "ksm_shared_bytes", "Memory in the pages that KSM shares, each counted once (pages_shared)."
)
KSM_SHARING = _family("ksm_sharing_bytes", "Memory that KSM saves by sharing pages (pages_sharing).")
KSM_UNSHARED = _family(
    "ksm_unshared_bytes", "Memory that KSM has checked and found to be unique (pages_unshared)."
)
KSM_VOLATILE = _family(
    "ksm_volatile_bytes", "Memory that changes too fast for KSM to merge (pages_volatile)."
)
KSM_PROFIT = _family(
    "ksm_profit_bytes",
    "Memory that KSM saves minus what it needs itself (general_profit); negative if it needs more than it "
    "saves; absent before Linux 6.4.",
)
KSM_SCANS = _family("ksm_full_scans_total", "Scans of all mergeable memory that KSM completed (full_scans).")
ENERGY = _family(
    "energy_joules_total",
    "Energy that the RAPL power zone used, in joules (energy_uj); the energy of a zone "
    "is part of its parent's.",
    "power_zone",
    "parent",
    "part",
)
CONNTRACK = _family(
    "conntrack_entries", "Connections in the kernel's connection tracking table (nf_conntrack_count)."
)
CONNTRACK_LIMIT = _family(
    "conntrack_entries_limit",
    "Size limit of the kernel's connection tracking table, in connections (nf_conntrack_max).",
)

_MODES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")


def _cpu(cpu: HostCPU, host: Labels) -> Iterable[Sample]:
    yield CPUS(cpu.online, host)
    for mode in _MODES:
        seconds = getattr(cpu, mode)
        if seconds is not None:
            yield CPU_SECONDS(seconds, host.plus(mode=mode))


def _memory(memory: HostMemory, host: Labels) -> Iterable[Sample]:
    yield from optional_samples(
        (MEMORY, MEMORY_FREE, MEMORY_AVAILABLE), (memory.total, memory.free, memory.available), host
    )


def _oom(kills: int, host: Labels) -> Iterable[Sample]:
    yield OOM_KILLS(kills, host)


def _pressure(pressure: HostPressure, host: Labels) -> Iterable[Sample]:
    for resource in ("cpu", "io", "memory"):
        one = getattr(pressure, resource)
        if one is not None:
            labels = host.plus(resource=resource)
            yield PRESSURE_SOME(one.some, labels)
            if one.full is not None:
                yield PRESSURE_FULL(one.full, labels)


def _numa(nodes: Sequence[Node], host: Labels) -> Iterable[Sample]:
    yield NUMA_CELLS(len(nodes), host)
    for node in nodes:
        cell = host.plus(cell=node.number)
        yield NUMA_CPUS(len(node.cpus), cell)
        yield from optional_samples((NUMA_MEMORY, NUMA_FREE), (node.total, node.free), cell)
        for size in node.hugepages:
            labels = cell.plus(page_bytes=size.page_bytes)
            yield from optional_samples((NUMA_HUGE, NUMA_HUGE_FREE), (size.total, size.free), labels)


def _hugepages(sizes: Sequence[HugePages], host: Labels) -> Iterable[Sample]:
    for size in sizes:
        labels = host.plus(page_bytes=size.page_bytes)
        yield from optional_samples(
            (HUGE, HUGE_FREE, HUGE_RESERVED), (size.total, size.free, size.reserved), labels
        )


def _ksm(ksm: KSM, host: Labels) -> Iterable[Sample]:
    yield KSM_RUNNING(ksm.is_running, host)
    yield from optional_samples(
        (KSM_SHARED, KSM_SHARING, KSM_UNSHARED, KSM_VOLATILE, KSM_PROFIT, KSM_SCANS),
        (ksm.shared, ksm.sharing, ksm.unshared, ksm.volatile, ksm.profit, ksm.full_scans),
        host,
    )


def _energy(zones: Sequence[Zone], host: Labels) -> Iterable[Sample]:
    for zone in zones:
        yield ENERGY(zone.joules, host.plus(power_zone=zone.zone, parent=zone.parent or "", part=zone.name))


def _conntrack(conntrack: Conntrack, host: Labels) -> Iterable[Sample]:
    yield from optional_samples((CONNTRACK, CONNTRACK_LIMIT), (conntrack.entries, conntrack.limit), host)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the host: how it is read, and its samples."""

    name: str
    read: Callable[[Paths], Any]
    samples: Callable[[Any, Labels], Iterable[Sample]]
    families: Sequence[Family]


PARTS: Final = (
    Part("host_cpu", read_host_cpu, _cpu, (CPUS, CPU_SECONDS)),
    Part("host_memory", read_host_memory, _memory, (MEMORY, MEMORY_FREE, MEMORY_AVAILABLE)),
    Part("host_oom", read_host_oom_kills, _oom, (OOM_KILLS,)),
    Part("host_pressure", read_host_pressure, _pressure, (PRESSURE_SOME, PRESSURE_FULL)),
    Part(
        "numa", read_nodes, _numa, (NUMA_CELLS, NUMA_CPUS, NUMA_MEMORY, NUMA_FREE, NUMA_HUGE, NUMA_HUGE_FREE)
    ),
    Part("hugepages", read_hugepages, _hugepages, (HUGE, HUGE_FREE, HUGE_RESERVED)),
    Part(
        "ksm",
        read_ksm,
        _ksm,
        (KSM_RUNNING, KSM_SHARED, KSM_SHARING, KSM_UNSHARED, KSM_VOLATILE, KSM_PROFIT, KSM_SCANS),
    ),
    Part("rapl", read_energy, _energy, (ENERGY,)),
    Part("conntrack", read_conntrack, _conntrack, (CONNTRACK, CONNTRACK_LIMIT)),
)


Read: TypeAlias = "list[tuple[Part, Any]]"
"""Each part with its data: a LeftOut if the host has none, None if it is malformed."""


class Host(Collector[Read]):
    """The host, by part."""

    offer = Offer("host", OnScrape(5))

    def __init__(self, cloud: str, host: str, parts: Sequence[Part], paths: Paths) -> None:
        self.name, self.cloud = self.offer.name, cloud
        self.families = [*(family for part in parts for family in part.families), LEFT_OUT]
        self.subjects = {part.name: part.families for part in parts}
        self._labels = Labels(cloud=cloud, host=host)
        self._parts, self._paths = parts, paths
        self._calls = BlockingCalls("host", 1)
        self._flight: SingleFlight[str, Read] = SingleFlight()

    async def fetch(self) -> Read:
        what = "the host's files: no answer to host"
        return await self._flight.share(self.name, lambda: self._calls.start(self._read), time_left_s(), what)

    def samples(self, data: Read, /) -> Iterable[Sample]:
        for part, read in data:
            if isinstance(read, LeftOut):
                yield LEFT_OUT(1, Labels(cloud=self.cloud, collector=part.name, reason=read))
            elif read is not None:
                yield from part.samples(read, self._labels)

    def malformed(self, data: Read, /) -> int:
        return sum(read is None for _, read in data)

    def close(self) -> None:
        self._calls.close()

    def _read(self) -> Read:
        found: Read = []
        for part in self._parts:
            try:
                found.append((part, part.read(self._paths)))
            except ValueError as error:
                log.debug("part left out part=%s error=%r", part.name, str(error))
                found.append((part, None))
        return found
