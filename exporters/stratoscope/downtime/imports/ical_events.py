"""The events of a calendar, each read by icalendar; of several versions of one the newest."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, cast

from icalendar import Event

from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.imports.announced import RowError, Skip, identified
from stratoscope.downtime.imports.ical_described import BROKEN, Described
from stratoscope.downtime.imports.ical_lines import Block
from stratoscope.downtime.imports.ical_zones import renamed, unix

_READ: Final = frozenset(
    {"UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "STATUS"}
)
"""An event in which one of these cannot be read is left out."""
_TELLING: Final = frozenset({"UID", "RECURRENCE-ID"})
_NAME: Final = re.compile(r"[A-Za-z0-9-]*")


class Found(NamedTuple):
    """An event, or one that stands for an occurrence of another with its UID.

    Attributes:
        component: What of it can be read.
        replaces: The occurrence for which it stands, as it is written; None for the event itself.
        occurs: The same in Unix seconds.
        is_lost: It stands for an occurrence, and nobody knows for which one.
        is_cancelled: It does not take place.
        version: The greatest of those with one UID and occurrence counts.
        error: Why it cannot be used.
    """

    uid: str
    component: Event
    replaces: dt.date | None
    occurs: int | None
    is_lost: bool
    is_cancelled: bool
    version: tuple[int, int, bool]
    error: RowError | None

    @property
    def is_exception(self) -> bool:
        return self.replaces is not None or self.is_lost

    @property
    def is_range(self) -> bool:
        """Whether it stands for all later occurrences, too."""
        return self.replaces is not None and "RANGE" in self.component["RECURRENCE-ID"].params


def read(block: Block, zone: str, described: Described) -> Found:
    """An event; one that cannot be used has its error.

    Args:
        zone: Of days, and of times without zone.
        described: The zones that are known.

    Raises:
        RowError: It has no UID.
    """
    lines, errors = _renamed(block.lines, described.names(block))
    try:
        component = _parsed(lines)
    except BROKEN as error:
        component = _parsed(line for line in lines if _name(line) in _TELLING)
        errors.append(RowError(Skip.MALFORMED, str(error)))
    errors += [
        RowError(Skip.MALFORMED, f"{name or 'a line'}: {why}")
        for name, why in component.errors
        if not name or name in _READ
    ]
    replaces, occurs = _replaces(component, zone, errors)
    is_cancelled = block.is_cancelled or said(component, "STATUS").upper() == "CANCELLED"
    found = Found(
        uid=identified(said(component, "UID")),
        component=component,
        replaces=replaces,
        occurs=occurs,
        is_lost=replaces is None and "RECURRENCE-ID" in map(_name, block.lines),
        is_cancelled=is_cancelled,
        version=(_number(component, "SEQUENCE"), _stamp(component), is_cancelled),
        error=errors[0] if errors else None,
    )
    if found.is_range and found.error is None:
        unknown = RowError(Skip.UNKNOWN, "RANGE=THISANDFUTURE, which this program does not know")
        return found._replace(error=unknown)
    return found


def newest(events: Iterable[Found]) -> Iterator[Found]:
    """Of each event, and each occurrence, the newest version; of equal ones all."""
    versions = dict[tuple[str, int | None, bool], tuple[int, int, bool]]()
    events = [*events]
    for event in events:
        key = event.uid, event.occurs, event.is_lost
        versions[key] = max(versions.get(key, event.version), event.version)
    return (event for event in events if event.version == versions[event.uid, event.occurs, event.is_lost])


def said(component: Event, name: str) -> str:
    """A text of an event; of several the first."""
    value: Any = component.get(name, "")
    return str(value[0] if isinstance(value, list) else value).strip()


def _parsed(lines: Iterable[str]) -> Event:
    return cast(Event, Event.from_ical("\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"])))


def _renamed(lines: Iterable[str], name: Callable[[str], str]) -> tuple[list[str], list[RowError]]:
    """The lines whose zone is known, and what is wrong with the others."""
    found, errors = list[str](), list[RowError]()
    for line in lines:
        try:
            found.append(renamed(line, name))
        except RowError as error:
            errors += [error] if _name(line) in _READ else []
    return found, errors


def _name(line: str) -> str:
    found = _NAME.match(line)
    return found[0].upper() if found else ""


def _replaces(component: Event, zone: str, errors: list[RowError]) -> tuple[dt.date | None, int | None]:
    value: Any = component.get("RECURRENCE-ID")
    try:
        return (None, None) if value is None else (value.dt, unix(value.dt, zone))
    except (*BROKEN, FieldError) as error:
        errors.append(RowError(Skip.MALFORMED, str(error)))
        return None, None


def _number(component: Event, name: str) -> int:
    value = said(component, name)
    return int(value) if value.isdecimal() else 0


def _stamp(component: Event) -> int:
    """When this version was written, in Unix seconds; 0 if nobody says so."""
    value: Any = component.get("DTSTAMP")
    try:
        return unix(value.dt, "UTC")
    except BROKEN:
        return 0
