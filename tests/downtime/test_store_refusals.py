"""When nothing can be stored: who is told, and that it passes."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import SQLAlchemyError

from stratoscope.downtime.database import server as servers
from stratoscope.downtime.database import threads
from stratoscope.downtime.database.address import FILE, postgresql, sqlite
from stratoscope.downtime.database.errors import Refusal, StoreError, meaning, refusal
from stratoscope.downtime.database.store import Store, opened
from stratoscope.downtime.keeper import Keeper
from stratoscope.downtime.notices import Notices
from support import postgresql as real
from support.downtime_site import DRAFT, Site
from support.stores import NOW, wanted

WAITS = r"another change has been written for 0\.05 s: try again|has not answered a change for \d\.\d s"


def asked(statement: str, connection: Connection) -> object:
    return connection.exec_driver_sql(statement).scalar_one()


def without_writes(store: Store) -> Callable[[int], None]:
    """A file that takes no change while what is returned was called with 1."""
    is_read_only = 0

    @event.listens_for(store._database._engine._engine, "begin")  # type: ignore[attr-defined]  # SQLite's has one
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA query_only = {is_read_only}")

    def switch(value: int) -> None:
        nonlocal is_read_only
        is_read_only = value

    return switch


async def test_the_first_refusal_and_the_recovery_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(sqlite(tmp_path)) as store:
        assert store.refused is None
        switch = without_writes(store)
        caplog.set_level("INFO")
        caplog.clear()
        switch(1)
        for _ in range(2):
            with pytest.raises(StoreError, match="is read-only"):
                await store.file(wanted(), who="alice", now=NOW)
        assert store.refused is Refusal.READ_ONLY
        await store.counts(NOW)
        await store.try_again()
        assert store.refused is not None
        switch(0)
        await store.try_again()
        assert store.refused is None
        await store.try_again()
    where = f"database {tmp_path / FILE}: is read-only; allowed: a file and a folder to write to"
    assert caplog.messages == [
        f"changes are not stored reason=read_only error={where!r}",
        f"changes are stored again database={tmp_path / FILE}",
    ]


async def test_the_headline_says_that_nothing_can_be_stored(site: Site) -> None:
    without_writes(site.store)(1)
    answer = await site.ask("POST", "/downtimes", DRAFT, user="alice")
    assert (answer.status, "is read-only" in answer.text) == (503, True)
    words = "Trouble with the database, where nothing can be stored (it is read-only); nothing is down"
    assert words in (await site.page("/", user="bob")).text


async def test_a_change_that_nobody_may_make_is_no_refusal_of_the_database(tmp_path: Path) -> None:
    async with opened(sqlite(tmp_path)) as store:
        with pytest.raises(LookupError):
            await store.cancel("nope", who="alice", now=NOW)
        assert store.refused is None


@pytest.mark.parametrize("leads", [True, False])
async def test_the_keeper_tries_again(tmp_path: Path, leads: bool) -> None:
    async with opened(sqlite(tmp_path)) as store:
        switch = without_writes(store)
        switch(1)
        with pytest.raises(StoreError):
            await store.file(wanted(), who="alice", now=NOW)
        switch(0)
        store.leadership.is_leader = leads
        task = asyncio.create_task(Keeper(store, lambda: None, Notices(0, 0)).run())
        async with asyncio.timeout(5):
            while store.refused is not None:  # noqa: ASYNC110 -- the keeper tells nobody
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_full_disk_is_said_and_passes(tmp_path: Path) -> None:
    async with opened(sqlite(tmp_path)) as store:

        def room_for(pages: int) -> None:
            @event.listens_for(store._database._engine._engine, "begin")  # type: ignore[attr-defined]  # SQLite's has one
            def _begun(connection: Connection) -> None:
                connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        room_for(await store._database.read(partial(asked, "PRAGMA page_count")))
        with pytest.raises(StoreError, match="no space left on its disk; nothing can be filed"):
            await store.upsert_external("s", {str(n): wanted() for n in range(200)}, now=NOW)
        assert store.refused is Refusal.FULL
        room_for(100_000)
        assert await store.newest("s", NOW) == ()
        await store.upsert_external("s", {"a": wanted()}, now=NOW)


async def test_a_change_does_not_wait_for_ever_for_the_one_before(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "PATIENCE_S", 0.05)
    monkeypatch.setattr(servers, "PATIENCE_S", 0.05)
    held, goes_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hung(connection: Connection) -> None:
        loop.call_soon_threadsafe(held.set)
        while not goes_on.wait(0.01):
            servers.turn_of_others(connection)

    task = asyncio.create_task(store._database.write(hung))
    await held.wait()
    with pytest.raises(StoreError, match=WAITS):
        await store.file(wanted(), who="alice", now=NOW)
    assert store.refused in {Refusal.BUSY, Refusal.UNANSWERED}
    goes_on.set()
    await task
    assert store.refused is None
    assert (await store.file(wanted(), who="alice", now=NOW)).revision == 1


async def test_a_thread_that_cannot_be_started_takes_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "PATIENCE_S", 0.05)
    calls = threads.Threads("few", 1)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(threads.ThreadError, match="can't start"):
            await calls.call(int)
    assert await calls.call(int) == 0
    await calls.close()


async def test_a_database_without_threads_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with opened(sqlite(tmp_path)) as store:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            with pytest.raises(StoreError, match="can't start new thread: check this service's limits"):
                await store.counts(NOW)
        assert await store.counts(NOW)


class Crowded:
    """An engine of a server that has no connection left for some tries."""

    def __init__(self, tries: int) -> None:
        self.tries, self.closed = tries, 0

    def connect(self) -> "Crowded":
        return self

    async def start(self) -> None:
        self.tries -= 1
        if self.tries >= 0:
            error = asyncpg.PostgresError("too many clients")
            error.sqlstate = "53300"
            raise error

    async def run_sync(self, work: Callable[[None], int]) -> int:
        return work(None)

    async def close(self) -> None:
        self.closed += 1


async def test_who_gets_no_connection_waits_for_one_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_AGAIN_S", 0.001)
    engine = Crowded(3)
    assert await servers.Server(cast(Any, engine)).read(lambda _: 7) == 7
    assert engine.closed == 1
    monkeypatch.setattr(servers, "PATIENCE_S", 0.01)
    with pytest.raises(asyncpg.PostgresError) as caught:
        await servers.Server(cast(Any, Crowded(10_000))).read(lambda _: 7)
    assert meaning(caught.value).startswith("has no connection left: raise max_connections")
    assert refusal(caught.value) is Refusal.BUSY


@pytest.mark.integration
async def test_a_server_without_connections_left_answers_all_by_those_that_there_are(
    server: real.Server,
) -> None:
    url = server.new_database()
    async with opened(postgresql(url, real.PASSWORD)) as store, AsyncExitStack() as others:
        await store.counts(NOW)
        with suppress(SQLAlchemyError):
            while True:
                engine = servers.engine(postgresql(url, real.PASSWORD).url)
                others.push_async_callback(engine.dispose)
                await others.enter_async_context(engine.connect())
        asking = [*(store.counts(NOW) for _ in range(3)), *(store.live(NOW) for _ in range(3))]
        await asyncio.gather(*asking, store.file(wanted(), who="alice", now=NOW))


@pytest.mark.integration
async def test_a_server_that_hangs_is_said_to_whoever_waits(
    server: real.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "PATIENCE_S", 0.5)
    async with opened(postgresql(server.new_database(), real.PASSWORD)) as store:
        pid = await store._database.read(partial(asked, "SELECT pg_backend_pid()"))
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGSTOP)
        try:
            first = asyncio.create_task(store.file(wanted(), who="alice", now=NOW))
            await asyncio.sleep(0.1)
            with pytest.raises(
                StoreError, match=r"has not answered a change for 0\.\d s: check that it runs"
            ):
                await store.file(wanted(), who="bob", now=NOW)
            assert store.refused is Refusal.UNANSWERED
        finally:
            os.kill(pid, signal.SIGCONT)
        await first
        assert store.refused is None


@pytest.mark.integration
async def test_a_server_that_takes_no_change_is_said(server: real.Server) -> None:
    url = server.new_database()
    async with opened(postgresql(url, real.PASSWORD)) as store:
        name = url.partition("@/")[2].partition("?")[0]
        for value, is_refused in (("on", True), ("off", False)):
            turn = f"ALTER DATABASE {name} SET default_transaction_read_only = {value}"
            async with store._database.alone() as connection:
                await connection.exec_driver_sql("SET default_transaction_read_only = off")
                await connection.exec_driver_sql(turn)
            await store._database._server._engine.dispose()  # type: ignore[union-attr]
            if is_refused:
                with pytest.raises(StoreError, match="is read-only: name the primary"):
                    await store.file(wanted(), who="alice", now=NOW)
                assert store.refused is Refusal.READ_ONLY
        await store.try_again()
        assert store.refused is None
