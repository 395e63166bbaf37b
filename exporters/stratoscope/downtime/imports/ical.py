"""Events of a calendar. Source: the URL of an iCalendar document, RFC 5545; it is parsed by icalendar.

Each event is a planned downtime, and an outage, but one that is tentative is at risk. Its hosts are what
LOCATION names, between commas; without LOCATION, its SUMMARY. Its services are CATEGORIES.

Time zones are known by the names of IANA and of Windows, also behind the name of a vendor. VTIMEZONE is not
read: a rule there may take for ever, and icalendar would keep the zone for all other calendars.
"""

import datetime as dt
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple, cast

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
from stratoscope.downtime.imports.ical_zones import renamed
from stratoscope.downtime.model import DAY_S, Severity
from stratoscope.downtime.windows.expanding import TooCostlyError
from stratoscope.downtime.windows.recurrence import Recurrence, occurrences

LARGEST: Final = 8 << 20
"""Bytes: reading them takes some 10 s of a thread."""
AHEAD_S: Final = 30 * DAY_S
"""So far recurring events are expanded: fewer than `occurrences` returns at most, if they are hourly."""
_MOST_RECURRING: Final = 500
_RULE_S: Final = 0.5
_RULES_S: Final = 10.0
"""So long a thread expands one rule, and all of a document."""
_EARLIEST: Final = int(dt.datetime(2000, 1, 1, tzinfo=dt.UTC).timestamp())
"""Since when `occurrences` expands them."""
_BREAK: Final = re.compile("\r?\n")
_FOLD: Final = re.compile("\r?\n[ \t]")
_ESCAPE: Final = re.compile(r"\\(.)")
_READ: Final = frozenset(
    {"UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "STATUS"}
)
"""An event in which one of these cannot be read is left out."""
_BROKEN: Final = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What icalendar raises for what is none."""


class _Calendar(NamedTuple):
    """A calendar that is read.

    Attributes:
        zone: Of days, and of times without zone.
        deadline: Of time.monotonic(), for its rules.
    """

    zone: str
    now: int
    deadline: float


class _Event(NamedTuple):
    """An event, or with `replaces` one that stands for an occurrence of another with its UID."""

    uid: str
    component: Event
    replaces: int | None


def take(body: bytes, rows: Rows, now: float, zone: str = "") -> None:
    """Take the events of a document.

    Args:
        now: From PAST_S before to AHEAD_S after, recurring events are expanded.
        zone: Of days, and of times without one; "" for the calendar's own, or else UTC.

    Raises:
        DocumentError: It is no such document, cut short, or has too many recurring events.
    """
    own, blocks = _blocks(body)
    calendar = _Calendar(zone or own or "UTC", int(now), time.monotonic() + _RULES_S)
    events = [*_events(blocks, calendar, rows)]
    if sum("RRULE" in event.component for event in events) > _MOST_RECURRING:
        raise DocumentError(f"more than {_MOST_RECURRING} recurring events")
    replaced = defaultdict[str, set[int]](set)
    for event in events:
        if event.replaces is not None:
            replaced[event.uid].add(event.replaces)
    for event in events:
        try:
            for row in _rows(event, calendar, replaced[event.uid]):
                rows.add(row)
        except RowError as error:
            rows.skip(event.uid, error)


def _events(blocks: Iterable[list[str]], calendar: _Calendar, rows: Rows) -> Iterator[_Event]:
    for lines in blocks:
        try:
            yield _event(lines, calendar)
        except RowError as error:
            rows.skip(_uid(lines), error)


def _blocks(body: bytes) -> tuple[str, list[list[str]]]:
    """The time zone of the calendar, and the lines of each event without what is nested in it."""
    if len(body) > LARGEST:
        raise DocumentError(f"a calendar of more than {LARGEST} bytes")
    zone, events, parts = "", list[list[str]](), list[str]()
    for line in _lines(body):
        name, _, value = line.partition(":")
        match name.upper():
            case "BEGIN":
                parts.append(value.strip().upper())
                if parts == ["VCALENDAR", "VEVENT"]:
                    events.append([])
            case "END":
                if not parts or parts.pop() != value.strip().upper():
                    raise DocumentError(f"END:{value[:80]} without its beginning")
            case "X-WR-TIMEZONE" if parts == ["VCALENDAR"]:
                zone = value.strip()
            case _ if parts == ["VCALENDAR", "VEVENT"]:
                events[-1].append(line)
    if parts:
        raise DocumentError(f"cut short: {parts[-1][:80]} does not end")
    return zone, events


def _lines(body: bytes) -> list[str]:
    try:
        unfolded = _FOLD.sub("", body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DocumentError(f"no calendar in UTF-8: {error}") from error
    lines = [one for one in map(str.strip, _BREAK.split(unfolded)) if one]
    if not lines or lines[0].upper() != "BEGIN:VCALENDAR":
        raise DocumentError("no calendar: it does not begin with BEGIN:VCALENDAR")
    return lines


def _uid(lines: list[str]) -> str:
    """Of an event that cannot be read."""
    found = (line.partition(":")[2] for line in lines if line.upper().startswith("UID"))
    return _ESCAPE.sub(r"\1", next(found, "")).strip()


def _event(lines: list[str], calendar: _Calendar) -> _Event:
    renamed_lines = [renamed(line) for line in lines]
    try:
        parsed = Event.from_ical("\r\n".join(["BEGIN:VEVENT", *renamed_lines, "END:VEVENT"]))
        component = cast(Event, parsed)
        broken = [f"{name or 'a line'}: {why}" for name, why in component.errors if not name or name in _READ]
        if broken:
            raise RowError(Skip.MALFORMED, broken[0])
        replaces = component.get("RECURRENCE-ID")
        if replaces is not None and "RANGE" in replaces.params:
            raise RowError(Skip.UNKNOWN, "RANGE=THISANDFUTURE, which this program does not know")
        at = None if replaces is None else _moment(replaces.dt, calendar)
    except _BROKEN as error:
        raise RowError(Skip.MALFORMED, str(error)) from error
    return _Event(identified(_said(component, "UID")), component, at)


def _rows(event: _Event, calendar: _Calendar, replaced: set[int]) -> Iterator[Announced]:
    if _said(event.component, "STATUS").upper() == "CANCELLED":
        return
    try:
        start, end = _span(event.component, calendar)
        if event.replaces is not None:
            yield _row(event, start, end, event.replaces)
        elif "RRULE" in event.component or "RDATE" in event.component:
            for first, last in _occurrences(event.component, calendar):
                if first not in replaced:
                    yield _row(event, first, last, first)
        else:
            yield _row(event, start, end)
    except FieldError as error:
        raise RowError(Skip.REFUSED, str(error)) from error
    except _BROKEN as error:
        raise RowError(Skip.MALFORMED, str(error)) from error


def _row(event: _Event, start: int, end: int, occurs: int | None = None) -> Announced:
    component = event.component
    lasting(start, end)
    summary, place = _said(component, "SUMMARY"), _said(component, "LOCATION")
    stamp = "" if occurs is None else dt.datetime.fromtimestamp(occurs, dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    is_tentative = _said(component, "STATUS").upper() == "TENTATIVE"
    return Announced(
        external_id=identified(event.uid, stamp),
        title=title(summary, place),
        text=text(_said(component, "DESCRIPTION"), f"Location: {place}" if place else ""),
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
    lasts = component.DURATION
    if lasts is not None and lasts.seconds:
        begins = _moment(start, calendar)
        return lasting(begins, begins + int(lasts.total_seconds()))
    return lasting(_moment(start, calendar), _moment(end, calendar))


def _occurrences(component: Event, calendar: _Calendar) -> Iterator[tuple[int, int]]:
    """Start and end of each occurrence in the window, without those that EXDATE names."""
    begin, until = calendar.now - PAST_S, calendar.now + AHEAD_S
    start, end = _span(component, calendar)
    found: dict[int, int | None] = {}
    if "RRULE" in component:
        if start < _EARLIEST:
            raise RowError(Skip.UNKNOWN, "it recurs since before 2000")
        recurrence = Recurrence(
            rrule=_rule(component),
            zone=_zone_of(component.start, calendar),
            first=_clock(component.start),
            duration_s=end - start,
        )
        found = dict.fromkeys(_expanded(recurrence, begin, until, calendar.deadline))
    else:
        found[start] = end
    for first, last in component.rdates:
        found[_moment(first, calendar)] = None if last is None else _moment(last, calendar)
    left_out = {_moment(one, calendar) for one in component.exdates}
    for first, its_end in sorted(found.items()):
        last = its_end or _end(first, component, end - start, calendar)
        if first not in left_out and first < until and last > begin:
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


def _end(first: int, component: Event, duration_s: int, calendar: _Calendar) -> int:
    """The end of an occurrence: days end at midnight, also when the clocks change."""
    if isinstance(component.start, dt.datetime):
        return first + duration_s
    zone = zones.zone(calendar.zone)
    days = component.end - component.start
    return zones.moment(dt.datetime.fromtimestamp(first, zone).replace(tzinfo=None) + days, zone)


def _zone_of(start: dt.date, calendar: _Calendar) -> str:
    found = start.tzinfo if isinstance(start, dt.datetime) else None
    return calendar.zone if found is None else str(getattr(found, "key", "UTC"))


def _clock(start: dt.date) -> dt.datetime:
    """What the clocks show at the start."""
    if isinstance(start, dt.datetime):
        return start.replace(tzinfo=None)
    return dt.datetime.combine(start, dt.time())


def _moment(value: dt.date, calendar: _Calendar) -> int:
    """Unix seconds. Raises FieldError: The calendar's zone is needed, and unknown."""
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return int(value.timestamp())
    return zones.moment(_clock(value), zones.zone(calendar.zone))


def _rule(component: Event) -> str:
    rules = component.rrules
    if len(rules) != 1:
        raise RowError(Skip.UNKNOWN, f"{len(rules)} RRULEs; known: one")
    return str(rules[0].to_ical(), "utf-8")


def _said(component: Event, name: str) -> str:
    """A text of an event; of several the first."""
    value: Any = component.get(name, "")
    return str(value[0] if isinstance(value, list) else value).strip()
