"""What can go wrong with the database, each in one line that says what to do."""

import sqlite3
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from stratoscope.core.errors import CollectError, Reason
from stratoscope.downtime.model import DAY_S, Downtime

_RESTORE: Final = "end this service and restore a backup"
_WRITABLE: Final = "allowed: a file and a folder to write to"
_SQLITE: Final = {
    sqlite3.SQLITE_FULL: "no space left on its disk; nothing can be filed until there is",
    sqlite3.SQLITE_READONLY: f"is read-only; {_WRITABLE}",
    sqlite3.SQLITE_CANTOPEN: f"cannot be opened; {_WRITABLE}",
    sqlite3.SQLITE_PERM: f"cannot be opened; {_WRITABLE}",
    sqlite3.SQLITE_AUTH: f"cannot be opened; {_WRITABLE}",
    sqlite3.SQLITE_BUSY: "in use by another program; end that one first",
    sqlite3.SQLITE_LOCKED: "in use by another program; end that one first",
    sqlite3.SQLITE_CORRUPT: f"is damaged: {_RESTORE}",
    sqlite3.SQLITE_NOTADB: f"is no SQLite database: {_RESTORE}, or move it away and an empty one begins",
    sqlite3.SQLITE_IOERR: "cannot be read or written: check its disk, quota and file size limit",
}
"""By the primary code."""
_PRIMARY: Final = 0xFF
_POSTGRESQL: Final = {
    "28": "refuses the log-in: check user, password and pg_hba.conf",
    "3D": "has no such database: create it, with `createdb` or CREATE DATABASE",
    "53100": "has no space left; nothing can be filed until it has",
    "53300": "has no connection left: raise max_connections, or end other clients",
    "53": "has no resources left; nothing can be filed until it has",
    "57": "is starting, stopping or was interrupted; it is asked again",
    "25": "is read-only: name the primary",
    "42": "the user lacks a right, or the tables are not those of this program: the user must own them",
}
"""By the SQLSTATE, or its class."""


class Refusal(StrEnum):
    """Why a change is not stored."""

    FULL = "full"
    """No space left."""
    READ_ONLY = "read_only"
    BUSY = "busy"
    """Another program, or another change, has it."""
    UNANSWERED = "unanswered"
    """No answer in time."""
    OTHER = "other"
    """The log says why."""


_REFUSALS: Final = {
    sqlite3.SQLITE_FULL: Refusal.FULL,
    sqlite3.SQLITE_READONLY: Refusal.READ_ONLY,
    sqlite3.SQLITE_BUSY: Refusal.BUSY,
    sqlite3.SQLITE_LOCKED: Refusal.BUSY,
    "53100": Refusal.FULL,
    "25006": Refusal.READ_ONLY,
    "53300": Refusal.BUSY,
}
"""By the primary code of SQLite, or the SQLSTATE."""


class StoreError(CollectError):
    """The database cannot be used: one line that names it and says what to do.

    Attributes:
        refusal: The same as one of few words.
    """

    def __init__(self, place: str, what: str, refusal: Refusal = Refusal.OTHER) -> None:
        super().__init__(Reason.UNAVAILABLE, f"database {place}: {what}")
        self.refusal = refusal


class UnknownError(LookupError):
    """There is no downtime, or no window, with this id."""

    def __init__(self, what: str, id_: str) -> None:
        super().__init__(f"no {what} {id_[:80]}")


class ClosedError(ValueError):
    """What is cancelled is not changed any more."""

    def __init__(self, what: str, id_: str) -> None:
        super().__init__(f"{what} {id_} is cancelled; allowed: file a new one")


class NotSilencingError(ValueError):
    """A downtime that wants no silence has none to be written again."""

    def __init__(self, downtime_id: str) -> None:
        allowed = "one that is active or upcoming, and silences"
        super().__init__(f"downtime {downtime_id} is over, or silences nothing; allowed: {allowed}")


class SourceError(ValueError):
    """What a source filed is changed at the source: here its next answer would undo the change."""

    def __init__(self, source: str) -> None:
        super().__init__(f"filed by {source}; change it there; allowed: end, cancel")


class OverCapError(ValueError):
    """A host is off for longer than a host may be."""

    def __init__(self, host: str, cap_s: int) -> None:
        most = f"downtime.hosts_off.cap, {cap_s / DAY_S:g} d"
        super().__init__(f"{host[:80]} is off for longer than {most}; allowed: once it was said to be back")


class EndedByHandError(ValueError):
    """A person has ended that a host is off, and nobody has said since that it is back."""

    def __init__(self, host: str, who: str) -> None:
        super().__init__(f"{who} has ended that {host[:80]} is off; allowed: once it was said to be back")


class TooManyWindowsError(ValueError):
    """There are as many windows as are kept up to date."""

    def __init__(self, most: int) -> None:
        super().__init__(f"there are {most} windows; allowed: a new one once another is cancelled")


class RevisionError(ValueError):
    """Somebody else has changed the downtime.

    Attributes:
        current: As it stands now.
    """

    def __init__(self, current: Downtime) -> None:
        super().__init__(f"downtime {current.id} was changed: it has revision {current.revision} now")
        self.current = current


class IdempotencyError(ValueError):
    """The key was used for another request."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the idempotency key {key[:80]!r} was used for another request; allowed: a new key")


def meaning(error: BaseException) -> str:
    """What an error of a driver means for the operator."""
    for one in _chain(error):
        code = getattr(one, "sqlite_errorcode", None)
        if code is not None:
            return _SQLITE.get(code & _PRIMARY, str(one))
        state = getattr(one, "sqlstate", None)
        if state is not None:
            known = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
            return f"{known} ({_words(one)})" if known else _words(one)
    for one in _chain(error):
        if isinstance(one, TimeoutError):
            return "no answer in time: check that it runs, its address and the firewall"
        if isinstance(one, OSError):
            return f"cannot be reached: {one.strerror or one}; check that it runs, and its address"
    return _words(error)


def refusal(error: BaseException) -> Refusal:
    """What `meaning` says, as one of few words."""
    for one in _chain(error):
        code = getattr(one, "sqlite_errorcode", None)
        found = _REFUSALS.get(getattr(one, "sqlstate", None) if code is None else code & _PRIMARY)
        if found is not None:
            return found
        if isinstance(one, TimeoutError):
            return Refusal.UNANSWERED
    return Refusal.OTHER


def _words(error: BaseException) -> str:
    return str(error).rpartition("'>: ")[2] or type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that caused it."""
    one: BaseException | None = error
    while one is not None:
        yield one
        one = getattr(one, "orig", None) or one.__cause__
