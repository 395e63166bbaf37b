"""The time zones that calendars name, as IANA names them."""

import datetime as dt
import functools
import re
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Final

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from stratoscope.downtime import zones

_TZID: Final = re.compile(r'([^:"]*?;TZID=)(?:"([^"]*)"|((?:tzone://)?[^;:"]*))', re.IGNORECASE)
_MICROSOFT: Final = "tzone://Microsoft/"
"""Before the names of Exchange: `tzone://Microsoft/Utc`."""
_LONGEST: Final = 200
"""Characters of a name: to look for the zone behind each of millions of slashes would never end."""


def renamed(line: str, name: Callable[[str], str]) -> str:
    """A line of an event, in which the time zone has the name that IANA gives it.

    Args:
        name: Gives that name; what it raises is raised.
    """
    found = _TZID.match(line)
    if found is None:
        return line
    return f"{found[1]}{name(found[2] or found[3] or '')}{line[found.end() :]}"


@functools.lru_cache(maxsize=1024)
def iana(name: str) -> str:
    """The name of IANA; "" for none. `/vendor.example/Europe/Berlin` is the zone behind the vendor."""
    if len(name) > _LONGEST:
        return ""
    parts = name.removeprefix(_MICROSOFT).strip("/").split("/")
    begins = range(len(parts)) if name.startswith("/") else (0,)
    found = (_known().get("/".join(parts[begin:]).casefold(), "") for begin in begins)
    return next(filter(None, found), "")


@functools.cache
def _known() -> Mapping[str, str]:
    """The name of IANA by that name, and by the one of Windows; each in lower case."""
    names = {one.casefold(): one for one in zoneinfo.available_timezones()}
    return {one.casefold(): names.get(its.casefold(), "") for one, its in WINDOWS_TO_OLSON.items()} | names


def zone_of(start: dt.date, zone: str) -> str:
    """The zone of a moment. Args: zone: Of days, and of times without zone."""
    found = start.tzinfo if isinstance(start, dt.datetime) else None
    return zone if found is None else str(getattr(found, "key", "UTC"))


def clock(moment: dt.date) -> dt.datetime:
    """What the clocks show; those of a day at its begin."""
    if isinstance(moment, dt.datetime):
        return moment.replace(tzinfo=None)
    return dt.datetime.combine(moment, dt.time())


def unix(value: dt.date, zone: str) -> int:
    """Unix seconds.

    Args:
        zone: Of days, and of times without zone.

    Raises:
        FieldError: That zone is needed, and unknown.
    """
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return int(value.timestamp())
    return zones.moment(clock(value), zones.zone(zone))
