"""Alertmanager's silences from memory, by the rules of its own `silence/silence.go`, and what it is given."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from stratoscope.clouds.client.clock import Clock
from stratoscope.downtime.matchers import Matcher, MatcherSet, matcher_set
from stratoscope.downtime.model import Downtime
from stratoscope.downtime.silences.alertmanager import SilenceList, Status
from stratoscope.downtime.silences.by_hand import ByHand
from stratoscope.downtime.silences.errors import AlertmanagerError, Reason
from stratoscope.downtime.silences.listed import Listed
from stratoscope.downtime.silences.record import SilenceRecord
from stratoscope.downtime.silences.silence import CREATED_BY, Silence, Written

NOW: Final = 1_800_000_000.0


class FakeAlertmanager:
    """Implements Client.

    Attributes:
        ahead_s: By how much its clock is ahead of the clock given.
        by_id: All that it has; the state is as of the last write.
        requests: What was asked of it: `list`, `status`, `write`, `expire`.
        failure: Raised by each request if set.
        most: How many silences it takes.
        members: Of its cluster.
    """

    def __init__(self, name: str = "am", clock: Clock | None = None, ahead_s: float = 0) -> None:
        self.name, self.ahead_s = name, ahead_s
        self.clock = clock or Clock(now=lambda: NOW)
        self.by_id: dict[str, Silence] = {}
        self.requests: list[str] = []
        self.failure: Exception | None = None
        self.most = 1_000_000
        self.process = "1"
        self.members = frozenset({name})

    @property
    def now(self) -> float:
        """By its own clock, in the milliseconds that it shows."""
        return round(self.clock.now() + self.ahead_s, 3)

    def all(self) -> Sequence[Silence]:
        """As it would list them now."""
        return [replace(one, state=self._state(one)) for one in self.by_id.values()]

    def live(self) -> Sequence[Silence]:
        return [one for one in self.all() if one.is_live]

    def listed(self) -> Listed:
        return Listed(self.all(), self.now)

    def put(self, silence: Written, created_by: str = CREATED_BY) -> str:
        """POST; the id. Raises AlertmanagerError."""
        now = self.now
        if silence.ends_at < now or silence.starts_at >= silence.ends_at:
            raise AlertmanagerError(Reason.REJECTED, "400 bad times")
        old = self.by_id.get(silence.id) if silence.id else None
        if silence.id and old is None:
            silence = replace(silence, id="")  # 404, and the client tries again without it
        if old is not None and self._is_updatable(old, silence, now):
            return self._set(silence, silence.id, created_by, now)
        if len(self.by_id) >= self.most:
            raise AlertmanagerError(Reason.LIMIT, "exceeded maximum number of silences")
        if old is not None and self._state(old) != "expired":
            self.end(old.id)
        starts_at = max(silence.starts_at, now)
        return self._set(replace(silence, starts_at=starts_at), str(uuid.uuid4()), created_by, now)

    def end(self, silence_id: str) -> None:
        """DELETE: whoever does it."""
        one, now = self.by_id.get(silence_id), self.now
        if one is None or (state := self._state(one)) == "expired":
            return
        starts_at = now if state == "pending" else one.starts_at
        self.by_id[silence_id] = replace(one, starts_at=starts_at, ends_at=now, updated_at=now)

    async def silences(self) -> SilenceList:
        self._ask("list")
        return SilenceList(self.all(), 0, self.ahead_s)

    async def status(self, timeout_s: float | None = None) -> Status:  # noqa: ARG002 - it never hangs
        self._ask("status")
        return Status(self.process, "0.0", self.members)

    async def write(self, silence: Written) -> str:
        self._ask("write")
        return self.put(silence)

    async def expire(self, silence_id: str) -> None:
        self._ask("expire")
        self.end(silence_id)

    def _ask(self, what: str) -> None:
        self.requests.append(what)
        if self.failure is not None:
            raise self.failure

    def _set(self, silence: Written, silence_id: str, created_by: str, now: float) -> str:
        self.by_id[silence_id] = Silence(
            id=silence_id,
            state="active",
            starts_at=round(silence.starts_at, 3),
            ends_at=round(silence.ends_at, 3),
            updated_at=now,
            created_by=created_by,
            comment=silence.comment,
            matchers=silence.matchers,
            annotations=silence.annotations,
        )
        return silence_id

    def _state(self, one: Silence) -> str:
        now = self.now
        return "pending" if now < one.starts_at else "active" if now < one.ends_at else "expired"

    def _is_updatable(self, old: Silence, new: Written, now: float) -> bool:
        if old.matchers != new.matchers:
            return False
        state = self._state(old)
        if state == "active":
            return int(old.starts_at) == int(new.starts_at) and new.ends_at >= now
        return state == "pending" and new.starts_at >= now


class Records:
    """SilenceRecords and Downtimes in memory.

    Attributes:
        failure: Raised by all methods if set.
        noted: What people did by hand.
        reads: How often downtimes were read.
    """

    def __init__(self, downtimes: Iterable[Downtime] = ()) -> None:
        self.downtimes = {one.id: one for one in downtimes}
        self.by_key: dict[tuple[str, str, str], SilenceRecord] = {}
        self.noted: list[ByHand] = []
        self.reads = 0
        self.failure: Exception | None = None

    @property
    def all(self) -> Sequence[SilenceRecord]:
        return [*self.by_key.values()]

    async def silence_records(self, alertmanager: str) -> Sequence[SilenceRecord]:
        self._fail()
        return [one for one in self.all if one.alertmanager == alertmanager]

    async def store_silence_records(self, records: Sequence[SilenceRecord]) -> None:
        self._fail()
        for one in records:
            self.by_key[_key(one)] = one

    async def forget_silence_records(self, records: Sequence[SilenceRecord]) -> None:
        self._fail()
        for one in records:
            self.by_key.pop(_key(one), None)

    async def live(self, now: float, ahead_s: float) -> Sequence[Downtime]:
        self._fail()
        self.reads += 1
        return [
            one
            for one in self.downtimes.values()
            if one.cancelled_at is None and one.end > now and one.start <= now + ahead_s
        ]

    async def known(self, ids: Collection[str]) -> Collection[str]:
        self._fail()
        return self.downtimes.keys() & {*ids}

    async def note_by_hand(self, seen: ByHand) -> None:
        self.noted.append(seen)
        await self.store_silence_records([seen.record])

    def change(self, downtime_id: str, **fields: object) -> None:
        """As an edit does."""
        before = self.downtimes[downtime_id]
        self.downtimes[downtime_id] = replace(before, revision=before.revision + 1, **fields)

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


def _key(record: SilenceRecord) -> tuple[str, str, str]:
    return record.alertmanager, record.downtime_id, record.matchers


def on(**labels: str) -> MatcherSet:
    """The set of matchers with these values."""
    return matcher_set(Matcher(name, value) for name, value in labels.items())


def downtime(
    name: str = "d1", start: int = int(NOW), end: int = int(NOW) + 3600, **fields: object
) -> Downtime:
    values = {
        "id": name,
        "title": "New switch",
        "start": start,
        "end": end,
        "matcher_sets": (on(host="n1"),),
        "silences": True,
        "author": "alice",
        "created_at": start,
        "changed_at": start,
    }
    return Downtime(**(values | fields))  # type: ignore[arg-type]  # checked where it is called
