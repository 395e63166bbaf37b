"""Downtimes are filed and changed; each function is part of a transaction that writes."""

import hashlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from msgspec.structs import replace
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stratoscope.downtime.database import rows
from stratoscope.downtime.database.errors import (
    ClosedError,
    IdempotencyError,
    RevisionError,
    SourceError,
    UnknownError,
)
from stratoscope.downtime.database.tables import CHANGES, DOWNTIMES, IDEMPOTENCY, REVISION
from stratoscope.downtime.draft import Checked
from stratoscope.downtime.model import DAY_S, PERSON, Action, Change, Downtime, new_id

# Made once: to make one costs as much as to execute it.
_BUMP: Final = update(REVISION).where(REVISION.c.id == 1).values(number=REVISION.c.number + 1)
_FILE: Final = insert(DOWNTIMES)
_NOTE: Final = insert(CHANGES)
_CURRENT: Final = select(DOWNTIMES).where(DOWNTIMES.c.id == bindparam("wanted"))
_KEPT_S: Final = DAY_S
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


async def bump(connection: AsyncConnection) -> None:
    """Count this transaction. First of all: here writers of all processes wait for each other."""
    await connection.execute(_BUMP)


async def known(connection: AsyncConnection, who: str, asked: Idempotency) -> str | None:
    """The id of the downtime that this request has filed.

    Raises:
        IdempotencyError: The key was used for another one.
    """
    named = (IDEMPOTENCY.c.who == who, IDEMPOTENCY.c.key == asked.key)
    row = (await connection.execute(select(IDEMPOTENCY).where(*named))).first()
    if row is None:
        return None
    if row.request != _hash(asked.request):
        raise IdempotencyError(asked.key)
    return str(row.downtime_id)


async def remember(
    connection: AsyncConnection, who: str, asked: Idempotency, one: Downtime, now: int
) -> None:
    """Store what a request has filed, and forget old ones."""
    await connection.execute(delete(IDEMPOTENCY).where(IDEMPOTENCY.c.at < now - _KEPT_S))
    row = {"who": who, "key": asked.key, "request": _hash(asked.request), "downtime_id": one.id, "at": now}
    await connection.execute(insert(IDEMPOTENCY), row)


async def file(
    connection: AsyncConnection, drafts: Sequence[tuple[Checked, Origin]], who: str, now: int
) -> list[Downtime]:
    """Store new downtimes, in their order."""
    filed = [
        Downtime(
            id=new_id(), **checked._asdict(), author=who, **origin._asdict(), created_at=now, changed_at=now
        )
        for checked, origin in drafts
    ]  # fmt: skip
    if filed:
        await connection.execute(
            _FILE,
            [rows.values(one) | {"window_start": one.start if one.window_id else None} for one in filed],
        )
        entries = [
            Change(downtime_id=one.id, revision=1, at=now, who=who, action=Action.FILED) for one in filed
        ]
        await note(connection, *entries)
    return filed


async def note(connection: AsyncConnection, *entries: Change) -> None:
    """Add entries to histories."""
    await connection.execute(_NOTE, [rows.change_values(one) for one in entries])


async def current(connection: AsyncConnection, downtime_id: str, if_revision: int | None = None) -> Downtime:
    """A downtime as it stands now.

    Raises:
        UnknownError: There is none.
        RevisionError: It has another revision than expected.
    """
    row = (await connection.execute(_CURRENT, {"wanted": downtime_id})).first()
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


async def save(
    connection: AsyncConnection, before: Downtime, who: str, now: int, action: Action, /, **fields: Any
) -> Downtime:
    """Store what changes of a downtime, and the entry of its history; nothing if nothing changes.

    The revision stays when it is REARMED: nobody has edited it.
    """
    after = replace(before, **fields)
    differs = rows.changed(before, after)
    if not differs:
        return before
    revision = before.revision + (action is not Action.REARMED)
    after = replace(after, revision=revision, changed_at=now)
    row = rows.values(after) | ({"cancelled_by": who} if action is Action.CANCELLED else {})
    await connection.execute(update(DOWNTIMES).where(DOWNTIMES.c.id == after.id).values(row))
    entry = Change(
        downtime_id=after.id, revision=revision, at=now, who=who, action=action, fields=differs
    )  # fmt: skip
    await note(connection, entry)
    return after


async def renew(
    connection: AsyncConnection, before: Downtime, who: str, now: int, action: Action
) -> Downtime:
    """Store another revision that differs in nothing else, and the entry of its history."""
    after = replace(before, revision=before.revision + 1, changed_at=now)
    row = {"revision": after.revision, "changed_at": now}
    await connection.execute(update(DOWNTIMES).where(DOWNTIMES.c.id == after.id).values(row))
    entry = Change(downtime_id=after.id, revision=after.revision, at=now, who=who, action=action)
    await note(connection, entry)
    return after


def _hash(request: bytes) -> str:
    return hashlib.sha256(request).hexdigest()
