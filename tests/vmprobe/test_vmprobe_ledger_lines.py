"""A ledger that cannot be used, as the operator of a running exporter sees it: one line, and no VM."""

import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stratoscope.vmprobe.view import State
from support.demo_cloud import demo_cloud
from support.probing_app import probing_app

PROBE: dict[str, Any] = {
    "name": "good", "cloud": "demo", "os_cloud": "user1", "interval": "10s", "flavor": "t1.nano",
    "image": "cirros", "network": "astronomy-net",
}  # fmt: skip
ERRORS = "stratoscope_vmprobe_ledger_errors_total"
DOCS = (Path(__file__).parents[2] / "docs" / "vmprobe.md").read_text(encoding="utf-8")


def damaged(file: Path) -> Generator[None, None, None]:
    file.write_text("a text, and not a database; " * 100)
    yield


def newer(file: Path) -> Generator[None, None, None]:
    with closing(sqlite3.connect(file)) as ledger:
        ledger.execute("PRAGMA application_id = 1398165586")
        ledger.execute("PRAGMA user_version = 7")
    yield


def held(file: Path) -> Generator[None, None, None]:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("CREATE TABLE any (one)")
        other.execute("BEGIN EXCLUSIVE")
        yield


def no_file(file: Path) -> Generator[None, None, None]:
    file.mkdir()
    yield


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (damaged, "is no SQLite database: move it away"),
        (newer, "has schema 7, and this version knows "),
        (held, "in use by another process; end that one first"),
        (no_file, "is no regular file; allowed: a file to write to"),
    ],
)
async def test_it_is_one_line_in_log_and_page_and_nothing_is_created(
    change: Callable[[Path], Generator[None, None, None]],
    line: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "state").mkdir()
    file = tmp_path / "state" / "demo%2Fopenstack.db"
    changed = change(file)
    next(changed)
    async with demo_cloud() as cloud:
        before = len(cloud.world.vms)
        async with probing_app(tmp_path, cloud.clouds_yaml(tmp_path), PROBE) as app:
            skipped = "stratoscope_vmprobe_skipped_runs_total"
            await app.until(lambda page: page.value(skipped, probe="good", reason="ledger"))
            view = app.prober.view("good")
            page = await app.page()
        assert len(cloud.world.vms) == before
    changed.close()
    (record,) = [one for one in caplog.records if "ledger" in one.getMessage()]
    said = f"ledger {file}: {line}"
    assert record.getMessage().startswith(
        f"ledger failed, no run begins cloud=demo error={said!r}".rstrip("'\"")
    )
    assert record.exc_info is None
    assert (view.state, view.why.startswith(said), [*view.runs]) == (State.LIMITED, True, [])
    assert (page.value(ERRORS) or 0) >= 1


@pytest.mark.parametrize(
    "line",
    [
        "no space left on its disk; nothing is created in the cloud until there is",
        "cannot be read or written: check its disk, quota and file size limit",
        "is read-only",
        "cannot be opened; allowed: a file and a folder to write to",
        "is damaged: move it away",
        "is no SQLite database: move it away",
        "is a database of another program: move it away",
        "run the newer version, or move it away",
        "in use by another process; end that one first",
        "is no regular file; allowed: a file to write to",
    ],
)
def test_the_documentation_has_each_line_as_the_code_says_it(line: str) -> None:
    assert f"`{line}" in DOCS or f"{line} ...`" in DOCS
