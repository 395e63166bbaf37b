"""Which of the processes with the same database writes to Alertmanager. SQLite: the one that has the folder;
PostgreSQL: the one whose connection holds pg_try_advisory_lock."""

import asyncio
import logging
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from stratoscope.downtime.database.engine import Database
from stratoscope.downtime.database.errors import StoreError

log = logging.getLogger(__name__)

_LOCK: Final = 0x53564454_0002
_TRY: Final = text(f"SELECT pg_try_advisory_lock({_LOCK})")
_ASK: Final = text("SELECT 1")
EVERY_S: Final = 3.0
"""Between two tries, and two looks whether the connection is still there."""
_PATIENCE_S: Final = 5.0


class Leadership:
    """Whether this process leads; `run` keeps it up to date.

    Attributes:
        is_leader: After the connection broke, PostgreSQL may let another process lead up to
            EVERY_S + 5 s before this one knows.
    """

    def __init__(self, database: Database, *, every_s: float = EVERY_S) -> None:
        self._database, self._every_s = database, every_s
        self.is_leader = database.is_sqlite

    async def run(self) -> None:
        """Try to lead until it is cancelled, and then lead no more."""
        if self._database.is_sqlite:
            await asyncio.Event().wait()
        while True:
            try:
                async with self._database.alone() as connection:
                    await self._lead(connection)
            except StoreError as error:
                log.debug("cannot ask for leadership error=%r", str(error))
            finally:
                self._say(is_leader=False)
            await asyncio.sleep(self._every_s)

    async def _lead(self, connection: AsyncConnection) -> None:
        """Until the connection breaks. It is not given back to others: with it the lock goes."""
        try:
            while True:
                async with asyncio.timeout(_PATIENCE_S):
                    asked = _ASK if self.is_leader else _TRY
                    is_held = bool((await connection.execute(asked)).scalar_one())
                self._say(is_leader=is_held)
                await asyncio.sleep(self._every_s)
        finally:
            await connection.invalidate()

    def _say(self, *, is_leader: bool) -> None:
        if is_leader is not self.is_leader:
            log.info("this process %s", "leads" if is_leader else "does not lead any more")
        self.is_leader = is_leader
