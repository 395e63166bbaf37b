"""Scans all processes for those of VMs. Source: /proc/PID/{comm,cmdline,stat}.

A /proc mounted with hidepid hides other users' processes; the exporter then needs the group that `gid=`
names.
"""

from collections.abc import Container
from typing import Final

import msgspec

from stratoscope.hypervisor.kernel.files import LONG, Read, listed
from stratoscope.hypervisor.kernel.passes import Pass
from stratoscope.hypervisor.kernel.stat import read_stat

_QEMU: Final = (b"qemu", b"kvm")
_LXC: Final = b"libvirt_lxc"


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A QEMU process, or the controller of a container."""

    pid: int
    start_ticks: int
    is_container: bool


class Scan(msgspec.Struct, frozen=True):
    """The result of a scan: QEMU by UUID in lower case, containers by name.

    Attributes:
        is_partial: Some processes are hidden.
        is_held_up: Some were left out because one of their files hangs.
    """

    machines: dict[str, Candidate]
    containers: dict[str, Candidate]
    is_partial: bool
    is_held_up: bool = False


def scan(procfs: str, this: Pass, known: Container[int] = ()) -> Scan:
    """Scan /proc once. Processes that end meanwhile, or whose files are malformed, are left out.

    Args:
        procfs: Mount point of /proc.
        this: The pass that it belongs to.
        known: Processes whose VM is known already.

    Raises:
        ValueError: `procfs` is no directory.
    """
    machines: dict[str, Candidate] = {}
    containers: dict[str, Candidate] = {}
    pids, is_partial = _pids(procfs)
    is_held_up = False
    for pid in pids:
        if pid in known:
            continue
        if this.skips(pid):
            is_held_up = True
            continue
        try:
            named = _read_name(f"{procfs}/{pid}", this)
            stat = read_stat(procfs, pid, this) if named else None
        except PermissionError:
            is_partial = True
            continue
        except ValueError:  # its VM counts as not found
            continue
        if named is None or stat is None:
            continue
        name, is_container = named
        candidate = Candidate(pid, stat.start_ticks, is_container)
        if is_container:  # the first: its children begin as copies of the controller
            containers[name] = min(containers.get(name, candidate), candidate, key=_age)
        else:  # the last: the one before may still be ending
            machines[name] = max(machines.get(name, candidate), candidate, key=_age)
    return Scan(machines, containers, is_partial, is_held_up)


def _age(candidate: Candidate) -> tuple[int, int]:
    return candidate.start_ticks, candidate.pid


def _pids(procfs: str) -> tuple[list[int], bool]:
    """All visible processes, and whether some are hidden: hidepid=2 hides even process 1."""
    try:
        pids = [int(name) for name in listed(procfs) if name.isdecimal()]
    except PermissionError:
        return [], True
    return pids, bool(pids) and 1 not in pids


def _read_name(directory: str, reader: Read) -> tuple[str, bool] | None:
    """UUID of a QEMU process or name of a container, and which of both; None for any other process."""
    command = reader(f"{directory}/comm") or b""
    is_container = command.startswith(_LXC)
    if not is_container and not command.startswith(_QEMU):
        return None
    arguments = (reader(f"{directory}/cmdline", LONG) or b"").split(b"\0")
    name = _after(b"--name" if is_container else b"-uuid", arguments)
    if name is None:
        return None
    text = name.decode(errors="surrogateescape")
    return (text, True) if is_container else (text.lower(), False)


def _after(flag: bytes, arguments: list[bytes]) -> bytes | None:
    place = arguments.index(flag) + 1 if flag in arguments else len(arguments)
    return arguments[place] if place < len(arguments) else None
