"""Downtimes as iCalendar, RFC 5545, for programs that show calendars."""

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Final

from icalendar.parser import Contentline

from stratoscope.downtime.feeds.site import Site, words
from stratoscope.downtime.model import Downtime
from stratoscope.downtime.text import clean, clean_line

CONTENT_TYPE: Final = "text/calendar; charset=utf-8"
_REFRESH: Final = "PT15M"
"""How often a program that does not ask its user reads the calendar."""
_ESCAPES: Final = str.maketrans({"\\": r"\\", ";": r"\;", ",": r"\,", "\n": r"\n"})
"""Of TEXT, 3.3.11. The library's own makes a new line of the `\\N` in `C:\\New`."""


def icalendar(downtimes: Iterable[Downtime], site: Site) -> bytes:
    """A calendar with one event per downtime, also of those that are cancelled: so a program removes them."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Stratoscope//Downtimes//EN"]
    # The names of RFC 7986, and those that older programs read.
    lines += [_text(name, clean_line(site.title)) for name in ("NAME", "X-WR-CALNAME")]
    lines += [f"REFRESH-INTERVAL;VALUE=DURATION:{_REFRESH}", f"X-PUBLISHED-TTL:{_REFRESH}"]
    for downtime in downtimes:
        lines.extend(_event(downtime, site))
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def _event(downtime: Downtime, site: Site) -> Iterator[str]:
    is_cancelled = downtime.cancelled_at is not None
    yield "BEGIN:VEVENT"
    yield f"UID:{downtime.id}@stratoscope"
    yield f"SEQUENCE:{downtime.revision}"
    yield f"DTSTAMP:{_utc(downtime.changed_at)}"
    yield f"CREATED:{_utc(downtime.created_at)}"
    yield f"LAST-MODIFIED:{_utc(downtime.changed_at)}"
    yield f"DTSTART:{_utc(downtime.start)}"
    yield f"DTEND:{_utc(downtime.end)}"
    yield f"STATUS:{'CANCELLED' if is_cancelled else 'CONFIRMED'}"
    yield "TRANSP:TRANSPARENT"
    yield f"CATEGORIES:{'PLANNED' if downtime.planned else 'UNPLANNED'},{downtime.severity.upper()}"
    yield _text("SUMMARY", clean_line(downtime.title))
    yield _text("DESCRIPTION", clean(words(downtime)))
    if site.url:
        yield _folded(f"URL:{site.link(downtime)}")
    yield "END:VEVENT"


def _text(name: str, text: str) -> str:
    return _folded(f"{name}:{text.translate(_ESCAPES)}")


def _folded(line: str) -> str:
    """In lines of 75 octets at most."""
    return str(Contentline(line).to_ical(), "utf-8")  # type: ignore[no-untyped-call]  # the library's


def _utc(moment: int) -> str:
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y%m%dT%H%M%SZ")
