"""Time zones that a calendar describes itself: VTIMEZONE of RFC 5545 (3.6.5), as the zone of IANA whose
clocks show the same.

icalendar would read a VTIMEZONE, too, but expands rules without end, and keeps the zone for all other
calendars.
"""

import datetime as dt
import time
import zoneinfo
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, cast

from icalendar import Component, TimezoneStandard

from stratoscope.downtime.imports.announced import RowError, Skip
from stratoscope.downtime.imports.ical_lines import Block
from stratoscope.downtime.imports.ical_zones import clock, iana
from stratoscope.downtime.model import DAY_S
from stratoscope.downtime.windows.expanding import TooCostlyError, clock_times
from stratoscope.downtime.windows.rule import parsed

BROKEN: Final = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What icalendar raises for what is none."""
_BEFORE_S: Final = 30 * DAY_S
_AHEAD_S: Final = 731 * DAY_S
"""From so long before now until so long after it the clocks of two zones are compared."""
_EVERY_S: Final = 7 * DAY_S
_YEAR: Final = dt.timedelta(days=366)
_ZONE_S: Final = 0.5
"""So long a thread expands the rules of one zone."""
_LARGEST: Final = 1 << 16
"""Characters of a VTIMEZONE."""


class _Onset(NamedTuple):
    """When clocks change. Attributes: at: In Unix seconds; after, before: Seconds ahead of UTC."""

    at: int
    after: int
    before: int


class Described:
    """The names of zones, also of those that a calendar describes."""

    def __init__(self, instead: str, now: int, deadline: float) -> None:
        """Take what holds for a document.

        Args:
            instead: The zone in place of one that nobody knows; "" for none.
            deadline: Of time.monotonic(), for all rules.
        """
        self._instead, self._now, self._deadline = instead, now, deadline
        self._found: dict[str, str | RowError] = {}

    def names(self, block: Block) -> Callable[[str], str]:
        """The function that gives the name of IANA for one in this event, or raises RowError."""

        def name(tzid: str) -> str:
            known = iana(tzid)
            return known or self._described(tzid, block.zones)

        return name

    def _described(self, tzid: str, described: Mapping[str, Sequence[Sequence[str]]]) -> str:
        unknown = f"unknown time zone {tzid[:80]!r}"
        if tzid not in described:
            if self._instead:
                return self._instead
            known = "those of IANA and of Windows, others by VTIMEZONE or by zone"
            raise RowError(Skip.MALFORMED, f"{unknown}; known: {known}")
        text = "\n".join("\n".join(part) for part in described[tzid])
        if text not in self._found:
            self._found[text] = self._read(text, described[tzid])
        found = self._found[text]
        if isinstance(found, str):
            return found
        if self._instead:
            return self._instead
        raise RowError(found.skip, f"{unknown}: its VTIMEZONE {found}")

    def _read(self, text: str, parts: Sequence[Sequence[str]]) -> str | RowError:
        """The name of a zone, or why it has none."""
        begin, end = self._now - _BEFORE_S, self._now + _AHEAD_S
        now = time.monotonic()
        if len(text) > _LARGEST:
            return RowError(Skip.COSTLY, f"has {len(text)} characters; known: {_LARGEST}")
        deadline = min(self._deadline, now + _ZONE_S)
        try:
            onsets = sorted(one for part in parts for one in _onsets(part, begin, end, deadline))
        except TooCostlyError:
            return RowError(Skip.COSTLY, "has rules that take too long")
        except BROKEN as error:
            return RowError(Skip.MALFORMED, f"cannot be read: {error}")
        if not onsets:
            return RowError(Skip.MALFORMED, "has no rule")
        name = _same(onsets, begin, end)
        return name or RowError(Skip.UNKNOWN, "is no zone of IANA in the next two years")


def _onsets(lines: Sequence[str], begin: int, end: int, deadline: float) -> Iterator[_Onset]:
    """When the clocks change by a part of a VTIMEZONE; at least the last one before `begin` is among them.

    Raises:
        ValueError, and others of BROKEN: A part that cannot be read.
        TooCostlyError: It is later than the deadline.
    """
    text = "\r\n".join(["BEGIN:STANDARD", *lines, "END:STANDARD"])
    part = cast(TimezoneStandard, Component.from_ical(text))
    before, after = (int(one.total_seconds()) for one in (part.TZOFFSETFROM, part.TZOFFSETTO))
    first = clock(part.DTSTART)
    for one in (first, *(clock(one) for one, _ in part.rdates)):
        yield _Onset(_unix(one) - before, after, before)
    for each in part.rrules:
        if time.monotonic() > deadline:
            raise TooCostlyError
        rule = parsed(str(each.to_ical(), "utf-8"))
        if rule.parts["FREQ"] != "YEARLY":
            raise ValueError(f"FREQ={rule.parts['FREQ']}; known: YEARLY")
        near = dt.datetime.fromtimestamp(begin, dt.UTC).replace(tzinfo=None)
        last = end
        if rule.until is not None:
            last = min(last, _unix(rule.until.at) - (0 if rule.until.is_utc else before))
            near = min(near, rule.until.at)
        for one in clock_times(rule, first, near - _YEAR, deadline):
            if (at := _unix(one) - before) > last:
                break
            yield _Onset(at, after, before)


def _unix(local: dt.datetime) -> int:
    return int(local.replace(tzinfo=dt.UTC).timestamp())


def _same(onsets: Sequence[_Onset], begin: int, end: int) -> str:
    """The first zone of IANA whose clocks show the same all that time; "" for none."""
    changes = [one.at for one in onsets]

    def offset(at: int) -> int:
        place = bisect_right(changes, at)
        return onsets[place - 1].after if place else onsets[0].before

    near = [at for one in changes if begin <= one < end for at in (one - 1, one)]
    wanted = {at: offset(at) for at in (*range(begin, end, _EVERY_S), *near)}
    # Places first: the others are old names, and files that are no zones.
    names = sorted(zoneinfo.available_timezones(), key=lambda name: ("/" not in name, name))
    return next((name for name in names if _shows(name, wanted)), "")


def _shows(name: str, wanted: Mapping[int, int]) -> bool:
    zone = zoneinfo.ZoneInfo(name)
    offsets = ((dt.datetime.fromtimestamp(at, zone).utcoffset(), ahead) for at, ahead in wanted.items())
    return all(found == dt.timedelta(seconds=ahead) for found, ahead in offsets)
