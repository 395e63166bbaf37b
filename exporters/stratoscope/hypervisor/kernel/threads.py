"""Detects threads of a VM's process that wait for storage without an answer.

Source: /proc/PID/task/TID/{stat,status}. A thread that waits for a disk, a file system or a file server is in
state D. A working thread enters D repeatedly, with a context switch each time; a hung thread stays in D
without a context switch. Requests that QEMU itself sends over the network, or that the kernel takes without a
waiting thread, are not detected: docs/hypervisor.md names them.
"""

from typing import Final

from stratoscope.hypervisor.kernel.files import Read, integer, listed
from stratoscope.hypervisor.kernel.paths import Paths

_WAITS: Final = b"D"
_SWITCHES: Final = (b"voluntary_ctxt_switches:", b"nonvoluntary_ctxt_switches:")
_READ_AGAIN_AFTER_S: Final = 5.0
"""How long a reading without a waiting thread is valid: each thread of a VM is a file."""


class Threads:
    """The waiting threads of one process over several readings.

    Attributes:
        is_frozen: All threads are in D without a switch: the VM's cgroup was frozen (v1), not its storage.
    """

    def __init__(self) -> None:
        self.is_frozen = False
        self._waiting: dict[int, tuple[int, float]] = {}
        self._read_at = 0.0

    def copied(self) -> "Threads":
        copy = Threads()
        copy.is_frozen, copy._waiting, copy._read_at = self.is_frozen, self._waiting, self._read_at
        return copy

    def blocked_s(self, pid: int, paths: Paths, reader: Read, now: float) -> float:
        """The longest time that a thread has been seen waiting without a context switch; 0 for none.

        Raises:
            PermissionError: No right to read the threads.
            ValueError: A file is malformed.
        """
        if self._waiting or now >= self._read_at:
            self._read(f"{paths.procfs}/{pid}/task", reader, now)
            self._read_at = now + _READ_AGAIN_AFTER_S
        if self.is_frozen or not self._waiting:
            return 0.0
        return now - min(since for _, since in self._waiting.values())

    def _read(self, directory: str, reader: Read, now: float) -> None:
        waiting: dict[int, tuple[int, float]] = {}
        threads = 0
        for name in listed(directory):
            state = _state(reader(f"{directory}/{name}/stat"))
            threads += bool(state)
            if state != _WAITS:
                continue
            switches = _switches(f"{directory}/{name}/status", reader)
            if switches is not None:
                known, since = self._waiting.get(int(name), (None, now))
                waiting[int(name)] = (switches, since if switches == known else now)
        self._waiting, self.is_frozen = waiting, 1 < threads == len(waiting)


def _state(text: bytes | None) -> bytes:
    """The kernel's state letter of a thread; empty if it has ended."""
    if text is None:
        return b""
    start = text.rfind(b")") + 2
    return text[start : start + 1]


def _switches(path: str, reader: Read) -> int | None:
    """Number of its context switches; None if it has ended, or its process dumps core."""
    text = reader(path)
    if text is None or b"CoreDumping:\t1" in text:
        return None
    lines = [line.split() for line in text.splitlines() if line.startswith(_SWITCHES)]
    if len(lines) != len(_SWITCHES):
        raise ValueError(f"{path}: no {_SWITCHES[0].decode()}")
    return sum(integer(path, words[-1]) for words in lines)
