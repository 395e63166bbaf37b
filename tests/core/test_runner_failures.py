"""What the operator sees when a collection fails: reason, account, log; and that others go on."""

import asyncio
import errno
import logging
import os
import threading
from collections.abc import Iterable

import pytest

from stratoscope.core.collector import Collection, Every, OnScrape
from stratoscope.core.errors import CollectError, Dropped, Reason, SharedError
from stratoscope.core.metrics import Sample
from stratoscope.core.runner import Runner, Status
from support.pages import joined
from support.patience import FAR_S
from support.source import Source, vcpus

LOGS = ("stratoscope.core.runner", "stratoscope.core.changes")
FAILED = "failed collector=source cloud=uni reason="


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "stratoscope.core")
    return caplog


def said(log: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    """The runner's messages from this level on."""
    return [record.message for record in log.records if record.name in LOGS and record.levelno >= level]


def runner_of(source: Source, timeout_s: float = 10) -> Runner:
    return Runner(Collection(source, OnScrape(timeout_s)))


async def failed(source: Source, timeout_s: float = 10) -> Status:
    lines, status = await runner_of(source, timeout_s).lines(5)
    assert lines is None
    assert (status.success, status.samples, status.last_success) == (False, 0, None)
    assert status.errors == {status.reason: 1}
    return status


@pytest.mark.parametrize("reason", list(Reason))
async def test_expected_failure_has_its_own_reason_and_no_traceback(
    reason: Reason, log: pytest.LogCaptureFixture
) -> None:
    status = await failed(Source(CollectError(reason, "as it is")))
    assert (status.reason, status.message) == (reason, "as it is")
    assert said(log) == [f"{FAILED}{reason} error='as it is'"]
    if reason is not Reason.INTERNAL:
        assert log.records[-1].exc_info is None


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOSPC])
async def test_shortage_of_descriptors_or_room_is_no_bug_and_is_said_once(
    number: int, log: pytest.LogCaptureFixture
) -> None:
    runner = runner_of(Source(OSError(number, os.strerror(number))))
    for _ in range(3):
        _, status = await runner.lines(5)
    assert (status.reason, status.errors) == (Reason.UNAVAILABLE, {Reason.UNAVAILABLE: 3})
    assert len(said(log)) == 1
    assert os.strerror(number) in said(log)[0]
    assert log.records[-1].exc_info is None


async def test_own_timeout_ends_a_fetch_that_hangs() -> None:
    source = Source()
    source.gate.clear()
    status = await failed(source, timeout_s=0.01)
    assert (status.reason, status.message) == (Reason.TIMEOUT, "no answer within 0.01 s")


@pytest.mark.parametrize(
    ("error", "message"),
    [(TimeoutError(), "a time-out of the source's own"), (TimeoutError("connect"), "connect")],
)
async def test_timeout_of_the_source_itself_is_not_called_the_collections(
    error: TimeoutError, message: str
) -> None:
    status = await failed(Source(error))
    assert (status.reason, status.message) == (Reason.TIMEOUT, message)


async def test_what_a_cancelled_fetch_raises_is_still_a_timeout() -> None:
    async def translates_all() -> list[Sample]:
        try:
            await asyncio.Event().wait()
        finally:
            raise CollectError(Reason.UNAVAILABLE, "connection closed")

    status = await failed(Source(translates_all), timeout_s=0.01)
    assert (status.reason, status.message) == (Reason.TIMEOUT, "no answer within 0.01 s")


async def test_samples_that_take_too_long_are_a_timeout_too() -> None:
    may_return = threading.Event()

    class Endless(Source):
        def samples(self, data: list[Sample], /) -> Iterable[Sample]:
            may_return.wait(5)
            return data

    status = await failed(Endless(), timeout_s=0.01)
    may_return.set()
    assert status.reason is Reason.TIMEOUT


