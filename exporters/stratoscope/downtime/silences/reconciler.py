"""Keeps one Alertmanager in step with the downtimes: at once when they change, and after it was away."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from math import inf
from typing import Final, Protocol

import msgspec

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.core.errors import short_line
from stratoscope.core.part import Task
from stratoscope.downtime.model import Action, Downtime
from stratoscope.downtime.silences.alertmanager import SilenceList, Status
from stratoscope.downtime.silences.apply import Applied, Writer, apply
from stratoscope.downtime.silences.by_hand import ByHand
from stratoscope.downtime.silences.clusters import Clusters
from stratoscope.downtime.silences.disputes import DISPUTED, Disputes
from stratoscope.downtime.silences.errors import AlertmanagerError, Reason
from stratoscope.downtime.silences.listed import Listed
from stratoscope.downtime.silences.plan import KNOWN_S, Plan, plan, unclear
from stratoscope.downtime.silences.processes import Processes
from stratoscope.downtime.silences.record import SilenceRecord, SilenceRecords
from stratoscope.downtime.silences.report import Report
from stratoscope.downtime.silences.said import say, say_by_hand

log = logging.getLogger(__name__)

EVERY_S: Final = 30.0
"""Between two reconciles."""
AGAIN_S: Final = 5.0
"""Between two reconciles if the first failed."""
POLL_S: Final = 2.0
"""Between two looks whether Alertmanager was started anew; also the time-out of one."""
SET_S: Final = 5.0
"""By so much more than before Alertmanager's clock is ahead of ours, or behind, if one of them was set."""
APART_S: Final = 0.2
"""Between two reconciles at least: changes that come in a row are written together."""


class Downtimes(Protocol):
    """Where downtimes are stored."""

    async def live(self, now: float, ahead_s: float) -> Sequence[Downtime]:
        """All that have not ended, were not cancelled, and start until `ahead_s` from now.

        Raises Exception: They cannot be read; then no silence is written or expired.
        """

    async def known(self, ids: Collection[str]) -> Collection[str]:
        """Those of these ids that a downtime has or had. Raises Exception: They cannot be read."""

    async def note_by_hand(self, seen: ByHand) -> None:
        """Store the record, and in the downtime's history what a person did to its silence: both or none.

        Nothing is stored if there is no such downtime.
        """


class Client(Writer, Protocol):
    """What the reconciler needs of an Alertmanager, see Alertmanager."""

    name: str

    async def silences(self) -> SilenceList: ...
    async def status(self, timeout_s: float | None = None) -> Status: ...


