"""Supervised tasks: started again after a failure, counted, ended with their part."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from stratoscope.core.errors import CollectError, Reason
from stratoscope.core.part import Task
from stratoscope.core.tasks import Supervisor
from support.source import LoopTime, until

Run = Callable[[], object]


class Work:
    """Work that fails so often, then goes on for ever."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.calls = [*failures], 0

    async def __call__(self) -> None:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        await asyncio.get_running_loop().create_future()


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"stratoscope_task_{name}", {"task": "sweep", **labels})


async def test_task_that_fails_is_counted_and_started_again_after_a_pause_that_doubles() -> None:
    time, registry = LoopTime(), CollectorRegistry()
    work = Work(CollectError(Reason.UNAVAILABLE, "no route"), *(RuntimeError("a bug") for _ in range(8)))
    running = asyncio.create_task(Supervisor(registry).run(Task("sweep", work)))
    await time.goes_on(0)
    assert value(registry, "running") == 0
    for pause_s in (1, 2, 4, 8, 16, 32, 60, 60, 60):
        calls = work.calls
        await time.goes_on(pause_s - 0.1)
        assert work.calls == calls
        await time.goes_on(0.2)
        assert work.calls == calls + 1
    assert value(registry, "failures_total", reason="unavailable") == 1
    assert value(registry, "failures_total", reason="internal") == 8
    assert value(registry, "failures_total", reason="timeout") == 0
    assert value(registry, "running") == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert value(registry, "running") is None


async def test_page_of_an_exporter_without_tasks_has_no_family_of_tasks() -> None:
    registry = CollectorRegistry()
    supervisor = Supervisor(registry)
    assert generate_latest(registry) == b""
    running = asyncio.create_task(supervisor.run(Task("sweep", Work())))
    await until(lambda: value(registry, "running") == 1)
    assert b"# TYPE stratoscope_task_failures_total counter\n" in generate_latest(registry)
    running.cancel()


async def test_pause_begins_anew_after_a_run_that_lasted() -> None:
    time, registry = LoopTime(), CollectorRegistry()
    breaks, calls = asyncio.Event(), []

    async def work() -> None:
        calls.append(asyncio.get_running_loop().time())
        if len(calls) == 4:
            await breaks.wait()
        raise RuntimeError("a bug")

    running = asyncio.create_task(Supervisor(registry).run(Task("sweep", work)))
    for pause_s in (0, 1.1, 2.1, 4.1, 100):
        await time.goes_on(pause_s)
    breaks.set()
    await time.goes_on(0)
    await time.goes_on(1.1)
    assert len(calls) == 5
    running.cancel()


async def test_failure_is_logged_with_its_reason_and_a_bug_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time = LoopTime()
    work = Work(CollectError(Reason.BUSY, "all threads wait"), RuntimeError("a bug"))
    running = asyncio.create_task(Supervisor(CollectorRegistry()).run(Task("sweep", work)))
    await time.goes_on(0)
    await time.goes_on(1.1)
    first, second = caplog.records
    assert first.getMessage() == "failed task=sweep reason=busy error='all threads wait'"
    assert second.getMessage() == "failed task=sweep reason=internal error='RuntimeError: a bug'"
    assert (first.exc_info, bool(second.exc_info)) == (None, True)
    running.cancel()


async def test_a_failure_that_repeats_the_one_before_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    time, registry = LoopTime(), CollectorRegistry()
    away = [CollectError(Reason.UNAVAILABLE, "no broker") for _ in range(3)]
    work = Work(*away, CollectError(Reason.UNAUTHORIZED, "no such user"), *away[:1])
    running = asyncio.create_task(Supervisor(registry).run(Task("sweep", work)))
    for pause_s in (0, 1.1, 2.1, 4.1, 8.1, 16.1):
        await time.goes_on(pause_s)
    said = [record.args[2] for record in caplog.records if isinstance(record.args, tuple)]
    assert said == ["no broker", "no such user", "no broker"]
    assert value(registry, "failures_total", reason="unavailable") == 4
    running.cancel()


async def test_a_failure_after_a_run_that_lasted_is_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    time, breaks, calls = LoopTime(), asyncio.Event(), Counter[str]()

    async def work() -> None:
        calls["work"] += 1
        if calls["work"] == 2:
            await breaks.wait()
        raise CollectError(Reason.UNAVAILABLE, "no broker")

    running = asyncio.create_task(Supervisor(CollectorRegistry()).run(Task("sweep", work)))
    for pause_s in (0, 1.1, 100):
        await time.goes_on(pause_s)
    breaks.set()
    await time.goes_on(0)
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    running.cancel()


async def test_task_fails_for_the_reasons_that_collections_have() -> None:
    time, registry = LoopTime(), CollectorRegistry()
    busy = ExceptionGroup("in a TaskGroup", [CollectError(Reason.BUSY, "all threads wait")])
    running = asyncio.create_task(
        Supervisor(registry).run(Task("sweep", Work(TimeoutError("connect"), busy)))
    )
    await time.goes_on(0)
    await time.goes_on(1.1)
    assert [value(registry, "failures_total", reason=reason) for reason in Reason] == [1, 0, 0, 0, 1, 0]
    running.cancel()


async def test_task_that_returns_is_finished() -> None:
    registry, calls = CollectorRegistry(), []

    async def work() -> None:
        calls.append(1)

    await Supervisor(registry).run(Task("sweep", work))
    await until(lambda: calls == [1])
    assert value(registry, "running") is None


async def test_task_that_awaits_something_cancelled_has_failed_and_is_started_again() -> None:
    time, registry = LoopTime(), CollectorRegistry()
    calls = []

    async def work() -> None:
        calls.append(1)
        other = asyncio.get_running_loop().create_future()
        if len(calls) == 1:
            other.cancel()
        await other

    running = asyncio.create_task(Supervisor(registry).run(Task("sweep", work)))
    await time.goes_on(0)
    assert value(registry, "running") == 0
    await time.goes_on(1.1)
    assert (len(calls), value(registry, "running")) == (2, 1)
    assert value(registry, "failures_total", reason="internal") == 1
    running.cancel()
