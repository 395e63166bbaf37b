"""State, start, CPU time and resident memory of one process. Source: /proc/PID/stat."""

import msgspec

from stratoscope.hypervisor.kernel.files import PAGE_BYTES, TICKS_PER_SECOND, Read, integer

# Positions after the command, which may contain blanks and brackets: as in proc_pid_stat(5), minus 3.
_STATE, _UTIME, _STIME, _START, _RSS = 0, 11, 12, 19, 21


class Stat(msgspec.Struct, frozen=True, gc=False):
    """The used fields of /proc/PID/stat; pid and start together identify a process of one boot.

    Attributes:
        state: The kernel's letter: R, S, D, T, t, Z, X, I ...
        start_ticks: Clock ticks after boot.
    """

    state: str
    start_ticks: int
    user: float
    system: float
    rss_bytes: int

    @property
    def is_dead(self) -> bool:
        """The process has ended and has no memory; its parent has not read its status yet."""
        return self.state in "ZXx"


def read_stat(procfs: str, pid: int, reader: Read) -> Stat | None:
    """One process; None if it has ended.

    Raises:
        PermissionError: /proc is mounted with hidepid.
        ValueError: The file is malformed.
    """
    path = f"{procfs}/{pid}/stat"
    text = reader(path)
    if text is None:
        return None
    fields = text[text.rfind(b")") + 1 :].split()
    if len(fields) <= _RSS:
        raise ValueError(f"{path}: {len(fields)} fields after the command, {_RSS + 1} expected")
    return Stat(
        fields[_STATE].decode(errors="replace"),
        integer(path, fields[_START]),
        integer(path, fields[_UTIME]) / TICKS_PER_SECOND,
        integer(path, fields[_STIME]) / TICKS_PER_SECOND,
        integer(path, fields[_RSS]) * PAGE_BYTES,
    )
