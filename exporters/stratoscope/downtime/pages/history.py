"""The history of a downtime in words: each change as before -> after."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from stratoscope.downtime.entries import SETS, shortened
from stratoscope.downtime.model import Change
from stratoscope.downtime.text import clean
from stratoscope.downtime.times import echo

_MOMENTS: Final = frozenset({"start", "end", "cancelled_at"})


class Difference(NamedTuple):
    """A field, and its values in words; "" for none, and before if it has not changed."""

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
        _difference(name, before, after, zone) for name, (before, after) in shortened(change).fields.items()
    ]
    done = change.action.replace("_", " ")
    return Entry(echo(change.at, zone), change.who, done, change.revision, differences)


def _difference(name: str, before: object, after: object, zone: dt.tzinfo) -> Difference:
    before_words = "" if before == after else _words(name, before, zone)
    return Difference(name.replace("_", " "), before_words, _words(name, after, zone))


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
