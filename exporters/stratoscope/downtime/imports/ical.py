"""Events of a calendar. Source: the URL of an iCalendar document, RFC 5545; it is parsed by icalendar.

Each event is a planned downtime, and an outage, but one that is tentative is at risk. Its hosts are what
LOCATION names, between commas; without LOCATION, its SUMMARY. Its services are CATEGORIES. TRANSP says
whether a person is busy, and nothing of hosts: calendars write it for each day.

Time zones are known by the names of IANA and of Windows, also behind the name of a vendor, and others by the
VTIMEZONE of the calendar.
"""

import datetime as dt
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, NamedTuple

from icalendar import Event

from stratoscope.downtime import zones
from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.imports.announced import (
    PAST_S,
    Announced,
    DocumentError,
    RowError,
    Rows,
    Skip,
    identified,
    lasting,
    names,
    text,
    title,
)
from stratoscope.downtime.imports.ical_described import BROKEN, Described
from stratoscope.downtime.imports.ical_events import Found, newest, read, said
from stratoscope.downtime.imports.ical_lines import Block, Blocks
from stratoscope.downtime.imports.ical_zones import clock, iana, unix, zone_of
from stratoscope.downtime.model import DAY_S, Severity
from stratoscope.downtime.windows.expanding import TooCostlyError
from stratoscope.downtime.windows.recurrence import Recurrence, occurrences

AHEAD_S: Final = 30 * DAY_S
"""So far recurring events are expanded: fewer than `occurrences` returns at most, if they are hourly."""
_MOST_RECURRING: Final = 500
_RULE_S: Final = 0.5
_RULES_S: Final = 10.0
"""So long a thread expands one rule, and all of a document."""
_EARLIEST: Final = int(dt.datetime(2000, 1, 1, tzinfo=dt.UTC).timestamp())
"""Since when `occurrences` expands them."""


class _Calendar(NamedTuple):
    """A calendar that is read.

    Attributes:
        zone: Of days, and of times without zone.
        deadline: Of time.monotonic(), for its rules.
    """

    zone: str
    now: int
    deadline: float


def take(body: bytes, rows: Rows, now: float, zone: str = "") -> None:
    """Take the events of a document.

    Args:
        now: From PAST_S before to AHEAD_S after, recurring events are expanded.
        zone: Of days, of times without zone, and of times in a zone that nobody knows; "" for the calendar's
            own, or else UTC.

    Raises:
        DocumentError: It is no such document, cut short, or has too many recurring events.
    """
    blocks = Blocks(body)
    deadline = time.monotonic() + _RULES_S
    calendar = _Calendar(zone or iana(blocks.zone) or blocks.zone or "UTC", int(now), deadline)
    described = Described(zone, calendar.now, deadline)
    events = [*newest(_events(blocks.all, calendar.zone, described, rows))]
    if sum("RRULE" in event.component for event in events) > _MOST_RECURRING:
        raise DocumentError(f"more than {_MOST_RECURRING} recurring events")
    exceptions = defaultdict[str, list[Found]](list)
    for event in events:
        if event.is_exception:
            exceptions[event.uid].append(event)
    for event in events:
        try:
            for row in _rows(event, calendar, exceptions[event.uid]):
                rows.add(row)
        except RowError as error:
            # What it replaces does not take place as it is stored.
            rows.skip(event.uid, error, stays=event.replaces is None)


def _events(blocks: Iterable[Block], zone: str, described: Described, rows: Rows) -> Iterator[Found]:
    for block in blocks:
        try:
            yield read(block, zone, described)
        except RowError as error:
            rows.skip("", error)


def _rows(event: Found, calendar: _Calendar, exceptions: Collection[Found]) -> Iterator[Announced]:
    if event.error is not None:
        raise event.error
    if event.is_cancelled:
        return
    try:
        start, end = _span(event.component, calendar)
        if event.is_exception:
            yield _row(event, start, end, event.occurs)
        elif "RRULE" in event.component or "RDATE" in event.component:
            for first, last in _occurrences(event.component, calendar, exceptions):
                yield _row(event, first, last, first)
        else:
            yield _row(event, start, end)
    except FieldError as error:
        raise RowError(Skip.REFUSED, str(error)) from error
    except BROKEN as error:
        raise RowError(Skip.MALFORMED, str(error)) from error


