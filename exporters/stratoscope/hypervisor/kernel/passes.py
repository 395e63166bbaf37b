"""One pass over files of which any may hang: it can be watched, and abandoned if it hangs.

For example reading /proc/PID/cmdline waits for the process's memory map, and thereby for a page of its
memory, which may be on storage that does not answer. The kernel has no time-out for that.
"""

from collections.abc import Container, Hashable

from stratoscope.hypervisor.kernel import files
from stratoscope.hypervisor.kernel.files import Read


class Left(Exception):  # noqa: N818 - no error: nobody waits for this pass any more
    """The pass was abandoned; its result is discarded."""


class Pass:
    """Reads files, and reports its progress.

    Attributes:
        at: Whose files it reads now: a VM's UUID, a process's id ...
        reads: How many files it has begun to read; it does not change while a file hangs.
        is_left: Set by the watcher, to end the pass after its current file.
    """

    def __init__(self, reader: Read = files.read, hung: Container[Hashable] = frozenset()) -> None:
        """Args: hung: Whose files hang and are skipped."""
        self.at: Hashable = None
        self.reads = 0
        self.is_left = False
        self._read, self._hung = reader, hung

    def __call__(self, path: str, size: int = 4096, /) -> bytes | None:
        """As `files.read`. Also raises Left."""
        self.reads += 1
        text = self._read(path, size)
        if self.is_left:
            raise Left
        return text

    def skips(self, whose: Hashable) -> bool:
        """Whether these files hang; if not, they are the pass's current ones. Raises Left."""
        if self.is_left:
            raise Left
        if whose in self._hung:
            return True
        self.at = whose
        self.reads += 1
        return False
