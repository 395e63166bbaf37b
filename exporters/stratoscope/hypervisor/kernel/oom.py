"""OOM kills, counted so that they outlive the VM: its cgroup disappears with its process.

Source: oom_kill of the VM's cgroup, and on cgroup v2 memory.events of its slice, which counts the kills of
all VMs and stays. v1 counts only in the VM's own cgroup.
"""

import os
from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec

from stratoscope.hypervisor.kernel.files import Read
from stratoscope.hypervisor.kernel.memory import read_oom_kills
from stratoscope.hypervisor.kernel.passes import Pass
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.processes import Process, is_running
from stratoscope.hypervisor.kernel.vm import VMKernel

_MOST_KEPT: Final = 10_000
"""Limit on VMs that have ended whose counts are stored; beyond it the oldest is dropped."""


class Kills(msgspec.Struct, frozen=True, gc=False):
    """By VM's UUID, including VMs that have ended; and by slice, named by its path below the mount."""

    by_vm: Mapping[str, int] = {}
    by_slice: Mapping[str, int] = {}


class _Seen(msgspec.Struct, frozen=True, gc=False):
    """A VM in the last reading; `slice_` is empty if no slice counts its kills."""

    process: Process
    kills: int
    slice_: str


class OOM:
    """Compares each reading with the one before."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._slices: dict[str, int] = {}
        self._kept: dict[str, int] = {}

    def copied(self) -> "OOM":
        copy = OOM()
        copy._seen, copy._slices, copy._kept = self._seen, self._slices, dict(self._kept)
        return copy

    def count(
        self, vms: Mapping[str, VMKernel], processes: Mapping[str, Process], paths: Paths, this: Pass
    ) -> Kills:
        """The counts after these VMs were read.

        A kill that the slice counted and no running VM did is attributed to the VM that ended since the last
        reading, if exactly one has.
        """
        before, self._seen = self._seen, _seen(vms, processes)
        explained: Counter[str] = Counter()
        ended: dict[str, list[str]] = {}
        for uuid, was in before.items():
            now = self._seen.get(uuid)
            if now is not None:
                is_alive = now.process.start_ticks == was.process.start_ticks
            else:
                is_alive = this.skips(uuid) or _is_running(was.process, paths, this)
            if is_alive:
                self._seen.setdefault(uuid, was)  # it could not be read this time
                explained[was.slice_] -= was.kills
            else:
                self._keep(uuid, was.kills)
                ended.setdefault(was.slice_, []).append(uuid)
        for one in self._seen.values():
            explained[one.slice_] += one.kills
        self._name(explained, ended, this)
        mount = f"{paths.cgroup}/"
        by_slice = {path.removeprefix(mount): kills for path, kills in self._slices.items()}
        return Kills(self._by_vm(), by_slice)

    def _name(self, explained: Mapping[str, int], ended: Mapping[str, list[str]], reader: Read) -> None:
        slices, self._slices = self._slices, {}
        for path in {*slices, *(one.slice_ for one in self._seen.values() if one.slice_)}:
            kills = _kills(path, reader)
            if kills is None:
                continue
            self._slices[path] = kills
            unexplained = kills - slices.get(path, kills) - explained.get(path, 0)
            if path in slices and unexplained == 1 and len(ended.get(path, ())) == 1:
                self._keep(ended[path][0], 1)

    def _keep(self, uuid: str, kills: int) -> None:
        if not kills:
            return
        if uuid not in self._kept and len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[uuid] = self._kept.get(uuid, 0) + kills

    def _by_vm(self) -> dict[str, int]:
        living = {uuid: self._kept.get(uuid, 0) + one.kills for uuid, one in self._seen.items()}
        return self._kept | living


def _seen(vms: Mapping[str, VMKernel], processes: Mapping[str, Process]) -> dict[str, _Seen]:
    return {
        uuid: _Seen(processes[uuid], vm.memory.oom_kills, _slice(processes[uuid]))
        for uuid, vm in vms.items()
        if vm.memory is not None and vm.memory.oom_kills is not None
    }


def _slice(process: Process) -> str:
    """The directory of the slice, which counts its kills too; empty on v1."""
    cgroups = process.cgroups
    return os.path.dirname(cgroups.unified) if cgroups.unified and not cgroups.memory else ""  # noqa: PTH120 - paths are texts here


def _is_running(process: Process, paths: Paths, reader: Read) -> bool:
    try:
        return is_running(process, paths, reader)
    except (PermissionError, ValueError):
        return True  # unknown, so it may be running


def _kills(path: str, reader: Read) -> int | None:
    try:
        return read_oom_kills(f"{path}/memory.events", reader)
    except (PermissionError, ValueError):
        return None
