"""When a recurring window occurs.

A rule follows the clocks of its zone: 08:00 stays 08:00 when they change. A start that they leave out moves
forward by as much as they do, and of one that they show twice the first is meant. HOURLY alone counts hours
that have passed. The duration is time that has passed, too: from 22:00 for 8 h ends at 05:00 or 07:00 in the
nights in which the clocks change.
"""

import datetime as dt
import math
from collections.abc import Collection, Iterator
from itertools import islice, pairwise, takewhile
from typing import Annotated, Final, NamedTuple

import msgspec

from stratoscope.downtime import zones
from stratoscope.downtime.draft import LATEST_START_S, LONGEST_S, FieldError
from stratoscope.downtime.model import DAY_S
from stratoscope.downtime.windows.expanding import clock_times
from stratoscope.downtime.windows.rule import parsed

MOST_OCCURRENCES: Final = 1000
"""That one call returns."""
_SHORTEST_S: Final = 60
_MARGIN: Final = dt.timedelta(days=2)
"""By more than this no clock is away from UTC, not even while it leaves out a day."""
_EVER: Final = math.inf


class Recurrence(msgspec.Struct, frozen=True, kw_only=True):
    """When a window occurs.

    Attributes:
        rrule: See `rule.parsed`.
        zone: The IANA name of the time zone.
        first: The local time before which there is no occurrence; a new window has one then.
        duration_s: Of each occurrence.
    """

    rrule: str
    zone: str
    first: Annotated[dt.datetime, msgspec.Meta(tz=False)]
    duration_s: int


class Occurrence(NamedTuple):
    """In Unix seconds; it ends before `end`."""

    start: int
    end: int


def check(recurrence: Recurrence, now: int) -> None:
    """Whether a window with this recurrence can be stored.

    Raises:
        FieldError: The first field that is wrong, or the duration, if occurrences would overlap.
    """
    _check_first(recurrence, now)
    duration_s = recurrence.duration_s
    if not _SHORTEST_S <= duration_s <= LONGEST_S:
        days = LONGEST_S // DAY_S
        raise FieldError("duration_s", f"{duration_s}; allowed: {_SHORTEST_S} to {LONGEST_S}, {days} days")
    rule = parsed(recurrence.rrule)
    first = recurrence.first
    times = list(islice(clock_times(rule, first, first, _EVER), MOST_OCCURRENCES))
    if not times:
        raise FieldError("rrule", "it never occurs; allowed: a rule that some days obey")
    period_s = min(((after - one).total_seconds() for one, after in pairwise(times)), default=LONGEST_S)
    if duration_s > period_s:
        what = f"{duration_s}, but the next occurrence may begin {period_s:.0f} s after one has begun"
        raise FieldError("duration_s", f"{what}; allowed: {period_s:.0f} at most")
    if not any(start + duration_s > now for start in _starts(recurrence, now)):
        raise FieldError("rrule", "no occurrence ends in the future; allowed: a rule with one at least")


def check_first(recurrence: Recurrence) -> None:
    """Whether `first` is an occurrence, of a recurrence that can be stored. Raises FieldError: It is none."""
    first = recurrence.first
    begins = next(iter(clock_times(parsed(recurrence.rrule), first, first, _EVER)))
    if begins != first:
        what = f"{first.isoformat()} does not obey rrule; allowed: a start such as {begins.isoformat()}"
        raise FieldError("first", what)


def occurrences(
    recurrence: Recurrence, begin: int, end: int, *, deadline: float = _EVER
) -> tuple[Occurrence, ...]:
    """Those that last at some moment from `begin` up to `end`, in order; MOST_OCCURRENCES at most.

    Args:
        deadline: Of time.monotonic().

    Raises:
        FieldError: The rule cannot be parsed, or the zone is unknown (any more).
        TooCostlyError: It is later than the deadline.
    """
    duration_s = recurrence.duration_s
    # Clocks that change put starts out of order by less than a day.
    near = takewhile(lambda start: start < end + DAY_S, _starts(recurrence, begin, deadline))
    found = islice((one for one in near if one < end and one + duration_s > begin), MOST_OCCURRENCES)
    return tuple(Occurrence(start, start + duration_s) for start in sorted({*found}))


def due(recurrence: Recurrence, known: Collection[int], now: int, *, ahead_s: int) -> tuple[Occurrence, ...]:
    """The occurrences that are to be filed: those that last now or begin within `ahead_s`, and are not known.

    Args:
        known: The starts with which occurrences of this window were filed, also of those that were moved or
            cancelled since: they are not filed again.
    """
    return tuple(one for one in occurrences(recurrence, now, now + ahead_s) if one.start not in known)


def following(recurrence: Recurrence, now: int, count: int) -> tuple[Occurrence, ...]:
    """The first `count` occurrences that end after `now`, in order.

    Raises:
        FieldError: As `occurrences`.
    """
    duration_s = recurrence.duration_s
    # Clocks that change put two starts out of order, or make one of them.
    found = sorted({*islice((one for one in _starts(recurrence, now) if one + duration_s > now), 2 * count)})
    return tuple(Occurrence(start, start + duration_s) for start in found[:count])


def _check_first(recurrence: Recurrence, now: int) -> None:
    first = recurrence.first
    if first.tzinfo is not None or first.microsecond:
        raise FieldError("first", f"{first.isoformat()}; allowed: a local time such as 2026-12-01T22:00:00")
    start = zones.moment(first, zones.zone(recurrence.zone))
    if not now - LONGEST_S <= start <= now + LATEST_START_S:
        raise FieldError("first", f"{first.isoformat()}; allowed: from a year ago up to two years from now")


def _starts(recurrence: Recurrence, begin: int, deadline: float = _EVER) -> Iterator[int]:
    """The starts; those of occurrences that end by `begin` may be missing. Raises as `occurrences`."""
    zone, rule, first = zones.zone(recurrence.zone), parsed(recurrence.rrule), recurrence.first
    clock: dt.tzinfo = zone
    if rule.is_hourly:
        clock, first = (
            dt.UTC,
            dt.datetime.fromtimestamp(zones.moment(first, zone), dt.UTC).replace(tzinfo=None),
        )
    until = rule.until
    last = float("inf") if until is None else zones.moment(until.at, dt.UTC if until.is_utc else zone)
    near = dt.datetime.fromtimestamp(begin - recurrence.duration_s, dt.UTC).replace(tzinfo=None) - _MARGIN
    starts = (zones.moment(one, clock) for one in clock_times(rule, first, near, deadline))
    return takewhile(lambda start: start <= last, starts)
