"""Downtimes and their history, stored; every change is on disk when its call returns.

All methods raise StoreError if the database cannot be used; what the others are stands beside them.
"""

import math
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple, TypeAlias

from sqlalchemy import Connection, select

from stratoscope.downtime.database import editing, external, finding, records
from stratoscope.downtime.database.address import Address
from stratoscope.downtime.database.editing import Idempotency, Origin
from stratoscope.downtime.database.engine import Database
from stratoscope.downtime.database.errors import NotSilencingError, Refusal, UnknownError
from stratoscope.downtime.database.finding import Filter, History, Page, Place
from stratoscope.downtime.database.hosts import Hosts
from stratoscope.downtime.database.leadership import Leadership
from stratoscope.downtime.database.records import Records
from stratoscope.downtime.database.tables import REVISION
from stratoscope.downtime.database.windows import Windows
from stratoscope.downtime.draft import LONGEST_S, Checked, FieldError
from stratoscope.downtime.hosts_off.plan import Plan
from stratoscope.downtime.model import DAY_S, PERSON, Action, Change, Downtime, Rearm, State, rearmed
from stratoscope.downtime.silences.by_hand import ByHand

_CACHED_S: Final = 3600
"""So much longer than asked for is the time of which live downtimes are kept in memory."""


_Edit: TypeAlias = tuple[Action, editing.Fields]
_BY_PERSON: Final = Origin(PERSON)
_REVISION: Final = select(REVISION.c.number)


class _Live(NamedTuple):
    """What is in memory: the downtimes that last between two moments, as of a revision."""

    revision: int
    begin: int
    end: int
    downtimes: tuple[Downtime, ...]


