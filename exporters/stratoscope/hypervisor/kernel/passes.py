"""One pass over files of which any may hang: it can be watched, and left alone where it hangs.

Reading /proc/PID/cmdline, for one, waits for the process's memory map, and that for a page of its memory that
may lie on storage which does not answer. No time-out of the kernel's ends that.
"""

from collections.abc import Container, Hashable

from stratoscope.hypervisor.kernel import files
from stratoscope.hypervisor.kernel.files import Read


class Left(Exception):  # noqa: N818 - no error: nobody waits for this pass any more
    """The pass was left alone; whatever it has read is of no use."""


class Pass:
    """Reads files, and tells where it is.

    Attributes:
        at: Whose files it reads now: a VM's UUID, a process's id ...
        reads: How many files it has begun to read: while it hangs, this stands still.
        is_left: Set by whoever watches it, to end it after the file that it reads.
    """

    def __init__(self, reader: Read = files.read, hung: Container[Hashable] = frozenset()) -> None:
        """Args: hung: Those whose files hang: they are skipped."""
        self.at: Hashable = None
        self.reads = 0
        self.is_left = False
        self._read, self._hung = reader, hung

    def __call__(self, path: str, size: int = 4096, /) -> bytes | None:
        """As `files.read`. Raises Left besides."""
        self.reads += 1
        text = self._read(path, size)
        if self.is_left:
            raise Left
        return text

    def skips(self, whose: Hashable) -> bool:
        """Whether these files hang; where they do not, the pass is at them from now on. Raises Left."""
        if self.is_left:
            raise Left
        if whose in self._hung:
            return True
        self.at = whose
        self.reads += 1
        return False
