"""Runs one collector: time-out, single flight, snapshot, account. No collector does any of these itself."""

import asyncio
import itertools
import logging
import math
import threading
import time
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from stratoscope.core.collector import Absent, Collection, Every
from stratoscope.core.deadline import Limit
from stratoscope.core.errors import (
    Dropped,
    LeftOut,
    Reason,
    SharedError,
    why,
)
from stratoscope.core.exposition import Lines, render
from stratoscope.core.line_cache import together
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.core.singleflight import SingleFlight, is_cancelled

log = logging.getLogger(__name__)

_WHO = ("cloud", "collector")
SUCCESS = Family(
    "stratoscope_collector_success", "1 if the last collection succeeded, 0 if it failed.", labels=_WHO
)
DURATION = Family(
    "stratoscope_collector_duration_seconds", "Duration of the last collection, in seconds.", labels=_WHO
)
LAST_SUCCESS = Family(
    "stratoscope_collector_last_success_timestamp_seconds",
    "Unix time at which the last successful collection ended; absent before the first.",
    labels=_WHO,
)
ERRORS = Family(
    "stratoscope_collector_errors_total",
    "Failed collections by reason; 0 for a reason that did not occur.",
    labels=(*_WHO, "reason"),
)
INTERVAL = Family(
    "stratoscope_collector_interval_seconds",
    "Interval between collections in the background; absent for a collector that runs when scraped.",
    labels=_WHO,
)
TIMEOUT = Family("stratoscope_collector_timeout_seconds", "Time-out of a collection.", labels=_WHO)
MAX_AGE = Family(
    "stratoscope_collector_max_age_seconds",
    "Age at which the samples of the last success are withdrawn from the page; absent for a collector that "
    "runs when scraped.",
    labels=_WHO,
)
SAMPLES = Family(
    "stratoscope_collector_samples",
    "Samples of the collector on this page; 0 if it has none to show.",
    labels=_WHO,
)
DROPPED = Family(
    "stratoscope_collector_dropped_samples_total",
    "Samples that were not put on the page: duplicates, invalid ones, and those beyond max_series.",
    labels=(*_WHO, "reason"),
)
MALFORMED = Family(
    "stratoscope_collector_malformed_items_total",
    "Items of the source, or single fields of them, that were malformed and therefore left out.",
    labels=_WHO,
)
LEFT_OUT = Family(
    "stratoscope_collector_left_out",
    "1 for a collector, subject or part that is left out, with the reason; absent for those that run.",
    labels=(*_WHO, "reason"),
)
FAMILIES = (
    SUCCESS, DURATION, LAST_SUCCESS, ERRORS, INTERVAL, TIMEOUT, MAX_AGE,
    SAMPLES, DROPPED, MALFORMED, LEFT_OUT,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a collector. Times are Unix seconds.

    Attributes:
        success: None before the end of the first collection, and while it is left out.
        reason: Why it failed, if it did.
        left_out: Why it is left out, if it is.
        message: One line on either.
    """

    success: bool | None = None
    reason: Reason | None = None
    left_out: LeftOut | None = None
    message: str = ""
    duration_s: float = 0.0
    last_success: float | None = None
    samples: int = 0
    errors: Counter[Reason] = field(default_factory=Counter)
    dropped: Counter[Dropped] = field(default_factory=Counter)
    malformed: int = 0


Outcome: TypeAlias = "tuple[Lines | None, Status]"
"""The lines of a collection, and the status that belongs to them."""

GRACE_S: Final = 0.5
"""How long a cancelled collection may take to end before it is abandoned."""
HASTY_S: Final = 0.0899
"""A scrape with less time (0.1 s minus the share for sending) does not limit the collection."""
AGAIN_S: Final = 60.0
"""After a failure the next collection starts after max(60 s, duration of the failed one), at most the
interval."""


class Runner:
    """Runs one Collection. `lines` serves scrapes; `keep_running` is the task in the background."""

    def __init__(  # noqa: PLR0913 - the clocks are for tests
        self,
        collection: Collection,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        grace_s: float = GRACE_S,
        turn: asyncio.Lock | None = None,
    ) -> None:
        """A runner that has not run yet.

        Args:
            collection: What is run.
            monotonic: The clock of durations and ages.
            now: The clock of Unix time.
            sleep: Waits in the background.
            grace_s: How long a cancelled collection may take to end before it is abandoned.
            turn: Shared by runners of which only one renders at a time: more would wait for each other, and
                block the event loop.
        """
        self.collection = collection
        self.collector = collection.collector
        self.status = Status()
        self.tried = asyncio.Event()
        self._monotonic, self._now, self._sleep, self._grace_s = monotonic, now, sleep, grace_s
        self._turn = turn or asyncio.Lock()
        self._flight: SingleFlight[str, Outcome] = SingleFlight()
        self._limit: Limit
        self._stopped = False
        self._rendering = threading.Lock()
        self._snapshot: tuple[float, Lines] | None = None
        self._inherited: tuple[float, Lines] | None = None
        self._successor: asyncio.Future[Runner] | None = None
        self._began = self._ended = self._due = 0.0
        self._nap: asyncio.Future[None] | None = None
        self._verdict: Lines | None = None
        self._labels = Labels(cloud=self.collector.cloud, collector=self.collector.name)

    async def lines(self, within_s: float) -> Outcome:
        """The lines and status that a scrape shows, after `within_s` at the latest.

        A collector in the background answers at once, from its snapshot. A collector that runs when scraped
        shares a collection in progress; if it is not ready in time, this page has no lines of it and the
        reason `timeout`. One that was stopped waits for its successor, if it is to have one.
        """
        schedule = self.collection.schedule
        if isinstance(schedule, Every):
            return self._kept(schedule.max_age_s)
        began = self._monotonic()
        if not self._stopped:
            task = self._start(within_s)
            await asyncio.wait({task}, timeout=within_s)
            if task.done() and not task.cancelled():
                return task.result()
        if self._stopped and self._successor is not None:
            await asyncio.wait({self._successor}, timeout=max(0.0, began + within_s - self._monotonic()))
            if self._successor.done() and not self._successor.cancelled():
                return await self._successor.result().lines(began + within_s - self._monotonic())
        reason, message = Reason.TIMEOUT, f"no answer within the scrape's {within_s:.3g} s"
        if self._stopped:
            reason, message = Reason.UNAVAILABLE, "stopped"
        return None, replace(
            self.status,
            success=False,
            reason=reason,
            left_out=None,
            message=message,
            duration_s=self._monotonic() - began,
            samples=0,
        )

    def shown(self) -> Status:
        """The status, with the number of samples that a scrape would show now."""
        schedule = self.collection.schedule
        return self._kept(schedule.max_age_s)[1] if isinstance(schedule, Every) else self.status

    async def first(self) -> None:
        """Run once; returns when the collection has ended or timed out."""
        if self._stopped:
            return
        timeout_s, began = self.collection.schedule.timeout_s, self._monotonic()
        task = self._start(timeout_s)
        await asyncio.wait({task}, timeout=timeout_s + self._grace_s)
        if not task.done():
            self._failed(
                began, Reason.TIMEOUT, f"no answer within {timeout_s:.3g} s, and it cannot be cancelled"
            )

    async def run(self) -> None:
        """Run once, as every collector does at start, and then, in the background, until `stop`."""
        await self.first()
        self.tried.set()
        if isinstance(self.collection.schedule, Every):
            await self.keep_running()

    async def keep_running(self) -> None:
        """Collect at each interval until `stop`, after `first`; the first pause depends on the name, to
        spread load.

        After a failure the next collection starts after max(60 s, duration of the failed one), at most the
        interval: a collection that always times out must not run all the time.
        """
        name = f"{self.collector.cloud}/{self.collector.name}"
        spread = 0.5 + zlib.crc32(name.encode()) % 512 / 1024
        self._began = self._ended = self._monotonic()
        self._due = self._ended + (self._next() - self._ended) * spread
        while not self._stopped:
            if await self._is_due():
                self._began = self._monotonic()
                await self.first()
                self._ended = self._monotonic()
                self._due = self._next()

    def change(self, collection: Collection) -> None:
        """Run the same collector under another schedule and bound from now on."""
        if collection != self.collection:
            self.collection = collection
            self._due = self._next()
            self._wake()

    def hand_over(self) -> None:
        """Announce a successor: it follows once this one has been stopped."""
        self._successor = asyncio.get_running_loop().create_future()

    def handed_over(self) -> None:
        """Nobody waits for the successor any more, whether or not it came."""
        assert self._successor is not None  # noqa: S101 - it was announced
        self._successor.cancel()

    def succeed(self, before: "Runner") -> None:
        """Show what the runner before shows, and count on from it, until this one has run."""
        if before._successor is not None:  # noqa: SLF001 - of the same class
            before._successor.set_result(self)  # noqa: SLF001 - the same
        self.status, self._verdict = before.status, before._verdict  # noqa: SLF001 - the same
        self._inherited = before._inherited or before._snapshot  # noqa: SLF001 - the same

    def _next(self) -> float:
        """When the next collection is due."""
        schedule, took_s = self.collection.schedule, self._ended - self._began
        if not isinstance(schedule, Every):
            return math.inf
        pause_s = schedule.interval_s - took_s
        if self._has_failed():
            pause_s = min(pause_s, max(AGAIN_S, took_s))
        return self._ended + pause_s

    async def _is_due(self) -> bool:
        """Wait for the next collection; False when it was woken before."""
        self._nap = asyncio.ensure_future(self._sleep(max(0.0, self._due - self._monotonic())))
        try:
            await asyncio.wait({self._nap})
            return not self._nap.cancelled()
        finally:
            self._wake()

    def _wake(self) -> None:
        if self._nap is not None:
            self._nap.cancel()

    def _has_failed(self) -> bool:
        return self.status.success is False

    async def stop(self) -> None:
        """Cancel the collection in progress, and start no other; returns after `grace_s` at the latest."""
        self._stopped = True
        self._wake()
        task = self._flight.get(self.collector.name)
        if task is None:
            return
        task.cancel()
        _, left = await asyncio.wait({task}, timeout=self._grace_s)
        if left:
            log.warning(
                "hangs though stopped collector=%s cloud=%s", self.collector.name, self.collector.cloud
            )

    def _kept(self, max_age_s: float) -> Outcome:
        """The snapshot if it is not older than `max_age_s`, else the lines of the failure; and the status."""
        oldest = self._monotonic() - max_age_s
        if self._snapshot is not None and self._snapshot[0] < oldest:
            self._snapshot = None
        if self._inherited is not None and self._inherited[0] < oldest:
            self._inherited = None
        snapshot = self._inherited or self._snapshot
        lines = self._verdict if snapshot is None else snapshot[1]
        return lines, replace(self.status, samples=0 if lines is None else lines.samples)

    def _start(self, within_s: float) -> "asyncio.Future[Outcome]":
        """The collection in progress, or a new one; it may last at least as long as this caller waits.

        A caller with less than HASTY_S does not limit it: it would fail only because of that.
        """
        if within_s < HASTY_S:
            within_s = self.collection.schedule.timeout_s
        task = self._flight.call(self.collector.name, self._begin)
        self._limit.allow(within_s, self.collection.schedule.timeout_s)
        return task

    def _begin(self) -> "asyncio.Task[Outcome]":
        self._limit = limit = Limit()
        return limit.task(self._collect(limit), f"collect {self.collector.name}")

    async def _collect(self, limit: Limit) -> Outcome:
        began = self._monotonic()
        try:
            async with limit.held():
                data = await self.collector.fetch()
                async with self._turn:
                    lines = await asyncio.to_thread(self._render, data)
            malformed = self.collector.malformed(data)
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            return await self._ended_badly(
                began, Reason.INTERNAL, "CancelledError: what it waited for was cancelled", bug=error
            )
        except Exception as error:  # noqa: BLE001 - the border: a bug in one collector must not end the others
            if limit.is_over:
                message = f"no answer within {limit.within_s:.3g} s"
                return await self._ended_badly(began, Reason.TIMEOUT, message)
            reason, message = why(error)
            if isinstance(reason, LeftOut):
                return self._left_out(reason, message)
            bug = error if reason is Reason.INTERNAL else None
            is_logged = isinstance(error, SharedError)
            return await self._ended_badly(began, reason, message, bug, is_logged=is_logged)
        return self._succeeded(began, lines, malformed)

    def _render(self, data: object) -> Lines:
        """Runs in a thread, one at a time: an abandoned collection may still use the cached lines."""
        collector, most = self.collector, self.collection.max_series
        with self._rendering:
            lines = render(collector.samples(data), collector.families, most)
            return together(lines, collector.cached(data), most)

    async def _render_failure(self) -> Lines | None:
        """Renders in a thread, unless the collector has no samples for a failure."""
        collector = self.collector
        samples = iter(collector.failure())
        first = next(samples, None)
        if first is None:
            return None
        failed = itertools.chain((first,), samples)
        async with self._turn:
            lines = await asyncio.to_thread(render, failed, collector.families, self.collection.max_series)
        return lines if lines.samples else None

    def _succeeded(self, began: float, lines: Lines, malformed: int) -> Outcome:
        who = (self.collector.name, self.collector.cloud)
        if self.status.success is False or self.status.left_out:
            log.info("recovered collector=%s cloud=%s", *who)
        new = lines.dropped.keys() - self.status.dropped.keys()
        if new:
            log.warning("samples dropped collector=%s cloud=%s reasons=%s", *who, ",".join(sorted(new)))
        self._verdict = self._inherited = None
        self._snapshot = (self._monotonic(), lines) if isinstance(self.collection.schedule, Every) else None
        self.status = replace(
            self.status,
            success=True,
            reason=None,
            left_out=None,
            message="",
            duration_s=self._monotonic() - began,
            last_success=self._now(),
            samples=lines.samples,
            dropped=self.status.dropped + Counter(lines.dropped),
            malformed=self.status.malformed + malformed,
        )
        log.debug(
            "collected collector=%s cloud=%s samples=%d seconds=%.3f",
            *who,
            lines.samples,
            self.status.duration_s,
        )
        return lines, self.status

    async def _ended_badly(
        self,
        began: float,
        reason: Reason,
        message: str,
        bug: BaseException | None = None,
        *,
        is_logged: bool = False,
    ) -> Outcome:
        """A failure, with the collector's samples for it."""
        try:
            verdict = await self._render_failure()
        except Exception as error:  # noqa: BLE001 - the same border
            verdict, reason, message, bug = None, Reason.INTERNAL, f"{type(error).__name__}: {error}", error
        return self._failed(began, reason, message, bug, verdict=verdict, is_logged=is_logged)

    def _failed(  # noqa: PLR0913 - all that is known of it
        self,
        began: float,
        reason: Reason,
        message: str,
        bug: BaseException | None = None,
        *,
        verdict: Lines | None = None,
        is_logged: bool = False,
    ) -> Outcome:
        who, is_new = (self.collector.name, self.collector.cloud), self.status.reason != reason
        log.log(
            logging.ERROR if is_new and not is_logged else logging.DEBUG,
            "failed collector=%s cloud=%s reason=%s error=%r", *who, reason, message,
            exc_info=bug if is_new else None,
        )  # fmt: skip
        self._verdict, self._inherited = verdict, None
        self.status = replace(
            self.status,
            success=False,
            reason=reason,
            left_out=None,
            message=message,
            duration_s=self._monotonic() - began,
            samples=0 if verdict is None else verdict.samples,
            errors=self.status.errors + Counter({reason: 1}),
        )
        return verdict, self.status

    def _left_out(self, reason: LeftOut, message: str) -> Outcome:
        """Withdraw the snapshot at once: what it described no longer exists for this credential."""
        level = logging.INFO if reason is LeftOut.ABSENT else logging.WARNING
        log.log(
            level if self.status.left_out is not reason else logging.DEBUG,
            "left out collector=%s cloud=%s reason=%s why=%r",
            *(self.collector.name, self.collector.cloud, reason, message),
        )
        self._snapshot = self._verdict = self._inherited = None
        self.status = replace(
            self.status, success=None, reason=None, left_out=reason, message=message, samples=0
        )
        return None, self.status

    def account(self, status: Status) -> Sequence[Sample]:
        """The series about the collector itself: the same names in every exporter."""
        who, schedule = self._labels, self.collection.schedule
        samples = [TIMEOUT(schedule.timeout_s, who)]
        if isinstance(schedule, Every):
            samples += [INTERVAL(schedule.interval_s, who), MAX_AGE(schedule.max_age_s, who)]
        if status.success is not None:
            samples += [
                SUCCESS(status.success, who),
                DURATION(status.duration_s, who),
                SAMPLES(status.samples, who),
            ]
        if status.left_out:
            samples.append(LEFT_OUT(1, who.plus(reason=status.left_out)))
        elif status.last_success is not None:
            samples.append(LAST_SUCCESS(status.last_success, who))
        samples += [ERRORS(status.errors[reason], who.plus(reason=reason)) for reason in Reason]
        samples += [DROPPED(status.dropped[reason], who.plus(reason=reason)) for reason in Dropped]
        samples.append(MALFORMED(status.malformed, who))
        return samples


def left_out(absent: Absent) -> Sample:
    """The series of a collector that is not run."""
    return LEFT_OUT(1, Labels(cloud=absent.cloud, collector=absent.collector, reason=absent.reason))
