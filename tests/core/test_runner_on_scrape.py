"""Collected when scraped: one collection for all who wait, each for as long as it likes; nothing is kept."""

import asyncio
from typing import TypeVar

import pytest

from stratoscope.core.collector import Collection, OnScrape
from stratoscope.core.deadline import time_left_s
from stratoscope.core.errors import CollectError, Dropped, Reason
from stratoscope.core.exposition import Lines
from stratoscope.core.metrics import Sample
from stratoscope.core.runner import Outcome, Runner
from stratoscope.core.web.scrape import within_s
from support.pages import joined
from support.patience import FAR_S
from support.source import Clock, LoopTime, Source, Stubborn, until, vcpus

T = TypeVar("T")


def runner_of(source: Source, timeout_s: float = 10) -> Runner:
    return Runner(Collection(source, OnScrape(timeout_s)))


def page_of(lines: Lines | None) -> str | None:
    return None if lines is None else joined(lines)


async def outcome(scrape: "asyncio.Future[T]") -> T:
    """What the scrape showed; one that does not end fails, though the loop's time stands still."""
    await until(scrape.done)
    return scrape.result()


async def test_scrape_shows_what_was_fetched_for_it() -> None:
    source = Source([vcpus("vm-1", 1)], [vcpus("vm-1", 2), vcpus("vm-1", 3), vcpus("vm-2", 4)])
    runner = Runner(Collection(source, OnScrape()), now=lambda: 1.5e9)
    lines, status = await runner.lines(1)
    assert page_of(lines) == 'stratoscope_test_vm_vcpus{cloud="uni",vm_id="vm-1"} 1\n'
    assert (status.success, status.samples, status.last_success) == (True, 1, 1.5e9)
    lines, status = await runner.lines(1)
    assert page_of(lines) == (
        'stratoscope_test_vm_vcpus{cloud="uni",vm_id="vm-1"} 2\n'
        'stratoscope_test_vm_vcpus{cloud="uni",vm_id="vm-2"} 4\n'
    )
    assert (status.samples, dict(status.dropped)) == (2, {Dropped.DUPLICATE: 1})


async def test_concurrent_scrapes_share_one_fetch() -> None:
    source = Source()
    source.gate.clear()
    runner = runner_of(source)
    scrapes = [asyncio.create_task(runner.lines(5)) for _ in range(200)]
    await until(lambda: source.calls == 1)
    source.gate.set()
    outcomes = await asyncio.gather(*scrapes)
    assert source.calls == 1
    assert {(id(lines), id(status)) for lines, status in outcomes} == {tuple(map(id, outcomes[0]))}
    assert outcomes[0][0] is not None


async def test_scrape_with_less_time_leaves_without_it_and_says_timeout() -> None:
    loop_time, clock, source = LoopTime(), Clock(), Source()
    source.gate.clear()
    runner = Runner(Collection(source, OnScrape()), monotonic=clock)
    patient = asyncio.create_task(runner.lines(5))
    impatient = asyncio.create_task(runner.lines(1))
    await until(lambda: source.calls == 1)
    clock.time_s += 1.25
    await loop_time.goes_on(1.25)
    lines, status = await outcome(impatient)
    assert lines is None
    assert (status.success, status.reason, status.samples) == (False, Reason.TIMEOUT, 0)
    assert (status.message, status.duration_s) == ("no answer within the scrape's 1 s", 1.25)
    assert runner.status.success is None  # the collection itself has not failed
    source.gate.set()
    lines, status = await outcome(patient)
    assert page_of(lines) == 'stratoscope_test_vm_vcpus{cloud="uni",vm_id="vm-1"} 1\n'
    assert (status.success, source.calls) == (True, 1)


async def test_patient_scrape_is_not_cut_short_by_the_impatient_one_that_began() -> None:
    loop_time, source = LoopTime(), Source()
    source.gate.clear()
    runner = runner_of(source)
    impatient = asyncio.create_task(runner.lines(1))
    await until(lambda: source.calls == 1)
    patient = asyncio.create_task(runner.lines(5))
    await loop_time.goes_on(0)
    await loop_time.goes_on(4.9)
    assert (await outcome(impatient))[1].reason is Reason.TIMEOUT
    source.gate.set()
    lines, status = await outcome(patient)
    assert lines is not None
    assert (status.success, status.errors.total(), source.calls) == (True, 0, 1)


