"""The lines of a calendar, and which of them are those of an event, or of a time zone."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from stratoscope.downtime.imports.announced import DocumentError

LARGEST: Final = 8 << 20
"""Bytes: reading them takes some 10 s of a thread."""
_BREAK: Final = re.compile("\r?\n")
_FOLD: Final = re.compile(rb"\r?\n[ \t]")
_FIRST: Final = "BEGIN:VCALENDAR"
_EVENT: Final = ["VCALENDAR", "VEVENT"]
_ZONE: Final = ["VCALENDAR", "VTIMEZONE"]
_ESCAPED: Final = re.compile(r"\\(.)")


class Block(NamedTuple):
    """An event.

    Attributes:
        lines: Without what is nested in it.
        is_cancelled: Whether METHOD of its calendar says so.
        zones: The time zones that its calendar describes: TZID -> the lines of each part of VTIMEZONE.
    """

    lines: list[str]
    is_cancelled: bool
    zones: Mapping[str, Sequence[Sequence[str]]]


class Blocks:
    """The events of a document.

    Attributes:
        zone: The time zone that a calendar gives itself; "" for none.
        all: The events, in order.
    """

    def __init__(self, body: bytes) -> None:
        """Raises DocumentError: It is no such document, or cut short."""
        self.zone = ""
        self.all: list[Block] = []
        self._parts: list[str] = []
        self._events: list[list[str]] = []
        self._zones: dict[str, list[list[str]]] = {}
        self._tzid, self._rules = "", list[list[str]]()
        self._method = ""
        *lines, last = _lines(body)
        for line in lines:
            self._take(line)
        if not self._ends_within(last):
            self._take(last)
        if self._parts:
            raise DocumentError(f"cut short: {self._parts[-1][:80]} does not end")

    def _ends_within(self, last: str) -> bool:
        """Whether the last line is the beginning of the one that ends a part."""
        line = f"END:{self._parts[-1]}" if self._parts else ""
        return line != last.upper() and line.startswith(last.upper())

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        match name.upper():
            case "BEGIN":
                self._begin(value)
            case "END":
                self._end(value)
            case "X-WR-TIMEZONE" if self._parts == _EVENT[:1]:
                self.zone = value.strip()
            case "METHOD" if self._parts == _EVENT[:1]:
                self._method = value.strip().upper()
            case "TZID" if self._parts == _ZONE:
                self._tzid = _ESCAPED.sub(r"\1", value.strip())
            case _ if self._parts == _EVENT:
                self._events[-1].append(line)
            case _ if self._parts[:-1] == _ZONE:
                self._rules[-1].append(line)

    def _begin(self, value: str) -> None:
        self._parts.append(value.strip().upper())
        if self._parts == _EVENT:
            self._events.append([])
        elif self._parts == _ZONE:
            self._tzid, self._rules = "", []
        elif self._parts[:-1] == _ZONE:
            self._rules.append([])

    def _end(self, value: str) -> None:
        if not self._parts or self._parts[-1] != value.strip().upper():
            raise DocumentError(f"END:{value[:80]} without its beginning")
        if self._parts == _ZONE:
            self._zones[self._tzid] = self._rules
        self._parts.pop()
        if not self._parts:
            self.all += [Block(lines, self._method == "CANCEL", self._zones) for lines in self._events]
            self._events, self._zones, self._method = [], {}, ""


def _lines(body: bytes) -> list[str]:
    """Unfolded before they are decoded: a line may be folded within a character."""
    if len(body) > LARGEST:
        raise DocumentError(f"a calendar of more than {LARGEST} bytes")
    try:
        unfolded = _FOLD.sub(b"", body).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            raise DocumentError("cut short: within a character") from error
        raise DocumentError(f"no calendar in UTF-8: {error}") from error
    lines = [one for one in map(str.strip, _BREAK.split(unfolded)) if one]
    if len(lines) == 1 and _FIRST.startswith(lines[0].upper()):
        raise DocumentError("cut short: it has one line, or a part of it")
    if not lines or lines[0].upper() != _FIRST:
        raise DocumentError(f"no calendar: it does not begin with {_FIRST}")
    return lines
