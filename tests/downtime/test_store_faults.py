"""What the operator reads when the database cannot be used, and who leads."""

import asyncio
import os
import sqlite3
import stat
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Connection, Update, column, table, text, update

from stratoscope.downtime.database import address as addresses
from stratoscope.downtime.database import engine, threads
from stratoscope.downtime.database.address import FILE, Address, postgresql, sqlite
from stratoscope.downtime.database.engine import Database
from stratoscope.downtime.database.errors import Refusal, StoreError, UnknownError, meaning, refusal
from stratoscope.downtime.database.leadership import Leadership
from stratoscope.downtime.database.schema import VERSIONS, upgrade
from stratoscope.downtime.database.store import Store, opened
from stratoscope.downtime.silences.record import SilenceRecord, Standing
from support import postgresql as real
from support.stores import NOW, wanted


async def refused(address: Address) -> str:
    with pytest.raises(StoreError) as caught:
        async with opened(address):
            pass
    return str(caught.value)


def asked(statement: str, connection: Connection) -> object:
    return connection.exec_driver_sql(statement).scalar_one()


async def test_file_is_private_and_each_write_is_synced(tmp_path: Path) -> None:
    address = sqlite(tmp_path)
    (tmp_path / FILE).touch(0o644)
    async with opened(address) as store:
        await store.file(wanted(), who="alice", now=NOW)
        assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
            assert await store._database.write(partial(asked, f"PRAGMA {pragma}")) == value


def other_program(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()


def damaged(file: Path) -> None:
    file.write_bytes(b"SQLite format 3\0" + b"\x7f" * 5000)


def inner_damage(file: Path) -> None:
    asyncio.run(_made(file))
    content = bytearray(file.read_bytes())
    content[4096 * 3 : 4096 * 4] = b"\x7f" * 4096
    file.write_bytes(content)


async def _made(file: Path) -> None:
    async with opened(sqlite(file.parent)):
        pass


async def test_log_has_one_line_of_a_new_schema(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for _ in range(2):
        async with opened(sqlite(tmp_path)):
            pass
    said = f"the database's schema is brought up to date database={tmp_path / FILE} schema=2 was=0"
    assert caplog.messages == [said]


async def test_another_programs_file_is_left_as_it_is(tmp_path: Path) -> None:
    address = sqlite(tmp_path)
    assert address.file is not None
    other_program(address.file)
    address.file.chmod(0o644)
    before = address.file.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        async with opened(address):
            pass
    assert address.file.read_bytes() == before
    assert address.file.stat().st_mode & 0o777 == 0o644


async def test_another_programs_file_that_is_in_use_is_rejected(tmp_path: Path) -> None:
    address = sqlite(tmp_path)
    assert address.file is not None
    other = sqlite3.connect(address.file)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("CREATE TABLE t (a)")
    with pytest.raises(StoreError, match="another program"):
        async with opened(address):
            pass
    other.close()


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda file: file.write_text("x" * 5000), "is no SQLite database: end this service and restore"),
        (other_program, "is a database of another program: move it away"),
        (damaged, "is no SQLite database"),
        (inner_damage, "is damaged: end this service and restore a backup"),
        (lambda file: file.mkdir(), "is no regular file; allowed: a file to write to"),
        (lambda file: file.parent.rmdir(), "No such file or directory; allowed: a file to write to"),
    ],
)
def test_file_that_cannot_be_used_is_named(
    tmp_path: Path, prepare: Callable[[Path], object], words: str
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    prepare(folder / FILE)
    said = asyncio.run(refused(sqlite(folder)))
    assert said.startswith(f"database {folder / FILE}: {words}")


async def test_file_that_may_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE).touch()
    monkeypatch.setattr(addresses.os, "access", lambda *_: False)
    assert "is read-only; allowed: a file and a folder to write to" in await refused(sqlite(tmp_path))