async def test_scrape_that_comes_before_the_collection_has_begun_counts_too() -> None:
    loop_time, source = LoopTime(), Source()
    source.gate.clear()
    runner = runner_of(source)
    scrapes = asyncio.gather(runner.lines(1), runner.lines(5))  # both before the task's first step
    await until(lambda: source.calls == 1)
    await loop_time.goes_on(4.9)
    source.gate.set()
    (_, first), (lines, second) = await outcome(scrapes)
    assert (first.reason, second.success, source.calls) == (Reason.TIMEOUT, True, 1)
    assert lines is not None


async def test_impatient_scrape_does_not_cut_the_patient_one_short() -> None:
    loop_time, source = LoopTime(), Source()
    source.gate.clear()
    runner = runner_of(source)
    patient = asyncio.create_task(runner.lines(5))
    await until(lambda: source.calls == 1)
    impatient = asyncio.create_task(runner.lines(1))
    await loop_time.goes_on(0)
    await loop_time.goes_on(4.9)
    assert (impatient.done(), patient.done()) == (True, False)
    await loop_time.goes_on(0.2)
    assert patient.done()


async def test_no_patience_prolongs_a_collection_beyond_its_own_timeout() -> None:
    loop_time, source = LoopTime(), Source()
    source.gate.clear()
    runner = runner_of(source, timeout_s=3)
    impatient, patient = (asyncio.create_task(runner.lines(within_s)) for within_s in (1, 60))
    await until(lambda: source.calls == 1)
    await loop_time.goes_on(2.9)
    assert not patient.done()
    await loop_time.goes_on(0.2)
    lines, status = await outcome(patient)
    await outcome(impatient)
    assert lines is None
    assert (status.reason, status.message) == (Reason.TIMEOUT, "no answer within 3 s")
    assert status.errors == {Reason.TIMEOUT: 1}


async def test_time_left_follows_the_most_patient_scrape() -> None:
    left_s: list[float] = []
    go_on = asyncio.Event()

    async def look_twice() -> list[Sample]:
        left_s.append(time_left_s())
        await go_on.wait()
        left_s.append(time_left_s())
        return []

    runner = runner_of(Source(look_twice))
    impatient = asyncio.create_task(runner.lines(1))
    await until(lambda: len(left_s) == 1)
    patient = asyncio.create_task(runner.lines(5))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(impatient, patient)
    assert 0 < left_s[0] <= 1
    assert 4 < left_s[1] <= 5


async def test_scrape_without_any_time_is_a_timeout_and_no_bug() -> None:
    async def asks_in_vain() -> list[Sample]:
        await asyncio.sleep(time_left_s())
        await asyncio.Event().wait()
        return []

    runner = runner_of(Source(asks_in_vain), timeout_s=0.05)
    assert (await runner.lines(-1))[1].reason is Reason.TIMEOUT
    await until(lambda: runner.status.reason is not None)
    assert runner.status.reason is Reason.TIMEOUT


async def test_overdue_collection_is_waited_for_but_gets_no_more_time() -> None:
    loop_time = LoopTime()
    with Stubborn() as stubborn:
        source = Source(stubborn)
        runner = runner_of(source)
        impatient = asyncio.create_task(runner.lines(1))
        await until(lambda: source.calls == 1)
        await loop_time.goes_on(1.1)
        assert (await outcome(impatient))[1].reason is Reason.TIMEOUT
        late = asyncio.create_task(runner.lines(5))
        await loop_time.goes_on(4)
        assert not late.done()
    lines, status = await outcome(late)
    assert lines is not None  # an answer at last is an answer
    assert (status.success, source.calls) == (True, 1)


async def test_cancelled_scrape_does_not_cancel_the_collection_of_the_others() -> None:
    source = Source()
    source.gate.clear()
    runner = runner_of(source)
    gone, stays = (asyncio.create_task(runner.lines(5)) for _ in range(2))
    await until(lambda: source.calls == 1)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    source.gate.set()
    lines, status = await stays
    assert lines is not None
    assert (status.success, source.calls) == (True, 1)


