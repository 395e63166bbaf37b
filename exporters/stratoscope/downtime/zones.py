"""Time zones by their IANA names: of the system, or of the package tzdata where the system has none."""

import datetime as dt
import difflib
import os
import re
import zoneinfo
from pathlib import Path
from typing import Final

from stratoscope.downtime.draft import FieldError

_LONGEST: Final = 60
_OF_THIS_MACHINE: Final = re.compile(r"localtime|posixrules|Factory|(posix|right)/.*", re.DOTALL)
"""Files of Debian's tzdata that are no IANA names; those below `right` count leap seconds."""


def zone(name: str) -> zoneinfo.ZoneInfo:
    """The time zone of that name.

    Raises:
        FieldError: There is none; the nearest names are said.
    """
    try:
        found = None if _OF_THIS_MACHINE.fullmatch(name) else zoneinfo.ZoneInfo(name[: _LONGEST + 1])
    except (KeyError, ValueError, OSError):  # unknown, no name, a folder of zones
        found = None
    if found is None:
        near = _near(name[:_LONGEST])
        hint = f"{' or '.join(near)}?" if near else "an IANA name such as Europe/Berlin"
        raise FieldError("zone", f"unknown time zone {name[:_LONGEST]!r}; allowed: {hint}")
    return found


def of_this_machine(localtime: Path = Path("/etc/localtime")) -> zoneinfo.ZoneInfo:
    """That of the variable TZ, or of the file `localtime` points to; UTC where neither has an IANA name."""
    of_file = str(localtime.resolve()).rpartition("/zoneinfo/")[2]
    try:
        return zone(os.environ.get("TZ", "").removeprefix(":") or of_file)
    except FieldError:
        return zone("UTC")


def moment(local: dt.datetime, zone: dt.tzinfo) -> int:
    """Unix seconds of a local time; one that does not exist moves forward, of one that exists twice it is the
    first, as RFC 5545 (3.3.5) has it."""
    return int(local.replace(tzinfo=zone, fold=0).timestamp())


def _near(name: str) -> list[str]:
    """Up to three zones whose name, or its last part, resembles this one."""
    names: dict[str, str] = {}
    for one in sorted(zoneinfo.available_timezones()):
        if _OF_THIS_MACHINE.fullmatch(one):
            continue
        names.setdefault(one.lower(), one)
        names.setdefault(one.lower().rpartition("/")[2], one)
    found = difflib.get_close_matches(name.lower().replace(" ", "_"), names, 3)
    return list(dict.fromkeys(names[one] for one in found))
