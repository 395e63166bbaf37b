"""Reads one VM from the host's kernel: /proc and the VM's cgroups, without its QEMU."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from stratoscope.hypervisor.kernel import files
from stratoscope.hypervisor.kernel.cpu import CPU, Throttling, read_cpu, read_throttling
from stratoscope.hypervisor.kernel.files import Read
from stratoscope.hypervisor.kernel.memory import Memory, read_memory
from stratoscope.hypervisor.kernel.past import Past
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.pressure import Pressure, read_pressure
from stratoscope.hypervisor.kernel.processes import Process
from stratoscope.hypervisor.kernel.stat import Stat, read_stat
from stratoscope.hypervisor.kernel.vcpus import VCPU, read_vcpus

T = TypeVar("T")


class VMPressure(msgspec.Struct, frozen=True, gc=False):
    """Pressure by resource; None if the kernel does not account it for this VM."""

    cpu: Pressure | None
    io: Pressure | None
    memory: Pressure | None


class VMKernel(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The kernel's data of one VM; None for a group that it does not have.

    Attributes:
        state: The state letter of the VM's process: R, S, D (blocked), T (stopped), t, Z ...
        vcpus: By number; only those that the kernel accounts. Empty for a container.
        rss: Resident bytes of the QEMU process; None for a container, whose memory is not its controller's.
        refused: Names of the fields that the exporter has no right to read.
        blocked_s: For how long a thread of it has waited for one storage request; None for a container.
        is_frozen: All its threads are frozen.
    """

    state: str
    cpu: CPU | None
    vcpus: Mapping[int, VCPU]
    throttling: Throttling | None
    pressure: VMPressure | None
    memory: Memory | None
    rss: int | None
    refused: tuple[str, ...] = ()
    blocked_s: float | None = None
    is_frozen: bool = False


def read_vm(
    process: Process, paths: Paths, reader: Read = files.read, past: Past | None = None, now: float = 0.0
) -> VMKernel | None:
    """Read one VM now.

    Args:
        process: From `Processes.find`.
        paths: Where the host's file systems are mounted.
        reader: How a file is read.
        past: Earlier readings of this process; it is updated.
        now: The time of this reading, by the same clock as the earlier ones.

    Returns:
        None when the process has ended, before or while it was read.

    Raises:
        ValueError: A file is malformed; the message names it. Other VMs are not affected.
    """
    refused: list[str] = []
    past = past or Past()
    stat = _read_same(process, paths, reader)
    if stat is None:
        return None
    cgroups, pid = process.cgroups, process.pid
    cpu = _allowed("cpu", refused, lambda: _read_cpu(process, stat, reader, past))
    vcpus = _allowed("vcpus", refused, lambda: read_vcpus(pid, process.vcpus, paths, reader)) or {}
    throttling = _allowed("throttling", refused, lambda: read_throttling(cgroups, reader, past.throttled))
    pressure = _allowed("pressure", refused, lambda: _read_pressures(cgroups.unified, reader))
    status = None if process.is_container else f"{paths.procfs}/{pid}/status"
    memory = _allowed("memory", refused, lambda: read_memory(cgroups, status, reader))
    is_whole = cpu is not None and len(vcpus) == len(process.vcpus)
    if not is_whole and _read_same(process, paths, reader) is None:
        return None
    rss = None if process.is_container or stat.is_dead else stat.rss_bytes
    blocked_s = None
    if not process.is_container:
        read_threads = past.threads.blocked_s
        blocked_s = _allowed("threads", refused, lambda: read_threads(pid, paths, reader, now))
    return VMKernel(
        state=stat.state,
        cpu=cpu,
        vcpus=vcpus,
        throttling=throttling,
        pressure=pressure,
        memory=memory,
        rss=rss,
        refused=tuple(refused),
        blocked_s=blocked_s,
        is_frozen=past.threads.is_frozen,
    )


def _allowed(name: str, refused: list[str], read: Callable[[], T]) -> T | None:
    try:
        return read()
    except PermissionError:
        refused.append(name)
        return None


def _read_same(process: Process, paths: Paths, reader: Read) -> Stat | None:
    """The process, unless it has ended (another may have its pid) or is hidden from now on."""
    try:
        stat = read_stat(paths.procfs, process.pid, reader)
    except PermissionError:  # /proc was mounted anew with hidepid: the next Processes.find says so
        return None
    return stat if stat is not None and stat.start_ticks == process.start_ticks else None


def _read_cpu(process: Process, stat: Stat, reader: Read, past: Past) -> CPU | None:
    """By the cgroup, else by the process; never by both in turn: a counter must not jump."""
    cgroups = process.cgroups
    has_cgroup = cgroups.cpuacct is not None or cgroups.unified is not None
    if past.has_cgroup is None:
        past.has_cgroup = has_cgroup
    if past.has_cgroup or process.is_container:
        return read_cpu(cgroups, reader)
    return CPU(stat.user + stat.system, stat.user, stat.system)


def _read_pressures(directory: str | None, reader: Read) -> VMPressure | None:
    if directory is None:
        return None
    cpu, io, memory = (
        read_pressure(f"{directory}/{name}.pressure", reader) for name in ("cpu", "io", "memory")
    )
    return None if cpu is io is memory is None else VMPressure(cpu, io, memory)