class Store:
    """The database.

    Attributes:
        windows: Recurring windows.
        hosts: Hosts of which a script says that they are off.
        records: Of silences, and reports of imports.
        leadership: Whether this process writes to Alertmanager.
    """

    def __init__(self, address: Address) -> None:
        self._database = Database(address)
        self.windows = Windows(self._database)
        self.hosts = Hosts(self._database)
        self.records = Records(self._database)
        self.leadership = Leadership(self._database)
        self._live: _Live | None = None

    async def file(
        self, checked: Checked, *, who: str, now: int, origin: Origin = _BY_PERSON,
        idempotency: Idempotency | None = None,
    ) -> Downtime:  # fmt: skip
        """File a downtime; a request that comes again gives the downtime that it has filed, as it stands now.

        Raises:
            IdempotencyError: The key was used for another request.
        """

        def file(connection: Connection) -> Downtime:
            if idempotency is not None:
                filed = editing.known(connection, who, idempotency, now)
                if filed is not None:
                    return editing.current(connection, filed)
            (one,) = editing.file(connection, [(checked, origin)], who, now)
            if idempotency is not None:
                editing.remember(connection, who, idempotency, one, now)
            return one

        return await self._database.change(file)

    async def change(
        self, downtime_id: str, checked: Checked, *, who: str, now: int, if_revision: int | None = None
    ) -> Downtime:
        """Change the fields of a downtime.

        Raises:
            UnknownError: There is none.
            RevisionError: It has another revision than `if_revision`.
            ClosedError: It is cancelled.
            SourceError: A source filed it.
        """

        def edit(one: Downtime) -> _Edit:
            editing.check_own(one)
            return Action.CHANGED, checked._asdict()

        return await self._edit(downtime_id, who, now, edit, if_revision)

    async def cancel(
        self, downtime_id: str, *, who: str, now: int, if_revision: int | None = None
    ) -> Downtime:
        """Cancel a downtime; one that is cancelled stays as it is.

        Raises as `change`, but ClosedError and SourceError.
        """

        def edit(one: Downtime) -> _Edit:
            return Action.CANCELLED, {} if one.cancelled_at is not None else {"cancelled_at": now}

        return await self._edit(downtime_id, who, now, edit, if_revision)

    async def end_now(
        self, downtime_id: str, *, who: str, now: int, if_revision: int | None = None
    ) -> Downtime:
        """End a downtime that is active; one that has not lasted yet is cancelled, others stay as they are.

        Raises as `cancel`.
        """

        def edit(one: Downtime) -> _Edit:
            if one.state(now) in {State.ENDED, State.CANCELLED}:
                return Action.CHANGED, {}
            return editing.closing(one, now)

        return await self._edit(downtime_id, who, now, edit, if_revision)

    async def extend(
        self, downtime_id: str, end: int, *, who: str, now: int, if_revision: int | None = None
    ) -> Downtime:
        """Move the end of a downtime; it is then none until further notice.

        Raises: as `change`, and
            FieldError: The end is not after now and the start, or too late.
        """

        def edit(one: Downtime) -> _Edit:
            return _extended(one, end, now)

        return await self._edit(downtime_id, who, now, edit, if_revision)

    async def silence(
        self, downtime_id: str, *, who: str, now: int, if_revision: int | None = None
    ) -> Downtime:
        """Have the silences of a downtime written again, also those that a person expired or took over.

        Its revision is one more, and nothing else differs: so the records of overrides are out of date.

        Raises:
            UnknownError: There is none.
            RevisionError: It has another revision than `if_revision`.
            NotSilencingError: It is over, or silences nothing.
        """

        def renew(connection: Connection) -> Downtime:
            one = editing.current(connection, downtime_id, if_revision)
            if not one.silences or one.state(now) in {State.ENDED, State.CANCELLED}:
                raise NotSilencingError(one.id)
            return editing.renew(connection, one, who, now, Action.SILENCED)

        return await self._database.change(renew)

    async def extend_by(
        self, downtime_id: str, by_s: int, *, who: str, now: int, if_revision: int | None = None
    ) -> Downtime:
        """Move the end of a downtime on; that of one that has ended: from now. Raises as `extend`."""

        def edit(one: Downtime) -> _Edit:
            return _extended(one, max(one.end, now) + by_s, now)

        return await self._edit(downtime_id, who, now, edit, if_revision)

    async def extend_until_further_notice(
        self, downtime_id: str, *, who: str, now: int, if_revision: int | None = None
    ) -> Downtime:
        """From now on a downtime lasts until further notice. Raises as `extend`."""

        def edit(one: Downtime) -> _Edit:
            return _extended(one, rearmed(one.start, now), now, until_further_notice=True)

        return await self._edit(downtime_id, who, now, edit, if_revision)

    async def rearm(self, rearms: Sequence[Rearm], *, who: str, now: int) -> int:
        """Move on the ends of downtimes that go on, in one transaction.

        Left as they are those that were ended, cancelled or moved since they were seen. The revision stays:
        nobody has edited them, and a silence that a person expired stays expired.

        Returns:
            How many were moved on.
        """
        return await self._database.change(lambda connection: editing.rearm(connection, rearms, who, now))

    async def note_by_hand(self, seen: ByHand) -> None:
        """Store the record, and in the downtime's history what a person did to its silence: both or none.

        The downtime's revision stays. Nothing is stored if there is no such downtime.
        """
        record = seen.record

        def note(connection: Connection) -> None:
            one = editing.current(connection, record.downtime_id)
            records.put(connection, [record])
            entry = Change(
                downtime_id=one.id, revision=one.revision, at=record.changed_at,
                who=f"alertmanager {record.alertmanager}", action=seen.action, fields=seen.fields,
            )  # fmt: skip
            editing.note(connection, entry)

        with suppress(UnknownError):
            await self._database.write(note)

    async def upsert_external(
        self, source: str, rows: Mapping[str, Checked], *, now: int, unread: Collection[str] = ()
    ) -> bool:
        """Make what is stored of a source equal to `rows`, by external id. Whether that changed anything.

        Those with a new id are filed, those that differ are changed; those that are not among `rows` are
        cancelled, unless they have ended. One that vanished and is there again is filed again; one that a
        person ended or cancelled stays so until the source says something else of it.

        If it fails on the way, each row is as it was or as it should be, and none is cancelled before all
        others are stored; the next call does the rest.

        Args:
            unread: See `announced.is_unread`; these are not cancelled.
        """
        return await external.upsert(self._database, source, rows, now, unread)

    async def newest(self, source: str, now: int) -> Sequence[Downtime]:
        """Of each external id of a source, in its order, the downtime that was filed last.

        What ended over a year ago is left out.
        """
        found = await self._database.read(lambda connection: external.newest(connection, source, now))
        return tuple(one for one, _ in found.values())

    async def importing(self, now: int) -> Collection[str]:
        """The sources, of those that are neither a person, a cloud nor a script, with what is not over."""
        return await self._database.read(lambda connection: external.importing(connection, now))

    async def ended_by_hand(self, source: str, now: int) -> Mapping[str, int]:
        """Of the downtimes of a source those that a person has ended: id -> the end that it had before."""
        return await self._database.read(lambda connection: external.ended_by_hand(connection, source, now))

    async def apply_host_plan(self, source: str, plan: Plan, now: int) -> None:
        """File, extend and end downtimes of a cloud's hosts as the plan says, in one transaction.

        Those that are extended are so as by `rearm`.
        """
        await self._database.change(lambda connection: external.apply(connection, source, plan, now))

    async def get(self, downtime_id: str) -> Downtime:
        """Raises UnknownError: There is none."""
        return await self._database.read(lambda connection: editing.current(connection, downtime_id))

    async def get_with_history(self, downtime_id: str, before: int | None = None) -> tuple[Downtime, History]:
        """A downtime, and what was done to it: the entries before that number, or the newest.

        Raises UnknownError: There is none.
        """
        return await self._database.read(
            lambda connection: finding.with_history(connection, downtime_id, before)
        )

    async def history(self, downtime_id: str) -> Sequence[Change]:
        """The newest of what was done to a downtime, oldest first; nothing if there is none."""
        try:
            return (await self.get_with_history(downtime_id))[1].changes
        except UnknownError:
            return ()

    async def find(self, wanted: Filter, *, now: int, limit: int = 100, after: Place | None = None) -> Page:
        """Downtimes to which the filter applies, latest start first.

        Args:
            limit: Of the page.
            after: `next` of the page before.
        """
        return await self._database.read(
            lambda connection: finding.page(connection, wanted, now, limit=limit, after=after)
        )

    async def live(self, now: float, ahead_s: float = DAY_S, *, behind_s: float = 0) -> Sequence[Downtime]:
        """Those that are not cancelled, start within `ahead_s` and have not ended `behind_s` ago, in order of
        start. While nothing changes this reads one row.
        """
        begin, end = now - behind_s, now + ahead_s
        seen, outer = self._live, (math.floor(begin), math.ceil(end))
        self._live = live = await self._database.read(lambda connection: _lasting(connection, seen, *outer))
        return tuple(one for one in live.downtimes if one.start < end and begin < one.end)

    async def next_ones(self, now: int, *, limit: int, skipped: int = 0) -> Sequence[Downtime]:
        """Those that are active, what ends first before; then those to come, what starts first before."""
        return await self._database.read(
            lambda connection: finding.next_ones(connection, now, limit=limit, skipped=skipped)
        )

    async def between(self, begin: int, end: int, *, now: int, limit: int) -> Sequence[Downtime]:
        """Those that last at some moment from `begin` up to `end`, in order of start: first those that are
        active now, and last those that are cancelled.
        """
        return await self._database.read(
            lambda connection: finding.between(connection, begin, end, now=now, limit=limit)
        )

    async def known(self, ids: Collection[str]) -> Collection[str]:
        """Those of these ids that a downtime has, whatever its state."""
        return await self._database.read(lambda connection: finding.known(connection, ids))

    async def revision(self) -> int:
        """A number that grows whenever downtimes or windows change, by whichever process."""
        return await self._database.read(_revision)

    async def counts(self, now: int) -> Mapping[State, int]:
        """How many downtimes are in each state."""
        return await self._database.read(lambda connection: finding.counts(connection, now))

    async def _edit(
        self, downtime_id: str, who: str, now: int, edit: Callable[[Downtime], _Edit], if_revision: int | None
    ) -> Downtime:
        """Change a downtime as `edit` says of it as it stands."""

        def save(connection: Connection) -> Downtime:
            one = editing.current(connection, downtime_id, if_revision)
            action, fields = edit(one)
            return editing.save(connection, one, who, now, action, **fields)

        return await self._database.change(save)

    @property
    def refused(self) -> Refusal | None:
        """Why the last change was not stored; None if it was."""
        return self._database.refused

    async def try_again(self) -> None:
        """Bring `refused` up to date, if it says that changes are not stored. Raises nothing."""
        await self._database.try_again()

    async def open(self) -> None:
        """Create the tables, or bring them up to date."""
        await self._database.open()

    async def close(self) -> None:
        await self._database.close()


