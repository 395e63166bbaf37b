"""An exporter's life: start and stop; over loopback HTTP and by signals."""

import asyncio
import signal
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from stratoscope.core.app import WORKERS
from stratoscope.core.collector import Collection, Collections, Every, OnScrape
from stratoscope.core.errors import ConfigError
from stratoscope.core.part import Opened
from support.houses import SLOWLY, House, never, one, running
from support.patience import FAR_S
from support.services import Domains, Failing, Hanging
from support.source import Source, until

WHEN = "stratoscope_config_last_reload_success_timestamp_seconds"
OK = "stratoscope_config_last_reload_successful"


async def test_it_listens_and_shows_its_collectors_before_they_have_been_tried(tmp_path: Path) -> None:
    source = Source()
    source.gate.clear()
    async with running(House(lambda _: one(source)), tmp_path) as runs:
        await until(lambda: source.calls == 1)
        assert (await runs.ask("/-/ready"))[0] == 503
        assert "source" in (await runs.ask("/"))[1]
        assert (await runs.ask("/-/healthy"))[0] == 200
        source.gate.set()
        await runs.ready()
        assert (await runs.ask("/-/ready"))[0] == 200


async def test_page_names_collectors_that_have_not_been_tried_yet(tmp_path: Path) -> None:
    house = House(lambda _: Collections([Collection(Hanging(), Every(60, 50, 200))]))
    async with running(house, tmp_path) as runs:
        page = await runs.page()
        assert 'stratoscope_collector_timeout_seconds{cloud="lab",collector="hanging"} 50' in page
        assert not runs.app.ready


async def test_nothing_is_shown_as_collected_before_the_exporter_is_opened(tmp_path: Path) -> None:
    async with running(House(opening=never), tmp_path) as runs:
        assert (list(runs.app.parts.runners), list(runs.app.parts.left_out)) == ([], [])
        assert "running: []" in (await runs.ask("/config"))[1]


async def test_page_says_what_runs_and_that_its_configuration_was_read(tmp_path: Path) -> None:
    before = time.time()
    async with running(House(), tmp_path) as runs:
        await runs.ready()
        page = await runs.page()
        assert 'stratoscope_build_info{exporter="slurper",pythonversion="3.' in page
        assert f'version="{runs.app.version}"}} 1.0' in page
        assert f"{OK} 1.0" in page
        (line,) = [line for line in page.splitlines() if line.startswith(f"{WHEN} ")]
        assert before - 1 < float(line.split()[1]) < time.time() + 1
        assert "process_resident_memory_bytes" in page
        assert "stratoscope_label_values_cut_total" in page
        assert 'left_out{cloud="lab",collector="pools",reason="not_configured"} 1' in page


async def test_configuration_is_shown_with_defaults_and_without_secrets(tmp_path: Path) -> None:
    house = House(lambda _: Collections([Collection(Domains(), SLOWLY), Collection(Failing(), OnScrape(10))]))
    text = "slurper: {password: hunter2, collectors: {domains: {interval: 90s}}}"
    async with running(house, tmp_path, text) as runs:
        await runs.ready()
        shown = (await runs.ask("/config"))[1]
        assert "hunter2" not in shown
        assert "password: <secret>" in shown
        assert "vms: 2" in shown
        assert "interval: 1m30s" in shown
        most = 200_000
        assert yaml.safe_load(shown)["running"] == [
            {"collector": "domains", "cloud": "lab", "interval": "1m", "max_age": "3m20s", "timeout": "50ms"}
            | {"max_series": most},
            {"collector": "pools", "cloud": "lab", "timeout": "10s", "max_series": most},
        ]


async def test_clean_up_at_the_stop_may_take_as_long_as_the_exporter_says(tmp_path: Path) -> None:
    cleaned: list[int] = []

    async def clean() -> None:
        await asyncio.sleep(0.05)
        cleaned.append(1)

    house = House(closing=clean)
    async with running(house, tmp_path, stop_timeout_s=10) as runs:
        await runs.ready()
        runs.app.stop()
        runs.app.stop()
        await runs.task
    assert (cleaned, runs.ended) == ([1], [])


async def test_all_workers_run_once_it_listens_so_that_no_scrape_adds_a_thread(tmp_path: Path) -> None:
    async with running(House(), tmp_path) as runs:
        await runs.ready()
        at_first = workers()
        assert len(at_first) == WORKERS
        for _ in range(5):
            await runs.page()
        assert workers() == at_first


def workers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("worker")}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_stops_it_and_closes_what_was_opened(number: signal.Signals, tmp_path: Path) -> None:
    house = House()
    async with running(house, tmp_path) as runs:
        await runs.ready()
        signal.raise_signal(number)
        signal.raise_signal(number)
        async with asyncio.timeout(FAR_S):
            await runs.task
        assert house.closed == house.opened
        assert not runs.ended


async def test_stop_before_all_have_been_tried_does_not_wait_for_them(tmp_path: Path) -> None:
    house = House(lambda _: one(Hanging()))
    async with running(house, tmp_path) as runs:
        await until(lambda: bool(house.opened))
        await runs.stopped()
        assert house.closed == house.opened


async def test_stop_ends_a_scrape_that_waits_for_a_hung_source(tmp_path: Path) -> None:
    source = Source()
    async with running(House(lambda _: one(source)), tmp_path) as runs:
        await runs.ready()
        source.gate.clear()
        scrape = asyncio.create_task(runs.page())
        await until(lambda: source.calls == 2)
        await runs.stopped()
        assert "stratoscope_collector_success" in await scrape


async def test_stop_does_not_wait_for_a_session_that_hangs_when_closed(tmp_path: Path) -> None:
    async with running(House(closing=never), tmp_path, stop_timeout_s=3) as runs:
        await runs.ready()
        await runs.stopped()
        assert not runs.ended


async def test_process_ends_though_the_loop_itself_hangs(tmp_path: Path) -> None:
    async def block() -> None:
        give_up = time.monotonic() + FAR_S
        while not runs.ended and time.monotonic() < give_up:
            time.sleep(0.01)  # noqa: ASYNC251 - that is the bug

    async with running(House(closing=block), tmp_path, stop_timeout_s=0.05) as runs:
        await runs.ready()
        await runs.stopped()
        assert runs.ended == [0]


async def test_exporter_that_breaks_by_itself_ends_the_process(tmp_path: Path) -> None:
    broken = asyncio.Event()

    @asynccontextmanager
    async def breaking(_: object) -> AsyncIterator[Opened]:
        async def fail() -> None:
            await broken.wait()
            raise RuntimeError("its background is gone")

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())
            yield Opened(value=Collections([]))

    house = House()
    house.open = breaking  # type: ignore[method-assign]
    async with running(house, tmp_path) as runs:
        await runs.ready()
        broken.set()
        with pytest.raises(ExceptionGroup) as gone:
            await runs.task
        assert gone.group_contains(RuntimeError, match="its background is gone")


@pytest.mark.parametrize("error", [ConfigError("clouds[0].uri: nobody there"), RuntimeError("a bug")])
async def test_exporter_that_cannot_be_opened_at_start_ends_with_its_error(
    error: Exception, tmp_path: Path
) -> None:
    async def fail() -> None:
        raise error

    async with running(House(opening=fail), tmp_path) as runs:
        with pytest.raises(type(error), match=str(error).partition("[")[0]):
            await runs.task


async def test_what_breaks_once_it_stops_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(House(), tmp_path) as runs:
        await runs.ready()
        runs.app.stop()
        runs.app._broken(RuntimeError("too late"))
        await runs.stopped()
        assert runs.task.exception() is None
    assert "too late" not in caplog.text
