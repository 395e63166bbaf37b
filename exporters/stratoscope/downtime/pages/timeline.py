"""The timeline: downtimes of a day, a week or a month as bars, by what is down."""

import datetime as dt
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.matchers import MatcherSet
from stratoscope.downtime.model import Downtime, State
from stratoscope.downtime.pages.shown import Shown, named
from stratoscope.downtime.zones import moment

MOST_ROWS: Final = 20
MOST_BARS: Final = 20
"""In a row."""
MOST_LANES: Final = 4
MOST_LOOKED_AT: Final = 1000
"""Downtimes of a window."""
_NARROWEST: Final = 0.6
"""Width of a bar that would be too small to be seen, in percent."""
_MOST_TRIED: Final = 5 * MOST_BARS
"""So many downtimes of a row are tried for want of room."""
_ORDER: Final[Mapping[State, int]] = {State.ACTIVE: 0, State.UPCOMING: 1, State.ENDED: 1, State.CANCELLED: 2}
_Place: TypeAlias = tuple[float, float, int]
"""Left, width, lane."""
_Ranked: TypeAlias = tuple[int, int, str, Downtime]
"""A downtime behind what it is ordered by; the id is unique."""
_HOURS: Final = range(0, 24, 3)
_YEARS: Final = range(1971, 2999)
"""For which there is a timeline."""


class View(StrEnum):
    """How much a timeline shows; a month is 31 days."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_DAYS: Final[Mapping[View, int]] = {View.DAY: 1, View.WEEK: 7, View.MONTH: 31}


class Window(NamedTuple):
    """The days that a timeline shows, from the first one on."""

    view: View
    first: dt.date
    zone: dt.tzinfo

    @property
    def later(self) -> dt.date:
        """The first day of the next window."""
        return self.first + dt.timedelta(_DAYS[self.view])

    @property
    def earlier(self) -> dt.date:
        """The first day of the window before."""
        return self.first - dt.timedelta(_DAYS[self.view])

    @property
    def days(self) -> Sequence[dt.date]:
        return [self.first + dt.timedelta(n) for n in range(_DAYS[self.view])]

    @property
    def scale(self) -> "Scale":
        return Scale(_midnight(self.first, self.zone), _midnight(self.later, self.zone))


class Scale(NamedTuple):
    """From Unix seconds to percent."""

    start: int
    end: int

    def place(self, at: float) -> float:
        """Where a moment is; one outside is at the nearer edge."""
        share = (at - self.start) / (self.end - self.start)
        return round(100 * min(max(share, 0.0), 1.0), 2)


class Tick(NamedTuple):
    """A line across the rows.

    Attributes:
        left: In percent.
        label: "" where there is no room for one.
    """

    left: float
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A downtime in a row.

    Attributes:
        left, width: In percent.
        lane: Bars of different lanes may overlap; the uppermost is 0.
    """

    shown: Shown
    left: float
    width: float
    lane: int

    @property
    def marks(self) -> str:
        """The classes that give it shape and colour."""
        downtime = self.shown.downtime
        if self.shown.state is State.CANCELLED:
            return "cancelled"
        return f"{downtime.severity} {'planned' if downtime.planned else 'unplanned'}"


@dataclass(frozen=True, slots=True)
class Row:
    """What is down, and when.

    Attributes:
        lanes: How many the bars need.
        more: How many downtimes have no bar for want of room.
    """

    name: str
    bars: Sequence[Bar]
    lanes: int
    more: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is drawn.

    Attributes:
        now: Where the present is, in percent; None if it is not within the window.
        rows: What is down at the moment comes first.
        more: How many rows are left out.
        looked_at: How many downtimes it was drawn from.
    """

    window: Window
    now: float | None
    ticks: Sequence[Tick]
    rows: Sequence[Row]
    more: int
    looked_at: int

    @property
    def is_cut(self) -> bool:
        """Whether there may be others in the window."""
        return self.looked_at >= MOST_LOOKED_AT


def asked(view: str, first: str, now: float, zone: dt.tzinfo) -> Window:
    """The window of `?view=week&from=2026-11-30`; what is "" is a week, from today on. Raises FieldError."""
    if view and view not in [*View]:
        raise FieldError("view", f"{view!r}; allowed: {', '.join(View)}")
    day = _day(first) if first else dt.datetime.fromtimestamp(now, zone).date()
    return Window(View(view or View.WEEK), day, zone)


def _day(text: str) -> dt.date:
    """Raises FieldError: There is no timeline for it."""
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.year not in _YEARS:
        raise FieldError("from", f"{text!r}; allowed: a day from {_YEARS[0]} to {_YEARS[-1]}: 2026-11-30")
    return day


def timeline(downtimes: Iterable[Downtime], window: Window, now: float) -> Timeline:
    """The downtimes that lie in the window, in bounded rows.

    Args:
        downtimes: Up to MOST_LOOKED_AT.
        now: Unix seconds.
    """
    scale = window.scale
    found: dict[MatcherSet, list[_Ranked]] = {}
    downtimes = [*downtimes]
    for one in downtimes:
        if one.start < scale.end and one.end > scale.start:
            ranked = (_ORDER[one.state(now)], one.start, one.id, one)
            for matchers in one.matcher_sets:
                found.setdefault(matchers, []).append(ranked)
    shown = heapq.nsmallest(MOST_ROWS, found.items(), key=lambda row: (min(row[1])[:2], row[0]))
    return Timeline(
        window=window,
        now=scale.place(now) if scale.start <= now < scale.end else None,
        ticks=[*_ticks(window, scale)],
        rows=[_row(matchers, ranked, window, now) for matchers, ranked in shown],
        more=len(found) - len(shown),
        looked_at=len(downtimes),
    )


def _row(matchers: MatcherSet, found: Sequence[_Ranked], window: Window, now: float) -> Row:
    first = [ranked[3] for ranked in heapq.nsmallest(_MOST_TRIED, found)]
    places = [*islice(_places(first, window.scale), MOST_BARS)]
    bars = [Bar(Shown(one, now, window.zone), *place) for one, place in places]
    return Row(
        name=named(matchers),
        bars=sorted(bars, key=lambda bar: (bar.left, bar.lane)),
        lanes=1 + max(bar.lane for bar in bars),
        more=len(found) - len(bars),
    )


def _places(downtimes: Iterable[Downtime], scale: Scale) -> Iterator[tuple[Downtime, _Place]]:
    """Each in the uppermost lane that has room for it; one that finds no room is left out."""
    lanes: list[list[tuple[float, float]]] = [[] for _ in range(MOST_LANES)]
    for one in downtimes:
        left = min(scale.place(one.start), 100 - _NARROWEST)
        right = max(scale.place(one.end), left + _NARROWEST)
        for number, taken in enumerate(lanes):
            if all(right <= begins or ends <= left for begins, ends in taken):
                taken.append((left, right))
                yield one, (left, round(right - left, 2), number)
                break


def _ticks(window: Window, scale: Scale) -> Iterator[Tick]:
    if window.view is View.DAY:
        for hour in _HOURS:
            local = dt.datetime.combine(window.first, dt.time(hour))
            yield Tick(scale.place(moment(local, window.zone)), f"{hour:02}:00")
        return
    for number, day in enumerate(window.days):
        label = f"{day:%a} {day.day}" if window.view is View.WEEK else f"{day.day} {day:%b}"
        is_told = window.view is View.WEEK or number % 7 == 0
        yield Tick(scale.place(_midnight(day, window.zone)), label if is_told else "")


def _midnight(day: dt.date, zone: dt.tzinfo) -> int:
    return moment(dt.datetime.combine(day, dt.time()), zone)
