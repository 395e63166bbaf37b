"""The hypervisor exporter: reads libvirt, cgroups, /proc and /sys of one host. Never reads inside a VM."""

import socket
from typing import Final

from stratoscope.core.program import Program

PROGRAM: Final = Program(
    name="hypervisor",
    port=10971,
    summary="VMs and their host as libvirt, cgroups and /proc see them, from outside the VM.",
    flags={
        "path.procfs": ("/proc", "mount point of the host's /proc"),
        "path.sysfs": ("/sys", "mount point of the host's /sys"),
        "path.cgroup": ("/sys/fs/cgroup", "mount point of the host's cgroup file system"),
        "host.name": (socket.gethostname(), "name of this host, as the management layer spells it"),
    },
)
