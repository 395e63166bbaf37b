"""A ledger's file: SQLite, used by one process and in one thread; all calls block."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from stratoscope.core.errors import short_line
from stratoscope.vmprobe.tables import UPGRADES

APPLICATION: Final = 0x53565052
"""SQLite's `application_id` of a ledger."""

_PRIVATE: Final = 0o600
_GROUP_AND_OTHERS: Final = 0o077
_MOVE_AWAY: Final = (
    "move it away, and with it the file -wal, and a new one begins; what is left in the cloud is then"
    " removed by its mark, after its deadline"
)
_FAULTS: Final = {
    sqlite3.SQLITE_FULL: "no space left on its disk; nothing is created in the cloud until there is",
    sqlite3.SQLITE_READONLY: "is read-only; allowed: a file and a folder to write to",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; allowed: a file and a folder to write to",
    sqlite3.SQLITE_PERM: "cannot be opened; allowed: a file and a folder to write to",
    sqlite3.SQLITE_AUTH: "cannot be opened; allowed: a file and a folder to write to",
    sqlite3.SQLITE_BUSY: "in use by another process; end that one first",
    sqlite3.SQLITE_LOCKED: "in use by another process; end that one first",
    sqlite3.SQLITE_CORRUPT: f"is damaged: {_MOVE_AWAY}",
    sqlite3.SQLITE_NOTADB: f"is no SQLite database: {_MOVE_AWAY}",
    sqlite3.SQLITE_IOERR: "cannot be read or written: check its disk, quota and file size limit",
}
"""What SQLite's errors mean for the operator, by their primary code."""
_PRIMARY: Final = 0xFF
"""The part of an extended code that is the primary code."""


class LedgerError(Exception):
    """The ledger cannot be used: one line that names its file and says what to do."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(short_line(f"ledger {path}: {what}"))


class Database:
    """The file, open as long as it can be; after an error it is opened anew.

    It is locked: no other connection can use it meanwhile. A commit is on disk when it returns.

    Attributes:
        is_abandoned: Nobody waits for it any more: it is closed when the transaction in progress has ended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self.is_abandoned = False

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection, in a transaction that is committed at the end, or rolled back after an error.

        Raises:
            LedgerError: The file cannot be used. If the commit itself failed it may be on disk nevertheless.
        """
        try:
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except LedgerError:
            self.close()
            raise
        except sqlite3.Error as error:
            self.close()
            raise LedgerError(self.path, _fault(error)) from error
        except OSError as error:
            self.close()
            raise LedgerError(self.path, f"{error.strerror}; allowed: a file to write to") from error
        finally:
            if self.is_abandoned:
                self.close()

    def close(self) -> None:
        """Close the file, and so unlock it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # of a disk that is full: what was committed is in the file -wal
                connection.close()

    def _connected(self) -> sqlite3.Connection:
        """The connection, to the file that the path names now."""
        if self._connection is not None and self._file != _identity(self.path):
            self.close()  # it was removed or replaced: what is written to it would be lost
        if self._connection is None:
            self._make_private()
            self._connection = connection = sqlite3.connect(self.path, timeout=0, isolation_level=None)
            self._file = _identity(self.path)
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            version = self._checked(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            _upgrade(connection, version)
        return self._connection

    def _make_private(self) -> None:
        """Create the file, if there is none, readable for its owner alone; SQLite's own files follow it.

        A file that exists is not opened: closing it would drop the locks that this process has on it.
        """
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE))
        except FileExistsError:
            mode = self.path.lstat().st_mode
            if not stat.S_ISREG(mode):
                raise LedgerError(self.path, "is no regular file; allowed: a file to write to") from None
            if mode & _GROUP_AND_OTHERS:
                self.path.chmod(_PRIVATE)
            if not os.access(self.path, os.R_OK | os.W_OK):
                raise LedgerError(self.path, _FAULTS[sqlite3.SQLITE_READONLY]) from None

    def _checked(self, connection: sqlite3.Connection) -> int:
        """The version of its schema; 0 for an empty file."""
        application, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
        is_empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application != APPLICATION and not (is_empty and application == version == 0):
            raise LedgerError(self.path, f"is a database of another program: {_MOVE_AWAY}")
        if version > len(UPGRADES):
            known = f"has schema {version}, and this version knows {len(UPGRADES)}"
            raise LedgerError(self.path, f"{known}: run the newer version, or {_MOVE_AWAY}")
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise LedgerError(self.path, _FAULTS[sqlite3.SQLITE_CORRUPT])
        return version


def _upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Bring the schema up to date, in one transaction."""
    if version == len(UPGRADES):
        return
    connection.execute("BEGIN IMMEDIATE")
    for statements in UPGRADES[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {len(UPGRADES)}")
    connection.execute("COMMIT")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _identity(path: Path) -> tuple[int, int] | None:
    """The file that a path names; None if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _fault(error: sqlite3.Error) -> str:
    """What an error means; errors of the module itself have no code."""
    code = getattr(error, "sqlite_errorcode", None)
    return _FAULTS.get(code & _PRIMARY, str(error)) if code is not None else str(error)
