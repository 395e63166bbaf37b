"""Rows of tables, and what they mean."""

import datetime as dt
from operator import itemgetter
from typing import Any, Final

import msgspec
from sqlalchemy import Row

from stratoscope.downtime.database.tables import DOWNTIMES
from stratoscope.downtime.draft import Checked
from stratoscope.downtime.matchers import MatcherSet
from stratoscope.downtime.model import Action, Change, Downtime, Severity
from stratoscope.downtime.silences.record import SilenceRecord, Standing
from stratoscope.downtime.silences.silence import text_hash
from stratoscope.downtime.windows.recurrence import Recurrence
from stratoscope.downtime.windows.window import Template, Window

FIELDS: Final = Checked._fields
"""Those of a downtime that are filed and changed."""

_COLUMNS: Final = DOWNTIMES.columns.keys()
_OF_DOWNTIME: Final = itemgetter(*map(_COLUMNS.index, Downtime.__struct_fields__))
_SETS: Final = msgspec.json.Decoder(tuple[MatcherSet, ...])
_CHANGED: Final = msgspec.json.Decoder(dict[str, tuple[object, object]])
_TEMPLATE: Final = msgspec.json.Decoder(Template)


def values(one: Downtime) -> dict[str, object]:
    """The columns of a downtime."""
    row = {name: getattr(one, name) for name in one.__struct_fields__}
    return row | {"matcher_sets": msgspec.json.encode(one.matcher_sets).decode()}


def downtime(row: Row[Any]) -> Downtime:
    """The downtime of a row that begins with all columns of DOWNTIMES, in their order."""
    fields = dict(zip(Downtime.__struct_fields__, _OF_DOWNTIME(row), strict=True))
    fields["severity"] = Severity(fields["severity"])
    fields["matcher_sets"] = _SETS.decode(fields["matcher_sets"])
    return Downtime(**fields)


def matcher_sets(row: Row[Any]) -> tuple[MatcherSet, ...]:
    """Those of a downtime, without the rest of it."""
    return _SETS.decode(row.matcher_sets)


def changed(before: Downtime, after: Downtime) -> dict[str, tuple[object, object]]:
    """What differs: field -> before and after, as in the API's JSON."""
    names = (*FIELDS, "cancelled_at")
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in names}
    return {name: (_said(old), _said(new)) for name, (old, new) in pairs.items() if old != new}


def change_values(one: Change) -> dict[str, object]:
    """The columns of an entry of a history."""
    row = {name: getattr(one, name) for name in one.__struct_fields__}
    return row | {"fields": msgspec.json.encode(one.fields).decode()}


def change(row: Row[Any], prefix: str = "") -> Change:
    """The entry of a history. Args: prefix: Of the names of its columns in the row."""
    fields = {name: getattr(row, prefix + name) for name in Change.__struct_fields__}
    return Change(
        **fields | {"action": Action(fields["action"]), "fields": _CHANGED.decode(fields["fields"])}
    )


def record(row: Row[Any]) -> SilenceRecord:
    """The record of a silence."""
    fields = row._asdict()
    del fields["set_hash"]
    return SilenceRecord(**fields | {"standing": Standing(fields["standing"])})


def record_values(one: SilenceRecord) -> dict[str, object]:
    """The row of a record."""
    return {**msgspec.to_builtins(one), "set_hash": text_hash(one.matchers)}


def window_values(one: Window) -> dict[str, object]:
    """The columns of a window."""
    when = one.recurrence
    return {
        "id": one.id, "rrule": when.rrule, "zone": when.zone, "first": when.first.isoformat(),
        "duration_s": when.duration_s, "template": msgspec.json.encode(one.template).decode(),
        "author": one.author, "cancelled_at": one.cancelled_at, "revision": one.revision,
        "created_at": one.created_at, "changed_at": one.changed_at,
    }  # fmt: skip


def window(row: Row[Any]) -> Window:
    """The window of a row."""
    first = dt.datetime.fromisoformat(row.first)
    return Window(
        id=row.id, template=_TEMPLATE.decode(row.template), author=row.author,
        recurrence=Recurrence(rrule=row.rrule, zone=row.zone, first=first, duration_s=row.duration_s),
        cancelled_at=row.cancelled_at, revision=row.revision,
        created_at=row.created_at, changed_at=row.changed_at,
    )  # fmt: skip


def _said(value: object) -> object:
    """Matchers as Prometheus writes them."""
    if isinstance(value, tuple):
        return [[str(matcher) for matcher in one] for one in value]
    return value
