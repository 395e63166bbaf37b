"""A ledger that cannot be used: one line that names its file and says what to do."""

import asyncio
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stratoscope.vmprobe import database, tables
from stratoscope.vmprobe.database import Database, LedgerError
from stratoscope.vmprobe.ledger import Ledger
from stratoscope.vmprobe.record import Outcome
from support.ledgers import CLOUD, a_run, intend, open_ledger

FILE = f"{CLOUD}.db"
NOBODY = 65534


def in_sqlite(path: Path, *statements: str) -> list[tuple[object, ...]]:
    """What the last statement returns."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return [connection.execute(statement).fetchall() for statement in statements][-1]
    finally:
        connection.close()


async def error_of(folder: Path) -> str:
    """The line that says why a ledger cannot be opened, or used then."""
    ledger = Ledger(folder, CLOUD)
    with pytest.raises(LedgerError) as raised:
        await ledger.open()
    with pytest.raises(LedgerError) as again:
        await ledger.pauses()
    await ledger.close()
    line = str(raised.value)
    assert str(again.value) == line
    assert line.startswith(f"ledger {folder / FILE}: ")
    assert "\n" not in line
    return line


async def filled(folder: Path) -> None:
    """A ledger of 50 runs, closed."""
    async with open_ledger(folder) as ledger:
        for number in range(50):
            await ledger.save(a_run(f"r{number}", outcome=Outcome.SUCCESS))


def write_text(path: Path) -> None:
    path.write_text("a text, and not a database; " * 100)


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def scratch(path: Path) -> None:
    """Overwrite all pages but the first in part."""
    content = bytearray(path.read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 64] = b"\xff" * 64
    path.write_bytes(content)


def of_another_program(path: Path) -> None:
    path.unlink()
    in_sqlite(path, "CREATE TABLE bookmarks (url TEXT)")


def newer(path: Path) -> None:
    in_sqlite(path, "PRAGMA user_version = 7")


def no_file(path: Path) -> None:
    path.unlink()
    path.mkdir()


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (write_text, "is no SQLite database: move it away"),
        (cut, "is damaged: move it away"),
        (scratch, "is damaged: move it away"),
        (of_another_program, "is a database of another program: move it away"),
        (newer, "has schema 7, and this version knows 1: run the newer version, or move it away"),
        (no_file, "is no regular file"),
        (fifo, "is no regular file"),
    ],
)
async def test_file_that_is_no_ledger_is_left_as_it_is(
    change: Callable[[Path], None], words: str, tmp_path: Path
) -> None:
    await filled(tmp_path)
    path = tmp_path / FILE
    change(path)
    before = content(path)
    assert words in await error_of(tmp_path)
    assert content(path) == before


def content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


async def test_file_that_was_moved_away_is_followed_by_a_new_one(tmp_path: Path) -> None:
    await filled(tmp_path)
    write_text(tmp_path / FILE)
    await error_of(tmp_path)
    (tmp_path / FILE).rename(tmp_path / "away")
    async with open_ledger(tmp_path) as ledger:
        assert await ledger.runs() == {}


async def test_empty_file_becomes_a_ledger(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    async with open_ledger(tmp_path) as ledger:
        await intend(ledger, "r1", 1500.0)
    (version,) = in_sqlite(tmp_path / FILE, "PRAGMA user_version")
    assert version == (len(tables.UPGRADES),)


def test_what_is_committed_is_on_disk(tmp_path: Path) -> None:
    opened = Database(tmp_path / FILE)
    with opened.transaction() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL: each commit is synced"
    opened.close()


async def test_folder_that_is_gone_is_reported(tmp_path: Path) -> None:
    assert "No such file or directory" in await error_of(tmp_path / "none")


async def test_older_file_is_upgraded_with_all_that_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(tmp_path)
    more = ("ALTER TABLE pauses ADD COLUMN who TEXT", "CREATE TABLE notes (text TEXT)")
    monkeypatch.setattr(database, "UPGRADES", (*tables.UPGRADES, more))
    async with open_ledger(tmp_path) as ledger:
        await ledger.pause("boot", None)
        assert len((await ledger.runs())["boot"]) == 50
    assert in_sqlite(tmp_path / FILE, "PRAGMA user_version") == [(2,)]
    assert in_sqlite(tmp_path / FILE, "SELECT who FROM pauses") == [(None,)]


async def test_upgrade_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(tmp_path)
    more = ("CREATE TABLE notes (text TEXT)", "ALTER TABLE never ADD COLUMN who TEXT")
    with monkeypatch.context() as newer_version:
        newer_version.setattr(database, "UPGRADES", (*tables.UPGRADES, more))
        assert "no such table: never" in await error_of(tmp_path)
    async with open_ledger(tmp_path) as ledger:
        assert len((await ledger.runs())["boot"]) == 50
    assert in_sqlite(tmp_path / FILE, "SELECT name FROM sqlite_master WHERE name = 'notes'") == []


async def test_second_ledger_of_the_same_process_is_rejected_and_leaves_the_lock(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        for _ in range(2):
            assert "in use by another process" in await error_of(tmp_path)
            await intend(ledger, "r1" if not await ledger.remaining() else "r2", 1500.0)
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other_process(tmp_path, "")
        assert [row.run for row in await ledger.remaining()] == ["r1", "r2"]


def other_process(folder: Path, mode: str) -> None:
    """Read the file in another process. Raises what it says."""
    program = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT * FROM runs')"
    done = subprocess.run(
        [sys.executable, "-c", program, f"{folder / FILE}{mode}"], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise sqlite3.OperationalError(done.stderr)


async def test_file_that_another_process_holds_is_reported(tmp_path: Path) -> None:
    await filled(tmp_path)
    program = (
        "import sqlite3, sys; held = sqlite3.connect(sys.argv[1]); held.execute('BEGIN IMMEDIATE');"
        "print(flush=True); sys.stdin.read()"
    )
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        str(tmp_path / FILE),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    await holder.stdout.readline()
    assert "in use by another process; end that one first" in await error_of(tmp_path)
    await holder.communicate(b"")
    async with open_ledger(tmp_path) as ledger:
        assert len((await ledger.runs())["boot"]) == 50


async def test_ledger_without_room_takes_no_intent_and_recovers_once_there_is_some(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        await intend(ledger, "r1", 1500.0)
        await ledger._execute("PRAGMA max_page_count = 1")  # SQLite's own limit: it is full as it is
        with pytest.raises(LedgerError, match=r"uni\.db: no space left on its disk; nothing is created"):
            await fill(ledger)
        taken = [row.run for row in await ledger.remaining()]
        await intend(ledger, "r2", 1500.0)
        assert [row.run for row in await ledger.remaining()] == [*taken, "r2"]


async def fill(ledger: Ledger) -> None:
    for number in range(1000):
        await intend(ledger, f"{number:01000}", 1500.0)


WITHOUT_ROOM = """
    import asyncio, resource, sys
    from pathlib import Path
    from stratoscope.vmprobe.database import LedgerError
    from support.ledgers import intend, open_ledger

    async def main(folder):
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        async with open_ledger(folder) as ledger:
            await intend(ledger, "before", 1500.0)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
            for run in ("during-1", "during-2"):
                try:
                    await intend(ledger, run, 1500.0)
                except LedgerError as error:
                    print(error)
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            await intend(ledger, "after", 1500.0)
            print(*[row.run for row in await ledger.remaining()])

    asyncio.run(main(Path(sys.argv[1])))
