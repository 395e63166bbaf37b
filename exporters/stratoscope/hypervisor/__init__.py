"""Per host: what libvirt, cgroups, /proc and /sys say of its VMs. Never looks inside a VM."""

from typing import Final

from stratoscope.core.program import Program

PROGRAM: Final = Program(
    name="hypervisor",
    port=10971,
    summary="VMs and their host as libvirt, cgroups and /proc see them, from outside the VM.",
    flags={
        "path.procfs": ("/proc", "where the host's /proc is mounted"),
        "path.sysfs": ("/sys", "where the host's /sys is mounted"),
        "path.cgroup": ("/sys/fs/cgroup", "where the host's cgroups are mounted"),
    },
)
