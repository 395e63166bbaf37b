"""Reads the daemon and its host; each function blocks.

Source: virConnectGetLibVersion (timed), virConnectGetType, virConnectGetVersion; virNodeGetInfo,
virNodeGetMemoryStats, virNodeGetCPUStats.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

import libvirt
import msgspec

from stratoscope.clouds.libvirt import vocabulary
from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.errors import NOT_SUPPORTED
from stratoscope.clouds.libvirt.model import Node

_NO_TIMES: Final = {"utilization"}
"""Keys of CPU statistics that are percentages (ESX, Hyper-V), not nanoseconds."""


class Answer(msgspec.Struct, frozen=True):
    """The answers of a daemon about itself."""

    round_trip_s: float
    hypervisor: str
    library: str


def answer(connection: Connection) -> Answer:
    """Request the daemon's answers. Raises libvirt.libvirtError."""
    virt = connection.virt
    began = time.perf_counter()
    library = virt.getLibVersion()
    took_s = time.perf_counter() - began
    return Answer(took_s, virt.getType(), vocabulary.version(library))


def version(connection: Connection) -> str:
    """The hypervisor's version; empty if the driver has none. Raises libvirt.libvirtError."""
    try:
        return vocabulary.version(connection.virt.getVersion())
    except libvirt.libvirtError:
        if not connection.is_alive():
            raise
        return ""


def node(connection: Connection) -> Node:
    """The host as libvirt reports it. Raises libvirt.libvirtError."""
    virt = connection.virt
    _model, memory_mib, cpus, _mhz, cells, *_ = virt.getInfo()
    memory = _where_given(lambda: virt.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS))
    times = _where_given(lambda: virt.getCPUStats(libvirt.VIR_NODE_CPU_STATS_ALL_CPUS))
    total_kib, free_kib = memory.get("total", memory_mib << 10), memory.get("free")
    cpu_s = {mode: time_ns / 1e9 for mode, time_ns in times.items() if mode not in _NO_TIMES}
    return Node(cpus, cells, total_kib << 10, None if free_kib is None else free_kib << 10, cpu_s)


def _where_given(call: Callable[[], Mapping[str, int]]) -> Mapping[str, int]:
    """The statistics; empty if the driver lacks the call."""
    try:
        return call()
    except libvirt.libvirtError as error:
        if error.get_error_code() not in NOT_SUPPORTED:
            raise
        return {}
