"""CPU, memory, OOM kills, pressure and connection tracking of the host; no right needed.

Source: /proc/stat, /proc/meminfo, /proc/vmstat, /proc/pressure/ and /proc/sys/net/netfilter/nf_conntrack_*.
"""

from typing import Final

import msgspec

from stratoscope.hypervisor.kernel import files
from stratoscope.hypervisor.kernel.files import (
    LONG,
    TICKS_PER_SECOND,
    Read,
    integer,
    or_left_out,
    pairs,
    read_integer,
    sizes,
)
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.pressure import Pressure, read_pressure

_MODES: Final = 10


class HostCPU(msgspec.Struct, frozen=True, gc=False):
    """CPU seconds of all CPUs since boot, by mode; None for a mode that an old kernel lacks.

    Attributes:
        online: CPUs that are online now.
        user: Includes guest, as nice includes guest_nice: subtract before you sum modes.
        steal: Taken by the hypervisor below, when this host is itself a VM.
    """

    online: int
    user: float
    nice: float
    system: float
    idle: float
    iowait: float | None = None
    irq: float | None = None
    softirq: float | None = None
    steal: float | None = None
    guest: float | None = None
    guest_nice: float | None = None


class HostMemory(msgspec.Struct, frozen=True, gc=False):
    """Bytes. Huge pages that are set aside, even unused, are in `total`, not in `free` and `available`."""

    total: int | None
    free: int | None
    available: int | None


class HostPressure(msgspec.Struct, frozen=True, gc=False):
    """Pressure by resource. CPU has no `full` for the host: the kernel always writes 0."""

    cpu: Pressure | None
    io: Pressure | None
    memory: Pressure | None


class Conntrack(msgspec.Struct, frozen=True, gc=False):
    """Connections tracked now and at most, of the network namespace the exporter is in."""

    entries: int
    limit: int | None


@or_left_out
def read_host_cpu(paths: Paths, reader: Read = files.read) -> HostCPU | None:
    """CPU time by mode.

    Raises:
        ValueError: /proc/stat is malformed.
    """
    path = f"{paths.procfs}/stat"
    text = reader(path, LONG)
    if text is None:
        return None
    first, _, rest = text.partition(b"\n")
    name, *ticks = first.split()
    if name != b"cpu" or len(ticks) < 4:  # noqa: PLR2004 - user, nice, system and idle were always there
        raise ValueError(f"{path}: not the line of all CPUs: {first[:40]!r}")
    seconds = [integer(path, value) / TICKS_PER_SECOND for value in ticks]
    online = sum(line.startswith(b"cpu") for line in rest.splitlines())
    return HostCPU(online, *seconds[:_MODES])


@or_left_out
def read_host_memory(paths: Paths, reader: Read = files.read) -> HostMemory | None:
    """Memory of the host.

    Raises:
        ValueError: /proc/meminfo is malformed.
    """
    path = f"{paths.procfs}/meminfo"
    text = reader(path)
    if text is None:
        return None
    return HostMemory(*sizes(path, text, (b"MemTotal", b"MemFree", b"MemAvailable")))


@or_left_out
def read_host_oom_kills(paths: Paths, reader: Read = files.read) -> int | None:
    """Kills by the OOM killer since boot; absent before Linux 4.13.

    Raises:
        ValueError: /proc/vmstat is malformed.
    """
    path = f"{paths.procfs}/vmstat"
    text = reader(path, LONG)
    kills = None if text is None else pairs(text).get(b"oom_kill")
    return None if kills is None else integer(path, kills)


@or_left_out
def read_host_pressure(paths: Paths, reader: Read = files.read) -> HostPressure | None:
    """Pressure on the host; absent before Linux 4.20 and with psi=0.

    Raises:
        ValueError: A file is malformed.
    """
    cpu, io, memory = (
        read_pressure(f"{paths.procfs}/pressure/{name}", reader) for name in ("cpu", "io", "memory")
    )
    if cpu is io is memory is None:
        return None
    return HostPressure(cpu and Pressure(cpu.some, None), io, memory)


@or_left_out
def read_conntrack(paths: Paths, reader: Read = files.read) -> Conntrack | None:
    """Connection tracking; absent while its module is not loaded.

    Raises:
        ValueError: A file is malformed.
    """
    directory = f"{paths.procfs}/sys/net/netfilter"
    entries = read_integer(f"{directory}/nf_conntrack_count", reader)
    if entries is None:
        return None
    return Conntrack(entries, read_integer(f"{directory}/nf_conntrack_max", reader))
