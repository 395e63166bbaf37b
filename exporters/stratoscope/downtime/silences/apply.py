"""Carries out a plan: what is about to be done is stored before the request, what came of it afterwards."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

import msgspec

from stratoscope.downtime.silences.errors import AlertmanagerError, Reason
from stratoscope.downtime.silences.plan import LEAST_S, Step, Write
from stratoscope.downtime.silences.record import SilenceRecord, SilenceRecords, Standing
from stratoscope.downtime.silences.silence import Written

AT_ONCE: Final = 8
"""Requests at a time."""
BATCH: Final = 200
"""Steps whose records are stored together."""
MOST_FAILED: Final = 50
"""After so many failures in a row the rest is not tried: Alertmanager, or a proxy before it, refuses all."""


class Writer(Protocol):
    """What writes silences, see Alertmanager."""

    async def write(self, silence: Written) -> str: ...
    async def expire(self, silence_id: str) -> None: ...


class Tried:
    """How steps fare whose silences are written, or expired.

    Attributes:
        is_given_up: Whether the rest is not tried.
    """

    def __init__(self) -> None:
        self.is_given_up = False
        self._in_a_row = 0

    def succeeded(self) -> None:
        self._in_a_row = 0

    def failed(self, error: AlertmanagerError) -> None:
        self._in_a_row += error.reason is not Reason.LIMIT
        self.is_given_up = self.is_given_up or error.is_away or self._in_a_row >= MOST_FAILED


class Applied:
    """What came of the steps.

    Attributes:
        written, expired: How many silences.
        writes, expiries: How they fare; what is true of the ones says nothing of the others.
        errors: How many requests failed, by reason.
        disputed: The downtimes of what was set right after somebody else, once for each request.
        trouble: What is wrong with the whole Alertmanager; "" for nothing.
        refused: What is wrong with the silences of single downtimes, by id.
        limit: That no silence can be added; updating and expiring go on.
    """

    def __init__(self) -> None:
        self.written = self.expired = 0
        self.writes, self.expiries = Tried(), Tried()
        self.errors = Counter[Reason]()
        self.disputed: list[str] = []
        self.trouble = ""
        self.refused: dict[str, str] = {}
        self.limit: AlertmanagerError | None = None

    def first(self, step: Step) -> Tried:
        """How what a step begins with fares."""
        return self.writes if step.writes else self.expiries

    def failed(self, step: Step, error: AlertmanagerError, tried: Tried) -> None:
        """A step has failed."""
        tried.failed(error)
        self.errors[error.reason] += 1
        if not error.is_of_one or tried.is_given_up:
            self.trouble = self.trouble or str(error)
        else:
            self.refused.setdefault(step.downtime_id, str(error))
        if error.reason is Reason.LIMIT:
            self.limit = error


async def apply(
    steps: Sequence[Step],
    writer: Writer,
    records: SilenceRecords,
    am_now: Callable[[], float],
    is_stale: Callable[[], bool] = lambda: False,
) -> Applied:
    """Carry out the steps, AT_ONCE at a time. A failure costs its own step.

    Where nothing can be written, expiries are tried all the same: what is over must not stay silenced.

    Args:
        am_now: The moment by Alertmanager's clock.
        is_stale: Asked now and then: if so, the rest is left to the next plan.

    Raises:
        Exception: Whatever storing a record raises; then nothing more is requested.
    """
    applied = Applied()
    for begin in range(0, len(steps), BATCH):
        if begin and is_stale():
            break
        batch = [step for step in steps[begin : begin + BATCH] if not applied.first(step).is_given_up]
        await _Batch(batch, writer, records, am_now, applied).run()
    return applied


class _Batch:
    """Some steps."""

    def __init__(
        self,
        steps: Sequence[Step],
        writer: Writer,
        records: SilenceRecords,
        am_now: Callable[[], float],
        applied: Applied,
    ) -> None:
        self._steps, self._writer, self._records = steps, writer, records
        self._am_now, self._applied = am_now, applied
        self._written: list[SilenceRecord] = []
        self._forgotten: list[SilenceRecord] = []

    async def run(self) -> None:
        writing = [write.record for step in self._steps for write in step.writes]
        if writing:
            await self._records.store_silence_records(writing)
        done = [step for step in self._steps if not step.writes]
        self._steps = [step for step in self._steps if step.writes]
        await self._each(self._write_step, done, self._applied.writes)
        if self._written:
            await self._records.store_silence_records(self._written)
        expiring = [one.record for step in done for one in step.expiries if one.record is not None]
        if expiring:
            await self._records.store_silence_records(expiring)
        self._steps = [step for step in done if step.expiries]
        await self._each(self._expire_step, [], self._applied.expiries)
        if self._forgotten:
            await self._records.forget_silence_records(self._forgotten)

    async def _each(self, work: "_StepWork", done: list[Step], tried: Tried) -> None:
        """Do this with each step; those with which it succeeded are appended."""
        steps = iter(self._steps)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(self._steps))):
                group.create_task(self._worker(steps, work, done, tried))

    async def _worker(self, steps: Iterator[Step], work: "_StepWork", done: list[Step], tried: Tried) -> None:
        for step in steps:
            if tried.is_given_up:
                return
            try:
                await work(step)
            except AlertmanagerError as error:
                self._applied.failed(step, error, tried)
            else:
                tried.succeeded()
                done.append(step)

    async def _write_step(self, step: Step) -> None:
        """All its writes, even if one is refused. Raises AlertmanagerError: The first failure."""
        failure: AlertmanagerError | None = None
        for write in step.writes:
            try:
                await self._write(write)
            except AlertmanagerError as error:
                if error.is_away:
                    raise
                failure = failure or error
        if failure is not None:
            raise failure

    async def _write(self, write: Write) -> None:
        if write.silence.ends_at <= self._am_now() + LEAST_S:
            return  # it waited for its turn until it was over
        if self._applied.limit is not None and not write.silence.id:
            raise self._applied.limit
        silence_id = await self._writer.write(write.silence)
        self._applied.written += 1
        if write.is_again:
            self._applied.disputed.append(write.record.downtime_id)
        self._written.append(
            msgspec.structs.replace(write.record, standing=Standing.WRITTEN, silence_id=silence_id)
        )

    async def _expire_step(self, step: Step) -> None:
        for expiry in step.expiries:
            await self._writer.expire(expiry.silence_id)
            self._applied.expired += 1
            if expiry.is_unexplained:
                self._applied.disputed.append(step.downtime_id)
            if expiry.record is not None:
                self._forgotten.append(expiry.record)


class _StepWork(Protocol):
    async def __call__(self, step: Step, /) -> None: ...
