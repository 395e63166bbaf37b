"""A run in progress: what it has so far, and its phases, each bounded and timed."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from msgspec.structs import replace

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.lifecycle import (
    Object,
    Phase,
    Resolved,
    RunReason,
    Seen,
    StepError,
    StepLeftOutError,
    Underway,
)
from stratoscope.core.deadline import DEADLINE, bounded
from stratoscope.core.errors import short_line
from stratoscope.core.singleflight import consume_exception, is_cancelled
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.order import Order
from stratoscope.vmprobe.phases import OPTIONAL
from stratoscope.vmprobe.polling import Polling
from stratoscope.vmprobe.record import Failure, Run
from stratoscope.vmprobe.records import Records

T = TypeVar("T")

log = logging.getLogger(__name__)

_LEAST_S: Final = 0.1
"""A look needs at least so long."""
_SEES: Final = frozenset({Phase.SCHEDULED, Phase.NETWORKED, Phase.BUILT, Phase.DELETED})
"""Phases that end with what is seen of the VM."""


class PhaseError(Exception):
    """A phase failed.

    Attributes:
        is_unknown: What the phase requested may have been carried out nevertheless.
    """

    def __init__(self, phase: Phase, reason: RunReason, message: str, *, is_unknown: bool = False) -> None:
        super().__init__(message)
        self.failure, self.is_unknown = Failure(phase, reason, short_line(message)), is_unknown


class Progress:
    """A run in progress.

    Attributes:
        run: What is remembered of it.
        vm: None before it was accepted.
        accepted: When it was, on the monotonic clock.
        is_vm_unknown: It was requested, and it is not known whether it was accepted.
        resolved, seen: What the description stands for, and the last look at the VM; None before the first.
        objects: What the optional steps have created, by phase, in order.
        waits_for: What the last look of the optional step saw, in words; "" for nothing.
    """

    def __init__(
        self,
        order: Order,
        lifecycle: Lifecycle,
        records: Records,
        report: Callable[[Run], None],
        clock: Clock,
    ) -> None:
        self.order, self.lifecycle, self.records, self.clock = order, lifecycle, records, clock
        self.began = clock.monotonic()
        self.run = Run(
            id=order.id, probe=order.probe, began=clock.now(), host=order.host, asked_host=order.host
        )
        self.mark = order.mark(self.run.began)
        self.vm: Object | None = None
        self.accepted = 0.0
        self.is_vm_unknown = False
        self.resolved: Resolved | None = None
        self.seen: Seen | None = None
        self.objects: dict[Phase, Object] = {}
        self.waits_for = ""
        self._report = report

    @property
    def vm_id(self) -> str:
        return self.vm.id if self.vm else ""

    @property
    def underway(self) -> Underway:
        """It as its steps see it."""
        if self.resolved is None:
            raise AssertionError("nothing is requested before the description is resolved")
        return Underway(self.mark, self.resolved, self.vm_id, self.seen, dict(self.objects))

    def change(self, **changes: object) -> None:
        self.run = replace(self.run, **changes)

    def report(self) -> None:
        """Show the run as it is."""
        self._report(self.run)

    def ended(self, phase: Phase, seconds: float) -> None:
        """A phase has succeeded."""
        self.change(phases={**self.run.phases, phase: seconds})
        self.report()

    async def poll(self, polling: Polling) -> None:
        """Wait for the next moment to look, and count the look.

        Raises:
            TimeoutError: The phase has no time left for an answer. The budget would refuse the look, as if it
                had no turn.
        """
        await polling.wait()
        if DEADLINE.get(math.inf) - time.monotonic() < _LEAST_S:
            raise TimeoutError
        self.change(polls=self.run.polls + 1)

    async def see(self, polling: Polling) -> Seen | None:
        """The VM at the next moment to look; it is in `seen`, too."""
        await self.poll(polling)
        self.seen = await self.lifecycle.see(self.vm_id)
        return self.seen

    async def intend(self, kind: str) -> Object:
        """Write down an object before it is requested. Raises LedgerError: it must not be."""
        wanted = Object(kind, "", self.mark.name, self.mark)
        credential, is_vm = self.lifecycle.credential, kind == self.lifecycle.vm_kind
        await self.records.intend(self.run, credential, wanted, self.mark.deadline, is_vm=is_vm)
        return wanted

    @asynccontextmanager
    async def phase(self, phase: Phase) -> AsyncIterator[asyncio.Timeout]:
        """Around a phase: it is bounded, and timed if it succeeds. Raises as `within`."""
        began = self.clock.monotonic()
        async with self.within(phase, self.order.timeouts[phase]) as limit:
            yield limit
        self.ended(phase, self.clock.monotonic() - began)

    @asynccontextmanager
    async def within(self, phase: Phase, within_s: float) -> AsyncIterator[asyncio.Timeout]:
        """Around a part of a phase.

        Raises PhaseError for all but LedgerError, a cancelled run, and an optional step that is left out.
        """
        try:
            async with bounded(within_s) as limit:
                yield limit
        except StepError as error:
            raise PhaseError(phase, error.reason, str(error), is_unknown=error.is_unknown) from error
        except TimeoutError as error:
            raise PhaseError(phase, RunReason.TIMEOUT, self._late(phase), is_unknown=True) from error
        except LedgerError:
            raise
        except StepLeftOutError as error:
            if phase in OPTIONAL:
                raise
            raise self._bug(phase, error, str(error)) from error
        except asyncio.CancelledError as error:
            if is_cancelled(error):
                raise
            raise self._bug(phase, error, "what it waited for was cancelled") from error
        except Exception as error:
            raise self._bug(phase, error, str(error)) from error

    def _late(self, phase: Phase) -> str:
        """That a phase has not ended in time, and what was seen last."""
        what = f"{phase} has not ended within {self.order.timeouts[phase]:g} s"
        if phase in _SEES and self.seen is not None:
            return f"{what}; the VM was last seen as {self.seen.state}"
        return f"{what}; {self.waits_for}" if phase in OPTIONAL and self.waits_for else what

    def _bug(self, phase: Phase, error: BaseException, text: str) -> PhaseError:
        what = f"{type(error).__name__}: {text}"
        log.error("bug in a run probe=%s phase=%s error=%r", self.order.probe, phase, what, exc_info=error)
        return PhaseError(phase, RunReason.INTERNAL, what, is_unknown=True)


async def answered(
    request: Awaitable[T], accept: Callable[[T], Awaitable[None]], limit: asyncio.Timeout
) -> None:
    """Send a request that creates something, and accept its answer.

    A run that is cancelled meanwhile waits for the answer: it has the id of what was created.
    """
    sending = asyncio.ensure_future(request)
    sending.add_done_callback(consume_exception)
    try:
        answer = await asyncio.shield(sending)
    except asyncio.CancelledError:
        try:
            if not limit.expired():
                await asyncio.wait({sending})
        finally:
            sending.cancel()
        if sending.done() and not sending.cancelled() and not sending.exception():
            await accept(sending.result())
        raise
    await accept(answer)
