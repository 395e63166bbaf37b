"""What hosts really use, in one vocabulary for all cloud kinds, as the management layer measured it last."""

import msgspec


class HostUsage(msgspec.Struct, frozen=True, gc=False):
    """What is in use on one host, for VMs or not; None for what the source does not measure.

    Attributes:
        cpus: CPUs that are busy, 1.5 of them for example.
        memory, disk: Bytes in use; memory without what caches can give back.
        measured: When, in Unix seconds of the host's clock.
    """

    host: str
    cpus: float | None
    memory: int | None
    disk: int | None
    measured: float


class HostUsages(msgspec.Struct, frozen=True):
    """The hosts that were measured lately. Attributes: old: Number of hosts whose last values are too old."""

    hosts: tuple[HostUsage, ...]
    old: int
    malformed: int = 0
