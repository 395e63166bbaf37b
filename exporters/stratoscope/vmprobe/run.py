"""One run of a probe: its phases in order, each timed and bounded, and then the clean-up."""

import asyncio
import logging
from collections.abc import Callable

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.lifecycle import Phase, RunReason
from stratoscope.vmprobe import creation, steps
from stratoscope.vmprobe.clean_up import clean_up
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.order import Order
from stratoscope.vmprobe.progress import PhaseError, Progress
from stratoscope.vmprobe.record import Failure, Outcome, Run
from stratoscope.vmprobe.records import Records

log = logging.getLogger(__name__)


async def run(
    order: Order, lifecycle: Lifecycle, records: Records, report: Callable[[Run], None], clock: Clock = CLOCK
) -> Run:
    """Create a VM, wait until it runs, do the optional steps, delete it, and wait until all is gone.

    A run that is cancelled is interrupted: it cleans up, and then raises CancelledError. Cancelled once more,
    it leaves the rest to a sweep. A run is interrupted, too, if the ledger fails after something was created.

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
    return await _Attempt(Progress(order, lifecycle, records, report, clock)).go()


class _Attempt:
    """A run in progress, from its beginning to its end."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._is_cancelled = self._is_interrupted = False

    async def go(self) -> Run:
        progress = self._progress
        progress.report()
        try:
            await self._create()
        except PhaseError as error:
            progress.change(failure=error.failure)
        except LedgerError as error:
            if progress.vm is None and not progress.objects:
                raise
            progress.records.failed(error)
            self._is_interrupted = True
        except asyncio.CancelledError:
            self._cancelled()
        try:
            await self._clean_up()
        finally:
            await self._end()
        if self._is_cancelled:
            raise asyncio.CancelledError
        return progress.run

    async def _create(self) -> None:
        progress, lifecycle = self._progress, self._progress.lifecycle
        async with progress.phase(Phase.AUTHENTICATE):
            await lifecycle.authenticate()
        async with progress.phase(Phase.RESOLVE):
            progress.resolved = resolved = await lifecycle.resolve()
        progress.change(image_id=resolved.image_id)
        async with progress.phase(Phase.QUOTA_CHECK):
            await lifecycle.check_quota(resolved)
        await steps.do(progress, [step for step in lifecycle.steps if step.is_before_request])
        await creation.request(progress)
        await creation.watch(progress)
        await steps.do(progress, [step for step in lifecycle.steps if not step.is_before_request])

    async def _clean_up(self) -> None:
        """What remains is recorded, and left to a sweep; so is all while it is unknown if there is a VM."""
        progress, order = self._progress, self._progress.order
        if progress.is_vm_unknown or (progress.vm is None and not progress.objects):
            return
        if progress.vm is not None and progress.run.failure and order.keep_failed_s:
            await progress.records.keep(order.id, progress.clock.now() + order.keep_failed_s)
            return
        try:
            await clean_up(progress)
        except PhaseError as error:
            log.warning("clean-up failed probe=%s run=%s error=%r", order.probe, order.id, str(error))
            if progress.run.failure is None:
                progress.change(failure=_of_clean_up(error.failure))
        except asyncio.CancelledError:
            if self._is_cancelled:
                raise
            self._cancelled()
            await self._clean_up()

    async def _end(self) -> None:
        """The verdict: the first failure, if any. An interrupted run says nothing about the cloud."""
        progress, outcome = self._progress, Outcome.SUCCESS
        if progress.run.failure is not None:
            outcome = Outcome.FAILED
        elif self._is_interrupted:
            outcome = Outcome.INTERRUPTED
        now = progress.clock.monotonic()
        existed_s = now - progress.accepted if progress.vm else 0.0
        ended = progress.run.began + now - progress.began
        progress.change(outcome=outcome, ended=ended, vm_s=existed_s)
        await progress.records.save(progress.run)
        progress.report()

    def _cancelled(self) -> None:
        """The run is cancelled for the first time; once more ends its clean-up."""
        if (task := asyncio.current_task()) is not None:
            task.uncancel()
        self._is_cancelled = self._is_interrupted = True


def _of_clean_up(failure: Failure) -> Failure:
    """What a failed clean-up says; a credential that may not delete is the project's fault."""
    reason = RunReason.POLICY if failure.reason is RunReason.POLICY else RunReason.CLEANUP
    return Failure(Phase.GONE, reason, failure.message)
