"""One run of a probe: its phases in order, each timed and bounded, and then the clean-up."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.lifecycle import Mark, Object, Phase, Resolved, RunReason, Seen, StepError, Underway
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import short_line
from stratoscope.core.singleflight import consume_exception, is_cancelled
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.polling import Polling
from stratoscope.vmprobe.record import Failure, Outcome, Run
from stratoscope.vmprobe.records import Records

log = logging.getLogger(__name__)

MARGIN_S: Final = 60.0
"""A run's objects may be removed by a sweep so long after all its time-outs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run is to do.

    Attributes:
        id: Of the run, 16 hexadecimal digits.
        probe: The probe's name.
        tag: Of this prober.
        timeouts: Of each phase, in seconds.
        keep_failed_s: For how long the VM of a failed run is kept; 0 deletes it.
        host: The hypervisor that the VM is requested on; "" for any.
    """

    id: str
    probe: str
    tag: str
    timeouts: Mapping[Phase, float]
    keep_failed_s: float = 0.0
    host: str = ""

    def mark(self, began: float) -> Mark:
        """The mark of the objects of a run that began at this Unix time."""
        deadline = began + sum(self.timeouts.values()) + MARGIN_S + self.keep_failed_s
        return Mark(self.tag, self.probe, self.id, deadline)


class PhaseError(Exception):
    """A phase failed.

    Attributes:
        is_unknown: What the phase requested may have been carried out nevertheless.
    """

    def __init__(self, phase: Phase, reason: RunReason, message: str, *, is_unknown: bool = False) -> None:
        super().__init__(message)
        self.failure, self.is_unknown = Failure(phase, reason, short_line(message)), is_unknown


async def run(
    order: Order, lifecycle: Lifecycle, records: Records, report: Callable[[Run], None], clock: Clock = CLOCK
) -> Run:
    """Create a VM, wait until it runs, delete it, and wait until it is gone.

    A run that is cancelled is interrupted: it cleans up, and then raises CancelledError. Cancelled once more,
    it leaves the rest to a sweep.

    Args:
        order: What to do.
        lifecycle: The credential and the VM's description.
        records: Where it is written what was created.
        report: Called with the run as it is, after each phase and at its end.
        clock: The clocks.

    Returns:
        The run as it has ended; it is saved.

    Raises:
        LedgerError: Nothing was created, since that could not be recorded.
    """
    if order.host:
        lifecycle = lifecycle.at(order.host)
    return await _Attempt(order, lifecycle, records, report, clock).go()


class _Attempt:
    """A run in progress."""

    def __init__(
        self,
        order: Order,
        lifecycle: Lifecycle,
        records: Records,
        report: Callable[[Run], None],
        clock: Clock,
    ) -> None:
        self._order, self._lifecycle, self._records = order, lifecycle, records
        self._report, self._clock = report, clock
        self._began = clock.monotonic()
        self._run = Run(id=order.id, probe=order.probe, began=clock.now(), host=order.host)
        self._mark = order.mark(self._run.began)
        self._vm: Object | None = None
        self._accepted = 0.0
        self._is_interrupted = False

    async def go(self) -> Run:
        self._report(self._run)
        try:
            await self._create()
        except PhaseError as error:
            self._change(failure=error.failure)
        except asyncio.CancelledError:
            self._interrupted()
        try:
            await self._clean_up()
        finally:
            await self._end()
        if self._is_interrupted:
            raise asyncio.CancelledError
        return self._run

    async def _create(self) -> None:
        async with self._phase(Phase.AUTHENTICATE):
            await self._lifecycle.authenticate()
        async with self._phase(Phase.RESOLVE):
            resolved = await self._lifecycle.resolve()
        self._change(image_id=resolved.image_id)
        async with self._phase(Phase.QUOTA_CHECK):
            await self._lifecycle.check_quota(resolved)
        await self._request(resolved)
        await self._watch()

    # -- The request -----------------------------------------------------------------------------------------

    async def _request(self, resolved: Resolved) -> None:
        """Record the VM, and request it. If it is certain that there is none, the record is closed."""
        wanted = Object(self._lifecycle.vm_kind, "", self._mark.name, self._mark)
        await self._records.intend(self._run, self._lifecycle.credential, [wanted], self._mark.deadline)
        try:
            async with self._phase(Phase.REQUEST) as limit:
                await self._requested(resolved, limit)
        except PhaseError as error:
            if not error.is_unknown:
                await self._records.gone(self._run.id, wanted)
            raise

    async def _requested(self, resolved: Resolved, limit: asyncio.Timeout) -> None:
        """Send the request. A run that is cancelled meanwhile waits for the answer: it has the VM's id."""
        request = self._lifecycle.request(Underway(self._mark, resolved), self._order.host)
        sending = asyncio.ensure_future(request)
        sending.add_done_callback(consume_exception)
        try:
            vm_id = await asyncio.shield(sending)
        except asyncio.CancelledError:
            try:
                if not limit.expired():
                    await asyncio.wait({sending})
            finally:
                sending.cancel()
            if sending.done() and not sending.cancelled() and not sending.exception():
                await self._accept(sending.result())
            raise
        await self._accept(vm_id)

    async def _accept(self, vm_id: str) -> None:
        self._accepted = self._clock.monotonic()
        self._vm = Object(self._lifecycle.vm_kind, vm_id, self._mark.name, self._mark)
        self._change(vm_id=vm_id)
        await self._records.created(self._run.id, self._vm)

    # -- From the request until it is built ------------------------------------------------------------------

    async def _watch(self) -> None:
        """Look at the VM until it is scheduled, networked and built.

        What a look shows that the one before did not has happened in between: the middle is its moment, at
        most half a step from the true one.
        """
        timeouts, polling = self._order.timeouts, Polling(self._clock)
        scheduled, before = 0.0, self._accepted
        ends = {Phase.SCHEDULED: self._accepted + timeouts[Phase.SCHEDULED]}
        while ends:
            phase = min(ends, key=lambda one: ends[one])
            async with self._within(phase, ends[phase] - self._clock.monotonic()):
                seen = await self._see(polling)
            now = self._clock.monotonic()
            moment, before = (before + now) / 2, now
            if seen is None:
                raise PhaseError(phase, RunReason.UNKNOWN, "the VM has disappeared, not by the probe")
            if Phase.SCHEDULED in ends and (seen.host or seen.is_built):
                del ends[Phase.SCHEDULED]
                scheduled = moment
                self._ended(Phase.SCHEDULED, moment - self._accepted)
                ends = {one: now + timeouts[one] for one in (Phase.NETWORKED, Phase.BUILT)}
            if seen.host and not self._order.host:
                self._change(host=seen.host)
            if seen.fault is not None:
                raise PhaseError(_failing(ends, seen.fault), seen.fault.reason, str(seen.fault))
            for one, has_ended in ((Phase.NETWORKED, seen.is_networked), (Phase.BUILT, seen.is_built)):
                if has_ended and ends.pop(one, 0.0):
                    self._change(accepted_s={**self._run.accepted_s, one: moment - self._accepted})
                    self._ended(one, moment - scheduled)

    async def _see(self, polling: Polling) -> Seen | None:
        await polling.wait()
        self._change(polls=self._run.polls + 1)
        return await self._lifecycle.see(self._vm.id if self._vm else "")

    # -- The clean-up ----------------------------------------------------------------------------------------

    async def _clean_up(self) -> None:
        """Delete the VM and wait until nothing is left; what remains is recorded, and left to a sweep."""
        if self._vm is None:
            return
        if self._run.failure and self._order.keep_failed_s and not self._is_interrupted:
            await self._records.keep(self._run.id, self._clock.now() + self._order.keep_failed_s)
            return
        try:
            await self._delete(self._vm)
        except PhaseError as error:
            log.warning(
                "clean-up failed probe=%s run=%s error=%r", self._order.probe, self._order.id, str(error)
            )
            if self._run.failure is None:
                message = error.failure.message
                self._change(failure=Failure(Phase.GONE, RunReason.CLEANUP, message))
        except asyncio.CancelledError:
            if self._is_interrupted:
                raise
            self._interrupted()
            await self._clean_up()

    async def _delete(self, vm: Object) -> None:
        async with self._phase(Phase.DELETED):
            await self._lifecycle.delete(vm)
            polling = Polling(self._clock)
            while await self._see(polling) is not None:
                pass
        left = [vm]
        try:
            async with self._phase(Phase.GONE):
                polling = Polling(self._clock)
                while left := [*await self._lifecycle.left(vm.id)]:
                    await polling.wait()
                    self._change(polls=self._run.polls + 1)
        except PhaseError:
            for one in left:
                await self._records.created(self._run.id, one)
            raise
        await self._records.gone(self._run.id, vm)

    async def _end(self) -> None:
        """The verdict: the first failure, if any. An interrupted run says nothing about the cloud."""
        outcome = Outcome.SUCCESS
        if self._run.failure is not None:
            outcome = Outcome.FAILED
        elif self._is_interrupted:
            outcome = Outcome.INTERRUPTED
        now = self._clock.monotonic()
        existed_s = now - self._accepted if self._vm else 0.0
        self._change(outcome=outcome, ended=self._run.began + now - self._began, vm_s=existed_s)
        await self._records.save(self._run)
        self._report(self._run)

    # -- Of each phase ---------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _phase(self, phase: Phase) -> AsyncIterator[asyncio.Timeout]:
        """Around a phase: it is bounded, and timed if it succeeds."""
        began = self._clock.monotonic()
        async with self._within(phase, self._order.timeouts[phase]) as limit:
            yield limit
        self._ended(phase, self._clock.monotonic() - began)

    @asynccontextmanager
    async def _within(self, phase: Phase, within_s: float) -> AsyncIterator[asyncio.Timeout]:
        """Around a part of a phase. Raises PhaseError for all but LedgerError and a cancelled run."""
        try:
            async with asyncio.timeout(max(0.0, within_s)) as limit, _deadline(within_s):
                yield limit
        except StepError as error:
            raise PhaseError(phase, error.reason, str(error), is_unknown=error.is_unknown) from error
        except TimeoutError as error:
            what = f"{phase} has not ended within {self._order.timeouts[phase]:g} s"
            raise PhaseError(phase, RunReason.TIMEOUT, what, is_unknown=True) from error
        except LedgerError:
            raise
        except asyncio.CancelledError as error:
            if is_cancelled(error):
                raise
            raise self._bug(phase, error, "what it waited for was cancelled") from error
        except Exception as error:
            raise self._bug(phase, error, str(error)) from error

    def _bug(self, phase: Phase, error: BaseException, text: str) -> PhaseError:
        what = f"{type(error).__name__}: {text}"
        log.error("bug in a run probe=%s phase=%s error=%r", self._order.probe, phase, what, exc_info=error)
        return PhaseError(phase, RunReason.INTERNAL, what, is_unknown=True)

    def _interrupted(self) -> None:
        """The run is cancelled for the first time; once more ends its clean-up."""
        if (task := asyncio.current_task()) is not None:
            task.uncancel()
        self._is_interrupted = True

    def _ended(self, phase: Phase, seconds: float) -> None:
        self._change(phases={**self._run.phases, phase: seconds})
        self._report(self._run)

    def _change(self, **changes: object) -> None:
        self._run = replace(self._run, **changes)


@asynccontextmanager
async def _deadline(within_s: float) -> AsyncIterator[None]:
    """Requests inside end in time to say what they waited for."""
    token = DEADLINE.set(time.monotonic() + within_s)
    try:
        yield
    finally:
        DEADLINE.reset(token)


def _failing(pending: Mapping[Phase, float], fault: StepError) -> Phase:
    """Which of the phases that have not ended a fault belongs to."""
    if Phase.SCHEDULED in pending:
        return Phase.SCHEDULED
    is_network = fault.reason is RunReason.NETWORK and Phase.NETWORKED in pending
    return Phase.NETWORKED if is_network or Phase.BUILT not in pending else Phase.BUILT