class Reconciler:
    """Keeps one Alertmanager in step.

    Attributes:
        report: How it stands; replaced after each reconcile.
    """

    def __init__(  # noqa: PLR0913 - all that it works with
        self,
        client: Client,
        downtimes: Downtimes,
        records: SilenceRecords,
        *,
        base_url: str = "",
        is_dry_run: bool = False,
        clusters: Clusters | None = None,
        leads: Callable[[], bool] = lambda: True,
        clock: Clock = CLOCK,
    ) -> None:
        """Take what it works with.

        Args:
            base_url: Of this service, for the links in comments.
            clusters: What all entries know of their clusters.
            leads: Whether this process is the one of several that writes.
        """
        self.report = Report(alertmanager=client.name, is_dry_run=is_dry_run)
        self._client, self._downtimes, self._records = client, downtimes, records
        self._base_url, self._leads, self._clock = base_url, leads, clock
        self._clusters = clusters or Clusters([client.name])
        self._errors = Counter[Reason]()
        self._woken = asyncio.Event()
        self._processes, self._disputes, self._is_away = Processes(), Disputes(), False
        self._ended_at = -APART_S
        self._before: Mapping[str, float] | None = None  # see Listed
        self._over_at = inf  # when the first downtime ends whose silences are not in step
        self._is_urgent = False  # whether what failed is worth another try soon

    def task(self) -> Task:
        return Task(f"silences:{self._client.name}", self.run)

    def wake(self) -> None:
        """Downtimes have changed: reconcile at once."""
        self._woken.set()

    async def run(self) -> None:
        while True:
            self._woken.clear()
            if self._leads():
                await self.reconcile()
            else:
                self._before = None  # another process writes, as another entry does while this one fails
            await self._pause()

    async def reconcile(self) -> None:
        """One round; what fails is in the report.

        Raises:
            Exception: The downtimes or the records cannot be read or stored.
        """
        before, self._is_away, self._over_at = self.report, False, inf
        try:
            report = await self._tried()
        except Exception as error:
            failed = self._failed(Reason.DOWNTIMES, short_line(f"{type(error).__name__}: {error}"))
            self._show(msgspec.structs.replace(failed, wanted=None))
            raise
        self._show(report)
        say(before, self.report)
        self._ended_at = self._clock.monotonic()

    async def _tried(self) -> Report:
        """The outcome of a round; of one that failed, what should be there, by the database alone."""
        try:
            return await self._round()
        except AlertmanagerError as error:
            self._is_away, self._before = error.reason is Reason.UNREACHABLE, None
            if error.reason not in {Reason.CLUSTER, Reason.SPLIT}:
                self._clusters.failed(self._client.name)
            failed = self._failed(error.reason, str(error))
            if error.reason is Reason.CLUSTER:  # what people did to the silences, its twin says
                failed = msgspec.structs.replace(failed, taken_over=0, left=())
        now = self._clock.now()
        downtimes = await self._downtimes.live(now, KNOWN_S)
        name = self._clusters.first(self._client.name)
        records = await self._records.silence_records(name)
        nothing = Listed((), now + (self.report.ahead_s or 0))
        todo = plan(name, downtimes, nothing, records, now)
        return msgspec.structs.replace(failed, wanted=todo.wanted, overridden=todo.overridden)

    def _failed(self, reason: Reason, words: str) -> Report:
        self._errors[reason] += 1
        self._is_urgent = True
        return msgspec.structs.replace(
            self.report, present=None, writes=0, expiries=0, is_in_step=False, trouble=words, refused={}
        )

    async def _check_cluster(self) -> None:
        """Raises AlertmanagerError: The entry is several Alertmanagers, or one that another entry is."""
        if self._processes.are_several(self._clock.monotonic()):
            raise AlertmanagerError(
                Reason.SPLIT,
                "one of its urls leads to several Alertmanagers that do not gossip: make them one cluster,"
                " whose members stand under urls, or give each an entry of its own",
            )
        await self._clusters.wait(self._client.name)
        twin = self._clusters.twin(self._client.name)
        if twin:
            what = "members of one cluster are one entry: put both under urls"
            raise AlertmanagerError(Reason.CLUSTER, f"it is of the same cluster as the entry {twin}; {what}")

    def _show(self, report: Report) -> None:
        errors = {reason: self._errors[reason] for reason in Reason}
        self.report = msgspec.structs.replace(report, errors=errors)

    async def _round(self) -> Report:
        self._note(await self._client.status())  # while it is away, nothing is read
        await self._check_cluster()
        downtimes = await self._downtimes.live(self._clock.now(), KNOWN_S)
        names = [self._clusters.first(self._client.name), *self._clusters.strangers(self._client.name)]
        of = {one: await self._records.silence_records(one) for one in names}
        # The list comes last: what is changed after it was asked for is seen in the next round.
        found = await self._client.silences()
        self._clusters.works(self._client.name)
        if abs(found.ahead_s - (self.report.ahead_s or 0)) > SET_S:
            self._disputes.clear()
        now = self._clock.now()
        listed = Listed(found.silences, now + found.ahead_s, self._before)
        name = self._recorded_as(of, listed)
        records = of[name]
        known = await self._known(unclear(listed, downtimes, records))
        todo = plan(name, downtimes, listed, records, now, known=known, base_url=self._base_url)
        applied = Applied() if self.report.is_dry_run else await self._apply(todo, found.ahead_s)
        self._before = listed.written_at()  # not before what people did is noted: else it never is
        self._over_at = min((one.end for one in downtimes if one.id in applied.refused), default=inf)
        self._errors += applied.errors
        return self._outcome(todo, applied, found)

    def _recorded_as(self, records: Mapping[str, Sequence[SilenceRecord]], listed: Listed) -> str:
        """Under which entry's name its silences are recorded: the first, or one whose silences are here.

        An entry that has not answered since the start says by these alone that it is of this cluster.
        """
        first, *strangers = records
        for name in strangers:
            if any(one.silence_id in listed.by_id for one in records[name]):
                self._clusters.join(name, self._client.name)
                return name
        return first

    async def _known(self, ids: Collection[str]) -> Collection[str]:
        return await self._downtimes.known(ids) if ids else ()

    async def _apply(self, todo: Plan, ahead_s: float) -> Applied:
        held = self._disputes.held(self._clock.monotonic())
        left = {step.downtime_id for step in todo.steps if step.is_disputed} & held
        for seen in todo.by_hand:
            if seen.action is not Action.RESTORED or seen.record.downtime_id not in left:
                await self._downtimes.note_by_hand(seen)
                say_by_hand(seen)
        if todo.learned:
            await self._records.store_silence_records(todo.learned)
        if todo.forgotten:
            await self._records.forget_silence_records(todo.forgotten)
        applied = await apply(
            [step for step in todo.steps if step.downtime_id not in left],
            self._client,
            self._records,
            lambda: self._clock.now() + ahead_s,
            lambda: self._woken.is_set() or not self._leads() or bool(self._clusters.twin(self._client.name)),
        )
        self._disputes.add(applied.disputed, self._clock.monotonic())
        if left:
            applied.errors[Reason.DISPUTED] += 1
            applied.refused |= dict.fromkeys(sorted(left), DISPUTED)
        return applied

    def _outcome(self, todo: Plan, applied: Applied, found: SilenceList) -> Report:
        writes = sum(len(step.writes) for step in todo.steps) - applied.written
        expiries = sum(len(step.expiries) for step in todo.steps) - applied.expired
        is_in_step = not (writes or expiries or applied.errors)
        self._is_urgent = not applied.errors.keys() <= {Reason.DISPUTED}
        return msgspec.structs.replace(
            self.report,
            wanted=todo.wanted,
            present=todo.present + applied.written,
            overridden=todo.overridden,
            taken_over=todo.taken_over,
            left=todo.left,
            unknown=todo.unknown,
            malformed=found.malformed,
            writes=writes,
            expiries=expiries,
            is_in_step=is_in_step,
            last_success=self._clock.now() if not applied.errors else self.report.last_success,
            ahead_s=found.ahead_s,
            recorded_as=self._clusters.first(self._client.name),
            trouble=applied.trouble,
            refused=applied.refused,
        )

    async def _pause(self) -> None:
        """Wait for the next round: its time, a wake-up, or an Alertmanager that was away or started anew.

        What is left alone does not outlive its downtime.
        """
        pause_s = AGAIN_S if self._is_urgent else EVERY_S
        until = self._clock.monotonic() + min(pause_s, self._over_at - self._clock.now())
        while (left_s := until - self._clock.monotonic()) > 0:
            if await self._is_woken(min(left_s, POLL_S)) or await self._is_there_anew():
                return

    async def _is_there_anew(self) -> bool:
        """Whether it has just gone away, or is back, or was started anew."""
        try:
            status = await self._client.status(POLL_S)
        except AlertmanagerError as error:
            log.debug("status failed alertmanager=%s error=%r", self._client.name, str(error))
            was_away, self._is_away = self._is_away, True
            return error.reason is Reason.UNREACHABLE and not was_away
        return self._note(status) or self._is_away

    async def _is_woken(self, seconds: float) -> bool:
        """Wait; whether a change ended it. What is away is not asked because of a change."""
        if self._is_away:
            await asyncio.sleep(seconds)
            return False
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        await asyncio.sleep(max(0.0, self._ended_at + APART_S - self._clock.monotonic()))
        return True

    def _note(self, status: Status) -> bool:
        """Whether it was started anew, or its cluster is another."""
        is_new = self._processes.see(status, self._clock.monotonic())
        if is_new:
            self._disputes.clear()
        self._clusters.see(self._client.name, status.members)
        self.report = msgspec.structs.replace(self.report, version=status.version)
        return is_new
