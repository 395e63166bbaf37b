"""What must be done so that an Alertmanager has the silences of the downtimes. Pure: no I/O, clock or log."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec

from stratoscope.downtime.matchers import MatcherSet, matcher_set, written
from stratoscope.downtime.model import DAY_S, Action, Downtime
from stratoscope.downtime.silences.by_hand import ByHand, followed, moved, overridden, was_written_so
from stratoscope.downtime.silences.listed import Listed
from stratoscope.downtime.silences.record import OVERRIDES, SilenceRecord, Standing, record_key
from stratoscope.downtime.silences.silence import Key, Silence, Written, comment, set_hash

AHEAD_S: Final = DAY_S
"""A silence is written so long before its downtime starts."""
KNOWN_S: Final = AHEAD_S + 3600
"""Downtimes that start within this time are given to `plan`: a clock that is set back removes no silence."""
LEAST_S: Final = 2.0
"""A silence that ends sooner by Alertmanager's clock is not written: the request may arrive too late."""

_BEHIND_S: Final = 10.0
"""By more, Alertmanager's clock is behind ours: what has started by our clock is started there at once."""


class Write(msgspec.Struct, frozen=True):
    """A silence to create or to update.

    Attributes:
        record: WRITING, to be stored before the request.
        is_again: Whether it was written just so before: somebody else, or a crash, has changed it.
    """

    silence: Written
    record: SilenceRecord
    is_again: bool = False


class Expiry(msgspec.Struct, frozen=True):
    """A silence to expire.

    Attributes:
        record: EXPIRING, to be stored before the request, and forgotten after it; None if the record of the
            key stays as it is.
        is_unexplained: Whether no record says that this service wrote it.
    """

    silence_id: str
    record: SilenceRecord | None = None
    is_unexplained: bool = False


