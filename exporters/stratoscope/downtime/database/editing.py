"""Downtimes are filed and changed; each function is part of a transaction that writes."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from stratoscope.downtime.database import rows
from stratoscope.downtime.database.errors import (
    ClosedError,
    IdempotencyError,
    RevisionError,
    SourceError,
    UnknownError,
)
from stratoscope.downtime.database.tables import CHANGES, DOWNTIMES, IDEMPOTENCY
from stratoscope.downtime.draft import Checked
from stratoscope.downtime.model import DAY_S, PERSON, Action, Change, Downtime, Rearm, State, new_id

T = TypeVar("T")

Fields: TypeAlias = Mapping[str, Any]
"""The new values of fields of a downtime."""

# Made once: to make one costs as much as to execute it.
_FILE: Final = insert(DOWNTIMES)
_NOTE: Final = insert(CHANGES)
_CURRENT: Final = select(DOWNTIMES).where(DOWNTIMES.c.id == bindparam("wanted"))
_CHANGE: Final = update(DOWNTIMES).where(DOWNTIMES.c.id == bindparam("changed_id"))
_PIECE: Final = 500
"""Rows that are written together: of thousands, each alone would take as long as a request."""
KEPT_S: Final = DAY_S
"""For so long an idempotency key is remembered."""


class Idempotency(NamedTuple):
    """What makes a request that is sent twice file once.

    Attributes:
        key: The caller's; remembered for a day per user.
        request: What was asked, so that another request with the same key is noticed.
    """

    key: str
    request: bytes


class Origin(NamedTuple):
    """What files a downtime, see Downtime."""

    source: str
    external_id: str = ""
    window_id: str = ""


def known(connection: Connection, who: str, asked: Idempotency, now: int) -> str | None:
    """The id of the downtime that this request has filed; None if that is too long ago.

    Raises:
        IdempotencyError: The key was used for another one.
    """
    of = IDEMPOTENCY.c
    named = (of.who == who, of.key == asked.key, of.at >= now - KEPT_S)
    row = connection.execute(select(IDEMPOTENCY).where(*named)).first()
    if row is None:
        return None
    if row.request != _hash(asked.request):
        raise IdempotencyError(asked.key)
    return str(row.downtime_id)


def remember(connection: Connection, who: str, asked: Idempotency, one: Downtime, now: int) -> None:
    """Store what a request has filed, and forget old ones."""
    connection.execute(delete(IDEMPOTENCY).where(IDEMPOTENCY.c.at < now - KEPT_S))
    row = {"who": who, "key": asked.key, "request": _hash(asked.request), "downtime_id": one.id, "at": now}
    connection.execute(insert(IDEMPOTENCY), row)


def file(
    connection: Connection, drafts: Sequence[tuple[Checked, Origin]], who: str, now: int
) -> list[Downtime]:
    """Store new downtimes, in their order."""
    filed = [
        Downtime(
            id=new_id(), **checked._asdict(), author=who, **origin._asdict(), created_at=now, changed_at=now
        )
        for checked, origin in drafts
    ]  # fmt: skip
    for piece in pieces(filed):
        connection.execute(
            _FILE,
            [rows.values(one) | {"window_start": one.start if one.window_id else None} for one in piece],
        )
        entries = [
            Change(downtime_id=one.id, revision=1, at=now, who=who, action=Action.FILED) for one in piece
        ]
        note(connection, *entries)
    return filed


def note(connection: Connection, *entries: Change) -> None:
    """Add entries to histories."""
    connection.execute(_NOTE, [rows.change_values(one) for one in entries])


def current(connection: Connection, downtime_id: str, if_revision: int | None = None) -> Downtime:
    """A downtime as it stands now.

    Raises:
        UnknownError: There is none.
        RevisionError: It has another revision than expected.
    """
    row = connection.execute(_CURRENT, {"wanted": downtime_id}).first()
    if row is None:
        raise UnknownError("downtime", downtime_id)
    one = rows.downtime(row)
    if if_revision is not None and one.revision != if_revision:
        raise RevisionError(one)
    return one


def check_open(one: Downtime) -> None:
    """Raises ClosedError: It was cancelled."""
    if one.cancelled_at is not None:
        raise ClosedError("downtime", one.id)


def check_own(one: Downtime) -> None:
    """Raises ClosedError as `check_open`, and SourceError: A source filed it."""
    check_open(one)
    if one.source != PERSON:
        raise SourceError(one.source)


def closing(one: Downtime, now: int) -> tuple[Action, Fields]:
    """How one that is neither cancelled nor over ends now: if it has not lasted yet, it is cancelled."""
    if now <= one.start:
        return Action.CANCELLED, {"cancelled_at": now}
    return Action.CHANGED, {"end": now, "until_further_notice": False}


def rearm(connection: Connection, rearms: Sequence[Rearm], who: str, now: int) -> int:
    """Move on the ends of those that still go on, and whose end nobody has moved meanwhile.

    Returns:
        How many these were.
    """
    edits = []
    for piece in pieces(rearms):
        found = connection.execute(
            select(DOWNTIMES).where(DOWNTIMES.c.id.in_([each.downtime_id for each in piece]))
        )
        stored = {one.id: one for one in map(rows.downtime, found)}
        for each in piece:
            one = stored[each.downtime_id]
            if one.goes_on and one.state(now) is State.ACTIVE and one.end == each.seen:
                edits.append((one, {"end": each.end}))
    save_all(connection, edits, who, now, Action.REARMED)
    return len(edits)


def save(
    connection: Connection, before: Downtime, who: str, now: int, action: Action, /, **fields: Any
) -> Downtime:
    """Store what changes of a downtime, see `save_all`."""
    (after,) = save_all(connection, [(before, fields)], who, now, action)
    return after


def save_all(
    connection: Connection, edits: Sequence[tuple[Downtime, Fields]], who: str, now: int, action: Action
) -> list[Downtime]:
    """Store what changes of downtimes, and entries of their histories; nothing of those that stay the same.

    The revision stays when they are REARMED: nobody has edited them.

    Returns:
        All of them as they stand then, in their order.
    """
    saved = []
    for piece in pieces(edits):
        changed, entries = [], []
        for before, fields in piece:
            after = replace(before, **fields)
            differs = rows.changed(before, after)
            if not differs:
                saved.append(before)
                continue
            after = replace(after, revision=before.revision + (action is not Action.REARMED), changed_at=now)
            by = {"cancelled_by": who} if after.cancelled_at != before.cancelled_at else {}
            changed.append({**rows.values(after), **by, "changed_id": after.id})
            entries.append(
                Change(
                    downtime_id=after.id, revision=after.revision, at=now, who=who, action=action,
                    fields=differs,
                )
            )  # fmt: skip
            saved.append(after)
        if changed:
            connection.execute(_CHANGE, changed)
            note(connection, *entries)
    return saved


def pieces(items: Sequence[T], most: int = _PIECE) -> Iterator[Sequence[T]]:
    """The items in their order, at most so many at a time."""
    for begin in range(0, len(items), most):
        yield items[begin : begin + most]


def renew(connection: Connection, before: Downtime, who: str, now: int, action: Action) -> Downtime:
    """Store another revision that differs in nothing else, and the entry of its history."""
    after = replace(before, revision=before.revision + 1, changed_at=now)
    row = {"revision": after.revision, "changed_at": now}
    connection.execute(update(DOWNTIMES).where(DOWNTIMES.c.id == after.id).values(row))
    entry = Change(downtime_id=after.id, revision=after.revision, at=now, who=who, action=action)
    note(connection, entry)
    return after


def _hash(request: bytes) -> str:
    return hashlib.sha256(request).hexdigest()
