"""Reads what the kernel says of the VMs of one host, in a thread of its own, one reading at a time."""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from stratoscope.core.collector import time_left_s
from stratoscope.core.errors import CollectError, LeftOut, Reason, is_shortage
from stratoscope.core.flights import Flights
from stratoscope.core.threads import BlockingCalls
from stratoscope.hypervisor.kernel.links import read_promiscuity
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.processes import NotFound, Processes
from stratoscope.hypervisor.kernel.qdisc import Queues, read_queues
from stratoscope.hypervisor.kernel.tap_history import TapHistory, Told
from stratoscope.hypervisor.kernel.taps import Tap, read_tap
from stratoscope.hypervisor.kernel.vm import VMKernel, read_vm

log = logging.getLogger(__name__)

_SHARE: Final = 0.3
"""The share of the time left that reading may take; a file of a process in trouble can hang."""
_STUCK: Final = frozenset("DtTZXx")
"""Letters of processes that do nothing until someone else does something."""
WHY_UNREADABLE: Final = (*NotFound, Reason.TIMEOUT, Reason.UNAVAILABLE)
"""Every reason in `Reading.missing`."""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What was read.

    Attributes:
        vms: By domain UUID; those whose process was found and readable.
        taps: Interfaces by name. One that this exporter never saw is not among them: a vhost-user interface
            is no device, and a network namespace hides others'.
        queues: By interface name; empty where the kernel does not tell.
        missing: Why a running VM was not read, by UUID; see WHY_UNREADABLE.
        stuck_s: For how long every reading found the VM's process in a state in which it does nothing.
        lacking: Subjects of which the kernel tells nothing of any VM, and why.
        malformed: How many VMs and taps were left out because a file made no sense.
    """

    vms: Mapping[str, VMKernel] = {}
    taps: Told = Told()
    queues: Mapping[str, Queues] = {}
    missing: Mapping[str, str] = {}
    stuck_s: Mapping[str, float] = {}
    lacking: Mapping[str, LeftOut] = {}
    malformed: int = 0


class KernelReader:
    """The kernel of the machine that the exporter runs on, and what was seen there before."""

    def __init__(
        self,
        paths: Paths,
        *,
        queues: Callable[[], Mapping[str, Queues] | LeftOut] = read_queues,
        promiscuity: Callable[[], Mapping[str, int] | LeftOut] = read_promiscuity,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: queues, promiscuity: How rtnetlink tells them of all interfaces; they look at no path."""
        self._paths, self._monotonic = paths, monotonic
        self._by_netlink = {"queues": queues, "promiscuity": promiscuity}
        self._processes = Processes(paths)
        self._history = TapHistory()
        self._stuck_since: dict[str, float] = {}
        self._is_short = False
        self._calls = BlockingCalls("kernel", 1)
        self._flights = Flights("the kernel's files")

    async def read(self, running: Mapping[str, tuple[str, int]], taps: Sequence[str]) -> Reading:
        """Read now; what cannot be read in time is left out, since other sources still tell of the VMs.

        Args:
            running: Domain name and id by UUID.
            taps: Interface names.
        """
        try:
            reading = await self._flights.share(
                "VMs", lambda: self._calls.start(self._read, running, taps), time_left_s() * _SHARE
            )
        except CollectError as error:
            log.debug("kernel not read error=%r", str(error))
            return Reading(missing=dict.fromkeys(running, Reason.TIMEOUT))
        except OSError as error:  # the exporter is short of something: file descriptors, memory
            level = logging.DEBUG if self._is_short else logging.ERROR
            log.log(level, "the kernel's files cannot be read error=%r", str(error))
            self._is_short = True
            return Reading(missing=dict.fromkeys(running, Reason.UNAVAILABLE))
        if self._is_short:
            self._is_short = False
            log.info("the kernel's files are read again")
        return reading

    def close(self) -> None:
        self._calls.close()

    def _read(self, running: Mapping[str, tuple[str, int]], taps: Sequence[str]) -> Reading:
        vms, missing = self._vms(running)
        found, malformed = self._taps(taps)
        lacking = _lacking(vms.values())
        told: dict[str, Mapping[str, Any]] = {}
        for name, ask in self._by_netlink.items():
            answer = _asked(ask) if taps else {}
            if isinstance(answer, LeftOut):
                lacking[name] = answer
            malformed += answer is None
            told[name] = answer if isinstance(answer, Mapping) else {}
        known = self._history.learn(taps, found, told["promiscuity"])
        malformed += sum(reason is NotFound.MALFORMED for reason in missing.values())
        stuck_s = self._stuck(vms)
        return Reading(vms, known, told["queues"], missing, stuck_s, lacking, malformed)

    def _vms(self, running: Mapping[str, tuple[str, int]]) -> tuple[dict[str, VMKernel], dict[str, str]]:
        """VMs as read, and why the others were not; a process that ended meanwhile is neither."""
        vms: dict[str, VMKernel] = {}
        processes = self._processes.find(running)
        missing: dict[str, str] = dict(self._processes.missing)
        for uuid, process in processes.items():
            try:
                vm = read_vm(process, self._paths)
            except ValueError as error:
                log.debug("VM left out uuid=%s error=%r", uuid, str(error))
                missing[uuid] = NotFound.MALFORMED
                continue
            if vm is not None:
                vms[uuid] = vm
        return vms, missing

    def _taps(self, names: Sequence[str]) -> tuple[dict[str, Tap | None], int]:
        """Interfaces as they are, None where there is none; and how many made no sense."""
        found: dict[str, Tap | None] = {}
        malformed = 0
        for name in names:
            try:
                found[name] = read_tap(name, self._paths)
            except (PermissionError, ValueError) as error:
                log.debug("interface left out name=%s error=%r", name, str(error))
                malformed += 1
        return found, malformed

    def _stuck(self, vms: Mapping[str, VMKernel]) -> dict[str, float]:
        now = self._monotonic()
        stuck = [uuid for uuid, vm in vms.items() if vm.state in _STUCK]
        self._stuck_since = {uuid: self._stuck_since.get(uuid, now) for uuid in stuck}
        return {uuid: now - since for uuid, since in self._stuck_since.items()}


def _asked(ask: Callable[[], Mapping[str, Any] | LeftOut]) -> Mapping[str, Any] | LeftOut | None:
    """None for an answer that makes no sense, or none in time."""
    try:
        return ask()
    except (OSError, ValueError) as error:
        if is_shortage(error):
            raise
        log.debug("rtnetlink not read error=%r", str(error))
        return None


_GIVEN: Final[Mapping[str, tuple[str, Callable[[VMKernel], bool]]]] = {
    "pressure": ("pressure", lambda vm: vm.pressure is not None),
    "oom": ("memory", lambda vm: vm.memory is not None and vm.memory.oom_kills is not None),
}
"""Subjects that every VM has where the kernel has them: the field that is refused, and a test."""


def _lacking(vms: Collection[VMKernel]) -> dict[str, LeftOut]:
    lacking = {}
    for subject, (field, is_given) in _GIVEN.items():
        if vms and not any(is_given(vm) for vm in vms):
            is_refused = any(field in vm.refused for vm in vms)
            lacking[subject] = LeftOut.UNAUTHORIZED if is_refused else LeftOut.ABSENT
    return lacking