async def test_file_on_a_read_only_file_system_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / FILE).touch()
    found = os.statvfs(tmp_path)
    read_only = os.statvfs_result((*found[:8], os.ST_RDONLY, found[9]))
    monkeypatch.setattr(addresses.os, "statvfs", lambda _: read_only)
    said = await refused(sqlite(tmp_path))
    assert said == f"database {tmp_path / FILE}: is on a read-only file system; allowed: a file to write to"


async def test_file_of_somebody_else_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE).touch(0o664)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    said = await refused(sqlite(tmp_path))
    assert said == f"database {tmp_path / FILE}: Operation not permitted; allowed: a file to write to"


def versioned(number: str) -> Update:
    return update(table(VERSIONS, column("version_num"))).values(version_num=number)


async def test_records_of_the_first_schema_have_no_owner(address: Address) -> None:
    record = SilenceRecord(
        alertmanager="am", downtime_id="d1", matchers='{host="n1"}', standing=Standing.OVERRIDDEN,
        starts_at=1, ends_at=2, revision=1, changed_at=1,
    )  # fmt: skip
    async with opened(address) as store:
        await store.records.store_silence_records([record])
        drop = text("ALTER TABLE silence_records DROP COLUMN owner")
        await store._database.write(lambda connection: connection.execute(drop))
        await store._database.write(lambda connection: connection.execute(versioned("0001")))
    async with opened(address) as store:
        assert await store.records.silence_records("am") == (record,)


async def test_newer_schema_is_refused(address: Address) -> None:
    async with opened(address) as store:
        await store._database.write(lambda connection: connection.execute(versioned("0007")))
    said = await refused(address)
    assert said.endswith("has schema 7, and this version knows 2: run the newer version, or restore a backup")


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_file_that_is_removed_or_replaced_takes_nothing_until_it_is_back(
    tmp_path: Path, is_replaced: bool
) -> None:
    file, away = tmp_path / FILE, tmp_path / "away"
    async with opened(sqlite(tmp_path)) as store:
        one = await store.file(wanted(), who="alice", now=NOW)
        file.rename(away)
        if is_replaced:
            file.touch()
        for asking in (store.file(wanted(), who="alice", now=NOW), store.history(one.id)):
            with pytest.raises(StoreError, match="was removed or replaced while"):
                await asking
        away.rename(file)
        assert len(await store.history(one.id)) == 1
        await store.file(wanted(), who="alice", now=NOW)


async def test_file_that_is_removed_within_a_write_takes_nothing(tmp_path: Path) -> None:
    async with opened(sqlite(tmp_path)) as store:
        with pytest.raises(StoreError, match="was removed or replaced"):
            await store._database.write(lambda _: (tmp_path / FILE).unlink())


async def test_write_that_fails_leaves_nothing(store: Store) -> None:
    one = await store.file(wanted(), who="alice", now=NOW)

    def half(connection: Connection) -> None:
        connection.exec_driver_sql("DELETE FROM changes")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store._database.write(half)
    assert len(await store.history(one.id)) == 1


async def test_write_that_is_cancelled_while_it_is_written_leaves_nothing_and_the_next_waits(
    tmp_path: Path,
) -> None:
    begun, goes_on = threading.Event(), threading.Event()
    async with opened(sqlite(tmp_path)) as store:

        def slow(connection: Connection) -> None:
            begun.set()
            goes_on.wait()
            connection.exec_driver_sql("UPDATE revision SET number = 1000")

        writing = asyncio.create_task(store._database.write(slow))
        await asyncio.to_thread(begun.wait)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        next_one = asyncio.create_task(store.file(wanted(), who="alice", now=NOW))
        await asyncio.sleep(0.05)
        assert not next_one.done()
        goes_on.set()
        await next_one
        assert await store.revision() < 1000


