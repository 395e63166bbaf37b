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

    periods: int
    throttled_periods: int
    throttled: float


def read_cpu(cgroups: Cgroups, reader: Read) -> CPU | None:
    """CPU time by the VM's cgroup; None when it has none, or is gone.

    Raises:
        PermissionError: No right to read it.
        ValueError: A file makes no sense.
    """
    if cgroups.cpuacct is not None:
        return _read_v1(cgroups.cpuacct, reader)
    return None if cgroups.unified is None else _read_v2(f"{cgroups.unified}/cpu.stat", reader)


def read_throttling(cgroups: Cgroups, reader: Read) -> Throttling | None:
    """Throttling; None where no quota is set, since the kernel then counts nothing.

    Raises:
        PermissionError: No right to read it.
        ValueError: A file makes no sense.
    """
    is_v1 = cgroups.cpu is not None
    is_limited, key, per_second = (
        (_is_limited_v1, b"throttled_time", 1e9) if is_v1 else (_is_limited_v2, b"throttled_usec", 1e6)
    )
    limited = [directory for directory in cgroups.limited if is_limited(directory, reader)]
    periods = throttled_periods = throttled = 0
    for directory in limited:
        path = f"{directory}/cpu.stat"
        text = reader(path)
        if text is None:
            return None
        stat = pairs(text)
        periods += integer(path, stat.get(b"nr_periods"))
        throttled_periods += integer(path, stat.get(b"nr_throttled"))
        throttled += integer(path, stat.get(key))
    return Throttling(periods, throttled_periods, throttled / per_second) if limited else None


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
