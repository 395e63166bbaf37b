"""Collected in the background: a scrape copies the last success, until it is too old."""

import asyncio

import pytest

from stratoscope.core.collector import Collection, Every, OnScrape
from stratoscope.core.errors import CollectError, Reason
from stratoscope.core.metrics import Sample
from stratoscope.core.runner import Latest, Runner
from support.pages import joined
from support.patience import FAR_S
from support.source import Clock, Source, Stubborn, until, vcpus

SCHEDULE = Every(interval_s=60, timeout_s=50, max_age_s=300)
DOWN = CollectError(Reason.UNAVAILABLE, "connection refused")


def runner_of(source: Source, clock: Clock, schedule: Every = SCHEDULE) -> Runner:
    return Runner(Collection(source, schedule), monotonic=clock, now=clock, sleep=clock.sleep)


async def test_scrape_does_not_ask_the_source() -> None:
    source = Source()
    runner = runner_of(source, Clock())
    assert await runner.lines(1) == (None, runner.status)
    assert (source.calls, runner.status.success) == (0, None)
    await runner.first()
    lines = [(await runner.lines(1))[0] for _ in range(3)]
    assert source.calls == 1
    assert lines[0] is not None
    assert lines[0] is lines[1] is lines[2]


async def test_failed_collection_keeps_the_snapshot_until_max_age_then_it_is_withdrawn() -> None:
    source, clock = Source([vcpus("vm-1"), vcpus("vm-2")], DOWN), Clock()
    runner = runner_of(source, clock)
    await runner.first()
    kept, _ = await runner.lines(1)
    clock.time_s += 300
    await runner.first()
    lines, status = await runner.lines(1)
    assert lines is kept
    assert lines is not None
    assert (status.success, status.reason, status.samples) == (False, Reason.UNAVAILABLE, 2)
    assert (status.last_success, runner.shown()[1]) == (1000, status)
    clock.time_s += 0.001
    lines, status = await runner.lines(1)
    assert lines is None  # withdrawn, not zeroed
    assert (status.samples, status.last_success) == (0, 1000)
    clock.time_s -= 1
    assert (await runner.lines(1))[0] is None  # and it does not come back


async def test_snapshot_that_nobody_renews_is_withdrawn_too() -> None:
    clock = Clock()
    runner = runner_of(Source(), clock)
    await runner.first()
    clock.time_s += 301
    lines, status = await runner.lines(1)
    assert (lines, status.success, status.samples) == (None, True, 0)


async def test_success_replaces_the_snapshot_and_its_age() -> None:
    source, clock = Source([vcpus("vm-1", 1)], [vcpus("vm-1", 2)]), Clock()
    runner = runner_of(source, clock)
    await runner.first()
    clock.time_s += 299
    await runner.first()
    clock.time_s += 299
    lines, _ = await runner.lines(1)
    assert lines is not None
    assert "} 2\n" in joined(lines)


async def test_verdict_of_a_failure_shows_once_no_snapshot_does() -> None:
    class WithVerdict(Source):
        def failure(self) -> list[Sample]:
            return [vcpus("vm-1", 0)]

    source, clock = WithVerdict([vcpus("vm-1"), vcpus("vm-2")], DOWN, [vcpus("vm-1")]), Clock()
    runner = runner_of(source, clock)
    await runner.first()
    kept, _ = await runner.lines(1)
    await runner.first()
    assert (await runner.lines(1))[0] is kept
    clock.time_s += 301
    lines, status = await runner.lines(1)
    assert lines is not None
    assert (lines.samples, status.samples, status.success) == (1, 1, False)
    await runner.first()
    clock.time_s += 301
    assert (await runner.lines(1))[0] is None  # a success took the verdict back


async def stop_after(runner: Runner, clock: Clock, sleeps: int) -> None:
    """Run the background until it has slept so often."""
    background = asyncio.create_task(runner.run())
    await until(lambda: len(clock.slept_s) >= sleeps)
    await runner.stop()
    async with asyncio.timeout(FAR_S):
        await background


async def test_background_collects_at_each_interval_whatever_a_collection_takes() -> None:
    clock, took_s = Clock(), [0.0, 7.0, 0.0, 59.0, 75.0]
    source = Source()

    async def slow() -> list[Sample]:
        clock.time_s += took_s[source.calls - 1] if source.calls <= len(took_s) else 0
        return []

    source.answers = [slow]
    await stop_after(runner_of(source, clock), clock, 5)
    assert clock.slept_s[1:5] == [53, 60, 1, 0]  # the one that took longer than an interval: the next at once


async def test_after_a_failure_it_is_tried_again_within_a_minute_whatever_the_interval() -> None:
    rare, clock = Every(interval_s=600, timeout_s=50, max_age_s=1300), Clock()
    runner = runner_of(Source(DOWN, DOWN, []), clock, rare)
    await stop_after(runner, clock, 3)
    assert 30 <= clock.slept_s[0] < 60
    assert clock.slept_s[1:3] == [60, 600]


async def test_after_a_time_out_it_rests_for_as_long_as_it_was_under_way() -> None:
    clock, slow = Clock(), Every(interval_s=300, timeout_s=120, max_age_s=900)

    async def never() -> list[Sample]:
        clock.time_s += 120
        raise CollectError(Reason.TIMEOUT, "no answer within 120 s")

    await stop_after(runner_of(Source(never), clock, slow), clock, 3)
    assert clock.slept_s[1:3] == [120, 120]


