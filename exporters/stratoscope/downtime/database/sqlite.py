"""A file of SQLite: work on it runs in threads, the whole of a transaction in one call of one."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, create_engine, event

from stratoscope.downtime.database.threads import PATIENCE_S, Threads

T = TypeVar("T")

READERS: Final = 4
PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    f"busy_timeout = {int(PATIENCE_S * 1000)}",
)
_BEGIN: Final = "BEGIN IMMEDIATE"
"""By hand: the driver itself would begin after the first reads, and would not for DDL. Reads do not begin: it
would take as long as they do."""


class ReplacedError(Exception):
    """The file that is open is not the one at its path: what is written to it is lost at the end."""


class SqliteFile:
    """An Engine of one file."""

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(url, pool_size=1 + READERS, connect_args={"isolation_level": None})
        event.listen(self._engine, "connect", _set_up)
        self._writer, self._readers = Threads("writer", 1), Threads("reader", READERS)
        self._path = Path(str(url.database))
        self._opened: tuple[int, int] | None = None

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self._readers.call(partial(self._read, work))

    async def write(self, work: Callable[[Connection], T]) -> T:
        return await self._write(work)

    async def prepare(self, work: Callable[[Connection], T]) -> T:
        done = await self._write(work, is_limited=False)
        self._opened = await asyncio.to_thread(_identity, self._path)
        return done

    async def _write(self, work: Callable[[Connection], T], *, is_limited: bool = True) -> T:
        given_up = Event()
        try:
            return await self._writer.call(partial(self._written, work, given_up), is_limited=is_limited)
        except (asyncio.CancelledError, TimeoutError):
            given_up.set()
            raise

    async def close(self) -> None:
        with suppress(TimeoutError):
            await self._readers.close()
        with suppress(TimeoutError):
            await self._writer.close(self._engine.dispose)

    def _read(self, work: Callable[[Connection], T]) -> T:
        self._check()
        with self._engine.connect() as connection:
            return work(connection)

    def _written(self, work: Callable[[Connection], T], given_up: Event) -> T:
        self._check()
        with self._engine.connect() as connection, connection.begin():
            connection.exec_driver_sql(_BEGIN)
            done = work(connection)
            self._check()
            if given_up.is_set():
                raise TimeoutError
            return done

    def _check(self) -> None:
        """Before a connection is made, which would open another file, and before a commit."""
        if self._opened is not None and _identity(self._path) != self._opened:
            raise ReplacedError


def _identity(path: Path) -> tuple[int, int] | None:
    """The file that a path names; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _set_up(connection: Any, _: Any) -> None:
    for one in PRAGMAS:
        connection.execute(f"PRAGMA {one}")
