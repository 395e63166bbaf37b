"""The timeline: the downtimes of a day, a week or a month as bars in percent of its width, by what is down."""

import datetime as dt
import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple

from stratoscope.downtime.matchers import MatcherSet
from stratoscope.downtime.model import Downtime, State
from stratoscope.downtime.pages.shown import Shown, named
from stratoscope.downtime.zones import moment

MOST_ROWS: Final = 20
MOST_BARS: Final = 20
"""In a row."""
MOST_LANES: Final = 4
_NARROWEST: Final = 0.6
"""Width of a bar that would be too small to be seen, in percent."""
_HOURS: Final = range(0, 24, 3)
_YEARS: Final = range(1971, 2999)
"""For which there is a timeline."""


class View(StrEnum):
    """How much a timeline shows."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Window(NamedTuple):
    """The days that a timeline shows.

    Attributes:
        first: The first of them: of a week a Monday, of a month its first day.
    """

    view: View
    first: dt.date
    zone: dt.tzinfo

    @property
    def later(self) -> dt.date:
        """The first day of the next one."""
        days = {View.DAY: 1, View.WEEK: 7, View.MONTH: 32}[self.view]
        return _first(self.view, self.first + dt.timedelta(days))

    @property
    def earlier(self) -> dt.date:
        """The first day of the one before."""
        return _first(self.view, self.first - dt.timedelta(1))

    @property
    def start(self) -> int:
        """Unix seconds."""
        return _midnight(self.first, self.zone)

    @property
    def end(self) -> int:
        """Unix seconds."""
        return _midnight(self.later, self.zone)

    @property
    def days(self) -> Sequence[dt.date]:
        return [self.first + dt.timedelta(n) for n in range((self.later - self.first).days)]

    def place(self, at: float) -> float:
        """Where a moment is, in percent; one outside is at the nearer edge."""
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
    """

    window: Window
    now: float | None
    ticks: Sequence[Tick]
    rows: Sequence[Row]
    more: int


def asked(view: str, first: str, now: float, zone: dt.tzinfo) -> Window:
    """The window of `?view=week&from=2026-11-30`; what is missing or wrong is this week."""
    chosen = View(view) if view in {*View} else View.WEEK
    try:
        day = dt.date.fromisoformat(first)
    except ValueError:
        day = dt.datetime.fromtimestamp(now, zone).date()
    if day.year not in _YEARS:
        day = dt.datetime.fromtimestamp(now, zone).date()
    return Window(chosen, _first(chosen, day), zone)


def timeline(downtimes: Iterable[Downtime], window: Window, now: float) -> Timeline:
    """The downtimes that lie in the window, in bounded rows.

    Args:
        now: Unix seconds.
    """
    found: dict[MatcherSet, list[Downtime]] = {}
    start, end = window.start, window.end
    for one in downtimes:
        if one.start < end and one.end > start:
            for matchers in one.matcher_sets:
                found.setdefault(matchers, []).append(one)
    order = heapq.nsmallest(MOST_ROWS, ((_rank(of, now), matchers) for matchers, of in found.items()))
    return Timeline(
        window=window,
        now=window.place(now) if start <= now < end else None,
        ticks=[*_ticks(window)],
        rows=[_row(matchers, found[matchers], window, now) for _, matchers in order],
        more=len(found) - len(order),
    )


def _rank(downtimes: Iterable[Downtime], now: float) -> tuple[bool, int]:
    """Of a row: those with something that is down come first, then what starts earlier."""
    return min((one.state(now) is not State.ACTIVE, one.start) for one in downtimes)


def _row(matchers: MatcherSet, found: Sequence[Downtime], window: Window, now: float) -> Row:
    order = sorted(found, key=lambda one: (one.cancelled_at is not None, _rank([one], now)))
    bars = [*islice(_bars(order, window, now), MOST_BARS)]
    lanes = 1 + max((bar.lane for bar in bars), default=0)
    return Row(named(matchers), sorted(bars, key=lambda bar: (bar.left, bar.lane)), lanes, len(found) - len(bars))


def _bars(order: Iterable[Downtime], window: Window, now: float) -> Iterator[Bar]:
    """Each in the uppermost lane that has room for it; none for one that finds no room."""
    lanes: list[list[tuple[float, float]]] = [[] for _ in range(MOST_LANES)]
    for one in order:
        left = min(window.place(one.start), 100 - _NARROWEST)
        right = max(window.place(one.end), left + _NARROWEST)
        for number, taken in enumerate(lanes):
            if all(right <= begins or ends <= left for begins, ends in taken):
                taken.append((left, right))
                yield Bar(Shown(one, now, window.zone), left, round(right - left, 2), number)
                break


def _ticks(window: Window) -> Iterator[Tick]:
    if window.view is View.DAY:
        for hour in _HOURS:
            local = dt.datetime.combine(window.first, dt.time(hour))
            yield Tick(window.place(moment(local, window.zone)), f"{hour:02}:00")
        return
    for day in window.days:
        label = f"{day:%a} {day.day}" if window.view is View.WEEK else f"{day.day} {day:%b}"
        is_told = window.view is View.WEEK or day.day % 7 == 1
        yield Tick(window.place(_midnight(day, window.zone)), label if is_told else "")


def _first(view: View, day: dt.date) -> dt.date:
    """The first day of the window that holds this one."""
    if view is View.WEEK:
        return day - dt.timedelta(day.weekday())
    return day.replace(day=1) if view is View.MONTH else day


def _midnight(day: dt.date, zone: dt.tzinfo) -> int:
    return moment(dt.datetime.combine(day, dt.time()), zone)
