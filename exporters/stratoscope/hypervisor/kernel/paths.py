"""Mount points of the host's file systems, which differ in a container."""

import msgspec


class Paths(msgspec.Struct, frozen=True, gc=False):
    """The mount points from `--path.procfs`, `--path.sysfs` and `--path.cgroup`, without a final slash."""

    procfs: str = "/proc"
    sysfs: str = "/sys"
    cgroup: str = "/sys/fs/cgroup"