async def test_the_end_waits_for_a_write_that_was_cancelled(tmp_path: Path) -> None:
    begun, has_ended = threading.Event(), threading.Event()

    def slow(_: Connection) -> None:
        begun.set()
        time.sleep(0.05)
        has_ended.set()

    async with opened(sqlite(tmp_path)) as store:
        writing = asyncio.create_task(store._database.write(slow))
        await asyncio.to_thread(begun.wait)
        writing.cancel()
    assert has_ended.is_set()
    assert not (tmp_path / f"{FILE}-wal").exists()


async def test_the_end_does_not_wait_for_a_disk_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "CLOSING_S", 0.05)
    goes_on = threading.Event()
    async with opened(sqlite(tmp_path)) as store:
        monkeypatch.setattr(threads, "LONGEST_S", 0.05)
        for hung in (store._database.read, store._database.write):
            with pytest.raises(StoreError, match="its disk does not answer"):
                await hung(lambda _: goes_on.wait())
    goes_on.set()
    pool = cast(Any, store._database._engine)._engine.pool
    await until(lambda: pool.checkedout() == 0)
    pool.dispose()  # a process would be over


async def test_a_large_file_may_take_longer_to_open_than_a_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "LONGEST_S", 0.5)

    def slow(connection: Connection, shown: str) -> None:
        time.sleep(0.6)
        upgrade(connection, shown)

    monkeypatch.setattr(engine, "upgrade", slow)
    async with opened(sqlite(tmp_path)) as store:
        assert await store.revision() >= 0


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nothing", "is no URL; allowed: such as postgresql://user@host:5432/database"),
        ("mysql://u@h/d", "is no URL of a database in PostgreSQL"),
        ("postgresql://u@h", "is no URL of a database in PostgreSQL"),
        ("postgresql://u@h/d?password=secret", "url: unknown parameter; allowed: host, port, sslmode"),
        *[
            (url, "url: a password, or a second @ or /, stands in it; allowed: such as postgresql://user@")
            for url in (
                "postgresql://u:secret@h/d",
                "mysql://u:secret@h/d",
                "postgresql://u:se/secret@h/d",
                "postgresql://u:x@secret@h/d",
                "postgresql://u:x@secret/y@h/d",
                "postgresql://h/secret/d",
                "postgresql://u:@h/d",
            )
        ],
    ],
)
def test_url_that_cannot_be_used_is_said_without_its_password(url: str, words: str) -> None:
    with pytest.raises(StoreError) as caught:
        postgresql(url)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_user_of_a_url_may_have_an_at_that_is_escaped() -> None:
    address = postgresql("postgresql://u%40realm@h/d", "secret")
    assert (address.url.username, address.shown) == ("u@realm", "postgresql://u%40realm@h/d")


async def test_server_that_is_away_is_said() -> None:
    address = postgresql("postgresql://u@127.0.0.1:1/d?sslmode=disable", "secret")
    said = await refused(address)
    assert "secret" not in said
    assert said.startswith("database postgresql://u@127.0.0.1:1/d?sslmode=disable: cannot be reached: ")


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
async def test_host_whose_name_is_none_is_said(host: str) -> None:
    said = await refused(postgresql(f"postgresql://u@{host}/d?sslmode=disable", "secret"))
    assert said.startswith(f"database postgresql://u@{host}/d?sslmode=disable: ")


def test_meaning_of_other_errors() -> None:
    class Refused(Exception):  # noqa: N818 -- as a driver's
        sqlstate = "XX000"

    assert meaning(Refused("<class 'X'>: why")) == "why"
    assert meaning(Exception()) == "Exception"
    assert meaning(TimeoutError()).startswith("no answer in time")
    assert [refusal(error) for error in (TimeoutError(), Exception())] == [Refusal.UNANSWERED, Refusal.OTHER]


@pytest.mark.integration
async def test_log_in_and_database_that_are_wrong_are_said(server: real.Server) -> None:
    url = server.new_database()
    assert "refuses the log-in: check user, password and pg_hba.conf" in await refused(postgresql(url, "x"))
    missing = postgresql(server.url("missing"), real.PASSWORD)
    said = await refused(missing)
    assert "has no such database: create it" in said
    assert real.PASSWORD not in said


