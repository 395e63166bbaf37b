"""Reloads, over loopback HTTP and by SIGHUP."""

import asyncio
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from stratoscope.core.app import App
from stratoscope.core.collector import Collection, Collections, Every
from stratoscope.core.errors import ConfigError
from stratoscope.core.threads import BlockingCalls
from stratoscope.core.web.auth import Access
from support.houses import SLOWLY, House, Slurper, domains, never, one, running
from support.patience import FAR_S
from support.services import Domains, Hanging
from support.source import Source, until, vcpus

OK = "stratoscope_config_last_reload_successful"
SELDOM = Every(interval_s=60, timeout_s=5, max_age_s=200)
VM_1 = 'stratoscope_test_vm_memory_bytes{vm_id="vm-1"}'
VM_2 = 'stratoscope_test_vm_memory_bytes{vm_id="vm-2"}'


class Blocking(Domains):
    """Asks in a thread."""

    def __init__(self, calls: BlockingCalls) -> None:
        super().__init__()
        self._calls = calls

    async def fetch(self) -> int:
        return await self._calls.start(int, 2)


def own_threads() -> int:
    return sum(thread.name.startswith("source") for thread in threading.enumerate())


async def test_reload_puts_the_new_configuration_into_force_and_closes_the_old(tmp_path: Path) -> None:
    house = House()
    async with running(house, tmp_path) as runs:
        await runs.ready()
        assert VM_2 not in await runs.page()
        assert await runs.reload("slurper: {vms: 3}") == (200, "reloaded\n")
        assert VM_2 in await runs.page()
        assert "vms: 3" in (await runs.ask("/config"))[1]
        assert house.closed == house.opened[:1]


async def test_reload_of_an_unchanged_file_keeps_all_that_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house, text = House(), "slurper: {vms: 3, password: hunter2, collectors: {domains: {interval: 90s}}}"
    async with running(house, tmp_path, text) as runs:
        await runs.ready()
        runners = runs.app.parts.runners
        assert await runs.reload("slurper: 5") != (200, "reloaded\n")
        with caplog.at_level("INFO"):
            assert await runs.reload(f"# a comment\n{text}") == (200, "reloaded\n")
        assert "reloaded, nothing changed" in caplog.text
        assert runs.app.parts.runners == runners
        assert (len(house.opened), house.closed) == (1, [])
        assert not runs.app.warnings
        assert f"{OK} 1.0" in await runs.page()


async def test_reload_of_a_changed_password_alone_begins_anew(tmp_path: Path) -> None:
    house = House()
    async with running(house, tmp_path, "slurper: {password: hunter2}") as runs:
        await runs.ready()
        await runs.reload("slurper: {password: hunter3}")
        assert (len(house.opened), len(house.closed)) == (2, 1)


async def test_collector_that_is_configured_away_vanishes_at_a_reload(tmp_path: Path) -> None:
    house = House(lambda settings: domains(settings) if settings.vms else Collections([]))
    async with running(house, tmp_path) as runs:
        await runs.ready()
        assert 'collector="domains"' in await runs.page()
        await runs.reload("slurper: {vms: 0}")
        assert 'collector="domains"' not in await runs.page()


async def test_hang_up_signal_reloads(tmp_path: Path) -> None:
    async with running(House(), tmp_path) as runs:
        await runs.ready()
        runs.file.write_text("slurper: {vms: 3}")
        signal.raise_signal(signal.SIGHUP)
        await until(lambda: "vms: 3" in runs.app.config_shown())


async def test_bad_file_leaves_the_old_configuration_in_force_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    message = f"{tmp_path}/stratoscope.yml: slurper.vsm: unknown key; allowed: vms, password, collectors"
    house = House()
    async with running(house, tmp_path) as runs:
        await runs.ready()
        status, text = await runs.reload("slurper: {vsm: 3}")
        assert (status, message in text) == (500, True)
        assert message in caplog.text
        assert message in (await runs.ask("/"))[1]
        page = await runs.page()
        assert f"{OK} 0.0" in page
        assert VM_1 in page
        assert (len(house.opened), house.closed) == (1, [])


async def test_good_reload_takes_back_what_was_said_of_a_bad_one(tmp_path: Path) -> None:
    async with running(House(), tmp_path) as runs:
        await runs.ready()
        await runs.reload("slurper: 5")
        assert runs.app.warnings
        await runs.reload("")
        assert not runs.app.warnings
        assert f"{OK} 1.0" in await runs.page()