class Step(msgspec.Struct, frozen=True):
    """What one downtime needs: all writes, and once all have succeeded, the expiries."""

    downtime_id: str
    writes: tuple[Write, ...]
    expiries: tuple[Expiry, ...]

    @property
    def is_disputed(self) -> bool:
        """Whether it sets right what somebody else has done."""
        return any(one.is_again for one in self.writes) or any(one.is_unexplained for one in self.expiries)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What must be done.

    Attributes:
        steps: What starts first comes first.
        by_hand: What people did, seen for the first time.
        learned: Records to be stored, without a request.
        forgotten: Records of what is over.
        wanted: How many silences there should be.
        present: How many of them need no request.
        overridden: How many others there would be, had no person expired them.
        taken_over: How many others there are that a person made theirs, `left` among them.
        left: Of these, those that still mute though their downtime does not want them any more, or is
            about to have another.
        unknown: How many silences have a key whose downtime is not known here: another installation's, which
            are left alone.
    """

    steps: tuple[Step, ...] = ()
    by_hand: tuple[ByHand, ...] = ()
    learned: tuple[SilenceRecord, ...] = ()
    forgotten: tuple[SilenceRecord, ...] = ()
    wanted: int = 0
    present: int = 0
    overridden: int = 0
    taken_over: int = 0
    left: tuple[SilenceRecord, ...] = ()
    unknown: int = 0


def unclear(
    listed: Listed, downtimes: Iterable[Downtime], records: Iterable[SilenceRecord]
) -> frozenset[str]:
    """The ids of downtimes in keys of which neither tells whether they are of this database."""
    known = {one.id for one in downtimes} | {one.downtime_id for one in records}
    return frozenset(key.downtime_id for key in listed.live).difference(known)


def plan(  # noqa: PLR0913 - all that it depends on
    alertmanager: str,
    downtimes: Sequence[Downtime],
    listed: Listed,
    records: Sequence[SilenceRecord],
    now: float,
    *,
    known: Collection[str] = (),
    base_url: str = "",
) -> Plan:
    """The plan for one Alertmanager.

    Args:
        downtimes: All that have not ended, and start within KNOWN_S.
        records: All of this Alertmanager.
        now: By our own clock.
        known: Those of the ids that are `unclear` whose downtimes are stored. The silences of the others are
            left alone: ids are random and never used twice, so they are another installation's.
        base_url: Of this service, for links.
    """
    work = _Work(alertmanager, listed, records, now, base_url)
    for downtime in sorted(downtimes, key=lambda one: one.start):
        if downtime.silences and downtime.cancelled_at is None and downtime.end > now:
            for matchers in downtime.matcher_sets:
                work.want(downtime, matchers)
    work.rest(unclear(listed, downtimes, records).difference(known))
    return work.done()


class _Work:
    """A plan while it is made."""

    def __init__(
        self,
        alertmanager: str,
        listed: Listed,
        records: Sequence[SilenceRecord],
        now: float,
        base_url: str,
    ) -> None:
        self._alertmanager, self._listed, self._now, self._base_url = alertmanager, listed, now, base_url
        self._records = {record_key(one): one for one in records}
        self._seen: set[Key] = set()
        self._writes: dict[str, list[Write]] = defaultdict(list)
        self._expiries: dict[str, list[Expiry]] = defaultdict(list)
        self._by_hand: list[ByHand] = []
        self._learned: list[SilenceRecord] = []
        self._forgotten: list[SilenceRecord] = []
        self._left: list[SilenceRecord] = []
        self._overrides = Counter[Standing]()
        self._wanted = self._present = self._unknown = 0

    def want(self, downtime: Downtime, matchers: MatcherSet) -> None:
        """Plan the silence of one matcher set."""
        key = Key(downtime.id, set_hash(matchers))
        self._seen.add(key)
        live, record = self._listed.live.get(key, []), self._records.get(key)
        if downtime.end <= self._listed.now + LEAST_S:
            self._end(key, downtime, live)
        elif self._is_overridden(downtime, live, record):
            self._expiries[downtime.id] += [Expiry(one.id, is_unexplained=True) for one in live]
        elif live:
            self._keep(downtime, matchers, live, record)
        elif downtime.start <= self._now + AHEAD_S:
            self._wanted += 1
            if record is not None:
                self._is_left(record)
            self._write(downtime, matchers, None, record)

    def rest(self, foreign: Collection[str]) -> None:
        """Plan what becomes of the silences and records that are not wanted."""
        for key, silences in self._listed.live.items():
            if key.downtime_id in foreign:
                self._unknown += len(silences)
            elif key not in self._seen:
                # One that ends by itself, and whose end has come by our clock, is left to Alertmanager's.
                self._expiries[key.downtime_id] += [
                    Expiry(one.id, self._expiring(key, one), is_unexplained=key not in self._records)
                    for one in silences
                    if one.ends_at > self._now
                ]
        for key, record in self._records.items():
            if key in self._seen or key in self._listed.live:
                continue
            if not self._is_left(record):
                self._forgotten.append(record)

    def done(self) -> Plan:
        ids = [*dict.fromkeys([*self._writes, *self._expiries])]
        steps = (Step(one, tuple(self._writes[one]), tuple(self._expiries[one])) for one in ids)
        return Plan(
            steps=tuple(step for step in steps if step.writes or step.expiries),
            by_hand=tuple(self._by_hand),
            learned=tuple(self._learned),
            forgotten=tuple(self._forgotten),
            wanted=self._wanted,
            present=self._present,
            overridden=self._overrides[Standing.OVERRIDDEN],
            taken_over=self._overrides[Standing.TAKEN_OVER] + len(self._left),
            left=tuple(self._left),
            unknown=self._unknown,
        )

    def _end(self, key: Key, downtime: Downtime, live: Sequence[Silence]) -> None:
        """By Alertmanager's clock it is over: what would last longer is expired."""
        self._expiries[downtime.id] += [
            Expiry(one.id, self._expiring(key, one)) for one in live if round(one.ends_at) > downtime.end
        ]

    def _is_overridden(
        self, downtime: Downtime, live: Sequence[Silence], record: SilenceRecord | None
    ) -> bool:
        if record is None or record.revision != downtime.revision:
            return False
        if record.standing in OVERRIDES:
            self._overrides[self._followed(record).standing] += 1
            return True
        if record.standing is not Standing.WRITTEN or live:
            return False
        seen = overridden(record, self._listed, self._now)
        if seen is None:
            return False
        self._by_hand.append(seen)
        self._overrides[seen.record.standing] += 1
        return True

    def _followed(self, record: SilenceRecord) -> SilenceRecord:
        """The record of an override as it stands now."""
        after = followed(record, self._listed, self._now)
        if after != record:
            self._learned.append(after)
        return after

    def _is_left(self, record: SilenceRecord) -> bool:
        """Whether a person made its silence theirs, and that still mutes."""
        if record.standing is Standing.WRITTEN:
            seen = overridden(record, self._listed, self._now)
            if seen is None or seen.action is not Action.TAKEN_OVER:
                return False  # what has vanished or was expired may be our own doing
            self._by_hand.append(seen)
            self._left.append(seen.record)
            return True
        if record.standing is not Standing.TAKEN_OVER:
            return False
        after = self._followed(record)
        if after.standing is not Standing.TAKEN_OVER:
            return False
        self._left.append(after)
        return True

    def _keep(
        self, downtime: Downtime, matchers: MatcherSet, live: Sequence[Silence], record: SilenceRecord | None
    ) -> None:
        """Keep the best of these; the others are expired."""
        self._wanted += 1
        known = "" if record is None else record.silence_id

        def rank(one: Silence) -> tuple[bool, bool, bool, float, str]:
            fits = self._fits(downtime, one)
            return fits, self._is_updatable(downtime, one), one.id == known, one.updated_at, one.id

        best = max(live, key=rank)
        spare = [Expiry(one.id) for one in live if one is not best]
        is_new = record is None or record.revision != downtime.revision
        if not self._fits(downtime, best) or (
            is_new and best.comment != comment(downtime, matchers, self._base_url)
        ):
            by_hand = moved(record, best, downtime, self._listed, self._now)
            if by_hand is not None:
                self._by_hand.append(by_hand)
            spare += self._write(downtime, matchers, best, record)
        else:
            self._present += 1
            self._learn(downtime, matchers, best, record)
        self._expiries[downtime.id] += spare

    def _has_started(self, downtime: Downtime) -> bool:
        return downtime.start <= max(self._now, self._listed.now)

    def _fits(self, downtime: Downtime, silence: Silence) -> bool:
        if round(silence.ends_at) != downtime.end:
            return False
        if silence.state == "active":
            return self._has_started(downtime) or round(silence.starts_at) == downtime.start
        if self._must_start(downtime):  # its clock is known to a second: what is to start at once may wait
            return silence.starts_at <= self._listed.now + LEAST_S
        return round(silence.starts_at) == downtime.start

    def _must_start(self, downtime: Downtime) -> bool:
        """Whether it has started by our clock, and would start much later by Alertmanager's."""
        return downtime.start <= self._now and downtime.start > self._listed.now + _BEHIND_S

    def _is_updatable(self, downtime: Downtime, silence: Silence) -> bool:
        """Whether Alertmanager would update it and keep its id (silence/silence.go, canUpdate)."""
        if silence.state == "active":
            return self._has_started(downtime) or round(silence.starts_at) == downtime.start
        return downtime.start >= self._listed.now + LEAST_S and not self._must_start(downtime)

    def _write(
        self, downtime: Downtime, matchers: MatcherSet, old: Silence | None, record: SilenceRecord | None
    ) -> list[Expiry]:
        """Plan a write; what is to be expired after it: the old one, if it cannot be updated."""
        starts_at: float = downtime.start
        if self._must_start(downtime):
            starts_at = self._listed.now
        silence_id, expiries = "", []
        order = matchers
        if old is not None and self._is_updatable(downtime, old):
            silence_id, order = old.id, old.matchers
            starts_at = old.starts_at if old.state == "active" else starts_at
        elif old is not None:
            expiries = [Expiry(old.id)]
        silence = Written(
            id=silence_id,
            starts_at=starts_at,
            ends_at=downtime.end,
            matchers=order,
            comment=comment(downtime, matchers, self._base_url),
            annotations=None if old is None else old.annotations,
        )
        known = silence_id or (old.id if old else "")
        writing = self._record(downtime, matchers, known, Standing.WRITING, record)
        is_again = record is not None and was_written_so(record, downtime)
        self._writes[downtime.id].append(Write(silence, writing, is_again))
        return expiries

    def _learn(
        self, downtime: Downtime, matchers: MatcherSet, silence: Silence, record: SilenceRecord | None
    ) -> None:
        learned = self._record(downtime, matchers, silence.id, Standing.WRITTEN, record)
        if learned != record:
            self._learned.append(learned)

    def _record(
        self,
        downtime: Downtime,
        matchers: MatcherSet,
        silence_id: str,
        standing: Standing,
        before: SilenceRecord | None,
    ) -> SilenceRecord:
        """The record as it should be; the one before if nothing but its moment would change."""
        after = SilenceRecord(
            alertmanager=self._alertmanager,
            downtime_id=downtime.id,
            matchers=written(matchers),
            silence_id=silence_id,
            standing=standing,
            starts_at=downtime.start,
            ends_at=downtime.end,
            revision=downtime.revision,
            changed_at=int(self._now) if before is None else before.changed_at,
        )
        return after if after == before else self._changed(after)

    def _expiring(self, key: Key, silence: Silence) -> SilenceRecord:
        before = self._records.get(key)
        if before is not None:
            return self._changed(before, standing=Standing.EXPIRING, silence_id=silence.id)
        return SilenceRecord(
            alertmanager=self._alertmanager,
            downtime_id=key.downtime_id,
            matchers=written(matcher_set(silence.matchers)),
            silence_id=silence.id,
            standing=Standing.EXPIRING,
            starts_at=int(silence.starts_at),
            ends_at=int(silence.ends_at),
            revision=0,
            changed_at=int(self._now),
        )

    def _changed(self, record: SilenceRecord, **fields: object) -> SilenceRecord:
        return msgspec.structs.replace(record, changed_at=int(self._now), **fields)