def _row(event: Found, start: int, end: int, occurs: int | None = None) -> Announced:
    component = event.component
    lasting(start, end)
    summary, place = said(component, "SUMMARY"), said(component, "LOCATION")
    stamp = "" if occurs is None else dt.datetime.fromtimestamp(occurs, dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    is_tentative = said(component, "STATUS").upper() == "TENTATIVE"
    return Announced(
        external_id=identified(event.uid, stamp),
        title=title(summary, place),
        text=text(said(component, "DESCRIPTION"), f"Location: {place}" if place else ""),
        planned=True,
        severity=Severity.AT_RISK if is_tentative else Severity.OUTAGE,
        start=start,
        end=end,
        hosts=names(place.split(",") if place else [summary]),
        services=names(map(str, component.categories)),
    )


def _span(component: Event, calendar: _Calendar) -> tuple[int, int]:
    """Start and end. A DURATION in hours is time that has passed; days end when the clocks show the same."""
    start, end = component.start, component.end
    begins, ends = unix(start, calendar.zone), unix(end, calendar.zone)
    lasts = component.DURATION
    if lasts is not None and lasts.seconds:
        ends = begins + int(lasts.total_seconds())
    elif end == start and not isinstance(start, dt.datetime):  # as Outlook writes a day
        ends = unix(start + dt.timedelta(days=1), calendar.zone)
    elif ends <= begins and zone_of(start, calendar.zone) == zone_of(end, calendar.zone):
        # From 02:30, which the clocks leave out, to 03:30: the start is 03:30, too.
        ends = begins + int((clock(end) - clock(start)).total_seconds())
    return lasting(begins, ends)


def _occurrences(
    component: Event, calendar: _Calendar, exceptions: Collection[Found]
) -> Iterator[tuple[int, int]]:
    """Start and end of each occurrence in the window, without those that EXDATE names, or an exception."""
    begin, until = calendar.now - PAST_S, calendar.now + AHEAD_S
    start, end = _span(component, calendar)
    found: dict[int, int | None] = {}
    if "RRULE" in component:
        if start < _EARLIEST:
            raise RowError(Skip.UNKNOWN, "it recurs since before 2000")
        recurrence = Recurrence(
            rrule=_rule(component),
            zone=zone_of(component.start, calendar.zone),
            first=clock(component.start),
            duration_s=end - start,
        )
        found = dict.fromkeys(_expanded(recurrence, begin, until, calendar.deadline))
    else:
        found[start] = end
    for first, last in component.rdates:
        found[unix(first, calendar.zone)] = None if last is None else unix(last, calendar.zone)
    is_left_out = _left_out(component, calendar, exceptions)
    for first, its_end in sorted(found.items()):
        last = its_end or _end(first, component, end - start, calendar)
        if first < until and last > begin and not is_left_out(first):
            yield first, last


def _expanded(recurrence: Recurrence, begin: int, until: int, deadline: float) -> list[int]:
    """The starts. Raises RowError: It takes too long."""
    now = time.monotonic()
    if now > deadline:
        raise RowError(Skip.COSTLY, f"the rules before it took {_RULES_S:g} s")
    try:
        found = occurrences(recurrence, begin, until, deadline=min(deadline, now + _RULE_S))
    except TooCostlyError as error:
        raise RowError(Skip.COSTLY, f"its rule takes more than {_RULE_S:g} s") from error
    return [one.start for one in found]


def _left_out(component: Event, calendar: _Calendar, exceptions: Collection[Found]) -> Callable[[int], bool]:
    """Whether the occurrence with this start is left out. A day means all occurrences of that day."""
    zone = zone_of(component.start, calendar.zone)
    are_days = not isinstance(component.start, dt.datetime)
    values = [*component.exdates, *(one.replaces for one in exceptions if one.replaces is not None)]
    days, moments = set[dt.date](), set[int]()
    for value in values:
        if are_days or not isinstance(value, dt.datetime):
            days.add(_day(value, zone))
        else:
            moments.add(unix(value, zone))
    since = min(
        (unix(one.replaces, zone) for one in exceptions if one.replaces and one.is_range), default=None
    )
    is_unclear = any(one.is_lost for one in exceptions)
    clocks = zones.zone(zone)

    def is_left_out(first: int) -> bool:
        if is_unclear or (since is not None and first >= since):
            return True
        return first in moments or dt.datetime.fromtimestamp(first, clocks).date() in days

    return is_left_out


def _day(value: dt.date, zone: str) -> dt.date:
    """Of a moment in UTC it is the day in the zone; of all others that which is written."""
    if not isinstance(value, dt.datetime):
        return value
    is_utc = value.tzinfo is not None and zone_of(value, zone) == "UTC"
    return (value.astimezone(zones.zone(zone)) if is_utc else value).date()


def _end(first: int, component: Event, duration_s: int, calendar: _Calendar) -> int:
    """The end of an occurrence: days end at midnight, also when the clocks change."""
    if isinstance(component.start, dt.datetime):
        return first + duration_s
    zone = zones.zone(calendar.zone)
    days = max(component.end - component.start, dt.timedelta(days=1))
    return zones.moment(dt.datetime.fromtimestamp(first, zone).replace(tzinfo=None) + days, zone)


def _rule(component: Event) -> str:
    rules = component.rrules
    if len(rules) != 1:
        raise RowError(Skip.UNKNOWN, f"{len(rules)} RRULEs; known: one")
    return str(rules[0].to_ical(), "utf-8")