@pytest.mark.parametrize("error", [ConfigError("clouds[0].uri: nobody there"), RuntimeError("a bug")])
async def test_exporter_that_cannot_be_opened_anew_goes_on_as_it_was(
    error: Exception, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise error

    house = House()
    async with running(house, tmp_path) as runs:
        await runs.ready()
        house.opening = fail
        status, text = await runs.reload("slurper: {vms: 3}")
        assert (status, str(error) in text) == (500, True)
        assert VM_1 in await runs.page()
        assert f"{OK} 0.0" in await runs.page()
        (record,) = [record for record in caplog.records if "refused" in record.message]
        assert bool(record.exc_info) == isinstance(error, RuntimeError)


async def test_page_is_the_old_one_until_the_new_collectors_have_been_tried(tmp_path: Path) -> None:
    sources = [Source([vcpus("vm-1")]), Source([vcpus("vm-2")])]
    house = House(lambda settings: Collections([Collection(sources[settings.vms - 2], SELDOM)]))
    async with running(house, tmp_path) as runs:
        await runs.ready()
        sources[1].gate.clear()
        reloading = asyncio.create_task(runs.reload("slurper: {vms: 3}"))
        await until(lambda: sources[1].calls == 1)
        assert house.closed == house.opened[:1], "the old has ended before the new asks"
        page = await runs.page()
        assert 'stratoscope_test_vm_vcpus{cloud="uni",vm_id="vm-1"} 1' in page
        assert 'stratoscope_collector_success{cloud="uni",collector="source"} 1' in page
        assert (await runs.ask("/-/ready"))[0] == 200
        sources[1].gate.set()
        await reloading
        page = await runs.page()
        assert 'stratoscope_test_vm_vcpus{cloud="uni",vm_id="vm-2"} 1' in page
        assert 'vm_id="vm-1"' not in page


async def test_reload_does_not_wait_for_ever_for_collectors_that_are_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratoscope.core.app.TRIED_S", 0.01)  # no test waits for 10 s
    house = House(lambda settings: domains(settings) if settings.vms == 2 else one(Hanging()))
    async with running(house, tmp_path) as runs:
        await runs.ready()
        assert await runs.reload("slurper: {vms: 1}") == (200, "reloaded\n")
        assert "vms: 1" in runs.app.config_shown()


async def test_reload_that_takes_long_is_answered_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratoscope.core.app.ANSWER_S", 0.01)  # no test waits for 25 s
    may_open = asyncio.Event()
    house = House()
    async with running(house, tmp_path) as runs:
        await runs.ready()
        house.opening = may_open.wait
        status, text = await runs.reload("slurper: {vms: 3}")
        assert (status, "under way" in text, "the old configuration stays" in text) == (202, True, False)
        may_open.set()
        await until(lambda: "vms: 3" in runs.app.config_shown())


async def test_reloads_come_one_after_the_other(tmp_path: Path) -> None:
    house = House()
    async with running(house, tmp_path) as runs:
        await runs.ready()
        runs.file.write_text("slurper: {vms: 3}")
        answers = await asyncio.gather(*(runs.ask("/-/reload", "POST") for _ in range(3)))
        assert answers == [(200, "reloaded\n")] * 3
        assert (len(house.opened), len(house.closed)) == (2, 1), "the second finds nothing changed"


async def test_those_who_wait_for_a_reload_share_the_next_one(tmp_path: Path) -> None:
    reads: list[int] = []
    house = House()
    async with running(house, tmp_path) as runs:
        await runs.ready()
        read, gate = runs.app._read, threading.Event()

        def held() -> Any:
            reads.append(len(reads))
            gate.wait(5)
            return read()

        runs.app._read = held
        first = asyncio.create_task(runs.app.reload())
        await until(lambda: bool(reads))
        runs.file.write_text("slurper: 5")
        others = [asyncio.create_task(runs.app.reload()) for _ in range(50)]
        await asyncio.sleep(0)
        gate.set()
        answers = await asyncio.gather(first, *others)
        assert reads == [0, 1]
        assert set(answers[1:]) == {answers[1]}
        assert "slurper: expected a mapping" in str(answers[1])
        assert await runs.app.reload() == answers[1]
        assert reads == [0, 1, 2], "who asks later has another"


async def test_hang_up_signal_while_starting_is_told_of_and_heard_once_it_has_started(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    source = Source()
    source.gate.clear()
    house = House(lambda _: one(source))
    async with running(house, tmp_path) as runs:
        await until(lambda: source.calls == 1)
        runs.file.write_text("slurper: {vms: 3}")
        signal.raise_signal(signal.SIGHUP)
        await until(lambda: "reload asked for while starting" in caplog.text)
        assert len(house.opened) == 1
        source.gate.set()
        await until(lambda: len(house.closed) == 1)
        assert [settings.vms for settings in house.opened] == [2, 3]


async def test_hang_up_signal_while_the_file_is_read_is_heard() -> None:
    house, texts = House(), iter([2, 3])
    exporter = house.exporter()

    def read() -> Any:
        if not house.opened:
            signal.raise_signal(signal.SIGHUP)
        return exporter.parse({"slurper": {"vms": next(texts)}}, {})

    app = App(exporter, read, end=lambda _: None)
    working = asyncio.create_task(app.run(Access.open(None), ["127.0.0.1:0"]))
    await until(lambda: len(house.closed) == 1)
    assert [settings.vms for settings in house.opened] == [2, 3]
    app.stop()
    await working


async def test_reload_waits_until_the_start_is_over(tmp_path: Path) -> None:
    source = Source()
    source.gate.clear()
    house = House(lambda _: one(source))
    async with running(house, tmp_path) as runs:
        reloading = asyncio.create_task(runs.reload("slurper: {vms: 3}"))
        await until(lambda: source.calls == 1)
        assert len(house.opened) == 1
        source.gate.set()
        assert await reloading == (200, "reloaded\n")
        assert [settings.vms for settings in house.opened] == [2, 3]


async def test_twenty_reloads_leave_no_task_and_no_thread_over(tmp_path: Path) -> None:
    house = House()
    calls: list[BlockingCalls] = []

    def blocking(_: Slurper) -> Collections:
        calls.append(BlockingCalls("source", 1))
        return Collections([Collection(Blocking(calls[-1]), SLOWLY)])

    async def close() -> None:
        calls.pop(0).close()

    house.collections, house.closing = blocking, close
    async with running(house, tmp_path) as runs:
        await runs.ready()
        await runs.reload("")
        await until(lambda: own_threads() == 1)
        tasks = len(asyncio.all_tasks())
        for number in range(20):
            assert (await runs.reload(f"slurper: {{vms: {number + 3}}}"))[0] == 200
        await until(lambda: own_threads() == 1)
        await until(lambda: len(asyncio.all_tasks()) <= tasks)


async def test_error_when_the_old_is_closed_is_logged_and_the_new_is_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        house.closing = House.closing
        raise RuntimeError("close failed")

    house = House(closing=fail)
    async with running(house, tmp_path) as runs:
        await runs.ready()
        assert (await runs.reload("slurper: {vms: 3}"))[0] == 200
        assert VM_2 in await runs.page()
        assert "close failed" in caplog.text


async def test_old_session_that_hangs_when_closed_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(closing=never)
    async with running(house, tmp_path) as runs:
        await runs.ready()
        old = runs.app.parts
        assert old is not None
        await old.close(0.01)
        assert "hangs though closed" in caplog.text
        await old.close(0.01)  # the one that hung is told again, and obeys


async def test_stop_during_a_reload_closes_both(tmp_path: Path) -> None:
    house = House(lambda settings: domains(settings) if settings.vms == 2 else one(Hanging()))
    async with running(house, tmp_path) as runs:
        await runs.ready()
        runs.file.write_text("slurper: {vms: 1}")
        signal.raise_signal(signal.SIGHUP)
        await until(lambda: len(house.opened) == 2)
        await runs.stopped()
        assert len(house.closed) == 2


async def test_reload_that_comes_through_once_it_stops_is_refused(tmp_path: Path) -> None:
    source = Source()
    house = House(lambda settings: domains(settings) if settings.vms == 2 else one(source))
    async with running(house, tmp_path) as runs:
        await runs.ready()
        source.gate.clear()
        runs.file.write_text("slurper: {vms: 1}")
        reloading = asyncio.create_task(runs.app.reload())
        await until(lambda: source.calls == 1)
        runs.app.stop()
        source.gate.set()
        assert await reloading == "not reloaded: it is stopping"
        await runs.stopped()
        assert len(house.closed) == 2


async def test_reload_asked_for_once_it_closes_opens_nothing(tmp_path: Path) -> None:
    may_end, closes = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        closes.set()
        await may_end.wait()

    house = House(closing=slow)
    async with running(house, tmp_path, stop_timeout_s=FAR_S) as runs:
        await runs.ready()
        runs.app.stop()
        await closes.wait()
        runs.file.write_text("slurper: {vms: 1}")
        signal.raise_signal(signal.SIGHUP)
        reloading = asyncio.create_task(runs.app.reload())
        await until(lambda: reloading.done() or len(house.opened) == 2)
        may_end.set()
        assert await reloading == "not reloaded: it is stopping"
        assert len(house.opened) == 1
