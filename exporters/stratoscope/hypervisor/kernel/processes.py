"""The host process of each VM and what belongs to it. Source: `scan`, /proc/PID/{stat,cgroup,task}."""

import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from stratoscope.hypervisor.kernel import files
from stratoscope.hypervisor.kernel.cgroups import Cgroups, count_parts, read_cgroups
from stratoscope.hypervisor.kernel.files import Read
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.scan import Candidate, scan
from stratoscope.hypervisor.kernel.stat import read_stat
from stratoscope.hypervisor.kernel.vcpus import find_vcpus

_FIRST_WAIT_S: Final = 5.0
_LONGEST_WAIT_S: Final = 300.0
_PARTS_MAX_AGE_S: Final = 300.0


class NotFound(StrEnum):
    """Why a VM has no process here."""

    ABSENT = "absent"
    UNAUTHORIZED = "unauthorized"  # hidepid, or no right to read what belongs to it
    MALFORMED = "malformed"  # a file of it makes no sense


class Process(msgspec.Struct, frozen=True, gc=False):
    """The QEMU process of a VM, or the controller of a container.

    Attributes:
        start_ticks: Clock ticks after boot: tells it from a later process with the same pid.
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
    """A VM that was not found does not cause another pass before `until`."""

    until: float
    length_s: float
    reason: NotFound


class Processes:
    """Remembers the process of each VM; goes through /proc only when a VM shows up that it does not know.

    For one thread at a time.
    """

    def __init__(
        self, paths: Paths, *, reader: Read = files.read, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._paths, self._read, self._clock = paths, reader, clock
        self._known: dict[str, _Known] = {}
        self._waits: dict[tuple[str, int], _Wait] = {}
        self.missing: Mapping[str, NotFound] = {}
        """Why, for each VM that the last `find` did not find; a new mapping each time."""

    def find(self, wanted: Mapping[str, tuple[str, int]]) -> Mapping[str, Process]:
        """The processes of running VMs; those that it does not find are in `missing`, with the reason.

        Args:
            wanted: Domain name and domain id by domain UUID; a new id stands for a new process.

        Raises:
            ValueError: The path of procfs is no directory.
        """
        now = self._clock()
        self._forget_all_but(wanted)
        found: dict[str, Process] = {}
        unknown: dict[tuple[str, int], str] = {}
        for uuid, (name, domain_id) in wanted.items():
            if process := self._remembered(uuid, domain_id, now):
                found[uuid] = process
            else:
                unknown[uuid, domain_id] = name
        if any(key not in self._waits or now >= self._waits[key].until for key in unknown):
            found.update(self._looked_for(unknown, now))
        self.missing = {uuid: self._waits[uuid, id_].reason for uuid, id_ in unknown if uuid not in found}
        return found

    def _forget_all_but(self, wanted: Mapping[str, tuple[str, int]]) -> None:
        for uuid in self._known.keys() - wanted.keys():
            del self._known[uuid]
        for key in self._waits.keys() - {(uuid, domain_id) for uuid, (_, domain_id) in wanted.items()}:
            del self._waits[key]

    def _remembered(self, uuid: str, domain_id: int, now: float) -> Process | None:
        known = self._known.pop(uuid, None)
        if known is None or known.domain_id != domain_id or not self._is_alive(known.process):
            return None
        process = known.process
        if self._has_changed(known, now):
            outcome = self._read_process(Candidate(process.pid, process.start_ticks, process.is_container))
            if isinstance(outcome, NotFound):  # the pass that follows says why
                return None
            known = _Known(domain_id, outcome, count_parts(outcome.cgroups), now)
        self._known[uuid] = known
        return known.process

    def _has_changed(self, known: _Known, now: float) -> bool:
        """A vCPU was plugged; where no cgroup tells: from time to time, and while QEMU starts."""
        process = known.process
        is_starting = not process.vcpus and not process.is_container
        is_old = now - known.read_at >= _PARTS_MAX_AGE_S
        return is_starting or is_old or count_parts(process.cgroups) != known.parts

    def _is_alive(self, process: Process) -> bool:
        try:
            stat = read_stat(self._paths.procfs, process.pid, self._read)
        except (PermissionError, ValueError):  # the pass that follows says why
            return False
        return stat is not None and stat.start_ticks == process.start_ticks

    def _looked_for(self, unknown: Mapping[tuple[str, int], str], now: float) -> dict[str, Process]:
        """One pass over /proc for all of them together."""
        seen = scan(self._paths.procfs, self._read)
        found = {}
        for key, name in unknown.items():
            uuid, domain_id = key
            candidate = seen.machines.get(uuid.lower()) or seen.containers.get(name)
            if candidate is None:
                outcome: Process | NotFound = NotFound.UNAUTHORIZED if seen.is_partial else NotFound.ABSENT
            else:
                outcome = self._read_process(candidate)
            if isinstance(outcome, Process):
                found[uuid] = outcome
                self._known[uuid] = _Known(domain_id, outcome, count_parts(outcome.cgroups), now)
                self._waits.pop(key, None)
            else:
                self._put_off(key, outcome, now)
        return found

    def _put_off(self, key: tuple[str, int], reason: NotFound, now: float) -> None:
        """Wait twice as long as the last time, once that is over; a pass for another VM does not count."""
        wait = self._waits.get(key)
        if wait is None:
            wait = _Wait(now + _FIRST_WAIT_S, _FIRST_WAIT_S, reason)
        elif now >= wait.until:
            length_s = min(2 * wait.length_s, _LONGEST_WAIT_S)
            wait = _Wait(now + length_s, length_s, reason)
        self._waits[key] = wait

    def _read_process(self, candidate: Candidate) -> Process | NotFound:
        pid, is_container = candidate.pid, candidate.is_container
        try:
            cgroups = read_cgroups(pid, self._paths, self._read)
            vcpus = {} if is_container else find_vcpus(pid, cgroups, self._paths, self._read)
        except PermissionError:
            return NotFound.UNAUTHORIZED
        except ValueError:
            return NotFound.MALFORMED
        return Process(pid, candidate.start_ticks, cgroups, vcpus, is_container)
