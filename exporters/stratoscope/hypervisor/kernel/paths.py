"""Where the host's file systems are mounted; in a container they stand elsewhere."""

import msgspec


class Paths(msgspec.Struct, frozen=True, gc=False):
    """The mount points, as `--path.procfs`, `--path.sysfs` and `--path.cgroup` give them; no final slash."""

    procfs: str = "/proc"
    sysfs: str = "/sys"
    cgroup: str = "/sys/fs/cgroup"