async def test_where_the_interval_is_short_a_failure_changes_nothing() -> None:
    clock, took_s = Clock(), [0.0, 0.0, 7.0, 50.0]

    async def fails() -> list[Sample]:
        clock.time_s += took_s.pop(0) if took_s else 0
        raise DOWN

    await stop_after(runner_of(Source(fails), clock), clock, 4)
    assert clock.slept_s[1:4] == [60, 53, 10]


async def test_background_goes_on_after_failures() -> None:
    source, clock = Source(DOWN, RuntimeError("a bug"), [vcpus("vm-1")]), Clock()
    runner = runner_of(source, clock)
    await stop_after(runner, clock, 4)
    assert runner.status.success
    assert runner.status.errors == {Reason.UNAVAILABLE: 1, Reason.INTERNAL: 1}


async def first_sleep_s(name: str, cloud: str) -> float:
    source, clock = Source(), Clock()
    source.name, source.cloud = name, cloud
    await stop_after(runner_of(source, clock), clock, 1)
    return clock.slept_s[0]


async def test_start_is_spread_by_cloud_and_name_over_half_an_interval() -> None:
    first_s = [await first_sleep_s(name, cloud) for name in ("servers", "hosts", "quotas") for cloud in "ab"]
    assert all(30 <= seconds < 60 for seconds in first_s)
    assert len(set(first_s)) == len(first_s)
    assert first_s[0] == await first_sleep_s("servers", "a")  # the same after each restart


async def test_background_ends_when_stopped_in_its_first_sleep() -> None:
    source, clock = Source(), Clock()
    runner = runner_of(source, clock)
    await runner.stop()
    async with asyncio.timeout(FAR_S):
        await runner.run()
    assert source.calls == 0


async def test_background_on_the_real_clock() -> None:
    source = Source()
    schedule = Every(interval_s=0.01, timeout_s=0.01, max_age_s=1)
    runner = Runner(Collection(source, schedule))
    background = asyncio.create_task(runner.run())
    await until(lambda: source.calls >= 3)
    background.cancel()
    with pytest.raises(asyncio.CancelledError):
        await background
    await runner.stop()


async def test_what_cannot_be_cancelled_counts_as_timeout_and_holds_up_nobody() -> None:
    schedule = Every(interval_s=0.01, timeout_s=0.01, max_age_s=1)
    with Stubborn() as stubborn:
        source = Source(stubborn)
        runner = Runner(Collection(source, schedule), grace_s=0.01)
        async with asyncio.timeout(FAR_S):
            await runner.first()
            await runner.first()
        lines, status = await runner.lines(1)
        assert (lines, status.success, source.calls) == (None, False, 1)
        assert status.message == "no answer within 0.01 s, and it cannot be cancelled"
        assert status.errors == {Reason.TIMEOUT: 2}
    await until(lambda: runner.status.success is True)  # late, but an answer


async def test_what_is_inherited_is_withdrawn_at_max_age_too() -> None:
    clock = Clock()
    before, runner = runner_of(Source(), clock), runner_of(Source(DOWN), clock)
    await before.first()
    runner.inherit(before)
    clock.time_s += 300
    assert (await runner.lines(1))[1].samples == 1
    clock.time_s += 0.001
    lines, status = await runner.lines(1)
    assert (lines, status.samples) == (None, 0)


async def test_what_is_inherited_is_withdrawn_when_the_first_collection_fails() -> None:
    clock = Clock()
    before, runner = runner_of(Source(), clock), runner_of(Source(DOWN), clock)
    await before.first()
    runner.inherit(before)
    assert (await runner.lines(1))[1].samples == 1
    await runner.first()
    lines, status = await runner.lines(1)
    assert (lines, status.success, status.samples, status.last_success) == (None, False, 0, 1000)


class Keeping(Source):
    """Keeps how many samples it had, and when that began."""

    def kept(self, data: list[Sample], as_of: float, /) -> object:
        return len(data), as_of


async def test_latest_has_what_is_kept_of_the_last_success_until_it_is_withdrawn() -> None:
    clock = Clock()

    async def slow() -> list[Sample]:
        clock.time_s += 7
        return [vcpus("vm-1"), vcpus("vm-2")]

    runner = runner_of(Keeping(slow, DOWN), clock)
    assert runner.latest() is None
    await runner.first()
    clock.time_s += 3
    assert runner.latest() == Latest(kept=(2, 1000.0), as_of=1000.0, age_s=10.0)
    await runner.first()
    clock.time_s += 297  # the snapshot's age counts from its end
    assert runner.latest() == Latest(kept=(2, 1000.0), as_of=1000.0, age_s=307.0)
    clock.time_s += 0.001
    assert runner.latest() is None
    assert (await runner.lines(1))[0] is None


async def test_latest_of_a_collector_that_keeps_nothing_says_when_it_began() -> None:
    clock = Clock()
    runner = runner_of(Source(), clock)
    await runner.first()
    assert runner.latest() == Latest(kept=None, as_of=1000.0, age_s=0.0)


async def test_collector_that_runs_when_scraped_keeps_nothing() -> None:
    runner = Runner(Collection(Keeping(), OnScrape()))
    await runner.first()
    assert runner.latest() is None


async def test_successor_has_what_was_kept_until_it_has_been_tried() -> None:
    clock = Clock()
    before, after = runner_of(Keeping(), clock), runner_of(Keeping(DOWN), clock)
    await before.first()
    after.inherit(before)
    assert after.latest() == before.latest()
    await after.first()
    assert after.latest() is None
