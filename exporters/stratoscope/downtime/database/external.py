"""What a source says of its downtimes is stored, some hundred rows in a transaction: others have their turn
between two of them."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, select

from stratoscope.downtime.database import editing, rows
from stratoscope.downtime.database.editing import Fields, Origin
from stratoscope.downtime.database.engine import Database
from stratoscope.downtime.database.tables import CHANGES, DOWNTIMES
from stratoscope.downtime.draft import LONGEST_S, Checked
from stratoscope.downtime.hosts_off.plan import Plan
from stratoscope.downtime.imports.announced import is_unread
from stratoscope.downtime.model import CLOUD, DAY_S, PERSON, SCRIPT, Action, Downtime, State

_PAST_S: Final = LONGEST_S + 31 * DAY_S
"""What has ended so long ago is not looked at any more: no source speaks of it, and no host is off for so
long."""
_TOGETHER: Final = 200
"""Rows in a transaction: who waits for it waits some 100 ms."""
_SAID: Final = ("title", "text", "planned", "severity", "start", "end")
"""Fields that the source fills; the others are those of our mapping."""


def newest(
    connection: Connection, source: str, now: int, among: Collection[str] | None = None
) -> dict[str, tuple[Downtime, str | None]]:
    """By external id: the downtime of it that was filed last, and who has cancelled it.

    Args:
        among: The external ids that are asked for; None for all.
    """
    # Of those filed in the same second the one that is not cancelled is the newer one.
    order = DOWNTIMES.c.external_id, DOWNTIMES.c.created_at, DOWNTIMES.c.cancelled_at.is_(None)
    asked = select(DOWNTIMES).where(*_of(source, now, among)).order_by(*order)
    found = connection.execute(asked)
    return {row.external_id: (rows.downtime(row), row.cancelled_by) for row in found}


def _of(source: str, now: int, among: Collection[str] | None) -> Sequence[ColumnElement[bool]]:
    of = DOWNTIMES.c
    named = () if among is None else (of.external_id.in_(among),)
    return of.source == source, of.end > now - _PAST_S, *named


def importing(connection: Connection, now: int) -> frozenset[str]:
    """See `Store.importing`."""
    of = DOWNTIMES.c
    asked = select(of.source).distinct().where(of.end > now, of.cancelled_at.is_(None), of.source != PERSON)
    found = connection.execute(asked).scalars()
    return frozenset(source for source in found if not source.startswith((CLOUD, SCRIPT)))


def ended_by_hand(
    connection: Connection, source: str, now: int, among: Collection[str] | None = None
) -> dict[str, int]:
    """Of the downtimes of a source those that a person has ended: id -> the end that it had before.

    Args: among: As `newest`.
    """
    of = DOWNTIMES.c
    asked = (
        select(CHANGES, of.end)
        .join(DOWNTIMES, CHANGES.c.downtime_id == of.id)
        .where(*_of(source, now, among), of.cancelled_at.is_(None))
        .where(CHANGES.c.who != source, CHANGES.c.action == Action.CHANGED)
        .order_by(CHANGES.c.id)
    )
    found = [(rows.change(row), row.end) for row in connection.execute(asked)]
    ends = [(one.downtime_id, one.fields.get("end", (None, None)), end) for one, end in found]
    return {id_: int(str(before)) for id_, (before, after), end in ends if after == end}


async def upsert(
    database: Database, source: str, wanted: Mapping[str, Checked], now: int, unread: Collection[str]
) -> bool:
    """See `Store.upsert_external`."""
    is_changed = False
    for items in editing.pieces([*wanted.items()], _TOGETHER):
        piece = dict(items)
        if any(await database.read(partial(_differences, source=source, wanted=piece, now=now))):
            await database.change(partial(_store, source=source, wanted=piece, now=now))
            is_changed = True
    gone = await database.read(partial(_vanished, source=source, wanted=wanted, now=now, unread=unread))
    for ids in editing.pieces(gone, _TOGETHER):
        await database.change(partial(_cancel, source=source, ids=ids, now=now))
    return is_changed or bool(gone)


class _Differences(NamedTuple):
    file: Sequence[tuple[Checked, Origin]]
    change: Sequence[tuple[Downtime, Fields]]


def _differences(
    connection: Connection, source: str, wanted: Mapping[str, Checked], now: int
) -> _Differences:
    """What is to be filed and changed so that what is stored equals what is wanted."""
    found = newest(connection, source, now, wanted)
    by_hand = ended_by_hand(connection, source, now, wanted)
    new, changed = [], []
    for external_id, checked in wanted.items():
        one, cancelled_by = found.get(external_id, (None, None))
        if one is None or cancelled_by == source:
            new.append((checked, Origin(source, external_id)))
        elif one.cancelled_at is not None:
            if _says_else(one, checked):
                new.append((checked, Origin(source, external_id)))
        elif one.id not in by_hand or _says_else(replace(one, end=by_hand[one.id]), checked):
            fields = checked._asdict()
            if any(getattr(one, name) != value for name, value in fields.items()):
                changed.append((one, fields))
    return _Differences(new, changed)


def _store(connection: Connection, source: str, wanted: Mapping[str, Checked], now: int) -> None:
    new, changed = _differences(connection, source, wanted, now)
    editing.save_all(connection, changed, source, now, Action.CHANGED)
    editing.file(connection, new, source, now)


def _vanished(
    connection: Connection, source: str, wanted: Collection[str], now: int, unread: Collection[str]
) -> Sequence[str]:
    """The ids of those that are not among the wanted ones, and neither cancelled nor over."""
    of = DOWNTIMES.c
    asked = select(of.id, of.external_id).where(*_open(source, now))
    return [
        row.id
        for row in connection.execute(asked)
        if row.external_id not in wanted and not is_unread(row.external_id, unread)
    ]


def _cancel(connection: Connection, source: str, ids: Collection[str], now: int) -> None:
    """Cancel those that are still neither cancelled nor over."""
    found = connection.execute(select(DOWNTIMES).where(DOWNTIMES.c.id.in_(ids), *_open(source, now)))
    gone = [(rows.downtime(row), {"cancelled_at": now}) for row in found]
    editing.save_all(connection, gone, source, now, Action.CANCELLED)


def _open(source: str, now: int) -> Sequence[ColumnElement[bool]]:
    """Neither cancelled nor over."""
    of = DOWNTIMES.c
    return of.source == source, of.cancelled_at.is_(None), of.end > now


def _says_else(one: Downtime, checked: Checked) -> bool:
    """Whether the source says something else of a downtime than it did when it was stored."""
    return any(getattr(one, name) != getattr(checked, name) for name in _SAID)


def apply(connection: Connection, source: str, plan: Plan, now: int) -> None:
    """See `Store.apply_host_plan`."""
    filed = [(one.checked, Origin(source, one.external_id)) for one in plan.file]
    editing.file(connection, filed, source, now)
    editing.rearm(connection, plan.extend, source, now)
    for downtime_id in plan.end:
        one = editing.current(connection, downtime_id)
        if one.state(now) is State.ACTIVE:
            editing.save(connection, one, source, now, Action.CHANGED, end=now)
