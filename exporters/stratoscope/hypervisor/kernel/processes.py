"""The host process of each VM, its cgroups and vCPU threads. Source: `scan`, /proc/PID/{stat,cgroup,task}."""

import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from stratoscope.hypervisor.kernel import files
from stratoscope.hypervisor.kernel.cgroups import Cgroups, count_parts, read_cgroups
from stratoscope.hypervisor.kernel.files import Read
from stratoscope.hypervisor.kernel.passes import Pass
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.scan import Candidate, Scan, scan
from stratoscope.hypervisor.kernel.stat import read_stat
from stratoscope.hypervisor.kernel.vcpus import find_vcpus

_FIRST_WAIT_S: Final = 5.0
_LONGEST_WAIT_S: Final = 300.0
_PARTS_MAX_AGE_S: Final = 300.0


class NotFound(StrEnum):
    """Why a VM has no process here."""

    ABSENT = "absent"
    UNAUTHORIZED = "unauthorized"  # hidepid, or no right to read what belongs to it
    MALFORMED = "malformed"  # one of its files is malformed
    TIMEOUT = "timeout"  # one of its files hangs
    UNAVAILABLE = "unavailable"  # the exporter lacks a resource


class Process(msgspec.Struct, frozen=True, gc=False):
    """The QEMU process of a VM, or the controller of a container.

    Attributes:
        start_ticks: Clock ticks after boot: distinguishes it from a later process with the same pid.
        vcpus: Thread ids by vCPU number; a container has none.
    """

    pid: int
    start_ticks: int
    cgroups: Cgroups
    vcpus: Mapping[int, int]
    is_container: bool = False


class _Known(msgspec.Struct, frozen=True):
    domain_id: int
    process: Process
    parts: int
    read_at: float


class _Wait(msgspec.Struct, frozen=True):
    """A VM that was not found causes no further pass before `until`."""

    until: float
    length_s: float
    reason: NotFound


