"""The ledger of one cloud's probes: what was and will be created in it, the history of runs, and pauses."""

import asyncio
import hashlib
import math
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.lifecycle import Object
from stratoscope.core.errors import CollectError
from stratoscope.core.singleflight import consume_exception
from stratoscope.core.threads import BlockingCalls
from stratoscope.vmprobe import tables
from stratoscope.vmprobe.database import Database, LedgerError
from stratoscope.vmprobe.history import History
from stratoscope.vmprobe.record import Run
from stratoscope.vmprobe.tables import Intent, Remaining

T = TypeVar("T")

DAY_S: Final = 86_400.0

_PATIENCE_S: Final = 5.0
"""How long a call may take."""
_OPEN_PATIENCE_S: Final = 60.0
"""How long opening may take: it checks the whole file."""
_COUNTED_S: Final = DAY_S + 3600
"""For how long objects that are gone are remembered: a day, and an hour by which a clock may jump."""
_TIDY_EVERY_S: Final = 3600.0
_LONGEST_NAME: Final = 200
"""Of a file: file systems allow 255 bytes, and SQLite appends `-wal`."""


class Ledger:
    """The file of one cloud. All its methods raise LedgerError alone; a call that hangs ends after 5 s.

    What a call would have written that failed, hung or was cancelled may be on disk nevertheless. After an
    error the next call opens the file anew: a ledger recovers by itself.

    Attributes:
        path: The file.
    """

    def __init__(self, folder: Path, cloud: str, clock: Clock = CLOCK) -> None:
        self.path = folder / f"{_file_name(cloud)}.db"
        self._clock = clock
        self._database = Database(self.path)
        self._calls = BlockingCalls("ledger", 1)
        self._turn = asyncio.Lock()
        self._tidied = -math.inf

    async def open(self) -> Sequence[Run]:
        """Create, check or upgrade the file, and lock it. Returns the runs that a kill has interrupted.

        These end when they were saved last.
        """
        now = self._clock.now()
        return await self._do(
            lambda connection: tables.end_interrupted(connection, now), within_s=_OPEN_PATIENCE_S
        )

    async def intend(
        self, run: Run, credential: str, one: Object, deadline: float, *, is_vm: bool = True
    ) -> None:
        """Write down an object that a run will create, before it is requested.

        It is on disk when this returns. After an error nothing may be created.
        """
        now = self._clock.now()
        intent = Intent(run=run.id, probe=run.probe, credential=credential, deadline=deadline)

        def work(connection: sqlite3.Connection) -> None:
            tables.save_run(connection, run, now)
            tables.insert_intent(connection, intent, now)
            tables.insert_object(connection, run.id, one, now, is_vm=is_vm)

        await self._do(work)

    async def created(self, run: str, one: Object) -> None:
        """An intended object has this id, or one more exists that belongs to it, such as a port."""
        now = self._clock.now()
        await self._do(lambda connection: tables.set_created(connection, run, one, now))

    async def adopt(self, credential: str, one: Object, *, is_vm: bool) -> None:
        """Write down an object that was found in the cloud by its mark, as if this ledger had intended it.

        One that it knows is open again.
        """
        mark, now = one.mark, self._clock.now()
        if mark is None:
            raise ValueError("an object without a mark is of no run")
        intent = Intent(run=mark.run, probe=mark.probe, credential=credential, deadline=mark.deadline)

        def work(connection: sqlite3.Connection) -> None:
            tables.insert_intent(connection, intent, now)
            tables.set_created(connection, intent.run, one, now, is_vm=is_vm)

        await self._do(work)

    async def gone(self, run: str, one: Object) -> None:
        """An object is gone; one without an id was not created."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        is_untidy = monotonic - self._tidied >= _TIDY_EVERY_S
        if is_untidy:
            self._tidied = monotonic

        def work(connection: sqlite3.Connection) -> None:
            tables.set_gone(connection, run, one, now)
            if is_untidy:
                tables.tidy(connection, now - _COUNTED_S)

        await self._do(work)

    async def keep(self, run: str, until: float) -> None:
        """What is left of a run is left on purpose, until then."""
        await self._execute("UPDATE intents SET kept_until = ? WHERE run = ?", until, run)

    async def save(self, run: Run) -> None:
        """Remember a run as it is now; the newest 200 of each probe are kept."""
        now = self._clock.now()
        await self._do(lambda connection: tables.save_run(connection, run, now))

    async def runs(self, newest: int = tables.KEPT_RUNS) -> Mapping[str, History]:
        """The newest runs that have ended, by probe."""
        return await self._do(lambda connection: tables.newest_runs(connection, newest))

    async def remaining(self) -> Sequence[Remaining]:
        """All objects that were or will be created and have not been seen gone, the oldest first."""
        return await self._do(tables.open_objects)

    async def known(self, runs: Iterable[str]) -> frozenset[str]:
        """Those of these runs that have intended something, for a day after that is gone."""
        wanted = [*runs]
        return await self._do(lambda connection: tables.known_runs(connection, wanted))

    async def vm_seconds(self, since: float, now: float) -> float:
        """For how long VMs have existed since then, in total; those that still may count until now."""
        return await self._do(lambda connection: tables.vm_seconds(connection, since, now))

    async def pause(self, probe: str, until: float | None) -> None:
        """A probe is paused by hand; None: without an end."""
        await self._execute("INSERT OR REPLACE INTO pauses (probe, until) VALUES (?, ?)", probe, until)

    async def resume(self, probe: str) -> None:
        """A probe is not paused any more."""
        await self._execute("DELETE FROM pauses WHERE probe = ?", probe)

    async def pauses(self) -> Mapping[str, float | None]:
        """The ends of pauses by hand, by probe, also of those that are over."""
        return dict(await self._execute("SELECT probe, until FROM pauses"))

    async def close(self) -> None:
        """Close and unlock the file; if its disk hangs, that follows when it answers."""
        self._database.is_abandoned = True
        with suppress(LedgerError):
            await self._in_turn(self._database.close, _PATIENCE_S)
        self._calls.close()

    async def _execute(self, statement: str, *values: object) -> list[tuple[str, float | None]]:
        return await self._do(lambda connection: connection.execute(statement, values).fetchall())

    async def _do(self, work: Callable[[sqlite3.Connection], T], *, within_s: float | None = None) -> T:
        """The result of work in a transaction of its own."""

        def call() -> T:
            with self._database.transaction() as connection:
                return work(connection)

        return await self._in_turn(call, _PATIENCE_S if within_s is None else within_s)

    async def _in_turn(self, call: Callable[[], T], within_s: float) -> T:
        """The result of a call in the ledger's thread. Calls wait for each other, also for abandoned ones."""
        try:
            async with asyncio.timeout(within_s):
                await self._turn.acquire()
                return await asyncio.shield(self._start(call))
        except TimeoutError:
            raise LedgerError(self.path, f"its disk does not answer within {within_s:g} s") from None
        except CollectError as error:
            raise LedgerError(self.path, str(error)) from error

    def _start(self, call: Callable[[], T]) -> "asyncio.Future[T]":
        try:
            future = self._calls.start(call)
        except CollectError:
            self._turn.release()
            raise
        future.add_done_callback(consume_exception)
        future.add_done_callback(lambda _: self._turn.release())
        return future


def _file_name(cloud: str) -> str:
    """A cloud's name as that of a file; a long one ends in its hash."""
    name = quote(cloud, safe="")
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(cloud.encode()).hexdigest()
    return f"{name[: _LONGEST_NAME - len(digest) - 1]}-{digest}"
