"""All probes of one cloud: they run, pause, change with the configuration, and stop."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.core.errors import short_line
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.entries import Probe
from stratoscope.vmprobe.history import History
from stratoscope.vmprobe.ledger import Ledger
from stratoscope.vmprobe.log import log_sweep
from stratoscope.vmprobe.probe_endpoint import ProbeEndpoint
from stratoscope.vmprobe.probing import HISTORY, Probing, Shared
from stratoscope.vmprobe.record import Run
from stratoscope.vmprobe.sweep import Sweep
from stratoscope.vmprobe.tally import Skip, SkippedError
from stratoscope.vmprobe.view import ProbeView

SWEEP_EVERY_S: Final = 60.0
"""The first runs wait for the first sweep, but not longer."""
OPEN_AGAIN_S: Final = 10.0
"""So long after a failure the ledger is opened again."""
STOP_S: Final = 25.0
"""At a stop, runs in progress have so long to delete their VMs."""
_ABANDON_S: Final = 1.0


class Prober:
    """The probes of one cloud.

    Attributes:
        cloud: Its name.
        shared: What its probes share.
        sweep: Removes what is left of earlier runs.
        probings: The probes, by name.
        probe_endpoint: How `/probe` may run them.
    """

    def __init__(
        self, shared: Shared, ledger: Ledger, sweep: Sweep, lifecycle: Callable[[Any], Lifecycle]
    ) -> None:
        """Args: lifecycle: Makes one for a description of a VM."""
        self.cloud, self.shared, self.sweep = shared.cloud, shared, sweep
        self._ledger, self._lifecycle = ledger, lifecycle
        self.probings: dict[str, Probing] = {}
        self.probe_endpoint = ProbeEndpoint()
        self._ending: dict[str, Probing] = {}
        self._loops: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._remembered: dict[str, History] = {}

    def change(self, probes: Iterable[Probe]) -> None:
        """Have these probes: what did not change goes on, and a run in progress goes on to its end."""
        before, self.probings = self.probings, {}
        for probe in probes:
            probing = before.pop(probe.name, None) or self._ending.pop(probe.name, None)
            if probing is None:
                probing = Probing(probe, self._lifecycle(probe.vm), self.shared)
                if history := self._remembered.pop(probe.name, None):
                    probing.remember(history)
            elif not probing.probe.is_same(probe):
                probing.change(probe, self._lifecycle(probe.vm))
            self.probings[probe.name] = probing
            self._start(probing)
        for name, probing in before.items():
            self._end(name, probing)

    async def run(self) -> None:
        """Run until it is cancelled; then the runs in progress are aborted and cleaned up."""
        try:
            async with asyncio.TaskGroup() as group:
                is_swept = asyncio.Event()
                group.create_task(self._keep_sweeping(is_swept), name=f"sweep {self.cloud}")
                with suppress(TimeoutError):
                    async with asyncio.timeout(SWEEP_EVERY_S):
                        await is_swept.wait()
                self._group = group
                for probing in self.probings.values():
                    self._start(probing)
        finally:
            self._group, self._loops = None, {}
            await self._stop()

    def views(self) -> Sequence[ProbeView]:
        return [probing.view() for probing in self.probings.values()]

    def view(self, name: str) -> ProbeView:
        """Raises KeyError."""
        return self.probings[name].view()

    async def pause(self, name: str, until: float | None) -> None:
        """Let a probe pause until a moment (Unix time), or until it is resumed. A run in progress goes on.

        Raises:
            KeyError: There is no such probe.
            LedgerError: It cannot be recorded, and is not paused.
        """
        _ = self.probings[name]
        await self.shared.records.counted(self._ledger.pause(name, until))
        self.shared.pauses[name] = until

    async def resume(self, name: str) -> None:
        """End a pause by hand. Raises as `pause`."""
        _ = self.probings[name]
        await self.shared.records.counted(self._ledger.resume(name))
        self.shared.pauses.pop(name, None)

    def run_now(self, name: str) -> "asyncio.Future[Run]":
        """The run in progress, or a new one, also of a probe that is paused. Its end does not depend on who
        waits for it.

        Raises:
            KeyError: There is no such probe.
            SkippedError: (the future) No run can begin: a limit is reached, or the ledger cannot be used.
        """
        probing = self.probings[name]
        if self.shared.closed and probing.flight is None:
            refused: asyncio.Future[Run] = asyncio.get_running_loop().create_future()
            refused.set_exception(SkippedError(Skip.LEDGER, self.shared.closed))
            return refused
        return asyncio.shield(probing.run_now())

    # -- While it runs ---------------------------------------------------------------------------------------

    def _start(self, probing: Probing) -> None:
        """Let a probe beat, unless it does."""
        name = probing.probe.name
        if self._group is not None and name not in self._loops:
            self._loops[name] = self._group.create_task(probing.keep_running(), name=f"probe {name}")

    def _end(self, name: str, probing: Probing) -> None:
        if loop := self._loops.pop(name, None):
            loop.cancel()
        self._remembered[name] = probing.history
        if flight := probing.flight:
            self._ending[name] = probing
            flight.add_done_callback(lambda _: self._ending.pop(name, None))

    async def _keep_sweeping(self, is_swept: asyncio.Event) -> None:
        """Open the ledger, and then sweep every minute. Args: is_swept: Set after the first attempt."""
        while True:
            await self._open()
            await self._sweep()
            is_swept.set()
            await self.shared.clock.sleep(OPEN_AGAIN_S if self.shared.closed else SWEEP_EVERY_S)

    async def _open(self) -> None:
        """Open the ledger, unless it is open; without one no run begins."""
        if not self.shared.closed:
            return
        counted = self.shared.records.counted
        try:
            await counted(self._ledger.open())
            self._remembered = {**await counted(self._ledger.runs(HISTORY))}
            self.shared.pauses.update(await counted(self._ledger.pauses()))
        except LedgerError as error:
            self.shared.closed = short_line(str(error))
            return
        for name, probing in [*self.probings.items()]:
            await asyncio.sleep(0)  # the runs of 500 probes take 50 ms
            history = self._remembered.pop(name, None)  # not kept twice: a probe forgets its oldest runs
            if history and not probing.history:
                probing.remember(history)
        self.shared.closed = ""

    async def _sweep(self) -> None:
        """Remove what is left of earlier runs. Its failures are those of the cloud, and end nothing."""
        if self.shared.closed:
            return
        lifecycles = {one.lifecycle.credential: one.lifecycle for one in self.probings.values()}
        try:
            before = self.sweep.leaks.failures
            await self.sweep.once(lifecycles, self.shared.running)
            log_sweep(self.sweep.leaks.failures, before, self.cloud)
        except LedgerError as error:
            self.shared.records.failed(error)

    async def _stop(self) -> None:
        """Abort the runs in progress. They delete their VMs; the next start's sweep does the rest."""
        self.shared.closed = "the probes stop"
        probings = (*self.probings.values(), *self._ending.values())
        flights = {one.flight for one in probings if one.flight is not None}
        for within_s in (STOP_S, _ABANDON_S):
            if flights:
                for flight in flights:
                    flight.cancel()
                _, flights = await asyncio.wait(flights, timeout=within_s)
