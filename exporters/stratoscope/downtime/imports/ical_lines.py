"""The lines of a calendar, and which of them are those of an event."""

import re
from typing import Final, NamedTuple

from stratoscope.downtime.imports.announced import DocumentError

LARGEST: Final = 8 << 20
"""Bytes: reading them takes some 10 s of a thread."""
_BREAK: Final = re.compile("\r?\n")
_FOLD: Final = re.compile(rb"\r?\n[ \t]")
_EVENT: Final = ["VCALENDAR", "VEVENT"]


class Block(NamedTuple):
    """An event.

    Attributes:
        lines: Without what is nested in it.
        is_cancelled: Whether METHOD of its calendar says so.
    """

    lines: list[str]
    is_cancelled: bool


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
        self._method = ""
        for line in _lines(body):
            self._take(line)
        if self._parts:
            raise DocumentError(f"cut short: {self._parts[-1][:80]} does not end")

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        match name.upper():
            case "BEGIN":
                self._parts.append(value.strip().upper())
                if self._parts == _EVENT:
                    self._events.append([])
            case "END":
                self._end(value)
            case "X-WR-TIMEZONE" if self._parts == _EVENT[:1]:
                self.zone = value.strip()
            case "METHOD" if self._parts == _EVENT[:1]:
                self._method = value.strip().upper()
            case _ if self._parts == _EVENT:
                self._events[-1].append(line)

    def _end(self, value: str) -> None:
        if not self._parts or self._parts.pop() != value.strip().upper():
            raise DocumentError(f"END:{value[:80]} without its beginning")
        if not self._parts:
            self.all += [Block(lines, self._method == "CANCEL") for lines in self._events]
            self._events, self._method = [], ""


def _lines(body: bytes) -> list[str]:
    """Unfolded before they are decoded: a line may be folded within a character."""
    if len(body) > LARGEST:
        raise DocumentError(f"a calendar of more than {LARGEST} bytes")
    try:
        unfolded = _FOLD.sub(b"", body).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"no calendar in UTF-8: {error}") from error
    lines = [one for one in map(str.strip, _BREAK.split(unfolded)) if one]
    if not lines or lines[0].upper() != "BEGIN:VCALENDAR":
        raise DocumentError("no calendar: it does not begin with BEGIN:VCALENDAR")
    return lines