async def test_status_belongs_to_the_lines_it_comes_with() -> None:
    # The second collection begins and fails before the first scrape gets to see what it waited for.
    source = Source(CollectError(Reason.UNAVAILABLE, "first"), CollectError(Reason.MALFORMED, "second"))
    source.gate.clear()
    runner = runner_of(source)

    async def after_the_gate() -> Outcome:
        await source.gate.wait()
        return await runner.lines(5)

    first = asyncio.create_task(runner.lines(5))
    await until(lambda: source.calls == 1)
    second = asyncio.create_task(after_the_gate())
    await asyncio.sleep(0)
    source.gate.set()
    assert [status.message for _, status in await asyncio.gather(first, second)] == ["first", "second"]


async def test_stop_ends_a_hung_fetch_and_scrapes_that_wait_for_it_go_on() -> None:
    source = Source()
    source.gate.clear()
    runner = runner_of(source)
    scrape = asyncio.create_task(runner.lines(60))
    await until(lambda: source.calls == 1)
    async with asyncio.timeout(FAR_S):
        await runner.stop()
        lines, status = await scrape
    assert lines is None
    assert (status.success, status.reason, status.message) == (False, Reason.UNAVAILABLE, "stopped")
    assert len(asyncio.all_tasks()) == 1


async def test_stopped_runner_collects_no_more() -> None:
    source = Source()
    runner = runner_of(source)
    assert (await runner.lines(1))[1].success
    await runner.stop()
    await runner.stop()
    await runner.first()
    lines, status = await runner.lines(1)
    assert lines is None
    assert (status.message, source.calls) == ("stopped", 1)


async def test_stop_before_anything_ran_is_harmless() -> None:
    source = Source()
    await runner_of(source).stop()
    assert source.calls == 0


async def test_stop_does_not_wait_for_what_cannot_be_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    with Stubborn() as stubborn:
        runner = Runner(Collection(Source(stubborn), OnScrape()), grace_s=0.01)
        assert (await runner.lines(0.01))[1].reason is Reason.TIMEOUT
        async with asyncio.timeout(FAR_S):
            await runner.stop()
        assert "hangs though stopped collector=source cloud=uni" in caplog.text
    await until(lambda: len(asyncio.all_tasks()) == 1)


async def test_scrape_in_a_great_hurry_is_not_counted_as_a_failure_of_its_collectors() -> None:
    loop_time = LoopTime()
    source = Source()
    source.gate.clear()
    runner = runner_of(source)
    for allowed_s in (0.001, 0.05, 0.089):
        scrape = asyncio.create_task(runner.lines(allowed_s))
        await loop_time.goes_on(0)
        await loop_time.goes_on(allowed_s)
        lines, status = await outcome(scrape)
        assert (lines, status.success, status.reason) == (None, False, Reason.TIMEOUT), "so its own page says"
    assert source.calls == 1, "the collection goes on"
    assert (runner.status.success, dict(runner.status.errors)) == (None, {})
    source.gate.set()
    await until(lambda: runner.status.success is True)
    assert dict(runner.status.errors) == {}


async def test_collection_that_a_scrape_in_a_hurry_began_has_its_own_time_out() -> None:
    loop_time = LoopTime()
    source = Source()
    source.gate.clear()
    runner = runner_of(source, timeout_s=3)
    scrape = asyncio.create_task(runner.lines(0.05))
    await loop_time.goes_on(0)
    await loop_time.goes_on(2.9)
    await outcome(scrape)
    assert runner.status.success is None
    await loop_time.goes_on(0.2)
    assert dict(runner.status.errors) == {Reason.TIMEOUT: 1}


async def test_scrape_with_a_tenth_of_a_second_is_one_like_others() -> None:
    loop_time = LoopTime()
    source = Source()
    source.gate.clear()
    runner = runner_of(source)
    scrape = asyncio.create_task(runner.lines(within_s("0.1")))
    await loop_time.goes_on(0)
    await loop_time.goes_on(0.2)
    await outcome(scrape)
    await until(lambda: dict(runner.status.errors) == {Reason.TIMEOUT: 1})