@asynccontextmanager
async def opened(address: Address) -> AsyncIterator[Store]:
    """The store of a database.

    Raises:
        StoreError: It cannot be used.
    """
    store = Store(address)
    try:
        await store.open()
        yield store
    finally:
        await store.close()


def _revision(connection: Connection) -> int:
    return int(connection.execute(_REVISION).scalar_one())


def _lasting(connection: Connection, seen: _Live | None, begin: int, end: int) -> _Live:
    """Those that last between two moments, and maybe more: what was seen if nothing has changed."""
    revision = _revision(connection)
    if seen is not None and seen.revision == revision and seen.begin <= begin and end <= seen.end:
        return seen
    kept = begin - _CACHED_S, end + _CACHED_S
    return _Live(revision, *kept, finding.lasting(connection, *kept))


def _extended(one: Downtime, end: int, now: int, *, until_further_notice: bool = False) -> _Edit:
    """Raises ClosedError, SourceError, FieldError: As `Store.extend`."""
    editing.check_own(one)
    if not max(one.start, now) < end <= one.start + LONGEST_S:
        days = LONGEST_S // DAY_S
        allowed = f"after start and now, up to {days} days after start"
        raise FieldError("end", f"{end}; allowed: {allowed}")
    return Action.CHANGED, {"end": end, "until_further_notice": until_further_notice}
