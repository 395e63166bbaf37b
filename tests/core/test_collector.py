"""The configuration refuses schedules that cannot be; a collection knows how long it has."""

import asyncio
import math
import time

import pytest

from stratoscope.core.collector import Collection, Collections, Collector, Every, OnScrape
from stratoscope.core.config import CollectorSettings, Duration, decode
from stratoscope.core.deadline import DEADLINE, at_most_s, bounded, time_left_s
from stratoscope.core.errors import ConfigError
from stratoscope.core.metrics import Sample
from support.source import Source, vcpus

EVERY = Every(interval_s=60, timeout_s=50, max_age_s=300)


@pytest.mark.parametrize("key", ["interval", "timeout"])
@pytest.mark.parametrize("no_time", ["0s", "0", "-1s", -1, math.nan, math.inf, "366d"])
def test_times_that_nobody_can_wait_for_are_refused_by_key(key: str, no_time: object) -> None:
    with pytest.raises(ConfigError, match=rf"^pools\.{key}: expected a duration "):
        decode(CollectorSettings, {key: no_time}, "pools")


@pytest.mark.parametrize("max_age_s", [1, 169, 169.999])
def test_max_age_at_which_one_failure_hides_the_samples_is_refused(max_age_s: float) -> None:
    settings = CollectorSettings(max_age=Duration(max_age_s))
    message = r"^pools\.max_age: expected 2 x interval \+ timeout at least, which is 2m50s$"
    with pytest.raises(ConfigError, match=message):
        settings.schedule(EVERY, "pools")


@pytest.mark.parametrize("max_age_s", [170, 1000])
def test_max_age_from_two_intervals_and_a_timeout_on_is_allowed(max_age_s: float) -> None:
    settings = CollectorSettings(max_age=Duration(max_age_s))
    assert settings.schedule(EVERY, "pools") == Every(60, 50, max_age_s)


def test_default_max_age_that_is_too_short_becomes_as_long_as_it_has_to_be() -> None:
    assert CollectorSettings().schedule(Every(60, 50, 100), "pools") == Every(60, 50, 170)


def test_schedule_on_scrape_has_ten_seconds() -> None:
    assert OnScrape().timeout_s == 10


def test_nothing_is_left_out_unless_said() -> None:
    collection = Collection(Source(), OnScrape())
    assert Collections([collection]).left_out == ()


async def test_collector_says_nothing_of_bad_items_and_failures_unless_it_wants_to() -> None:
    class Plain(Collector[int]):
        async def fetch(self) -> int:
            return 7

        def samples(self, data: int, /) -> list[Sample]:
            return [vcpus("vm-1", data)]

    plain = Plain()
    data = await plain.fetch()
    assert [value for _, _, value in plain.samples(data)] == [7]
    assert (plain.malformed(data), list(plain.failure()), plain.cloud, plain.subjects) == (0, [], "", {})
    assert list(plain.cached(data)) == []


async def test_time_left_shrinks_and_is_never_negative() -> None:
    DEADLINE.set(time.monotonic() + 10)
    before = time_left_s()
    await asyncio.sleep(0.001)
    assert 9 < time_left_s() < before <= 10
    DEADLINE.set(time.monotonic() - 1)
    assert time_left_s() == 0


async def test_bounded_work_knows_its_time_and_leaves_that_of_its_caller_as_it_was() -> None:
    DEADLINE.set(time.monotonic() + 100)
    async with bounded(10) as timeout:
        assert 9 < time_left_s() <= 10
        assert timeout.when() is not None
    assert time_left_s() > 90


@pytest.mark.parametrize("within_s", [0.01, 0, -5])
async def test_bounded_work_ends_when_its_time_is_over(within_s: float) -> None:
    with pytest.raises(TimeoutError):
        async with bounded(within_s):
            await asyncio.Event().wait()
    assert DEADLINE.get(None) is None


async def test_patience_is_at_most_half_of_what_a_collection_has_left() -> None:
    assert at_most_s(7) == 7
    DEADLINE.set(time.monotonic() + 10)
    assert 4 < at_most_s(7) <= 5
    assert at_most_s(3) == 3
    DEADLINE.set(time.monotonic() - 1)
    assert at_most_s(7) == 0
