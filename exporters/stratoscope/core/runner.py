"""Runs one collector: time-out, single flight, snapshot, account. No collector does any of these itself."""

import asyncio
import logging
import threading
import time
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from stratoscope.core.changes import RECOVERED, Change, Changes
from stratoscope.core.collector import Absent, Collection, Every
from stratoscope.core.deadline import Limit
from stratoscope.core.errors import CollectError, Dropped, LeftOut, Reason, SharedError, why
from stratoscope.core.exposition import Lines, render
from stratoscope.core.line_cache import together
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.core.singleflight import SingleFlight, has_result, is_cancelled

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

    def ended(
        self, why: Reason | LeftOut | None, message: str, duration_s: float, lines: Lines | None = None
    ) -> "Status":
        """The status after a collection that ended so; what is counted stays."""
        return replace(
            self,
            success=None if isinstance(why, LeftOut) else why is None,
            reason=why if isinstance(why, Reason) else None,
            left_out=why if isinstance(why, LeftOut) else None,
            message=message,
            duration_s=duration_s,
            samples=0 if lines is None else lines.samples,
        )


@dataclass(frozen=True, slots=True)
class Latest:
    """The last success of a collector in the background.

    Attributes:
        kept: What the collector keeps of it, see Collector.kept.
        as_of: When the collection began, in Unix seconds: what came later may be missing.
        age_s: How long ago that is.
    """

    kept: Any
    as_of: float
    age_s: float


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The lines of a success. Attributes: ended, began: Of the monotonic clock."""

    ended: float
    began: float
    as_of: float
    lines: Lines
    kept: object


Outcome: TypeAlias = "tuple[Lines | None, Status]"
"""The lines of a collection, and the status that belongs to them."""

GRACE_S: Final = 0.5
"""How long a cancelled collection may take to end before it is abandoned."""
HASTY_S: Final = 0.0899
"""A scrape with less time (0.1 s minus the share for sending) does not limit the collection, which would
fail only because of that."""
AGAIN_S: Final = 60.0
"""After a failure the next collection starts after max(60 s, duration of the failed one), at most the
interval: a collection that always times out must not run all the time."""

SOONEST_S: Final = 1.0
_REST: Final = 4
"""News start a collection after max(1 s, 4 x duration of the last one), unless that has failed: they may come
hundreds of times a second."""


class Runner:
    """Runs one Collection. `lines` serves scrapes; `run` is the task in the background.

    Attributes:
        status: Of the collector, which a scrape may see otherwise, see `lines`.
        tried: Set when the first collection has ended.
        successors: Those that follow once this one has been stopped, by cloud and collector.
    """

    def __init__(  # noqa: PLR0913 - the clocks are for tests
        self,
        collection: Collection,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        grace_s: float = GRACE_S,
        turn: asyncio.Lock | None = None,
        changes: Changes | None = None,
    ) -> None:
        """Args:
        turn: Shared by runners of which only one renders at a time: more would wait for each other, and block
            the event loop.
        changes: Shared by the runners of a part, for what is logged of several at once.
        """
        self.collection = collection
        self.collector = collection.collector
        self.status = Status()
        self.tried = asyncio.Event()
        self.successors: asyncio.Future[Mapping[tuple[str, str], Runner]] | None = None
        self._monotonic, self._now, self._sleep, self._grace_s = monotonic, now, sleep, grace_s
        self._turn = turn or asyncio.Lock()
        self._changes = changes or Changes()
        self._flight: SingleFlight[str, Outcome] = SingleFlight()
        self._limit: Limit
        self._stopped = False
        self._rendering = threading.Lock()
        self._snapshot: _Snapshot | None = None
        self._verdict: Lines | None = None
        self._nap: asyncio.Future[None] | None = None
        self._labels = Labels(cloud=self.collector.cloud, collector=self.collector.name)
        self._who = f"collector={self.collector.name} cloud={self.collector.cloud}"

    async def lines(self, within_s: float) -> Outcome:
        """The lines and status that a scrape shows, after `within_s` at the latest.

        A collector in the background answers at once, from its snapshot. A collector that runs when scraped
        shares a collection in progress; if it is not ready in time, this page has no lines of it and the
        reason `timeout`. One that was stopped waits for its successor, if it is to have one.
        """
        if isinstance(self.collection.schedule, Every):
            return self.shown()
        began = self._monotonic()
        if not self._stopped:
            task = self._start(within_s)
            if await has_result(task, within_s):
                return task.result()
        reason, message = Reason.TIMEOUT, f"no answer within the scrape's {within_s:.3g} s"
        if self._stopped:
            reason, message, ends = Reason.UNAVAILABLE, "stopped", began + within_s
            if self.successors and await has_result(self.successors, ends - self._monotonic()):
                successor = self.successors.result()[self.collector.key]
                return await successor.lines(ends - self._monotonic())
        return None, self.status.ended(reason, message, self._monotonic() - began)

    def shown(self) -> Outcome:
        """What a scrape shows if it waits for nothing: the snapshot, or the samples of a failure."""
        if not isinstance(self.collection.schedule, Every):
            return None, self.status
        snapshot = self._young()
        lines = self._verdict if snapshot is None else snapshot.lines
        return lines, replace(self.status, samples=0 if lines is None else lines.samples)

    def latest(self) -> Latest | None:
        """The last success in the background; None where a scrape shows none."""
        snapshot = self._young()
        if snapshot is None:
            return None
        return Latest(snapshot.kept, snapshot.as_of, self._monotonic() - snapshot.began)

    def _young(self) -> _Snapshot | None:
        """The snapshot, which is withdrawn at its `max_age_s`."""
        schedule, snapshot = self.collection.schedule, self._snapshot
        if not isinstance(schedule, Every) or snapshot is None:
            return None
        if snapshot.ended < self._monotonic() - schedule.max_age_s:
            self._snapshot = None
        return self._snapshot

    async def first(self) -> None:
        """Run once; returns when the collection has ended or timed out."""
        if not self._stopped:
            timeout_s, began = self.collection.schedule.timeout_s, self._monotonic()
            task = self._start(timeout_s)
            await asyncio.wait({task}, timeout=timeout_s + self._grace_s)
            if not task.done():
                message = f"no answer within {timeout_s:.3g} s, and it cannot be cancelled"
                self._failed(began, CollectError(Reason.TIMEOUT, message))
        self.tried.set()

    async def run(self) -> None:
        """Run once, as every collector does at start, and then, in the background, at each interval until
        `stop`; the first pause depends on the name, to spread load. After a failure, see AGAIN_S; with news,
        see SOONEST_S."""
        await self.first()
        ended, took_s = self._monotonic(), 0.0
        share = 0.5 + zlib.crc32("/".join(self.collector.key).encode()) % 512 / 1024
        while isinstance(schedule := self.collection.schedule, Every) and not self._stopped:
            pause_s = schedule.interval_s - took_s
            if self.status.success is False:
                pause_s = min(pause_s, max(AGAIN_S, took_s))
            least_s = max(SOONEST_S, _REST * took_s)
            if await self._slept(ended + share * pause_s, ended + least_s):
                began, share = self._monotonic(), 1.0
                await self.first()
                ended = self._monotonic()
                took_s = ended - began

    def change(self, collection: Collection) -> None:
        """Run the same collector under another schedule and bound from now on."""
        if collection != self.collection:
            self.collection = collection
            self._wake()

    def inherit(self, before: "Runner") -> None:
        """Show what the runner before shows, and count on from it, until this one has been tried."""
        self.status = before.status
        self._snapshot, self._verdict = before._snapshot, before._verdict  # noqa: SLF001 - of the same class

    async def _slept(self, until: float, soonest: float) -> bool:
        """Whether it slept until then, or until there were news, but not before `soonest`; False when it was
        woken before.
        """
        self._nap = asyncio.ensure_future(self._until(until))
        waits = {self._nap}
        if self.collector.news is not None and self.status.success:
            waits.add(asyncio.ensure_future(self._hears(self.collector.news, soonest)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return not self._nap.cancelled()
        finally:
            for one in waits:
                one.cancel()

    async def _until(self, moment: float) -> None:
        await self._sleep(max(0.0, moment - self._monotonic()))

    async def _hears(self, news: asyncio.Event, soonest: float) -> None:
        await self._until(soonest)
        await news.wait()

    def _wake(self) -> None:
        if self._nap is not None:
            self._nap.cancel()

    async def stop(self) -> None:
        """Cancel the collection in progress, and start no other; returns after `grace_s` at the latest."""
        self._stopped = True
        self._wake()
        try:
            async with asyncio.timeout(self._grace_s):
                await self._flight.close()
        except TimeoutError:
            log.warning("hangs though stopped %s", self._who)

    def _start(self, within_s: float) -> "asyncio.Future[Outcome]":
        """The collection in progress, or a new one; it may last at least as long as this caller waits."""
        if within_s < HASTY_S:
            within_s = self.collection.schedule.timeout_s
        task = self._flight.call(self.collector.name, self._begin)
        self._limit.allow(within_s, self.collection.schedule.timeout_s)
        return task

    def _begin(self) -> "asyncio.Task[Outcome]":
        self._limit = Limit()
        name = f"collect {self.collector.name}"
        return asyncio.create_task(self._collect(), name=name, context=self._limit.context)

    async def _collect(self) -> Outcome:
        began, as_of = self._monotonic(), self._now()
        if self.collector.news is not None:
            self.collector.news.clear()
        try:
            async with self._limit.held():
                data = await self.collector.fetch()
                async with self._turn:
                    lines, kept = await asyncio.to_thread(self._render, data, as_of)
            malformed = self.collector.malformed(data)
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled(error):  # else it is the border: a bug in one collector must not end the others
                raise
            return await self._ended_badly(began, error)
        return self._succeeded(_Snapshot(self._monotonic(), began, as_of, lines, kept), malformed)

    def _render(self, data: object, as_of: float) -> tuple[Lines, object]:
        """Runs in a thread, one at a time: an abandoned collection may still use the cached lines."""
        collector, most = self.collector, self.collection.max_series
        with self._rendering:
            lines = render(collector.samples(data), collector.families, most)
            return together(lines, collector.cached(data), most), collector.kept(data, as_of)

    def _succeeded(self, snapshot: _Snapshot, malformed: int) -> Outcome:
        before, lines = self.status, snapshot.lines
        if before.success is False or before.left_out:
            self._changes.add(Change(logging.INFO, RECOVERED, self.collector.cloud), self.collector.name)
        if new := lines.dropped.keys() - before.dropped.keys():
            log.warning("samples dropped %s reasons=%s", self._who, ",".join(sorted(new)))
        self._snapshot = snapshot if isinstance(self.collection.schedule, Every) else None
        self._verdict = None
        self.status = replace(
            before.ended(None, "", snapshot.ended - snapshot.began, lines),
            last_success=self._now(),
            dropped=before.dropped + Counter(lines.dropped),
            malformed=before.malformed + malformed,
        )
        log.debug("collected %s samples=%d seconds=%.3f", self._who, lines.samples, self.status.duration_s)
        return lines, self.status

    async def _ended_badly(self, began: float, error: BaseException) -> Outcome:
        """A failure with the collector's samples for it, if there are any; one that is left out has none."""
        collector, verdict = self.collector, None
        try:
            if not isinstance(why(error)[0], LeftOut) and (samples := collector.failure()):
                async with self._turn:
                    most = self.collection.max_series
                    verdict = await asyncio.to_thread(render, samples, collector.families, most)
        except Exception as bug:  # noqa: BLE001 - the same border
            error = bug
        return self._failed(began, error, verdict)

    def _failed(self, began: float, error: BaseException, verdict: Lines | None = None) -> Outcome:
        reason, message = why(error)
        is_new = reason is not (self.status.left_out or self.status.reason)
        if isinstance(reason, LeftOut):
            what, fields, level = "left out", " reason=%s why=%r", logging.WARNING
            if reason is LeftOut.ABSENT:
                level = logging.INFO
        else:
            what, fields, level = "failed", " reason=%s error=%r", logging.ERROR
            if isinstance(error, SharedError):
                level = logging.DEBUG
            self.status = replace(self.status, errors=self.status.errors + Counter([reason]))
        change = Change(
            level if is_new else logging.DEBUG, what, self.collector.cloud, fields, (reason, message)
        )
        bug = error if is_new and reason is Reason.INTERNAL else None
        self._changes.add(change, self.collector.name, bug)
        if isinstance(reason, LeftOut) or not self.tried.is_set():
            self._snapshot = None  # no longer there for this credential; or of the runner before
        self._verdict = verdict
        self.status = self.status.ended(reason, message, self._monotonic() - began, verdict)
        return verdict, self.status

    def account(self, status: Status) -> Sequence[Sample]:
        """The series about the collector itself: the same names in every exporter."""
        who, schedule = self._labels, self.collection.schedule
        samples = [TIMEOUT(schedule.timeout_s, who), MALFORMED(status.malformed, who)]
        samples += [ERRORS(status.errors[reason], who.plus(reason=reason)) for reason in Reason]
        samples += [DROPPED(status.dropped[reason], who.plus(reason=reason)) for reason in Dropped]
        if isinstance(schedule, Every):
            samples += [INTERVAL(schedule.interval_s, who), MAX_AGE(schedule.max_age_s, who)]
        if status.success is not None:
            samples += [SUCCESS(status.success, who), SAMPLES(status.samples, who)]
            samples.append(DURATION(status.duration_s, who))
        if status.left_out:
            samples.append(LEFT_OUT(1, who.plus(reason=status.left_out)))
        elif status.last_success is not None:
            samples.append(LAST_SUCCESS(status.last_success, who))
        return samples


def left_out(absent: Absent) -> Sample:
    """The series of a collector that is not run."""
    return LEFT_OUT(1, Labels(cloud=absent.cloud, collector=absent.collector, reason=absent.reason))
