"""The schema's migrations, and leadership, without a server."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine

from stratoscope.core.errors import Reason, why
from stratoscope.downtime.database import server
from stratoscope.downtime.database.address import postgresql, sqlite
from stratoscope.downtime.database.engine import Database
from stratoscope.downtime.database.errors import Refusal, StoreError
from stratoscope.downtime.database.leadership import Leadership
from stratoscope.downtime.database.migrations.versions import schema_0001, schema_0002
from stratoscope.downtime.database.schema import NEWEST, wait_for_turn
from stratoscope.downtime.database.server import Server, turn_of_others
from stratoscope.downtime.database.tables import SCHEMA
from stratoscope.downtime.database.threads import Threads

ALL = (schema_0001, schema_0002)


def test_migrations_make_the_tables_that_the_code_uses() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        with Operations.context(context):
            for one in ALL:
                one.upgrade()
        assert compare_metadata(context, SCHEMA) == []
    engine.dispose()
    assert [int(one.revision) for one in ALL] == list(range(1, NEWEST + 1))


def test_upgrade_of_postgresql_waits_for_its_turn() -> None:
    asked: list[str] = []

    class Asked:
        def exec_driver_sql(self, statement: str) -> None:
            asked.append(statement)

    wait_for_turn(cast(Connection, Asked()), "")
    assert asked[0].startswith("SELECT pg_advisory_xact_lock(")


class Answering:
    """A connection of a driver that is not blocking."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def start(self) -> None:
        self.done.append("started")

    async def close(self) -> None:
        self.done.append("left")

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        yield
        self.done.append("committed")

    async def execution_options(self, **options: str) -> "Answering":
        self.done.append(str(options))
        return self

    async def run_sync(self, work: Callable[["Answering"], object]) -> object:
        return work(self)

    async def dispose(self) -> None:
        self.done.append("disposed")


async def test_work_on_a_server_is_run_by_its_connection() -> None:
    one = Answering()
    asked: Any = type("Engine", (), {"connect": lambda _: one, "dispose": one.dispose})
    database = Database(postgresql("postgresql://u@h/d"))
    database._engine = database._server = Server(asked())
    assert await database.read(lambda connection: connection) is one
    assert await database.write(lambda connection: connection) is one
    async with database.alone() as alone:
        assert alone is one
    await database.close()
    options = "{'isolation_level': 'AUTOCOMMIT'}"
    assert one.done == [
        "started", "left", "started", "committed", "left", "started", options, "left", "disposed"
    ]  # fmt: skip


async def test_long_work_on_a_server_lets_others_have_their_turn() -> None:
    turns = []

    class Driver:
        def run_async(self, awaited: Callable[[object], object]) -> None:
            turns.append(awaited(self))

    connection = SimpleNamespace(
        dialect=SimpleNamespace(is_async=True), connection=SimpleNamespace(dbapi_connection=Driver())
    )
    turn_of_others(cast(Connection, connection))
    (turn,) = turns
    await turn


async def test_write_on_a_server_does_not_wait_for_ever_for_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "PATIENCE_S", 0.01)
    one = Database(postgresql("postgresql://u@127.0.0.1:1/d"))
    assert one._server is not None
    await one._server._turn.acquire()
    one._server._begun = time.monotonic() - 20
    with pytest.raises(StoreError, match=r"has not answered a change for 20\.\d s: check that it runs"):
        await one.write(lambda connection: connection)
    assert one.refused is Refusal.UNANSWERED
    await one.close()


async def test_server_that_is_away_has_no_connection_for_a_lock() -> None:
    database = Database(postgresql("postgresql://u@127.0.0.1:1/d?sslmode=disable"))
    with pytest.raises(StoreError, match="cannot be reached"):
        async with database.alone():
            pass
    await database.close()


async def test_time_out_of_the_work_itself_is_no_disk_that_hangs() -> None:
    threads = Threads("reader", 1)

    def late() -> None:
        raise TimeoutError("of the work")

    with pytest.raises(TimeoutError, match="of the work"):
        await threads.call(late)
    await threads.close()


async def test_a_file_has_no_connection_for_a_lock(tmp_path: Path) -> None:
    database = Database(sqlite(tmp_path))
    with pytest.raises(ValueError, match="no such connections"):
        async with database.alone():
            pass
    await database.close()


class Locks:
    """A database with an advisory lock, and its connections."""

    is_sqlite = False

    def __init__(self) -> None:
        self.is_taken, self.is_away, self.invalidated = True, False, 0

    @asynccontextmanager
    async def alone(self) -> AsyncIterator["Locks"]:
        if self.is_away:
            raise StoreError("it", "away")
        yield self

    async def execute(self, statement: Any) -> "Locks":
        if self.is_away:
            raise StoreError("it", "away")
        self.is_lock = "pg_try_advisory_lock" in str(statement)
        return self

    def scalar_one(self) -> object:
        return not self.is_taken if self.is_lock else 1

    async def invalidate(self) -> None:
        self.invalidated += 1


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not claim():  # noqa: ASYNC110 -- a task of its own decides
            await asyncio.sleep(0)


async def test_leads_when_the_lock_is_free_and_until_the_connection_breaks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    locks = Locks()
    one = Leadership(cast(Database, locks), every_s=0)
    task = asyncio.create_task(one.run())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not one.is_leader
    locks.is_taken = False
    await until(lambda: one.is_leader)
    locks.is_away = True
    await until(lambda: not one.is_leader)
    locks.is_away = False
    await until(lambda: one.is_leader)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not one.is_leader
    assert locks.invalidated == 2
    assert "this process leads" in caplog.text


def test_a_database_that_is_away_is_no_bug_of_whoever_asks_it() -> None:
    assert why(StoreError("it", "away")) == (Reason.UNAVAILABLE, "database it: away")
