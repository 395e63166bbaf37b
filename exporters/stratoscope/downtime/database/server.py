"""A PostgreSQL server: work on it runs in the loop, by asyncpg."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy import URL, Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from stratoscope.downtime.database.errors import Refusal, refusal
from stratoscope.downtime.database.threads import PATIENCE_S

T = TypeVar("T")

_CONNECTIONS: Final = 4
_AGAIN_S: Final = 0.1
_GONE: Final = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
"""After 20 s the server drops a client whose machine is gone, and the lead with it; its default is hours."""
_CONNECT: Final = {"timeout": PATIENCE_S, "command_timeout": PATIENCE_S, "server_settings": _GONE}


class WaitError(TimeoutError):
    """The change before has no answer yet. Attributes: since_s: For so long it waits."""

    def __init__(self, since_s: float) -> None:
        super().__init__()
        self.since_s = since_s


def engine(url: URL) -> AsyncEngine:
    """Of connections to a server."""
    return create_async_engine(
        url, pool_size=_CONNECTIONS, pool_timeout=PATIENCE_S, pool_pre_ping=True, connect_args=_CONNECT
    )


class Server:
    """An Engine of one server."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine, self._turn = engine, asyncio.Lock()
        self._begun = 0.0

    async def read(self, work: Callable[[Connection], T]) -> T:
        async with self._connected() as connection:
            return await connection.run_sync(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Raises WaitError: The write before does not finish."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._turn.acquire()
        except TimeoutError as error:
            raise WaitError(time.monotonic() - self._begun) from error
        self._begun = time.monotonic()
        try:
            async with self._connected() as connection, connection.begin():
                return await connection.run_sync(work)
        finally:
            self._turn.release()

    async def prepare(self, work: Callable[[Connection], T]) -> T:
        return await self.write(work)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[AsyncConnection]:
        """A connection without transactions, for what is bound to a connection."""
        async with self._connected() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        """A connection; while the server has none left, one that another request gives back."""
        last = time.monotonic() + PATIENCE_S
        while True:
            connection = self._engine.connect()
            try:
                await connection.start()
                break
            except (SQLAlchemyError, asyncpg.PostgresError) as error:
                if refusal(error) is not Refusal.BUSY or time.monotonic() > last:
                    raise
            await asyncio.sleep(_AGAIN_S)
        try:
            yield connection
        finally:
            await connection.close()

    async def close(self) -> None:
        await self._engine.dispose()


def turn_of_others(connection: Connection) -> None:
    """Let others have their turn within long work: on a server it runs in the loop."""
    if connection.dialect.is_async:
        driver: Any = connection.connection.dbapi_connection
        driver.run_async(lambda _: asyncio.sleep(0))
