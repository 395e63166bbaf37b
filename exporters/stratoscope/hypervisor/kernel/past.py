"""What later readings need of earlier ones of the same VM's process."""

from stratoscope.hypervisor.kernel.cpu import Throttled
from stratoscope.hypervisor.kernel.threads import Threads


class Past:
    """The past of one process.

    Attributes:
        has_cgroup: Whether its CPU time comes from its cgroup: a change of source would make the counter
            jump.
    """

    def __init__(self) -> None:
        self.threads = Threads()
        self.throttled = Throttled()
        self.has_cgroup: bool | None = None

    def copied(self) -> "Past":
        copy = Past()
        copy.threads, copy.throttled = self.threads.copied(), self.throttled.copied()
        copy.has_cgroup = self.has_cgroup
        return copy
