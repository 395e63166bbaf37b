"""A database that is open: a file of SQLite, or a PostgreSQL server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final, Protocol, TypeVar

import asyncpg
from sqlalchemy import Connection, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from stratoscope.downtime.database import server, threads
from stratoscope.downtime.database.address import Address, make_private
from stratoscope.downtime.database.errors import StoreError, meaning
from stratoscope.downtime.database.schema import check_owner, upgrade
from stratoscope.downtime.database.server import Server
from stratoscope.downtime.database.sqlite import ReplacedError, SqliteFile
from stratoscope.downtime.database.tables import REVISION
from stratoscope.downtime.database.threads import HungError, TurnError

T = TypeVar("T")

# Made once: to make one costs as much as to execute it.
_BUMP: Final = update(REVISION).where(REVISION.c.id == 1).values(number=REVISION.c.number + 1)


class Engine(Protocol):
    """What runs work, which is a plain function of a connection."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Each statement sees the newest state of the database."""

    async def write(self, work: Callable[[Connection], T]) -> T:
        """In a transaction: committed at the end, rolled back after an error. One at a time."""

    async def prepare(self, work: Callable[[Connection], T]) -> T:
        """As `write`, before all else, and however long it takes: what is there already may be large."""

    async def close(self) -> None: ...


class Database:
    """What was committed is on disk. Writers wait for each other; readers wait for nobody.

    Who is cancelled does not wait, and what was begun is rolled back, unless it is being committed.

    Attributes:
        address: Where it is.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self._server = Server(server.engine(address.url)) if address.file is None else None
        self._engine: Engine = self._server or SqliteFile(address.url)

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
        with self._translated():
            await self._engine.prepare(lambda connection: upgrade(connection, self.address.shown))

    async def close(self) -> None:
        await self._engine.close()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What work says that reads: each of its statements sees the newest state of the database.

        Raises:
            StoreError: The database cannot be used.
        """
        with self._translated():
            return await self._engine.read(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """What work says that writes, in a transaction: committed at its end, rolled back after an error.

        Raises:
            StoreError: The database cannot be used. If the commit itself failed, what was written may be
                stored nevertheless.
        """
        with self._translated():
            return await self._engine.write(work)

    async def change(self, work: Callable[[Connection], T]) -> T:
        """As `write`, for what changes downtimes or windows: it is counted in REVISION."""

        def counted(connection: Connection) -> T:
            connection.execute(_BUMP)  # first of all: here writers of all processes wait for each other
            return work(connection)

        return await self.write(counted)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[AsyncConnection]:
        """A connection without transactions, for what is bound to a connection (PostgreSQL alone)."""
        if self._server is None:
            raise ValueError("a file has no such connections")
        with self._translated():
            async with self._server.alone() as connection:
                yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except TurnError as error:
            what = (
                f"another change has been written for {threads.PATIENCE_S:g} s: try again, look at its disk"
            )
            raise StoreError(self.address.shown, what) from error
        except HungError as error:
            what = f"its disk does not answer within {threads.LONGEST_S:g} s: look at it"
            raise StoreError(self.address.shown, what) from error
        except ReplacedError as error:
            what = "was removed or replaced while this service runs: put it back, or restart this service"
            raise StoreError(self.address.shown, what) from error
        # asyncpg's own stand beside SQLAlchemy's where no connection is made.
        except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise StoreError(self.address.shown, meaning(error)) from error
