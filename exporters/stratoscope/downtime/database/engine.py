"""A database that is open: a file of SQLite, or a PostgreSQL server."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final, Protocol, TypeVar

import asyncpg
from sqlalchemy import Connection, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from stratoscope.downtime.database import server, threads
from stratoscope.downtime.database.address import Address, make_private
from stratoscope.downtime.database.errors import Refusal, StoreError, meaning, refusal
from stratoscope.downtime.database.schema import check_owner, upgrade
from stratoscope.downtime.database.server import Server, WaitError
from stratoscope.downtime.database.sqlite import ReplacedError, SqliteFile
from stratoscope.downtime.database.tables import REVISION
from stratoscope.downtime.database.threads import HungError, ThreadError, TurnError

log = logging.getLogger(__name__)

T = TypeVar("T")

# Made once: to make one costs as much as to execute it.
_BUMP: Final = update(REVISION).where(REVISION.c.id == 1).values(number=REVISION.c.number + 1)
_SAME: Final = update(REVISION).where(REVISION.c.id == 1).values(number=REVISION.c.number)
_OF_DRIVERS: Final = (
    SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError,
    UnicodeError,
)  # fmt: skip
"""asyncpg's own stand beside SQLAlchemy's where no connection is made; a name of a host may be none."""


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
        refused: Why the last change was not stored; None if it was.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.refused: Refusal | None = None
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
        try:
            with self._translated():
                done = await self._engine.write(work)
        except StoreError as error:
            if self.refused is None:
                log.error("changes are not stored reason=%s error=%r", error.refusal, str(error))  # noqa: TRY400 - no bug
            self.refused = error.refusal
            raise
        if self.refused is not None:
            log.info("changes are stored again database=%s", self.address.shown)
            self.refused = None
        return done

    async def try_again(self) -> None:
        """Write what is there already, if the last change was not stored: so that `refused` is up to date."""
        if self.refused is not None:
            with suppress(StoreError):
                await self.write(lambda connection: connection.execute(_SAME))

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
            raise self._error(what, Refusal.BUSY) from error
        except HungError as error:
            what = f"its disk does not answer within {threads.LONGEST_S:g} s: look at it"
            raise self._error(what, Refusal.UNANSWERED) from error
        except WaitError as error:
            what = (
                f"has not answered a change for {error.since_s:.1f} s: check that it runs, and what locks it"
            )
            raise self._error(what, Refusal.UNANSWERED) from error
        except ReplacedError as error:
            what = "was removed or replaced while this service runs: put it back, or restart this service"
            raise self._error(what) from error
        except ThreadError as error:
            raise self._error(f"{error}: check this service's limits of threads and memory") from error
        except _OF_DRIVERS as error:
            raise self._error(meaning(error), refusal(error)) from error

    def _error(self, what: str, why: Refusal = Refusal.OTHER) -> StoreError:
        return StoreError(self.address.shown, what, why)
