"""A connection to SQLite whose statements cross the border to its thread once.

aiosqlite crosses it to make a cursor, to execute, to fetch, to close and to roll back what never began; each
time costs as much as a small statement itself.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import aiosqlite

T = TypeVar("T")

_CHUNK: Final = 64
"""aiosqlite's own default; nothing here reads in chunks."""


class Cursor(aiosqlite.Cursor):
    """One whose rows are all there once a statement was executed."""

    def __init__(self, connection: "SqliteConnection") -> None:
        self._conn: SqliteConnection = connection
        self._rows: Sequence[Any] = ()

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> "Cursor":
        self._cursor, self._rows = await self._conn.crossed(_executed, sql, parameters or ())
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> "Cursor":
        self._cursor = await self._conn.crossed(sqlite3.Connection.executemany, sql, parameters)
        return self

    async def fetchall(self) -> Sequence[Any]:
        return self._rows

    async def close(self) -> None:
        """SQLite is done with a statement whose rows were fetched."""


class SqliteConnection(aiosqlite.Connection):
    """See above; for SQLAlchemy's `async_creator`."""

    def __init__(self, file: Path) -> None:
        super().__init__(partial(sqlite3.connect, file, isolation_level=None), _CHUNK)
        self._thread.daemon = True  # as SQLAlchemy does with those that it makes itself

    def cursor(self) -> Cursor:  # type: ignore[override]  # it is not awaited for; SQLAlchemy only enters it
        return Cursor(self)

    async def crossed(self, do: Callable[..., T], *arguments: Any) -> T:
        """What this returns, called in the thread with SQLite's own connection."""
        done: T = await self._execute(do, self._conn, *arguments)  # type: ignore[no-untyped-call]  # aiosqlite's
        return done

    async def rollback(self) -> None:
        if self.in_transaction:
            await super().rollback()


def _executed(
    connection: sqlite3.Connection, sql: str, parameters: Sequence[Any]
) -> tuple[sqlite3.Cursor, Sequence[Any]]:
    cursor = connection.execute(sql, parameters)
    return cursor, cursor.fetchall()
