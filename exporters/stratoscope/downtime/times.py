"""Times as a person writes them on the command line.

    SPAN  = START "for" DURATION | START ("to" | "until") END | START "until further notice"
    START = "now" | "in" DURATION | POINT
    END   = POINT
    POINT = DAY TIME | DATE "T" TIME | DATE " " TIME | TIME, each with or without an OFFSET
    DAY   = "today" | "tomorrow" | "monday" ... "sunday"
    DATE  = 2026-12-01     TIME = 08:00 | 08:00:30     OFFSET = Z | +01:00
    DURATION = 90m | 2h | 1h30m | 1d | 2w | 2 hours | 1 hour 30 minutes | 30 min | 2 days | 1 week

Days are counted from now, but in END a weekday, as a TIME alone, is the first one after the start. A weekday
is the next one on which the time is still to come, so it may be today. A TIME alone is the next such time:
today, or tomorrow. Durations are time that passes: 1d is
24 h, also when the clocks change. Blanks and capitals make no difference.
"""

import datetime as dt
import re
from typing import Final, NamedTuple

from dateutil.tz import datetime_ambiguous, datetime_exists

from stratoscope.core import durations
from stratoscope.downtime.draft import LONGEST_S, FieldError
from stratoscope.downtime.model import DAY_S

_LONGEST: Final = 100
_EXAMPLES: Final = "such as tomorrow 08:00 for 2h, now for 90m, 2026-12-01 22:00 until wednesday 04:00"
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FURTHER_NOTICE: Final = "further notice"
_DURATION: Final = re.compile(
    r"(?:(\d{1,4}) ?w(?:eeks?)?)? ?(?:(\d{1,4}) ?d(?:ays?)?)? ?"
    r"(?:(\d{1,4}) ?h(?:ours?)?)? ?(?:(\d{1,5}) ?m(?:in(?:ute)?s?)?)?",
    re.ASCII,
)
_SPAN: Final = re.compile(r"(?P<start>.+?) (?:for (?P<lasts>.+)|(?:to|until) (?P<end>.+))")
_POINT: Final = re.compile(
    r"(?:(?P<word>[a-z]+) |(?P<date>20\d\d-\d\d-\d\d)[ t])?"
    r"(?P<time>\d\d:\d\d(?::\d\d)?) ?(?P<offset>z|[+-]\d\d:\d\d)?",
    re.ASCII,
)


class _Clock(NamedTuple):
    """Where times are counted from.

    Attributes:
        now: Unix time from which days are counted.
        after: Unix time after which a weekday, or a time alone, comes.
        zone: In which times are meant that have no offset.
    """

    now: float
    after: float
    zone: dt.tzinfo


class Span(NamedTuple):
    """In Unix seconds; the end is None until further notice."""

    start: int
    end: int | None


def span(text: str, now: float, zone: dt.tzinfo) -> Span:
    """When a downtime begins and ends.

    Args:
        zone: In which the times are meant that have no offset.

    Raises:
        FieldError: `when`: what cannot be understood, and what is allowed. A time of day that the clocks
            leave out or show twice needs an offset.
    """
    found = _SPAN.fullmatch(_plain(text))
    if found is None:
        raise _error(f"{text[:_LONGEST]!r} has no start and end; allowed: {_EXAMPLES}")
    start = _start(found["start"], _Clock(now, now, zone))
    if found["lasts"] is not None:
        return Span(start, start + duration(found["lasts"]))
    return Span(start, _end(found["end"], _Clock(now, start, zone)))


def end(text: str, now: float, zone: dt.tzinfo, *, start: float) -> int | None:
    """An end alone, as Unix seconds: END, or `further notice` for None.

    Args:
        zone: In which the times are meant that have no offset.

    Raises:
        FieldError: As `span` has it.
    """
    return _end(_plain(text), _Clock(now, start, zone))


def duration(text: str) -> int:
    """Seconds.

    Raises:
        FieldError: `when`: it is none.
    """
    found = _DURATION.fullmatch(" ".join(text.lower().split()))
    parts = zip(found.groups(), "wdhm", strict=True) if found else ()
    seconds = int(durations.seconds("".join(f"{number}{unit}" for number, unit in parts if number) or "0s"))
    if not 0 < seconds <= LONGEST_S:
        allowed = f"such as 90m, 2h, 1h30m, 2 hours, 1d, 2w; {LONGEST_S // DAY_S}d at most"
        raise _error(f"{text[:_LONGEST]!r} is no duration; allowed: {allowed}")
    return seconds


