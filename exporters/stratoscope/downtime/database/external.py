"""What a source says of its downtimes is stored: part of a transaction that writes."""

from collections.abc import Collection, Mapping
from typing import Final

from msgspec.structs import replace
from sqlalchemy import Connection, select

from stratoscope.downtime.database import editing, rows
from stratoscope.downtime.database.editing import Origin
from stratoscope.downtime.database.tables import CHANGES, DOWNTIMES
from stratoscope.downtime.draft import LONGEST_S, Checked
from stratoscope.downtime.hosts_off.plan import Plan
from stratoscope.downtime.imports.announced import is_unread
from stratoscope.downtime.model import CLOUD, DAY_S, PERSON, SCRIPT, Action, Downtime, State

_PAST_S: Final = LONGEST_S + 31 * DAY_S
"""What has ended so long ago is not looked at any more: no source speaks of it, and no host is off for so
long."""
_SAID: Final = ("title", "text", "planned", "severity", "start", "end")
"""Fields that the source fills; the others are those of our mapping."""


def newest(connection: Connection, source: str, now: int) -> dict[str, tuple[Downtime, str | None]]:
    """By external id: the downtime of it that was filed last, and who has cancelled it."""
    # Of those filed in the same second the one that is not cancelled is the newer one.
    order = DOWNTIMES.c.external_id, DOWNTIMES.c.created_at, DOWNTIMES.c.cancelled_at.is_(None)
    asked = (
        select(DOWNTIMES)
        .where(DOWNTIMES.c.source == source, DOWNTIMES.c.end > now - _PAST_S)
        .order_by(*order)
    )
    found = connection.execute(asked)
    return {row.external_id: (rows.downtime(row), row.cancelled_by) for row in found}


def importing(connection: Connection, now: int) -> frozenset[str]:
    """See `Store.importing`."""
    of = DOWNTIMES.c
    asked = select(of.source).distinct().where(of.end > now, of.cancelled_at.is_(None), of.source != PERSON)
    found = connection.execute(asked).scalars()
    return frozenset(source for source in found if not source.startswith((CLOUD, SCRIPT)))


def ended_by_hand(connection: Connection, source: str, now: int) -> dict[str, int]:
    """Of the downtimes of a source those that a person has ended: id -> the end that it had before."""
    of = DOWNTIMES.c
    asked = (
        select(CHANGES, of.end)
        .join(DOWNTIMES, CHANGES.c.downtime_id == of.id)
        .where(of.source == source, of.end > now - _PAST_S, of.cancelled_at.is_(None))
        .where(CHANGES.c.who != source, CHANGES.c.action == Action.CHANGED)
        .order_by(CHANGES.c.id)
    )
    found = [(rows.change(row), row.end) for row in connection.execute(asked)]
    ends = [(one.downtime_id, one.fields.get("end", (None, None)), end) for one, end in found]
    return {id_: int(str(before)) for id_, (before, after), end in ends if after == end}


def upsert(
    connection: Connection, source: str, wanted: Mapping[str, Checked], now: int, unread: Collection[str]
) -> bool:
    """See `Store.upsert_external`."""
    found = newest(connection, source, now)
    by_hand = ended_by_hand(connection, source, now)
    new, changed = [], []
    for external_id, checked in wanted.items():
        one, cancelled_by = found.get(external_id, (None, None))
        if one is None or cancelled_by == source:
            new.append((checked, Origin(source, external_id)))
        elif one.cancelled_at is not None:
            if _says_else(one, checked):
                new.append((checked, Origin(source, external_id)))
        elif one.id not in by_hand or _says_else(replace(one, end=by_hand[one.id]), checked):
            changed.append((one, checked._asdict()))
    saved = editing.save_all(connection, changed, source, now, Action.CHANGED)
    is_changed = any(after is not before for after, (before, _) in zip(saved, changed, strict=True))
    editing.file(connection, new, source, now)
    gone = [
        (one, {"cancelled_at": now})
        for external_id, (one, _) in found.items()
        if external_id not in wanted
        and not is_unread(external_id, unread)
        and one.cancelled_at is None
        and one.end > now
    ]
    editing.save_all(connection, gone, source, now, Action.CANCELLED)
    return is_changed or bool(new or gone)


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
