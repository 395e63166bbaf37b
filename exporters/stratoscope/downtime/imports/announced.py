"""What a source announces, the same for all kinds; what could not be read is counted with its reason."""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from stratoscope.core.errors import CollectError, Reason, short_line
from stratoscope.downtime.draft import LONGEST_TEXT, LONGEST_TITLE
from stratoscope.downtime.model import DAY_S, Severity

MOST_ROWS: Final = 100_000
"""Of one source; with more it counts as absurdly large."""
PAST_S: Final = 7 * DAY_S
"""Rows that ended earlier are left alone."""
LATEST: Final = int(dt.datetime(3000, 1, 1, tzinfo=dt.UTC).timestamp())
_LONGEST_ID: Final = 255
_LONGEST_NAME: Final = 255
_MOST_NAMES: Final = 100
_MOST_WORDS: Final = 20
_LONGEST_WORDS: Final = 200


class DocumentError(CollectError):
    """A document that cannot be used as a whole: no other than the expected one, cut short, or too large."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.MALFORMED, message)


class Skip(StrEnum):
    """Why a row was left out."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    """A value that means nothing to us, such as a new severity."""
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    """What nobody may file either, such as a downtime of 400 days."""
    COSTLY = "costly"
    """A rule that takes too long to expand."""


class RowError(Exception):
    """A row that cannot be used. `str()` of it says why, for a person."""

    def __init__(self, skip: Skip, message: str) -> None:
        super().__init__(message)
        self.skip = skip


class Announced(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row of a source: a downtime of one service, resource or event.

    Attributes:
        external_id: Unique within the source, and the same in each answer.
        title: One line.
        text: Lines of free text.
        planned: Whether it was announced in time.
        start, end: Unix seconds.
        hosts: By any of these names a mapping finds it, as the source spells them.
        services: The same for its types of service.
    """

    external_id: str
    title: str
    text: str = ""
    planned: bool
    severity: Severity
    start: int
    end: int
    hosts: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


class Parsed(msgspec.Struct, frozen=True):
    """What a source announces.

    Attributes:
        rows: All that could be read.
        skipped: How many could not, by reason.
        words: Of some of them: which one, and why.
        unread: Their ids, see `is_unread`.
    """

    rows: tuple[Announced, ...] = ()
    skipped: Mapping[Skip, int] = {}
    words: tuple[str, ...] = ()
    unread: frozenset[str] = frozenset()


class Rows:
    """Takes the rows of a source, page by page."""

    def __init__(self) -> None:
        self._rows: dict[str, Announced] = {}
        self._skipped: Counter[Skip] = Counter()
        self._words: list[str] = []
        self._unread: set[str] = set()

    def add(self, row: Announced) -> None:
        """Raises DocumentError: There are more than MOST_ROWS."""
        if row.external_id in self._rows:
            error = RowError(Skip.DUPLICATE, "it stands there twice; the first one counts")
            self.skip(row.external_id, error)
            return
        self._rows[row.external_id] = row
        self._check()

    def skip(self, which: str, error: RowError, *, stays: bool = True) -> None:
        """Count a row that is left out.

        Args:
            which: The first part of its external id, or all; "" if unknown.
            stays: Whether what is stored of it stays, see `is_unread`.

        Raises:
            DocumentError: As `add`.
        """
        self._skipped[error.skip] += 1
        if stays:
            self._unread.add(which)
        if len(self._words) < _MOST_WORDS:
            self._words.append(short_line(f"{which[:_LONGEST_ID] or 'a row without id'}: {error}"))
        self._check()

    def parsed(self) -> Parsed:
        skipped, unread = dict(self._skipped), frozenset(self._unread)
        return Parsed(tuple(self._rows.values()), skipped, tuple(self._words), unread)

    def _check(self) -> None:
        if len(self._rows) + self._skipped.total() > MOST_ROWS:
            raise DocumentError(f"more than {MOST_ROWS} rows")


def identified(*parts: str) -> str:
    """An external id of these parts, the first of which must be there. Raises RowError."""
    if not parts[0]:
        raise RowError(Skip.MISSING, "it has no id")
    found = " ".join(filter(None, parts))
    if len(found) > _LONGEST_ID or not found.isprintable():
        raise RowError(Skip.MALFORMED, f"its id is no line of {_LONGEST_ID} characters at most")
    return found


def is_unread(external_id: str, unread: Collection[str]) -> bool:
    """Whether a downtime may be one of the rows that could not be read, so that it has not vanished.

    Args:
        unread: The ids of these rows, or the first parts of them; "" for a row that could be any, see Held.
    """
    if "" in unread:
        return True
    parts = external_id.split(" ")
    return any(" ".join(parts[:count]) in unread for count in range(1, len(parts) + 1))


def lasting(start: int, end: int) -> tuple[int, int]:
    """Start and end. Raises RowError: They are no moments, one after the other."""
    if not 0 <= start < end <= LATEST:
        raise RowError(Skip.MALFORMED, f"its end, {end}, is not after its start, {start}, or out of range")
    return start, end


def one_of(value: str, known: Collection[str], what: str) -> str:
    """A value that is known. Raises RowError."""
    if not value:
        raise RowError(Skip.MISSING, f"{what} is missing")
    if value not in known:
        allowed = ", ".join(known)
        raise RowError(Skip.UNKNOWN, f"{what} is {value[:_LONGEST_WORDS]!r}; known: {allowed}")
    return value


def names(values: Iterable[str]) -> tuple[str, ...]:
    """The names among these, each once, in order. Raises RowError: Too many, or too long."""
    found = tuple(dict.fromkeys(" ".join(one.split()) for one in values if one.strip()))
    if len(found) > _MOST_NAMES or any(len(one) > _LONGEST_NAME or not one.isprintable() for one in found):
        what = f"more than {_MOST_NAMES} hosts or services, or one of more than {_LONGEST_NAME} characters"
        raise RowError(Skip.MALFORMED, what)
    return found


def title(*parts: str) -> str:
    """The first of these texts that has a line to show, as a title."""
    for part in parts:
        line = " ".join(_shown(part).split())
        if line:
            return line if len(line) <= LONGEST_TITLE else f"{line[: LONGEST_TITLE - 1]}…"
    return "Downtime"


def text(*parts: str) -> str:
    """These texts one below the other, as the text of a downtime."""
    found = "\n".join(line.rstrip() for part in parts for line in _shown(part).splitlines()).strip("\n")
    return found if len(found) <= LONGEST_TEXT else f"{found[: LONGEST_TEXT - 1]}…"


def _shown(part: str) -> str:
    """What can be printed, and breaks of lines."""
    return "".join(one if one.isprintable() or one in "\n\t" else " " for one in part.replace("\r\n", "\n"))