async def test_bug_is_internal_and_its_traceback_is_logged_at_the_change_only(
    log: pytest.LogCaptureFixture,
) -> None:
    bug, down = KeyError("vcpus"), CollectError(Reason.UNAVAILABLE, "refused")
    runner = runner_of(Source(bug, bug, down, down, bug, [vcpus("vm-1")], [vcpus("vm-1")]))
    for _ in range(7):
        await runner.lines(5)
    assert said(log) == [
        f"{FAILED}internal error=\"KeyError: 'vcpus'\"",
        f"{FAILED}unavailable error='refused'",
        f"{FAILED}internal error=\"KeyError: 'vcpus'\"",
        "recovered collector=source cloud=uni",
    ]
    assert sum(record.exc_info is not None for record in log.records) == 2
    assert log.text.count("Traceback") == 2
    assert runner.status.errors == {Reason.INTERNAL: 3, Reason.UNAVAILABLE: 2}
    assert (runner.status.success, runner.status.reason, runner.status.message) == (True, None, "")


async def test_each_run_is_logged_for_who_debugs(log: pytest.LogCaptureFixture) -> None:
    down = CollectError(Reason.UNAVAILABLE, "refused")
    runner = runner_of(Source(down, down, [vcpus("vm-1")]))
    for _ in range(4):
        await runner.lines(5)
    levels = [record.levelname for record in log.records if record.name in LOGS]
    assert levels == ["ERROR", "DEBUG", "INFO", "DEBUG", "DEBUG"]
    assert said(log, logging.DEBUG)[-1].startswith("collected collector=source cloud=uni samples=1 seconds=")


async def test_bug_in_samples_is_internal() -> None:
    class Buggy(Source):
        def samples(self, data: list[Sample], /) -> Iterable[Sample]:
            yield data[0]
            raise ZeroDivisionError("division by zero")

    status = await failed(Buggy())
    assert (status.reason, status.message) == (Reason.INTERNAL, "ZeroDivisionError: division by zero")


async def test_cancelled_answer_is_a_failure_and_not_the_scrapes_end(log: pytest.LogCaptureFixture) -> None:
    async def waits_for_what_is_cancelled() -> list[Sample]:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future
        return []

    status = await failed(Source(waits_for_what_is_cancelled))
    assert status.reason is Reason.INTERNAL
    assert "Traceback" in log.text


@pytest.mark.parametrize(
    ("errors", "reason", "message"),
    [
        ([CollectError(Reason.BUSY, "one"), CollectError(Reason.UNAVAILABLE, "two")], Reason.BUSY, "one"),
        ([TimeoutError("connect"), CollectError(Reason.BUSY, "two")], Reason.TIMEOUT, "connect"),
        ([CollectError(Reason.BUSY, "one"), KeyError("bug")], Reason.INTERNAL, "KeyError: 'bug'"),
        ([ExceptionGroup("inner", [CollectError(Reason.BUSY, "one")])], Reason.BUSY, "one"),
    ],
)
async def test_task_group_fails_for_its_childs_reason(
    errors: list[Exception], reason: Reason, message: str
) -> None:
    status = await failed(Source(ExceptionGroup("unhandled errors in a TaskGroup", errors)))
    assert (status.reason, status.message) == (reason, message)


class WithVerdict(Source):
    """Says by itself what follows from a failure."""

    verdict: "list[Sample] | Exception" = [vcpus("vm-1", 0), vcpus("vm-1", 0)]  # noqa: RUF012 - read only

    def failure(self) -> Iterable[Sample]:
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict


async def test_failed_collection_shows_its_verdict_and_a_success_does_not() -> None:
    runner = runner_of(WithVerdict(CollectError(Reason.UNAVAILABLE, "refused"), [vcpus("vm-1", 4)]))
    lines, status = await runner.lines(5)
    assert lines is not None
    assert joined(lines).endswith("} 0\n")
    assert (status.success, status.samples) == (False, 1)
    lines, status = await runner.lines(5)
    assert lines is not None
    assert joined(lines).endswith("} 4\n")


async def test_verdict_of_the_runner_before_is_shown_until_the_successor_has_run() -> None:
    every = Every(interval_s=60, timeout_s=5, max_age_s=200)
    before = Runner(Collection(WithVerdict(CollectError(Reason.UNAVAILABLE, "refused")), every))
    await before.first()
    runner = Runner(Collection(WithVerdict([vcpus("vm-1", 4)]), every))
    runner.inherit(before)
    lines, status = await runner.lines(5)
    assert lines is not None
    assert joined(lines).endswith("} 0\n")
    assert (status.success, status.samples) == (False, 1)
    await runner.first()
    lines, _ = await runner.lines(5)
    assert lines is not None
    assert joined(lines).endswith("} 4\n")


