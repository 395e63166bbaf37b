"""The time zones that calendars name, as IANA names them."""

import functools
import re
import zoneinfo
from typing import Final

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from stratoscope.downtime.imports.announced import RowError, Skip

_TZID: Final = re.compile(r'([^:"]*?;TZID=)(?:"([^"]*)"|([^;:"]*))', re.IGNORECASE)


def renamed(line: str) -> str:
    """A line of an event, in which the time zone has the name that IANA gives it.

    Raises:
        RowError: No zone has that name.
    """
    found = _TZID.match(line)
    if found is None:
        return line
    name = found[2] or found[3] or ""
    known = _iana(name)
    if not known:
        raise RowError(
            Skip.MALFORMED, f"unknown time zone {name[:80]!r}; known: those of IANA and of Windows"
        )
    return f"{found[1]}{known}{line[found.end() :]}"


@functools.lru_cache(maxsize=1024)
def _iana(name: str) -> str:
    """The name of IANA; "" for none. `/vendor.example/Europe/Berlin` is the zone behind the vendor."""
    parts = name.strip("/").split("/")
    begins = range(len(parts)) if name.startswith("/") else (0,)
    for begin in begins:
        one = "/".join(parts[begin:])
        one = WINDOWS_TO_OLSON.get(one, one)
        if one in _known():
            return one
    return ""


@functools.cache
def _known() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