"""


def run_program(program: str, folder: Path) -> list[str]:
    """The lines that a program prints; it fails the test if it fails."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(folder)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_file_that_cannot_grow_takes_no_intent_and_recovers_once_it_can(tmp_path: Path) -> None:
    *errors, runs = run_program(WITHOUT_ROOM, tmp_path)
    assert len(errors) == 2
    for error in errors:
        assert re.fullmatch(
            r"ledger .*/uni\.db: (cannot be read or written: check its disk, .*|no space .*)", error
        )
    assert runs == "before after"


READ_ONLY = """
    import asyncio, os, sys
    from pathlib import Path
    from stratoscope.vmprobe.database import LedgerError
    from support.ledgers import intend, open_ledger

    async def main(folder):
        for path, mode in ((folder / "uni.db", 0o400), (folder, 0o500)):
            before = path.stat().st_mode
            path.chmod(mode)
            try:
                async with open_ledger(folder) as ledger:
                    await intend(ledger, "r1", 1500.0)
            except LedgerError as error:
                print(error)
            path.chmod(before)
        async with open_ledger(folder) as ledger:
            print(*[run.id for run in (await ledger.runs())["boot"]][:2])

    if os.geteuid() == 0:
        os.setuid(65534)
    asyncio.run(main(Path(sys.argv[1])))
"""


async def test_file_or_folder_without_the_right_to_write_is_reported() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        await filled(folder)
        if os.geteuid() == 0:  # root may write everything: an ordinary user tries
            for path in (folder, folder / FILE):
                shutil.chown(path, NOBODY)
        file, directory, runs = run_program(READ_ONLY, folder)
    assert file.endswith("uni.db: is read-only; allowed: a file and a folder to write to")
    assert re.search(r"uni\.db: (is read-only|cannot be opened); allowed: a file and a folder", directory)
    assert runs == "r0 r1"


async def test_ledger_whose_file_is_removed_writes_to_a_new_one(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        await intend(ledger, "r1", 1500.0)
        for name in (FILE, f"{FILE}-wal"):
            (tmp_path / name).unlink()
        await intend(ledger, "r2", 1500.0)
    async with open_ledger(tmp_path) as ledger:
        assert [row.run for row in await ledger.remaining()] == ["r2"]