@pytest.mark.integration
async def test_server_that_starts_again_is_used_again(server: real.Server) -> None:
    async with opened(postgresql(server.new_database(), real.PASSWORD)) as store:
        one = await store.file(wanted(), who="alice", now=NOW)
        await asyncio.to_thread(server.stop)
        with pytest.raises(StoreError, match="cannot be reached"):
            await store.get(one.id)
        await asyncio.to_thread(server.start)
        assert await store.get(one.id) == one


async def test_server_that_is_no_postgresql_is_said() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"R\0\0\0\x08\0\0\0\x63")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        said = await refused(postgresql(f"postgresql://u@127.0.0.1:{port}/d?sslmode=disable", "secret"))
    assert said.startswith(f"database postgresql://u@127.0.0.1:{port}/d?sslmode=disable: ")


async def test_who_has_the_file_leads(tmp_path: Path) -> None:
    one = Leadership(Database(sqlite(tmp_path)))
    task = asyncio.create_task(one.run())
    await asyncio.sleep(0)
    assert one.is_leader
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not claim():  # noqa: ASYNC110 -- what is waited for is a server's doing
            await asyncio.sleep(0.02)


@pytest.mark.integration
async def test_of_two_processes_one_leads_and_the_other_takes_over(server: real.Server) -> None:
    address = postgresql(server.new_database(), real.PASSWORD)
    first, second = Database(address), Database(address)
    one, other = Leadership(first, every_s=0.05), Leadership(second, every_s=0.05)
    leading = asyncio.create_task(one.run())
    await until(lambda: one.is_leader)
    waiting = asyncio.create_task(other.run())
    await asyncio.sleep(0.1)
    assert not other.is_leader
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)
    assert not one.is_leader
    await until(lambda: other.is_leader)
    await asyncio.to_thread(server.stop)
    await until(lambda: not other.is_leader)
    await asyncio.to_thread(server.start)
    await until(lambda: other.is_leader)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await first.close()
    await second.close()


async def test_write_that_is_cancelled_while_it_waits_leaves_the_file_free(tmp_path: Path) -> None:
    async with opened(sqlite(tmp_path)) as store:
        other = sqlite3.connect(tmp_path / FILE, isolation_level=None, timeout=0)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(store.file(wanted(), who="alice", now=NOW))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        other.execute("ROLLBACK")
        one = await store.file(wanted(), who="alice", now=NOW)
        assert (await store.get_with_history(one.id))[0] == one
        other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT count(*) FROM downtimes").fetchone() == (1,)
        other.close()


async def test_history_comes_with_its_downtime(store: Store) -> None:
    one = await store.file(wanted(), who="alice", now=NOW)
    await store.file(wanted(), who="bob", now=NOW)
    one = await store.extend(one.id, NOW + 9000, who="bob", now=NOW + 1)
    found, entries = await store.get_with_history(one.id)
    assert (found, entries.changes) == (one, await store.history(one.id))
    with pytest.raises(UnknownError):
        await store.get_with_history("nope")


class Broken:
    """A database whose only connection has the lead until it breaks."""

    is_sqlite = False

    def __init__(self) -> None:
        self.is_broken, self.invalidated = False, 0

    @asynccontextmanager
    async def alone(self) -> AsyncIterator["Broken"]:
        yield self

    async def execute(self, _: object) -> "Broken":
        if self.is_broken:
            raise StoreError("server", "is away")
        return self

    def scalar_one(self) -> bool:
        return True

    async def invalidate(self) -> None:
        self.invalidated += 1


async def test_the_lead_goes_with_its_connection_which_nobody_else_gets() -> None:
    database = Broken()
    one = Leadership(cast(Any, database), every_s=0.01)
    task = asyncio.create_task(one.run())
    await until(lambda: one.is_leader)
    assert database.invalidated == 0
    database.is_broken = True
    await until(lambda: not one.is_leader)
    assert database.invalidated >= 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
