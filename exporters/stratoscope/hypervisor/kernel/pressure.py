"""Pressure stall information (PSI). Source: <cgroup>/{cpu,io,memory}.pressure and /proc/pressure/."""

import msgspec

from stratoscope.hypervisor.kernel.files import Read, integer


class Pressure(msgspec.Struct, frozen=True, gc=False):
    """Seconds in which some, or all, non-idle tasks waited for one resource.

    `full` is None if the kernel does not report it: CPU before Linux 5.13.
    """

    some: float
    full: float | None


def read_pressure(path: str, reader: Read) -> Pressure | None:
    """The totals of one pressure file; None for a kernel or cgroup without PSI.

    Raises:
        PermissionError: No right to read it.
        ValueError: The file lacks `some` or a total.
    """
    text = reader(path)
    if text is None:
        return None
    seconds = {}
    for line in text.splitlines():
        averages, _, total = line.partition(b" total=")
        seconds[averages[:4]] = integer(path, total) / 1e6
    if b"some" not in seconds:
        raise ValueError(f"{path}: no line 'some'")
    return Pressure(seconds[b"some"], seconds.get(b"full"))
