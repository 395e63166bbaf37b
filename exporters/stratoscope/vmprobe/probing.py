"""One probe at work: its beats, its run in progress, its history."""

import asyncio
import secrets
from collections import deque
from collections.abc import MutableSet, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.client.limiter import Budget
from stratoscope.clouds.client.sent import Sent, recorded
from stratoscope.core.singleflight import consume_exception
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.entries import Probe
from stratoscope.vmprobe.history import History
from stratoscope.vmprobe.hosts import Hosts, following
from stratoscope.vmprobe.limits import CeilingError, Ceilings
from stratoscope.vmprobe.log import log_end
from stratoscope.vmprobe.order import Order
from stratoscope.vmprobe.pace import Pace
from stratoscope.vmprobe.pause_url import Pause, PauseUrl, pause
from stratoscope.vmprobe.record import Outcome, Run
from stratoscope.vmprobe.records import Records
from stratoscope.vmprobe.run import run
from stratoscope.vmprobe.tally import BOUNDS, Skip, SkippedError, Tally
from stratoscope.vmprobe.verdict import last_verdict
from stratoscope.vmprobe.view import ProbeView, State

HISTORY: Final = 50
"""Runs of each probe in memory; the ledger has more."""
MOST_SENT: Final = 100
"""Requests of a run in memory, the last ones."""
EXPECTED_S: Final = 60.0
"""For how long the VM of a first run is expected to exist."""
LEAST_S: Final = 1.0
"""From beat to beat of a rotation over very many hosts."""


@dataclass(slots=True, kw_only=True)
class Shared:
    """What the probes of one cloud share.

    Attributes:
        tag: Of their objects.
        bounds: Upper bounds of the buckets of durations.
        budget: The limits on requests to the cloud; None if there are none.
        pauses: By hand: their ends by probe; None for an open end.
        running: The ids of the runs in progress.
        vm_s: For how long VMs of runs have existed, in total.
        closed: Why no run may begin at all; "" if one may.
    """

    cloud: str
    tag: str
    budget: Budget | None
    records: Records
    ceilings: Ceilings
    pause_url: PauseUrl
    hosts: Hosts
    clock: Clock
    pauses: dict[str, float | None] = field(default_factory=dict)
    running: MutableSet[str] = field(default_factory=set)
    vm_s: float = 0.0
    closed: str = "the ledger is not open yet"
    bounds: Sequence[float] = BOUNDS

    def pause(self, probe: str) -> Pause | None:
        """The pause by hand that is in force."""
        until = self.pauses.get(probe, 0.0)
        return pause(until) if until is None or until > self.clock.now() else None