class Processes:
    """Remembers the process of each VM; scans /proc only for VMs that it does not know.

    For one thread at a time; a pass that may be abandoned works on a copy.

    Attributes:
        ended: Domain id by UUID of VMs whose process was known, and has ended.
    """

    def __init__(
        self, paths: Paths, *, reader: Read = files.read, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._paths, self._read, self._clock = paths, reader, clock
        self._known: dict[str, _Known] = {}
        self._waits: dict[tuple[str, int], _Wait] = {}
        self.ended: dict[str, int] = {}
        self.missing: Mapping[str, NotFound] = {}
        """The reason for each VM that the last `find` did not find; a new mapping each time."""

    def copied(self) -> "Processes":
        copy = Processes(self._paths, reader=self._read, clock=self._clock)
        copy._known, copy._waits = dict(self._known), dict(self._waits)
        copy.ended, copy.missing = dict(self.ended), self.missing
        return copy

    def find(self, wanted: Mapping[str, tuple[str, int]], this: Pass | None = None) -> Mapping[str, Process]:
        """The processes of running VMs; `missing` has the reasons for those that are not found.

        Args:
            wanted: Domain name and domain id by domain UUID; a new id stands for a new process.
            this: The pass that it belongs to.

        Raises:
            ValueError: The path of procfs is no directory.
        """
        this = this or Pass(self._read)
        now = self._clock()
        self._forget_all_but(wanted)
        found, hanging = self._remembered({uuid: id_ for uuid, (_, id_) in wanted.items()}, this, now)
        unknown = {
            (uuid, domain_id): name
            for uuid, (name, domain_id) in wanted.items()
            if uuid not in found and uuid not in hanging
        }
        if any(key not in self._waits or now >= self._waits[key].until for key in unknown):
            found.update(self._looked_for(unknown, this, now))
        self.missing = dict.fromkeys(hanging, NotFound.TIMEOUT) | {
            uuid: self._waits[uuid, id_].reason for uuid, id_ in unknown if uuid not in found
        }
        return found

    def again(self, wanted: Mapping[str, int], this: Pass) -> Mapping[str, Process]:
        """The processes of VMs that were found before and still run; /proc is not scanned.

        Args:
            wanted: Domain id by UUID.
            this: The pass that it belongs to.
        """
        found, hanging = self._remembered(wanted, this, self._clock())
        self.missing = dict.fromkeys(hanging, NotFound.TIMEOUT)
        return found

    def _forget_all_but(self, wanted: Mapping[str, tuple[str, int]]) -> None:
        for uuid in self._known.keys() - wanted.keys():
            del self._known[uuid]
        keys = {(uuid, domain_id) for uuid, (_, domain_id) in wanted.items()}
        for key in self._waits.keys() - keys:
            del self._waits[key]
        self.ended = {uuid: id_ for uuid, id_ in self.ended.items() if (uuid, id_) in keys}

    def _remembered(
        self, wanted: Mapping[str, int], this: Pass, now: float
    ) -> tuple[dict[str, Process], list[str]]:
        """The known processes that still run; and those whose files hang, of which this is unknown."""
        found, hanging = {}, []
        for uuid, domain_id in wanted.items():
            if this.skips(uuid):
                hanging.append(uuid)
            elif process := self._known_still(uuid, domain_id, this, now):
                found[uuid] = process
        return found, hanging

    def _known_still(self, uuid: str, domain_id: int, this: Pass, now: float) -> Process | None:
        known = self._known.pop(uuid, None)
        if known is None or known.domain_id != domain_id or not self._is_alive(uuid, known, this):
            return None
        process = known.process
        if self._has_changed(known, now):
            candidate = Candidate(process.pid, process.start_ticks, process.is_container)
            outcome = self._read_process(candidate, this)
            if isinstance(outcome, NotFound):  # the pass that follows says why
                return None
            known = _Known(domain_id, outcome, count_parts(outcome.cgroups), now)
        self._known[uuid] = known
        return known.process

    def _has_changed(self, known: _Known, now: float) -> bool:
        """Whether to read it again: QEMU is starting, the data are old, or a vCPU was plugged in or out."""
        process = known.process
        is_starting = not process.vcpus and not process.is_container
        is_old = now - known.read_at >= _PARTS_MAX_AGE_S
        return is_starting or is_old or count_parts(process.cgroups) != known.parts

    def _is_alive(self, uuid: str, known: _Known, this: Pass) -> bool:
        try:
            is_alive = is_running(known.process, self._paths, this)
        except (PermissionError, ValueError):  # the pass that follows says why
            return False
        if not is_alive:
            self.ended[uuid] = known.domain_id
        return is_alive

    def _looked_for(
        self, unknown: Mapping[tuple[str, int], str], this: Pass, now: float
    ) -> dict[str, Process]:
        """One scan of /proc for all of them."""
        seen = scan(self._paths.procfs, this, {known.process.pid for known in self._known.values()})
        found = {}
        for key, name in unknown.items():
            uuid, domain_id = key
            candidate = seen.machines.get(uuid.lower()) or seen.containers.get(name)
            if candidate is None:
                outcome: Process | NotFound = _why_not(seen)
            elif this.skips(uuid):
                outcome = NotFound.TIMEOUT
            else:
                outcome = self._read_process(candidate, this)
            if isinstance(outcome, Process):
                found[uuid] = outcome
                self._known[uuid] = _Known(domain_id, outcome, count_parts(outcome.cgroups), now)
                self._waits.pop(key, None)
                self.ended.pop(uuid, None)
            else:
                self._put_off(key, outcome, now)
        return found

    def _put_off(self, key: tuple[str, int], reason: NotFound, now: float) -> None:
        """Double the wait when the last one is over; a scan for another VM does not count.

        A hung file may return at any time: it is tried again soon.
        """
        wait = self._waits.get(key)
        if wait is None or reason is NotFound.TIMEOUT:
            wait = _Wait(now + _FIRST_WAIT_S, _FIRST_WAIT_S, reason)
        elif now >= wait.until:
            length_s = min(2 * wait.length_s, _LONGEST_WAIT_S)
            wait = _Wait(now + length_s, length_s, reason)
        self._waits[key] = wait

    def _read_process(self, candidate: Candidate, this: Pass) -> Process | NotFound:
        pid, is_container = candidate.pid, candidate.is_container
        try:
            cgroups = read_cgroups(pid, self._paths, this)
            vcpus = {} if is_container else find_vcpus(pid, cgroups, self._paths, this)
        except PermissionError:
            return NotFound.UNAUTHORIZED
        except ValueError:
            return NotFound.MALFORMED
        return Process(pid, candidate.start_ticks, cgroups, vcpus, is_container)


def is_running(process: Process, paths: Paths, reader: Read) -> bool:
    """Whether it still exists, even as a zombie; another process may have its pid by now.

    Raises:
        PermissionError: /proc is mounted with hidepid.
        ValueError: The file is malformed.
    """
    stat = read_stat(paths.procfs, process.pid, reader)
    return stat is not None and stat.start_ticks == process.start_ticks


def _why_not(seen: Scan) -> NotFound:
    if seen.is_partial:
        return NotFound.UNAUTHORIZED
    return NotFound.TIMEOUT if seen.is_held_up else NotFound.ABSENT