def echo(at: float, zone: dt.tzinfo) -> str:
    """The moment with its offset, such as `2026-12-01 08:00 +01:00`, which `span` reads, too."""
    local = dt.datetime.fromtimestamp(int(at), zone)
    text = local.isoformat(" ", "seconds" if local.second else "minutes")
    return f"{text[:-6]} {text[-6:]}"


def _error(what: str) -> FieldError:
    return FieldError("when", what)


def _plain(text: str) -> str:
    if len(text) > _LONGEST:
        raise _error(f"{len(text)} characters; allowed: {_LONGEST}")
    return " ".join(text.lower().split())


def _start(text: str, clock: _Clock) -> int:
    if text == "now":
        return int(clock.now)
    if text.startswith("in "):
        return int(clock.now) + duration(text.removeprefix("in "))
    return _point(text, clock)


def _end(text: str, clock: _Clock) -> int | None:
    if text == _FURTHER_NOTICE:
        return None
    end = _point(text, clock)
    if end <= clock.after:
        start = echo(clock.after, clock.zone)
        raise _error(f"the end, {echo(end, clock.zone)}, is not after the start, {start}")
    return end


def _point(text: str, clock: _Clock) -> int:
    found = _POINT.fullmatch(text)
    if found is None:
        allowed = "such as 08:00, tomorrow 08:00, monday 08:00, 2026-12-01 08:00, 2026-12-01T08:00:00Z"
        raise _error(f"{text!r} is no time; allowed: {allowed}")
    if found["offset"]:
        clock = clock._replace(zone=_zone(found["offset"]))
    time = _time(found["time"])
    if found["date"]:
        return _unix(_date(found["date"]), time, clock.zone)
    return _unix_of_day(found["word"], time, clock)


def _unix_of_day(word: str | None, time: dt.time, clock: _Clock) -> int:
    """Args: word: That says which day; None for the first on which the time comes."""
    if word in ("today", "tomorrow"):
        today = dt.datetime.fromtimestamp(clock.now, clock.zone).date()
        return _unix(today + dt.timedelta(word == "tomorrow"), time, clock.zone)
    if word is not None and word not in _WEEKDAYS:
        allowed = f"today, tomorrow, {', '.join(_WEEKDAYS)}, or a date such as 2026-12-01"
        raise _error(f"{word!r} is no day; allowed: {allowed}")
    day = dt.datetime.fromtimestamp(clock.after, clock.zone).date()
    step = dt.timedelta(1 if word is None else 7)
    if word is not None:
        day += dt.timedelta((_WEEKDAYS.index(word) - day.weekday()) % 7)
    at = _unix(day, time, clock.zone)
    return at if at > clock.after else _unix(day + step, time, clock.zone)


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise _error(f"{text!r} is no date; allowed: such as 2026-12-01") from error


def _time(text: str) -> dt.time:
    try:
        return dt.time.fromisoformat(text)
    except ValueError as error:
        raise _error(f"{text!r} is no time of day; allowed: 00:00 to 23:59") from error


def _zone(offset: str) -> dt.tzinfo:
    if offset == "z":
        return dt.UTC
    try:
        return dt.datetime.strptime(offset, "%z").tzinfo or dt.UTC
    except ValueError as error:
        raise _error(f"{offset!r} is no offset; allowed: such as +01:00") from error


def _unix(day: dt.date, time: dt.time, zone: dt.tzinfo) -> int:
    """Unix seconds of a local time that exists exactly once."""
    local = dt.datetime.combine(day, time, zone)
    offsets = [f"{local.replace(fold=fold):%z}" for fold in (0, 1)]
    shown = " or ".join(f"{one[:3]}:{one[3:]}" for one in offsets)
    if not datetime_exists(local, zone):
        raise _error(f"{local:%Y-%m-%d %H:%M} does not exist: the clocks leave it out; allowed: with {shown}")
    if datetime_ambiguous(local, zone):
        raise _error(f"{local:%Y-%m-%d %H:%M} exists twice: the clocks change; allowed: with {shown}")
    return int(local.timestamp())
