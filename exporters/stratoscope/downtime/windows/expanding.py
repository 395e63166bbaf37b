"""What the clocks show at each start of a rule. It is expanded by python-dateutil; but hours are counted
here, and so is which days a daily rule leaves out: within dateutil a rule that no day obeys takes a second,
in which nothing can stop it.

What lies before a moment is jumped over, unless the rule has a COUNT, which counts from its first day on.
"""

import calendar
import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from dateutil.rrule import rrulestr

from stratoscope.downtime.windows.rule import WEEKDAYS, Rule

_CYCLE_YEARS: Final = 400
_CYCLE_DAYS: Final = 146_097
"""After which the calendar is the same, weekdays included."""
_END: Final = dt.datetime(dt.MAXYEAR, 12, 31, 23)  # noqa: DTZ001 - rules are expanded in local time
_DAYS_LEFT_OUT_BY: Final[Sequence[str]] = ("BYMONTH", "BYMONTHDAY", "BYDAY")
_DAYS_CHOSEN_BY: Final = ("BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO")
"""Without any of these it is the day of the first start."""


class TooCostlyError(Exception):
    """The starts of a rule were not found in time."""


def clock_times(rule: Rule, first: dt.datetime, near: dt.datetime, deadline: float) -> Iterator[dt.datetime]:
    """The local times of the starts, in order; in UTC for an hourly rule.

    Args:
        first: None is earlier.
        near: Those before it may be missing.
        deadline: Of time.monotonic().

    Raises:
        TooCostlyError: It is later than that, by 0.1 s at most.
    """
    freq, parts = rule.parts["FREQ"], dict(rule.parts)
    count = int(parts["COUNT"]) if "COUNT" in parts else None
    if freq == "HOURLY":
        return _hours(first, near, every=dt.timedelta(hours=rule.interval), count=count)
    left_out = {name: parts.pop(name) for name in _DAYS_LEFT_OUT_BY if name in parts and freq == "DAILY"}
    if left_out:
        parts.pop("COUNT", None)
    if count is None:
        first, parts = _jumped(first, near, parts, rule.interval)
    times = _within(_expanded(parts, first), deadline)
    if not left_out:
        return times
    stays = _staying(left_out)
    return islice((one for one in times if stays(one)), count)


def _hours(
    first: dt.datetime, near: dt.datetime, *, every: dt.timedelta, count: int | None
) -> Iterator[dt.datetime]:
    most = (_END - first) // every + 1
    return (
        first + number * every
        for number in range(max(0, (near - first) // every), most if count is None else min(count, most))
    )


def _expanded(parts: Mapping[str, str], first: dt.datetime) -> Iterator[dt.datetime]:
    """All times, in the last cycle of the calendar: a rule that no day obeys ends in the year 9999."""
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    years = (dt.MAXYEAR - first.year) // _CYCLE_YEARS * _CYCLE_YEARS
    cycles = dt.timedelta(days=years // _CYCLE_YEARS * _CYCLE_DAYS)
    for one in rrulestr(text, dtstart=first + cycles):
        yield one - cycles


def _within(times: Iterator[dt.datetime], deadline: float) -> Iterator[dt.datetime]:
    for one in times:
        if time.monotonic() > deadline:
            raise TooCostlyError
        yield one


def _staying(left_out: Mapping[str, str]) -> Callable[[dt.datetime], bool]:
    """Whether these parts of a daily rule leave a day in."""
    values = {name: frozenset(text.split(",")) for name, text in left_out.items()}
    months = frozenset(map(int, values.get("BYMONTH", range(1, 13))))
    weekdays = frozenset(map(WEEKDAYS.index, values.get("BYDAY", WEEKDAYS)))
    days = frozenset(map(int, values.get("BYMONTHDAY", range(1, 32))))

    def stays(one: dt.datetime) -> bool:
        if one.month not in months or one.weekday() not in weekdays:
            return False
        return one.day in days or one.day - calendar.monthrange(one.year, one.month)[1] - 1 in days

    return stays


def _jumped(
    first: dt.datetime, near: dt.datetime, parts: dict[str, str], interval: int
) -> tuple[dt.datetime, dict[str, str]]:
    """A first time, and parts, that give the same times from `near` on, and few before.

    It is a whole number of intervals after `first`, and one interval at least before `near`: the times of a
    period may lie before that of its first.
    """
    freq = parts["FREQ"]
    if freq in ("DAILY", "WEEKLY"):
        days = interval * (7 if freq == "WEEKLY" else 1)
        return first + dt.timedelta(days=max(0, (near - first).days // days - 1) * days), parts
    months = interval * (12 if freq == "YEARLY" else 1)
    passed = (near.year - first.year) * 12 + near.month - first.month
    jumps = passed // months - 1
    if jumps <= 0:
        return first, parts
    if not any(name in parts for name in _DAYS_CHOSEN_BY):
        month = {"BYMONTH": str(first.month)} if freq == "YEARLY" else {}
        parts = {**month, **parts, "BYMONTHDAY": str(first.day)}
    month_number = first.year * 12 + first.month - 1 + jumps * months
    return first.replace(year=month_number // 12, month=month_number % 12 + 1, day=1), parts
