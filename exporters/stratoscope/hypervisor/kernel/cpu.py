"""CPU time of a whole VM and how a quota throttles it.

Source: cgroup v2 cpu.stat and cpu.max; v1 cpuacct.*, cpu.stat and cpu.cfs_quota_us.
"""

import msgspec

from stratoscope.hypervisor.kernel.cgroups import Cgroups
from stratoscope.hypervisor.kernel.files import TICKS_PER_SECOND, Read, integer, pairs, read_integer


class CPU(msgspec.Struct, frozen=True, gc=False):
    """CPU seconds of the VM with its emulator and I/O threads; None where the kernel does not split them."""

    total: float
    user: float | None
    system: float | None


class Throttling(msgspec.Struct, frozen=True, gc=False):
    """What quotas did to the VM; the sum over the VM's and its parts' (vCPUs, I/O threads, emulator) quotas.

    Attributes:
        periods: Enforcement periods in which it wanted to run.
        throttled_periods: Those in which a quota was used up.
        throttled: Seconds held back, of each part for itself.
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
    """CPU time by the VM's cgroup; None when it has none, or is gone.

    Raises:
        PermissionError: No right to read it.
        ValueError: A file makes no sense.
    """
    if cgroups.cpuacct is not None:
        return _read_v1(cgroups.cpuacct, reader)
    return None if cgroups.unified is None else _read_v2(f"{cgroups.unified}/cpu.stat", reader)


class Throttled:
    """What quotas did to one VM so far. It never goes back: a quota may be taken away, a vCPU unplugged."""

    def __init__(self) -> None:
        self.directories: dict[str, Throttling] = {}
        """Those that have, or had, a quota, with what they told last."""
        self.total: Throttling | None = None

    def copied(self) -> "Throttled":
        copy = Throttled()
        copy.directories, copy.total = dict(self.directories), self.total
        return copy

    def add(self, directory: str, now: Throttling) -> None:
        """What a directory tells now. Where it is less than before, the directory was made anew."""
        before = self.directories.get(directory, Throttling())
        grown = now if now.periods < before.periods else now.plus(before, -1)
        self.directories[directory] = now
        self.total = (self.total or Throttling()).plus(grown)


def read_throttling(cgroups: Cgroups, reader: Read, throttled: Throttled | None = None) -> Throttling | None:
    """Throttling so far; None where no quota is set or was seen before: the kernel then counts nothing.

    Args:
        cgroups: The VM's directories.
        reader: How a file is read.
        throttled: What was read of the same process before; it takes over what is read now.

    Raises:
        PermissionError: No right to read it.
        ValueError: A file makes no sense.
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
                    continue  # a vCPU was unplugged, and what it told stays counted
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
    """User and system seconds where usage_user and usage_sys are missing, on older kernels."""
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
