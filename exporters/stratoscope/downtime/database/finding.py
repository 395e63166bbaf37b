"""Downtimes are found: by when they last, and by what they say."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    tuple_,
)

from stratoscope.downtime.database import rows
from stratoscope.downtime.database.errors import UnknownError
from stratoscope.downtime.database.server import turn_of_others
from stratoscope.downtime.database.tables import CHANGES, DOWNTIMES
from stratoscope.downtime.matchers import MatcherSet, written
from stratoscope.downtime.model import Change, Downtime, State

_PIECE: Final = 200
"""Rows that are asked for together."""
_TURN: Final = 20
"""Of them so many are looked at before others have their turn."""
_OF: Final = DOWNTIMES.c
_ENTRY: Final = "entry_"
MOST_ENTRIES: Final = 100
"""Of a history, that are read at once."""
_OF_WANTED: Final = CHANGES.c.downtime_id == bindparam("wanted")
_COUNT: Final = select(func.count()).select_from(CHANGES).where(_OF_WANTED).scalar_subquery()
_WITH_HISTORY: Final = (
    select(DOWNTIMES, *(column.label(_ENTRY + column.name) for column in CHANGES.c), _COUNT.label("entries"))
    .join(CHANGES, CHANGES.c.downtime_id == _OF.id)
    .where(_OF.id == bindparam("wanted"))
    .order_by(CHANGES.c.id.desc())
    .limit(MOST_ENTRIES)
)
_EARLIER: Final = select(CHANGES).where(_OF_WANTED).order_by(CHANGES.c.id)


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which downtimes are meant: those to which all of this applies.

    Attributes:
        states: One of these, now; none: any.
        text: It is in the title, the text, the id, the author or a matcher, in capitals or not.
        source: It was filed by this source.
        labels: It concerns what has these labels: a set has a matcher on one of them, and none of its
            matchers on them is unmet.
        begin, end: It lasts at some moment from `begin` up to `end`, in Unix seconds.
    """

    states: frozenset[State] = frozenset()
    text: str = ""
    source: str | None = None
    labels: Mapping[str, str] = {}
    begin: int | None = None
    end: int | None = None


class Place(NamedTuple):
    """Where a page ends: the next one begins after it.

    Attributes:
        start: Of a downtime; of a window the moment of its filing.
    """

    start: int
    id: str

    @property
    def text(self) -> str:
        """As a parameter of the next page."""
        return f"{self.start}-{self.id}"


class Page(NamedTuple):
    """Some of what was found, latest start first.

    Attributes:
        next: After which the next page begins; None: there is none.
    """

    downtimes: tuple[Downtime, ...]
    next: Place | None


class History(NamedTuple):
    """Entries of a history that follow each other, oldest first; MOST_ENTRIES at most.

    Attributes:
        first: Which of all entries the first one is; the oldest of all is 1.
        total: How many there are in all.
    """

    changes: tuple[Change, ...]
    first: int
    total: int


def page(connection: Connection, wanted: Filter, now: int, *, limit: int, after: Place | None) -> Page:
    """See `Store.find`."""
    found, text = list[Downtime](), wanted.text.casefold()
    while True:
        piece = connection.execute(_asked(wanted, now, after).limit(_PIECE)).all()
        for number, row in enumerate(piece):
            if number % _TURN == 0:
                turn_of_others(connection)
            if not _is_said(row, text):
                continue
            one = rows.downtime(row)
            if wanted.labels and not any(concerns(each, wanted.labels) for each in one.matcher_sets):
                continue
            if len(found) == limit:
                return Page(tuple(found), Place(found[-1].start, found[-1].id))
            found.append(one)
        if len(piece) < _PIECE:
            return Page(tuple(found), None)
        after = Place(piece[-1].start, piece[-1].id)


def with_history(connection: Connection, downtime_id: str, before: int | None) -> tuple[Downtime, History]:
    """See `Store.get_with_history`: one statement for the newest, since each costs as much as the rest of a
    request."""
    found = connection.execute(_WITH_HISTORY, {"wanted": downtime_id}).all()
    if not found:
        raise UnknownError("downtime", downtime_id)
    one, total = rows.downtime(found[0]), int(found[0].entries)
    if before is None or before > total:
        newest = tuple(rows.change(row, _ENTRY) for row in reversed(found))
        return one, History(newest, total - len(newest) + 1, total)
    skipped = max(0, before - 1 - MOST_ENTRIES)
    asked = _EARLIER.offset(skipped).limit(before - 1 - skipped)
    changes = connection.execute(asked, {"wanted": downtime_id})
    return one, History(tuple(map(rows.change, changes)), skipped + 1, total)


