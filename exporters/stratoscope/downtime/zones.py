"""Time zones by their IANA names: of the system, or of the package tzdata where the system has none."""

import datetime as dt
import difflib
import zoneinfo

from stratoscope.downtime.draft import FieldError

_LONGEST = 60


def zone(name: str) -> zoneinfo.ZoneInfo:
    """The time zone of that name.

    Raises:
        FieldError: There is none; the nearest names are said.
    """
    try:
        return zoneinfo.ZoneInfo(name[: _LONGEST + 1])
    except (KeyError, ValueError, OSError) as error:  # unknown, no name, a folder of zones
        near = _near(name[:_LONGEST])
        hint = f"{' or '.join(near)}?" if near else "an IANA name such as Europe/Berlin"
        raise FieldError("zone", f"unknown time zone {name[:_LONGEST]!r}; allowed: {hint}") from error


def moment(local: dt.datetime, zone: dt.tzinfo) -> int:
    """Unix seconds of a local time; one that does not exist moves forward, of one that exists twice it is the
    first, as RFC 5545 (3.3.5) has it."""
    return int(local.replace(tzinfo=zone, fold=0).timestamp())


def _near(name: str) -> list[str]:
    """Up to three zones whose name, or its last part, resembles this one."""
    names: dict[str, str] = {}
    for one in sorted(zoneinfo.available_timezones()):
        names.setdefault(one.lower(), one)
        names.setdefault(one.lower().rpartition("/")[2], one)
    found = difflib.get_close_matches(name.lower().replace(" ", "_"), names, 3)
    return list(dict.fromkeys(names[one] for one in found))
