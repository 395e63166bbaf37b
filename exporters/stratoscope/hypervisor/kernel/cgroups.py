"""The cgroup directories of one VM. Source: /proc/PID/cgroup and the directories it names.

libvirt makes one cgroup per VM, with one below it for each vCPU, I/O thread and the emulator. With systemd it
is `machine.slice/machine-qemu\\x2d1\\x2dNAME.scope/libvirt/{emulator,vcpu0}` (older libvirt: without
`libvirt/`), else `machine/qemu-1-NAME.libvirt-qemu/{emulator,vcpu0}`.

Any other cgroup (the daemon's service, the root) is not the VM's own; its values are not used.
"""

import os
import re
from pathlib import Path
from typing import Final

import msgspec

from stratoscope.hypervisor.kernel.files import Read, listed
from stratoscope.hypervisor.kernel.paths import Paths

_VM: Final = re.compile(
    r"(.*/(?:machine-(?:qemu|lxc)[^/]*\.scope|[^/]+\.libvirt-(?:qemu|lxc)))(/libvirt)?(?:/|$)"
)
_PART: Final = re.compile(r"emulator|vcpu\d+|iothread\d+")
_CONTROLLERS: Final = frozenset({"cpu", "cpuacct", "memory"})


class Cgroups(msgspec.Struct, frozen=True, gc=False):
    """The VM's own directories; None if it has none in that hierarchy.

    Attributes:
        unified: In the v2 hierarchy, alone or beside v1 (hybrid).
        cpu: v1, like the next two; for memory the directory of the process itself: v1 counts OOM kills only
            there.
        parts: The parent of the directories of vCPUs, emulator and I/O threads, in the CPU controller's
            hierarchy.
        limited: The VM's and its parts' directories that may have a CPU quota.
    """

    unified: str | None = None
    cpu: str | None = None
    cpuacct: str | None = None
    memory: str | None = None
    parts: str | None = None
    limited: tuple[str, ...] = ()


def read_cgroups(pid: int, paths: Paths, reader: Read) -> Cgroups:
    """The cgroup directories of the VM of this process; all None if it has no cgroup of its own, or has
    ended.

    Raises:
        PermissionError: No right to read /proc/PID/cgroup or a directory.
        ValueError: /proc/PID/cgroup is malformed.
    """
    path = f"{paths.procfs}/{pid}/cgroup"
    unified: tuple[str, str] | None = None
    v1: dict[str, tuple[str, str] | None] = {}
    for line in (reader(path) or b"").decode(errors="surrogateescape").splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, colon, group = rest.partition(":")
        if not colon or not hierarchy.isdecimal():
            raise ValueError(f"{path}: not a line of cgroups(7): {line[:80]!r}")
        names = controllers.split(",")
        if hierarchy == "0":
            unified = _own(_unified_mount(paths), group)
        elif not _CONTROLLERS.isdisjoint(names):
            v1.update(dict.fromkeys(names, _own_v1(paths, controllers, group)))
    memory, cpu = v1.get("memory"), _directory(v1.get("cpu"))
    limiting = cpu or _directory(unified)
    parts = _nested(limiting)
    return Cgroups(
        unified=_directory(unified),
        cpu=cpu,
        cpuacct=_directory(v1.get("cpuacct")),
        memory=memory and "".join(memory),
        parts=parts,
        limited=_limited(limiting, parts) if limiting and parts else (),
    )


def _own(mount: str, group: str) -> tuple[str, str] | None:
    """The VM's directory and `/libvirt` or "", from a line's path; None if it is no VM's or does not exist.

    A reader in a cgroup namespace of its own sees `/../..` before paths outside of it.
    """
    while group.startswith("/../"):
        group = group[3:]
    match = _VM.match(group)
    if match is None:
        return None
    directory = mount + match[1]
    return (directory, match[2] or "") if Path(directory).is_dir() else None


def _own_v1(paths: Paths, controllers: str, group: str) -> tuple[str, str] | None:
    """As `_own`; controllers mounted together (`cpu,cpuacct`) have a joint name or single ones."""
    for name in (controllers, *controllers.split(",")):
        if own := _own(f"{paths.cgroup}/{name}", group):
            return own
    return None


def _unified_mount(paths: Paths) -> str:
    is_only = Path(paths.cgroup, "cgroup.controllers").exists()
    return paths.cgroup if is_only else f"{paths.cgroup}/unified"


def _directory(own: tuple[str, str] | None) -> str | None:
    return own and own[0]


def _nested(directory: str | None) -> str | None:
    """The child that libvirt makes under systemd, which owns the scope itself; else the directory."""
    nested = f"{directory}/libvirt"
    return nested if directory and Path(nested).is_dir() else directory


def _limited(directory: str, parts: str) -> tuple[str, ...]:
    names = sorted(name for name in listed(parts) if _PART.fullmatch(name))
    # dict: the VM's directory and that of its parts are the same without systemd
    return (*dict.fromkeys((directory, parts)), *(f"{parts}/{name}" for name in names))


def count_parts(cgroups: Cgroups) -> int:
    """A number that changes when a vCPU or I/O thread is plugged in or out; 0 where there is no cgroup.

    It is the link count: cgroup file systems count child directories there, and it costs no listing.
    """
    if cgroups.parts is None:
        return 0
    try:
        return os.stat(cgroups.parts).st_nlink  # noqa: PTH116 - once per VM and scrape
    except OSError:  # it has ended, which its reader notices
        return 0