class Probing:
    """One probe.

    Attributes:
        probe: As configured.
        lifecycle: Of its credential and its VM.
        tally: What is counted.
        history: The last runs that have ended, the oldest first.
        last_success: The last run that succeeded.
        by_host: The last run on each host that a rotation chose.
        running: The run in progress, as it is.
    """

    def __init__(self, probe: Probe, lifecycle: Lifecycle, shared: Shared) -> None:
        self.probe, self.lifecycle, self._shared = probe, lifecycle, shared
        self.history = History()
        self.last_success: Run | None = None
        self.by_host: dict[str, Run] = {}
        self.running: Run | None = None
        self._sent: dict[str, deque[Sent]] = {}
        self._flight: asyncio.Task[Run] | None = None
        self._changed = asyncio.Event()
        self._begin()

    @property
    def interval_s(self) -> float:
        """From beat to beat; that of a rotation may follow from the number of hosts."""
        return self._pace.interval_s

    @property
    def flight(self) -> "asyncio.Task[Run] | None":
        """The run in progress, or waiting for its turn; None if there is none."""
        return None if self._flight is None or self._flight.done() else self._flight

    @property
    def last(self) -> Run | None:
        """The last run that succeeded or failed."""
        return last_verdict(self.history)

    @property
    def failures_in_a_row(self) -> int:
        """Runs that failed since the last success, or since the probe was changed."""
        return self._pace.failures

    def remember(self, history: History) -> None:
        """Go on where these runs have ended."""
        self.history = history
        for one in history:
            self._learn(one)

    def change(self, probe: Probe, lifecycle: Lifecycle) -> None:
        """Begin anew as another probe of the same name, once the run in progress has ended."""

        def apply(_: object = None) -> None:
            if self._wanted is probe:
                self.probe, self.lifecycle = probe, lifecycle
                self._begin()
                self._changed.set()

        self._wanted = probe
        if self.flight is None:
            apply()
        else:
            self.flight.add_done_callback(apply)

    async def keep_running(self) -> None:
        """Run at each beat."""
        now = self._shared.clock.monotonic
        while True:
            await self._due()
            pace = self._pace
            pace.due()
            try:
                await self._beat()
            except SkippedError as error:
                self._why = str(error) if error.reason in (Skip.LIMITED, Skip.LEDGER) else ""
                self.tally.skipped[error.reason] += 1
            if pace is self._pace:
                self.tally.skipped[Skip.OVERLAP] += pace.missed(now())
                pace.plan(now())

    def run_now(self) -> "asyncio.Task[Run]":
        """The run in progress, or else a new one. It raises SkippedError if none can begin."""
        flight = self.flight
        if flight is None:
            flight = self._flight = asyncio.create_task(self._fly(), name=f"run {self.probe.name}")
            flight.add_done_callback(consume_exception)
        return flight

    # -- Its beats -------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Begin to count, and to beat."""
        probe = self._wanted = self.probe
        self.tally, self.by_host = Tally(self._shared.bounds), {}
        first = self._shared.clock.monotonic() + probe.share * probe.interval_s
        self._pace = Pace(probe.interval_s, first)
        self._why = ""
        self._turn: float | None = None

    async def _due(self) -> None:
        """Wait until the next run is due."""
        while (left_s := self._pace.next - self._shared.clock.monotonic()) > 0:
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._changed.wait()

    async def _beat(self) -> None:
        """Do the run that is due. Raises SkippedError."""
        if self.flight is not None:
            reason = Skip.WAITING if self._turn is None else Skip.OVERLAP
            raise SkippedError(reason, "another run of this probe is in progress")
        if self._shared.pause(self.probe.name):
            raise SkippedError(Skip.PAUSED, "by hand")
        if await self._shared.pause_url.ask():
            raise SkippedError(Skip.PAUSED, "by pause_url")
        pace, flight = self._pace, self.run_now()
        await asyncio.wait({flight})
        if self._turn is not None:
            self.tally.skipped[Skip.WAITING] += pace.missed(self._turn)
        if not flight.cancelled() and (error := flight.exception()):
            raise error

    # -- Its runs --------------------------------------------------------------------------------------------

    async def _fly(self) -> Run:
        """Do a run at its turn. Raises SkippedError."""
        self._turn = None
        try:
            if self._shared.closed:
                raise SkippedError(Skip.LEDGER, self._shared.closed)
            async with self._shared.ceilings.vm(self._expected_s()):
                self._turn = self._shared.clock.monotonic()
                ended = await self._run()
        except CeilingError as error:
            raise SkippedError(Skip.LIMITED, str(error)) from error
        except LedgerError as error:
            self._shared.records.failed(error)
            raise SkippedError(Skip.LEDGER, str(error)) from error
        finally:
            self.running = None
        self._note(ended)
        return ended

    async def _run(self) -> Run:
        order = Order(
            id=secrets.token_hex(8),
            probe=self.probe.name,
            tag=self._shared.tag,
            timeouts=self.probe.timeouts,
            keep_failed_s=self.probe.keep_failed_s,
            host=await self._host(),
        )
        self._shared.running.add(order.id)
        sent = self._sent_by_run(order.id)
        try:
            with recorded(sent):
                records, clock = self._shared.records, self._shared.clock
                return await run(order, self.lifecycle, records, self._report, clock)
        except asyncio.CancelledError:
            if self.running is None or self.running.outcome is Outcome.RUNNING:
                raise
            return self.running  # it was interrupted, and has ended
        finally:
            self._shared.running.discard(order.id)

    def _sent_by_run(self, run: str) -> deque[Sent]:
        """Where the requests of a run that begins are recorded; those of the run shown last are kept, too."""
        last = self.last.id if self.last is not None else ""
        self._sent = {one: sent for one, sent in self._sent.items() if one == last}
        return self._sent.setdefault(run, deque(maxlen=MOST_SENT))

    def _report(self, run: Run) -> None:
        self.running = run

    def _expected_s(self) -> float:
        return next((one.vm_s for one in reversed(self.history) if one.vm_s), EXPECTED_S)

    async def _host(self) -> str:
        """The host whose turn it is; "" without a rotation, or if none is known."""
        rotation = self.probe.rotation
        if rotation is None:
            return ""
        hosts = await self._shared.hosts.of(self.lifecycle)
        if hosts:
            self.by_host = {host: one for host, one in self.by_host.items() if host in hosts}
            if rotation.within_s:
                self._pace.interval_s = max(rotation.within_s / len(hosts), LEAST_S)
        last = next((one.host for one in reversed(self.history) if one.host), "")
        return following(hosts, last)

    def _note(self, ended: Run) -> None:
        log_end(ended, self.last, self._shared.cloud)
        self.tally.count(ended)
        self._shared.vm_s += ended.vm_s
        self.history = self.history.plus(ended, HISTORY)
        self._learn(ended)
        self._why = ""
        self._pace.plan(self._shared.clock.monotonic())
        self._changed.set()

    def _learn(self, ended: Run) -> None:
        """Take note of what a run says for those that follow."""
        if ended.outcome is Outcome.INTERRUPTED:
            return
        self._pace.ended(is_failure=ended.outcome is Outcome.FAILED)
        if ended.outcome is Outcome.SUCCESS:
            self.last_success = ended
        if self.probe.rotation is not None and ended.host and ended.asked_host != "":
            self.by_host[ended.host] = ended

    # -- What it shows ---------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        return self._state()[0]

    def view(self) -> ProbeView:
        state, until, why = self._state()
        return ProbeView(
            cloud=self.probe.cloud,
            name=self.probe.name,
            vm=self.probe.described,
            interval_s=self.interval_s,
            timeout_s=sum(self.probe.timeouts.values()),
            state=state,
            next_run=self._next_run(state, until),
            until=until,
            why=why,
            running=self.running,
            runs=self.history,
            rotates=self.probe.rotation is not None,
            hosts=dict(self.by_host),
            sent=dict(self._sent),
        )

    def _state(self) -> tuple[State, float | None, str]:
        """Its state, the end of that, and why."""
        if self.running is not None:
            return State.RUNNING, None, ""
        if self.flight is not None:
            return State.WAITING, None, "waits until fewer VMs of this cloud exist at once"
        by_hand = self._shared.pause(self.probe.name)
        if pause := by_hand or self._shared.pause_url.pause:
            return State.PAUSED, pause.until, "by hand" if by_hand else "by pause_url"
        if self._why:
            return State.LIMITED, None, self._why
        if self._pace.is_backing_off:
            why = f"failed {self._pace.failures} times in a row"
            return State.BACKING_OFF, self._shared.clock.unix(self._pace.next), why
        return State.IDLE, None, ""

    def _next_run(self, state: State, until: float | None) -> float | None:
        clock = self._shared.clock
        if state is not State.PAUSED:
            return clock.unix(self._pace.next)
        if until is None:
            return None
        return clock.unix(self._pace.after(clock.monotonic() + until - clock.now()))