def lasting(connection: Connection, begin: int, end: int) -> tuple[Downtime, ...]:
    """Those not cancelled that last at some moment after `begin` and before `end`, in order of start."""
    asked = select(DOWNTIMES).where(_OF.cancelled_at.is_(None), _OF.start < end, _OF.end > begin)
    found = connection.execute(asked.order_by(_OF.start, _OF.id))
    return tuple(map(rows.downtime, found))


def next_ones(connection: Connection, now: int, *, limit: int, skipped: int) -> tuple[Downtime, ...]:
    """See `Store.next_ones`."""
    is_active = _OF.start <= now
    asked = select(DOWNTIMES).where(_OF.cancelled_at.is_(None), _OF.end > now)
    order = case((is_active, 0), else_=1), case((is_active, _OF.end), else_=_OF.start), _OF.id
    return tuple(map(rows.downtime, connection.execute(asked.order_by(*order).limit(limit).offset(skipped))))


def between(connection: Connection, begin: int, end: int, *, now: int, limit: int) -> tuple[Downtime, ...]:
    """See `Store.between`."""
    asked = select(DOWNTIMES).where(_OF.start < end, _OF.end > begin)
    order = case((_stands(State.ACTIVE, now), 0), (_OF.cancelled_at.is_(None), 1), else_=2)
    asked = asked.order_by(order, _OF.start, _OF.id).limit(limit)
    found: list[Downtime] = []
    for piece in connection.execute(asked).partitions(_PIECE):
        found.extend(map(rows.downtime, piece))
        turn_of_others(connection)
    return tuple(found)


def known(connection: Connection, ids: Collection[str]) -> frozenset[str]:
    """Those of these ids that a downtime has. They may be any text, from wherever."""
    found: set[str] = set()
    # PostgreSQL takes no NUL, and no half of a surrogate pair.
    asked = [one for one in ids if one.isprintable()]
    for begin in range(0, len(asked), _PIECE):
        some = select(_OF.id).where(_OF.id.in_(asked[begin : begin + _PIECE]))
        found.update(connection.execute(some).scalars())
    return frozenset(found)


def counts(connection: Connection, now: int) -> dict[State, int]:
    """How many stand where."""
    columns = [func.count().filter(_stands(state, now)) for state in State]
    row = connection.execute(select(*columns).select_from(DOWNTIMES)).one()
    return dict(zip(State, row, strict=True))


def concerns(matchers: MatcherSet, labels: Mapping[str, str]) -> bool:
    """Whether a set concerns what has these labels, see Filter."""
    named = [matcher for matcher in matchers if matcher.name in labels]
    return bool(named) and all(matcher.matches(labels) for matcher in named)


def _is_said(row: Row[Any], text: str) -> bool:
    """Whether a row says a text; by its columns, since a Downtime takes ten times as long to make."""
    return not text or any(text in words.casefold() for words in _words(row))


def _words(row: Row[Any]) -> Iterator[str]:
    yield from (row.title, row.text, row.id, row.author)
    for matchers in rows.matcher_sets(row):
        yield written(matchers)
        yield " ".join(f"{matcher.name}{matcher.operator}{matcher.value}" for matcher in matchers)


def _asked(wanted: Filter, now: int, after: Place | None) -> Select[Any]:
    asked = select(DOWNTIMES)
    if wanted.states:
        asked = asked.where(or_(*(_stands(state, now) for state in sorted(wanted.states))))
    if wanted.source is not None:
        asked = asked.where(_OF.source == wanted.source)
    if wanted.begin is not None:
        asked = asked.where(_OF.end > wanted.begin)
    if wanted.end is not None:
        asked = asked.where(_OF.start < wanted.end)
    if after is not None:
        asked = asked.where(tuple_(_OF.start, _OF.id) < tuple_(after.start, after.id))
    return asked.order_by(_OF.start.desc(), _OF.id.desc())


def _stands(state: State, now: int) -> ColumnElement[bool]:
    """As Downtime.state."""
    if state is State.CANCELLED:
        return _OF.cancelled_at.is_not(None)
    when = {
        State.UPCOMING: _OF.start > now,
        State.ACTIVE: and_(_OF.start <= now, _OF.end > now),
        State.ENDED: and_(_OF.start <= now, _OF.end <= now),
    }
    return and_(_OF.cancelled_at.is_(None), when[state])