async def test_verdict_is_rendered_in_a_thread_one_at_a_time_and_the_loop_goes_on() -> None:
    class Slow(WithVerdict):
        began, go_on = asyncio.Event(), threading.Event()

        def failure(self) -> Iterable[Sample]:
            loop = asyncio.get_running_loop()
            return (self._made(loop, number) for number in range(2))

        def _made(self, loop: asyncio.AbstractEventLoop, number: int) -> Sample:
            if number:
                loop.call_soon_threadsafe(self.began.set)
                assert self.go_on.wait(FAR_S)
            return vcpus(f"vm-{number}")

    source, turn = Slow(CollectError(Reason.UNAVAILABLE, "refused")), asyncio.Lock()
    runner = Runner(Collection(source, OnScrape(3 * FAR_S)), turn=turn)
    scrape = asyncio.create_task(runner.lines(FAR_S))
    async with asyncio.timeout(FAR_S):
        await source.began.wait()
    assert turn.locked()
    assert runner.status.success is None
    later = asyncio.create_task(runner.lines(2 * FAR_S))  # what it allows comes too late to matter
    await asyncio.sleep(0)
    source.go_on.set()
    lines, status = await scrape
    assert lines is not None
    assert (status.success, lines.samples, turn.locked()) == (False, 2, False)
    assert await later == (lines, status)


async def test_failure_without_a_verdict_waits_for_no_turn() -> None:
    turn = asyncio.Lock()
    await turn.acquire()
    source = Source(CollectError(Reason.UNAVAILABLE, "refused"))
    runner = Runner(Collection(source, OnScrape()), turn=turn)
    assert (await runner.lines(FAR_S))[1].reason is Reason.UNAVAILABLE


async def test_verdict_that_is_a_bug_itself_is_internal(log: pytest.LogCaptureFixture) -> None:
    source = WithVerdict(CollectError(Reason.UNAVAILABLE, "refused"))
    source.verdict = ZeroDivisionError("in the verdict")
    status = await failed(source)
    assert (status.reason, status.message) == (Reason.INTERNAL, "ZeroDivisionError: in the verdict")
    assert "Traceback" in log.text


async def test_scrape_that_does_not_wait_for_the_end_shows_no_verdict() -> None:
    source = WithVerdict()
    source.gate.clear()
    runner = runner_of(source)
    lines, status = await runner.lines(0)
    assert (lines, status.reason) == (None, Reason.TIMEOUT)
    await runner.stop()


async def test_dropped_and_malformed_accumulate_and_each_new_reason_is_said_once(
    log: pytest.LogCaptureFixture,
) -> None:
    twice = [vcpus("vm-1"), vcpus("vm-1")]
    invalid = [vcpus("vm-1", None), vcpus("vm-2"), vcpus("vm-3")]
    source = Source(twice, twice, [*twice, *invalid], CollectError(Reason.BUSY, "busy"), twice)
    source.malformed_items = 3
    runner = Runner(Collection(source, OnScrape(), max_series=2))
    for _ in range(5):
        await runner.lines(5)
    assert runner.status.dropped == {Dropped.DUPLICATE: 5, Dropped.MAX_SERIES: 1}
    assert runner.status.malformed == 12
    assert said(log, logging.WARNING) == [
        "samples dropped collector=source cloud=uni reasons=duplicate",
        "samples dropped collector=source cloud=uni reasons=max_series",
        f"{FAILED}busy error='busy'",
    ]


async def test_a_failure_that_the_source_has_logged_is_not_logged_again(
    log: pytest.LogCaptureFixture,
) -> None:
    status = await failed(Source(SharedError(Reason.UNAUTHORIZED, "log-in refused")))
    assert (status.reason, status.message) == (Reason.UNAUTHORIZED, "log-in refused")
    assert said(log, logging.INFO) == []
    assert len(said(log, logging.DEBUG)) == 1
