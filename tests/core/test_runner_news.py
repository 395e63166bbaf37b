"""A source that says itself that something changed is collected before the interval is over."""

import asyncio

from stratoscope.core.collector import Collection, Every
from stratoscope.core.errors import CollectError, Reason
from stratoscope.core.metrics import Sample
from stratoscope.core.runner import Runner
from support.patience import FAR_S
from support.source import Answer, Clock, Source, until

RARE = Every(interval_s=600, timeout_s=50, max_age_s=1300)
DOWN = CollectError(Reason.UNAVAILABLE, "connection refused")


class Held(Clock):
    """A clock on which only pauses of less than half a minute end."""

    async def sleep(self, seconds: float) -> None:
        if seconds < 30:
            await super().sleep(seconds)
        else:
            self.slept_s.append(seconds)
            await asyncio.Event().wait()


class Announces(Source):
    def __init__(self, *answers: Answer) -> None:
        super().__init__(*answers)
        self.news = asyncio.Event()


async def ended(runner: Runner, background: "asyncio.Task[None]") -> None:
    await runner.stop()
    async with asyncio.timeout(FAR_S):
        await background


async def collected_by_news(source: Announces, runner: Runner, times: int) -> None:
    """Run it with news without end, until it has been collected so often."""

    def is_enough() -> bool:
        source.news.set()
        return source.calls >= times

    background = asyncio.create_task(runner.run())
    await until(is_enough)
    await ended(runner, background)


async def test_news_start_a_collection_once_a_second() -> None:
    source, clock = Announces(), Held()
    runner = Runner(Collection(source, RARE), monotonic=clock, now=clock, sleep=clock.sleep)
    await collected_by_news(source, runner, 5)
    assert 4 <= clock.time_s - 1000 <= 5


async def test_collection_takes_the_news_that_started_it() -> None:
    source, clock = Announces(), Held()
    runner = Runner(Collection(source, RARE), monotonic=clock, now=clock, sleep=clock.sleep)
    source.news.set()
    await runner.first()
    assert not source.news.is_set()


async def test_without_news_the_interval_decides() -> None:
    source, clock = Announces(), Held()
    runner = Runner(Collection(source, RARE), monotonic=clock, now=clock, sleep=clock.sleep)
    background = asyncio.create_task(runner.run())
    await until(lambda: 1.0 in clock.slept_s)
    for _ in range(20):
        await asyncio.sleep(0)
    assert source.calls == 1
    await ended(runner, background)


async def test_after_a_slow_collection_news_wait_for_four_times_as_long() -> None:
    clock = Held()

    async def slow() -> list[Sample]:
        clock.time_s += 3
        return []

    source = Announces(slow)
    runner = Runner(Collection(source, RARE), monotonic=clock, now=clock, sleep=clock.sleep)
    await collected_by_news(source, runner, 3)
    assert 12.0 in clock.slept_s


async def test_news_do_not_repeat_a_failure() -> None:
    source, clock = Announces(DOWN), Held()
    runner = Runner(Collection(source, RARE), monotonic=clock, now=clock, sleep=clock.sleep)
    background = asyncio.create_task(runner.run())
    await until(lambda: bool(clock.slept_s))
    for _ in range(20):
        source.news.set()
        await asyncio.sleep(0)
    assert (source.calls, [one for one in clock.slept_s if one < 30]) == (1, [])
    await ended(runner, background)
