"""One reading for all who ask for the same thing."""

import asyncio

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.ttl_cache import TTLCache
from support.patience import FAR_S


class Source:
    """Counts how often it was asked; a clock beside it."""

    def __init__(self) -> None:
        self.now, self.asked = 100.0, 0
        self.error: Exception | None = None
        self.cache = TTLCache(self.ask, Clock(monotonic=lambda: self.now))

    async def ask(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return self.asked


async def test_answer_serves_until_it_is_too_old() -> None:
    source = Source()
    assert await source.cache.not_older_than(60) == 1
    source.now += 60
    assert await source.cache.not_older_than(60) == 1
    source.now += 0.1
    assert await source.cache.not_older_than(60) == 2


async def test_who_asks_anew_gets_what_is_now_and_others_get_that_too() -> None:
    source = Source()
    assert await source.cache.anew() == 1
    assert await source.cache.anew() == 2
    assert await source.cache.not_older_than(60) == 2


async def test_all_who_ask_at_once_share_one_reading() -> None:
    source = Source()
    assert await asyncio.gather(*(source.cache.not_older_than(60) for _ in range(5))) == [1] * 5


async def test_failure_is_nobodys_answer_and_leaves_the_last_one() -> None:
    source = Source()
    await source.cache.anew()
    source.error = OSError("down")
    with pytest.raises(OSError, match="down"):
        await source.cache.anew()
    assert await source.cache.not_older_than(60) == 1


async def test_answer_that_is_young_enough_is_given_while_another_waits_for_the_next() -> None:
    answers = asyncio.Event()
    answers.set()
    cache = TTLCache(answers.wait)
    await cache.anew()
    answers.clear()
    waiting = asyncio.ensure_future(cache.anew())
    await asyncio.sleep(0)
    async with asyncio.timeout(FAR_S):
        assert await cache.not_older_than(60)
    assert not waiting.done()
    waiting.cancel()


async def test_answer_is_as_old_as_the_question() -> None:
    source = Source()

    async def slow() -> int:
        source.now += 50
        return await source.ask()

    cache = TTLCache(slow, Clock(monotonic=lambda: source.now))
    await cache.anew()
    source.now += 20
    assert await cache.not_older_than(60) == 2
