"""The history of a downtime in words: each change as before -> after."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from stratoscope.downtime.entries import SETS, shortened
from stratoscope.downtime.feeds.site import clean
from stratoscope.downtime.model import Change
from stratoscope.downtime.times import echo

_MOMENTS: Final = frozenset({"start", "end", "cancelled_at"})


class Difference(NamedTuple):
    """A field that changed, and its values in words; "" for none."""

    field: str
    before: str
    after: str


class Entry(NamedTuple):
    """A change. Attributes: done: What was done."""

    at: str
    who: str
    done: str
    revision: int
    differences: Sequence[Difference]


def history(changes: Iterable[Change], zone: dt.tzinfo) -> Sequence[Entry]:
    """The changes, the newest first; times are shown in the zone."""
    newest = sorted(changes, key=lambda one: (one.at, one.revision), reverse=True)
    return [_entry(one, zone) for one in newest]


def _entry(change: Change, zone: dt.tzinfo) -> Entry:
    differences = [
        Difference(name.replace("_", " "), _words(name, before, zone), _words(name, after, zone))
        for name, (before, after) in shortened(change).fields.items()
    ]
    return Entry(echo(change.at, zone), change.who, change.action, change.revision, differences)


def _words(name: str, value: object, zone: dt.tzinfo) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() if name in _MOMENTS:
            return echo(value, zone)
        case str():
            return clean(value)
        case list() | tuple() if name == SETS:
            return "\n".join("{" + ", ".join(map(str, one)) + "}" for one in value)
    return msgspec.json.encode(value).decode()
