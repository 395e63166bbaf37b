"""CPU time of a VM, and its throttling by CPU quotas.

Source: cgroup v2 cpu.stat and cpu.max; v1 cpuacct.*, cpu.stat and cpu.cfs_quota_us.
"""

import msgspec

from stratoscope.hypervisor.kernel.cgroups import Cgroups
from stratoscope.hypervisor.kernel.files import TICKS_PER_SECOND, Read, integer, pairs, read_integer


class CPU(msgspec.Struct, frozen=True, gc=False):
    """CPU seconds of the VM with its emulator and I/O threads; None if the kernel does not split them."""

    total: float
    user: float | None
    system: float | None


class Throttling(msgspec.Struct, frozen=True, gc=False):
    """Throttling: the sum over the quotas of the VM, its vCPUs, emulator and I/O threads.

    Attributes:
        periods: Quota periods in which it had runnable tasks.
        throttled_periods: Quota periods in which a quota was used up.
        throttled: Seconds of throttling, summed over the parts.
    """

    periods: int = 0
    throttled_periods: int = 0
    throttled: float = 0.0

    def plus(self, other: "Throttling", sign: int = 1) -> "Throttling":
        return Throttling(
            self.periods + sign * other.periods,
            self.throttled_periods + sign * other.throttled_periods,
            self.throttled + sign * other.throttled,
        )


def read_cpu(cgroups: Cgroups, reader: Read) -> CPU | None:
    """CPU time from the VM's cgroup; None if it has none, or has ended.

    Raises:
        PermissionError: No right to read it.
        ValueError: A file is malformed.
    """
    if cgroups.cpuacct is not None:
        return _read_v1(cgroups.cpuacct, reader)
    return None if cgroups.unified is None else _read_v2(f"{cgroups.unified}/cpu.stat", reader)


class Throttled:
    """Throttling of one VM so far. It never decreases, even if a quota is removed or a vCPU unplugged."""

    def __init__(self) -> None:
        self.directories: dict[str, Throttling] = {}
        """Directories that have, or had, a quota, with their last values."""
        self.total: Throttling | None = None

    def copied(self) -> "Throttled":
        copy = Throttled()
        copy.directories, copy.total = dict(self.directories), self.total
        return copy

    def add(self, directory: str, now: Throttling) -> None:
        """Add a directory's value. If it is lower than before, the directory was created again."""
        before = self.directories.get(directory, Throttling())
        grown = now if now.periods < before.periods else now.plus(before, -1)
        self.directories[directory] = now
        self.total = (self.total or Throttling()).plus(grown)


def read_throttling(cgroups: Cgroups, reader: Read, throttled: Throttled | None = None) -> Throttling | None:
    """Throttling so far; None if no quota is set or was seen before: the kernel counts nothing then.

    Args:
        cgroups: The VM's directories.
        reader: How a file is read.
        throttled: Earlier readings of the same process; it is updated.

    Raises:
        PermissionError: No right to read it.
        ValueError: A file is malformed.
    """
    throttled = throttled or Throttled()
    is_v1 = cgroups.cpu is not None
    is_limited, key, per_second = (
        (_is_limited_v1, b"throttled_time", 1e9) if is_v1 else (_is_limited_v2, b"throttled_usec", 1e6)
    )
    for directory in cgroups.limited:
        if directory in throttled.directories or is_limited(directory, reader):
            path = f"{directory}/cpu.stat"
            text = reader(path)
            if text is None:
                if directory in throttled.directories:
                    continue  # a vCPU was unplugged; its throttling stays counted
                return None  # the VM is ending
            stat = pairs(text)
            periods, periods_throttled, time = (
                integer(path, stat.get(name)) for name in (b"nr_periods", b"nr_throttled", key)
            )
            throttled.add(directory, Throttling(periods, periods_throttled, time / per_second))
    return throttled.total


def _read_v2(path: str, reader: Read) -> CPU | None:
    text = reader(path)
    if text is None:
        return None
    stat = pairs(text)
    total, user, system = (
        integer(path, stat.get(key)) / 1e6 for key in (b"usage_usec", b"user_usec", b"system_usec")
    )
    return CPU(total, user, system)


def _read_v1(directory: str, reader: Read) -> CPU | None:
    total = read_integer(f"{directory}/cpuacct.usage", reader)
    if total is None:
        return None
    user = read_integer(f"{directory}/cpuacct.usage_user", reader)
    system = read_integer(f"{directory}/cpuacct.usage_sys", reader)
    if user is None or system is None:
        return CPU(total / 1e9, *_read_ticks(f"{directory}/cpuacct.stat", reader))
    return CPU(total / 1e9, user / 1e9, system / 1e9)


def _read_ticks(path: str, reader: Read) -> tuple[float | None, float | None]:
    """User and system seconds, for older kernels without usage_user and usage_sys."""
    text = reader(path)
    if text is None:
        return None, None
    stat = pairs(text)
    user, system = (integer(path, stat.get(key)) / TICKS_PER_SECOND for key in (b"user", b"system"))
    return user, system


def _is_limited_v1(directory: str, reader: Read) -> bool:
    return (read_integer(f"{directory}/cpu.cfs_quota_us", reader) or 0) > 0


def _is_limited_v2(directory: str, reader: Read) -> bool:
    return not (reader(f"{directory}/cpu.max") or b"max").startswith(b"max")
