"""A database that is open: SQLite by aiosqlite, PostgreSQL by asyncpg."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiosqlite
import asyncpg
from sqlalchemy import Connection, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from stratoscope.downtime.database.address import Address, make_private
from stratoscope.downtime.database.connection import SqliteConnection
from stratoscope.downtime.database.errors import StoreError, meaning
from stratoscope.downtime.database.schema import check_owner, upgrade

_PATIENCE_S: Final = 10.0
"""How long a statement, or a connection, may take."""
_CONNECTIONS: Final = 4
_BEGIN: Final = "stratoscope_begin"
_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    f"busy_timeout = {int(_PATIENCE_S * 1000)}",
)
_GONE: Final = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
"""After 20 s the server drops a client whose machine is gone, and the lead with it; its default is hours."""
_POSTGRESQL: Final = {
    "timeout": _PATIENCE_S,
    "command_timeout": _PATIENCE_S,
    "server_settings": _GONE,
}


class Database:
    """What was committed is on disk. Writers wait for each other; readers wait for nobody.

    Attributes:
        address: Where it is.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._engine = _engine(address)
        self._turn = asyncio.Lock()

    @property
    def is_sqlite(self) -> bool:
        return self.address.file is not None

    async def open(self) -> None:
        """Create the tables, or bring them up to date.

        Raises:
            StoreError: The database cannot be used.
        """
        if self.address.file is not None:
            await asyncio.to_thread(check_owner, self.address.file)
            await asyncio.to_thread(make_private, self.address.file)
        async with self.write() as connection:
            await connection.run_sync(upgrade, self.address.shown)

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection each of whose statements sees the newest state of the database."""
        with self._translated():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction: committed at the end, rolled back after an error.

        Raises:
            StoreError: The database cannot be used. If the commit itself failed, what was written may be
                stored nevertheless.
        """
        with self._translated():
            async with self._in_turn(), self._engine.connect() as connection:
                await connection.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
                async with connection.begin():
                    yield connection

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """One writer of this process at a time. Raises StoreError: The one before does not finish."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._turn.acquire()
        except TimeoutError as error:
            what = f"another change has been written for {_PATIENCE_S:g} s: try again, look at its disk"
            raise StoreError(self.address.shown, what) from error
        try:
            yield
        finally:
            self._turn.release()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[AsyncConnection]:
        """A connection without transactions, for what is bound to a connection (PostgreSQL)."""
        with self._translated():
            async with self._engine.connect() as connection:
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        # asyncpg's own stand beside SQLAlchemy's where no connection is made.
        except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise StoreError(self.address.shown, meaning(error)) from error


def _engine(address: Address) -> AsyncEngine:
    if address.file is None:
        return create_async_engine(
            address.url, pool_size=_CONNECTIONS, pool_timeout=_PATIENCE_S, pool_pre_ping=True,
            connect_args=_POSTGRESQL,
        )  # fmt: skip
    engine = create_async_engine(
        address.url, pool_size=_CONNECTIONS, pool_timeout=_PATIENCE_S,
        async_creator=partial(_connected, address.file),
    )  # fmt: skip
    event.listen(engine.sync_engine, "connect", _set_up)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


async def _connected(file: Path) -> aiosqlite.Connection:
    return await SqliteConnection(file)


def _set_up(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for one in _PRAGMAS:
        cursor.execute(f"PRAGMA {one}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """By hand: the driver itself would begin after the first reads, and would not for DDL.

    Not for reads: it would take as long as they do.
    """
    if (begin := connection.get_execution_options().get(_BEGIN)) is not None:
        connection.exec_driver_sql(begin)
