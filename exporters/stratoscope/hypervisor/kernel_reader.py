"""Reads the kernel's data of all VMs of this host, in a thread of its own, one reading at a time.

A file that hangs makes only its VM missing: the thread is abandoned, and the other VMs are read again.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from stratoscope.core.deadline import time_left_s
from stratoscope.core.errors import LeftOut, is_shortage
from stratoscope.hypervisor.kernel.links import read_promiscuity
from stratoscope.hypervisor.kernel.oom import OOM, Kills
from stratoscope.hypervisor.kernel.passes import Pass
from stratoscope.hypervisor.kernel.past import Past
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.processes import NotFound, Process, Processes
from stratoscope.hypervisor.kernel.qdisc import Queues, read_queues
from stratoscope.hypervisor.kernel.tap_history import TapHistory, Told
from stratoscope.hypervisor.kernel.taps import Tap, read_tap
from stratoscope.hypervisor.kernel.vm import VMKernel, read_vm
from stratoscope.hypervisor.patience import Patience

log = logging.getLogger(__name__)

_SHARE: Final = 0.3
"""The share of the time left that reading may take, if monitors are read after it."""
_LAST_SHARE: Final = 0.8
"""The same, if nothing is read after it."""
_STOPPED: Final = frozenset("tT")
_DEAD: Final = frozenset("ZXx")
"""State letters of processes that are stopped (or traced), and of processes that have ended."""
WHY_UNREADABLE: Final = tuple(NotFound)
"""Every reason in `Reading.missing`."""


class Reading(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What was read.

    Attributes:
        vms: By domain UUID; VMs whose process was found and readable.
        taps: Interfaces by name, without those that this exporter never saw: a vhost-user interface is no
            device, and other network namespaces are hidden.
        queues: By interface name; empty if the kernel does not report them.
        missing: Why a running VM was not read, by UUID; see WHY_UNREADABLE.
        stuck_s: For how long every reading found the VM's process stopped, traced or frozen.
        dead_s: For how long every reading found that the process has ended.
        kills: Kills by the OOM killer.
        lacking: Subjects for which the kernel has no data of any VM, and why.
        malformed: How many VMs and taps were left out because a file was malformed.
    """

    vms: Mapping[str, VMKernel] = {}
    taps: Told = Told()
    queues: Mapping[str, Queues] = {}
    missing: Mapping[str, str] = {}
    stuck_s: Mapping[str, float] = {}
    dead_s: Mapping[str, float] = {}
    kills: Kills = Kills()
    lacking: Mapping[str, LeftOut] = {}
    malformed: int = 0


@dataclass(frozen=True, slots=True)
class _Memory:
    """What a reading knows from earlier ones. A reading that fails or is abandoned does not change it.

    Attributes:
        pasts: By UUID, each with the process that it belongs to.
        since: When a VM was first found stuck or dead, by ("stuck" or "dead", UUID).
    """

    processes: Processes
    oom: OOM
    taps: TapHistory
    pasts: Mapping[str, tuple[Process, Past]]
    since: Mapping[tuple[str, str], float]

    def copied(self) -> "_Memory":
        pasts = {uuid: (process, past.copied()) for uuid, (process, past) in self.pasts.items()}
        return _Memory(self.processes.copied(), self.oom.copied(), self.taps.copied(), pasts, self.since)


