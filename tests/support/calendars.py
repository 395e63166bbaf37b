"""Calendars in iCalendar's format, and what is read from them."""

import datetime as dt
from zoneinfo import ZoneInfo

from stratoscope.downtime.imports import ical
from stratoscope.downtime.imports.announced import Parsed
from support.announcements import parsed

BERLIN = ZoneInfo("Europe/Berlin")
NOW = dt.datetime(2027, 3, 14, 12, tzinfo=dt.UTC).timestamp()


def read(body: bytes, now: float = NOW, zone: str = "") -> Parsed:
    return parsed(lambda rows: ical.take(body, rows, now, zone))


def calendar(*events: str, head: str = "") -> bytes:
    """A calendar of events, each the lines without BEGIN, END and UID."""
    blocks = [f"BEGIN:VEVENT\nUID:u{n}\n{one}\nEND:VEVENT\n" for n, one in enumerate(events)]
    return f"BEGIN:VCALENDAR\n{head}{''.join(blocks)}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def at(*moment: int, zone: dt.tzinfo = BERLIN) -> int:
    return int(dt.datetime(*moment, tzinfo=zone).timestamp())  # type: ignore[misc,arg-type]  # it has no microseconds


def spans(found: Parsed, uid: str = "u0") -> list[tuple[int, int]]:
    return [(row.start, row.end) for row in found.rows if row.external_id.startswith(uid)]
