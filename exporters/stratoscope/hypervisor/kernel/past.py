"""What earlier readings saw of one VM's process, and what later ones need of it."""

from stratoscope.hypervisor.kernel.cpu import Throttled
from stratoscope.hypervisor.kernel.threads import Threads


class Past:
    """It lasts as long as the process.

    Attributes:
        has_cgroup: Whether its CPU time came from its cgroup: another source would make the counter jump.
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
