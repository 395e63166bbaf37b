"""Reads what the kernel says of the VMs of one host, in a thread of its own, one reading at a time."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from stratoscope.core.collector import time_left_s
from stratoscope.core.errors import CollectError, LeftOut
from stratoscope.core.flights import Flights
from stratoscope.core.threads import BlockingCalls
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.processes import NotFound, Processes
from stratoscope.hypervisor.kernel.qdisc import Queues, read_queues
from stratoscope.hypervisor.kernel.taps import Tap, read_tap
from stratoscope.hypervisor.kernel.vm import VMKernel, read_vm

_SHARE: Final = 0.3
"""The share of the time left that reading may take; a file of a process in trouble can hang."""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What was read.

    Attributes:
        vms: By domain UUID; those whose process was found and readable.
        taps: By interface name; None for one that does not exist.
        changed: Interfaces whose promiscuous flag is not what it was when they were first seen.
        queues: By interface name; empty where the kernel does not tell.
        missing: Why a running VM's process was not found, by UUID.
        malformed: How many VMs and taps were left out because a file made no sense.
    """

    vms: Mapping[str, VMKernel] = {}
    taps: Mapping[str, Tap | None] = {}
    changed: frozenset[str] = frozenset()
    queues: Mapping[str, Queues] = {}
    missing: Mapping[str, NotFound] = {}
    malformed: int = 0


class KernelReader:
    """The kernel of the machine that the exporter runs on."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._processes = Processes(paths)
        self._was_promiscuous: dict[tuple[str, int | None], bool] = {}
        self._calls = BlockingCalls("kernel", 1)
        self._flights = Flights("the kernel's files")

    async def read(self, running: Mapping[str, tuple[str, int]], taps: Sequence[str]) -> Reading:
        """Read now; what cannot be read in time is left out, since other sources still tell of the VMs.

        Args:
            running: Domain name and id by UUID.
            taps: Interface names.
        """
        try:
            return await self._flights.share(
                "VMs", lambda: self._calls.start(self._read, running, taps), time_left_s() * _SHARE
            )
        except CollectError:
            return Reading()

    def close(self) -> None:
        self._calls.close()

    def _read(self, running: Mapping[str, tuple[str, int]], taps: Sequence[str]) -> Reading:
        malformed = 0
        vms: dict[str, VMKernel] = {}
        for uuid, process in self._processes.find(running).items():
            try:
                vm = read_vm(process, self._paths)
            except ValueError:
                malformed += 1
                continue
            if vm is not None:
                vms[uuid] = vm
        found: dict[str, Tap | None] = {}
        for name in taps:
            try:
                found[name] = read_tap(name, self._paths)
            except ValueError:
                malformed += 1
        queues = self._queues() if taps else {}
        return Reading(vms, found, self._changed(found), queues, self._processes.missing, malformed)

    def _changed(self, taps: Mapping[str, Tap | None]) -> frozenset[str]:
        """Compare with the first sight of each interface; its index tells it from a later one of that name."""
        now = {(name, tap.ifindex): tap.is_promiscuous for name, tap in taps.items() if tap is not None}
        self._was_promiscuous = {key: self._was_promiscuous.get(key, flag) for key, flag in now.items()}
        return frozenset(
            name for (name, index), flag in now.items() if self._was_promiscuous[name, index] != flag
        )

    def _queues(self) -> Mapping[str, Queues]:
        queues = read_queues()
        return {} if isinstance(queues, LeftOut) else queues