class KernelReader:
    """Reads the kernel of this machine, and remembers earlier readings."""

    def __init__(
        self,
        paths: Paths,
        *,
        queues: Callable[[], Mapping[str, Queues] | LeftOut] = read_queues,
        promiscuity: Callable[[], Mapping[str, int] | LeftOut] = read_promiscuity,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: queues, promiscuity: Read them of all interfaces from rtnetlink, independent of `paths`."""
        self._paths, self._monotonic = paths, monotonic
        self._by_netlink = {"queues": queues, "promiscuity": promiscuity}
        self._memory = _Memory(Processes(paths), OOM(), TapHistory(), {}, {})
        self._is_short = False
        self._patience = Patience()

    async def read(self, running: Mapping[str, tuple[str, int]], taps: Sequence[str]) -> Reading:
        """Read now; what cannot be read in time is left out, since other sources still show the VMs.

        Args:
            running: Domain name and id by UUID.
            taps: Interface names.
        """
        within_s = time_left_s() * _SHARE
        return await self._within(within_s, running, lambda this: self._read(this, running, taps))

    async def read_again(self, known: Mapping[str, int], taps: Sequence[str]) -> Reading:
        """Read the VMs that were found before and whose process still runs, while libvirt does not list VMs.

        Args:
            known: Domain id by UUID.
            taps: Interface names.
        """
        within_s = time_left_s() * _LAST_SHARE
        return await self._within(within_s, known, lambda this: self._read_again(this, known, taps))

    def close(self) -> None:
        self._patience.close()

    async def _within(
        self, within_s: float, wanted: Iterable[str], read: Callable[[Pass], tuple[Reading, _Memory]]
    ) -> Reading:
        try:
            found = await self._patience.within(within_s, read)
        except OSError as error:  # the exporter lacks a resource: file descriptors, memory
            level = logging.DEBUG if self._is_short else logging.ERROR
            log.log(level, "the kernel's files cannot be read error=%r", str(error))
            self._is_short = True
            return Reading(missing=dict.fromkeys(wanted, NotFound.UNAVAILABLE))
        if self._is_short:
            self._is_short = False
            log.info("the kernel's files are read again")
        if found is None:
            return Reading(missing=dict.fromkeys(wanted, NotFound.TIMEOUT))
        reading, self._memory = found
        return reading

    def _read(
        self, this: Pass, running: Mapping[str, tuple[str, int]], taps: Sequence[str]
    ) -> tuple[Reading, _Memory]:
        memory = self._memory.copied()
        return self._reading(this, memory, memory.processes.find(running, this), taps)

    def _read_again(
        self, this: Pass, known: Mapping[str, int], taps: Sequence[str]
    ) -> tuple[Reading, _Memory]:
        memory = self._memory.copied()
        return self._reading(this, memory, memory.processes.again(known, this), taps)

    def _reading(
        self, this: Pass, memory: _Memory, processes: Mapping[str, Process], taps: Sequence[str]
    ) -> tuple[Reading, _Memory]:
        pasts = _pasts(memory.pasts, processes)
        vms, missing = self._vms(this, processes, pasts)
        missing = dict(memory.processes.missing) | missing
        found, malformed = self._taps(this, taps)
        lacking = _lacking(vms.values())
        answers: dict[str, Mapping[str, Any]] = {}
        for name, ask in self._by_netlink.items():
            answer = _asked(ask) if taps and not this.skips(name) else {}
            if isinstance(answer, LeftOut):
                lacking[name] = answer
            malformed += answer is None
            answers[name] = answer if isinstance(answer, Mapping) else {}
        known = memory.taps.learn(taps, found, answers["promiscuity"])
        malformed += sum(reason is NotFound.MALFORMED for reason in missing.values())
        kills = memory.oom.count(vms, processes, self._paths, this)
        now = self._monotonic()
        since = _standing_still(memory.since, vms, memory.processes.ended, now)
        stuck_s, dead_s = _for_s("stuck", since, now), _for_s("dead", since, now)
        reading = Reading(
            vms=vms,
            taps=known,
            queues=answers["queues"],
            missing=missing,
            stuck_s=stuck_s,
            dead_s=dead_s,
            kills=kills,
            lacking=lacking,
            malformed=malformed,
        )
        return reading, replace(memory, pasts=pasts, since=since)

    def _vms(
        self, this: Pass, processes: Mapping[str, Process], pasts: Mapping[str, tuple[Process, Past]]
    ) -> tuple[dict[str, VMKernel], dict[str, str]]:
        """The VMs that were read, and why others were not; a process that ended meanwhile is in neither."""
        vms: dict[str, VMKernel] = {}
        missing: dict[str, str] = {}
        now = self._monotonic()
        for uuid, process in processes.items():
            if this.skips(uuid):
                missing[uuid] = NotFound.TIMEOUT
                continue
            try:
                vm = read_vm(process, self._paths, this, pasts[uuid][1], now)
            except ValueError as error:
                log.debug("VM left out uuid=%s error=%r", uuid, str(error))
                missing[uuid] = NotFound.MALFORMED
                continue
            if vm is not None:
                vms[uuid] = vm
        return vms, missing

    def _taps(self, this: Pass, names: Sequence[str]) -> tuple[dict[str, Tap | None], int]:
        """The interfaces, None for one that does not exist; and how many were malformed."""
        found: dict[str, Tap | None] = {}
        malformed = 0
        for name in names:
            if this.skips(("tap", name)):
                continue
            try:
                found[name] = read_tap(name, self._paths, this)
            except (PermissionError, ValueError) as error:
                log.debug("interface left out name=%s error=%r", name, str(error))
                malformed += 1
        return found, malformed


def _standing_still(
    before: Mapping[tuple[str, str], float], vms: Mapping[str, VMKernel], ended: Iterable[str], now: float
) -> dict[tuple[str, str], float]:
    """Since when each has been stuck, or dead; a VM with a thread that still waits is not dead yet."""
    stuck = [uuid for uuid, vm in vms.items() if vm.state in _STOPPED or vm.is_frozen]
    dead = [uuid for uuid, vm in vms.items() if vm.state in _DEAD and not vm.blocked_s]
    keys = [("stuck", uuid) for uuid in stuck] + [("dead", uuid) for uuid in (*dead, *ended)]
    return {key: before.get(key, now) for key in keys}


def _for_s(what: str, since: Mapping[tuple[str, str], float], now: float) -> dict[str, float]:
    return {uuid: now - at for (kind, uuid), at in since.items() if kind == what}


def _asked(ask: Callable[[], Mapping[str, Any] | LeftOut]) -> Mapping[str, Any] | LeftOut | None:
    """The answer; None if it is malformed, or not there in time."""
    try:
        return ask()
    except (OSError, ValueError) as error:
        if is_shortage(error):
            raise
        log.debug("rtnetlink not read error=%r", str(error))
        return None


def _pasts(
    before: Mapping[str, tuple[Process, Past]], processes: Mapping[str, Process]
) -> dict[str, tuple[Process, Past]]:
    """What is known of these processes; a new process begins without a past."""
    pasts = {}
    for uuid, process in processes.items():
        was = before.get(uuid)
        is_same = was is not None and was[0].start_ticks == process.start_ticks and was[0].pid == process.pid
        pasts[uuid] = was if was is not None and is_same else (process, Past())
    return pasts


_GIVEN: Final[Mapping[str, tuple[str, Callable[[VMKernel], bool]]]] = {
    "pressure": ("pressure", lambda vm: vm.pressure is not None),
    "oom": ("memory", lambda vm: vm.memory is not None and vm.memory.oom_kills is not None),
}
"""Subjects that every VM has if the kernel has them: name of the refused field, and a test."""


def _lacking(vms: Collection[VMKernel]) -> dict[str, LeftOut]:
    lacking = {}
    for subject, (field, is_given) in _GIVEN.items():
        if vms and not any(is_given(vm) for vm in vms):
            is_refused = any(field in vm.refused for vm in vms)
            lacking[subject] = LeftOut.UNAUTHORIZED if is_refused else LeftOut.ABSENT
    return lacking
