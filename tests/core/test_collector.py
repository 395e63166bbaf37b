"""Schedules refuse times that cannot be; a collection knows how long it has."""

import asyncio
import math
import re
import time

import pytest

from stratoscope.core.collector import Collection, Collections, Collector, Every, OnScrape
from stratoscope.core.deadline import DEADLINE, at_most_s, time_left_s
from stratoscope.core.metrics import Sample
from support.source import Source, vcpus


@pytest.mark.parametrize(
    ("interval_s", "timeout_s", "max_age_s", "message"),
    [
        (60, 50, 169, "max_age: at least 2 x interval + timeout, so that one failure hides nothing"),
        (60, 50, math.nan, "max_age: at least 2 x interval + timeout, so that one failure hides nothing"),
        (0, 50, 300, "interval: 0 s is no time to wait; allowed: more than 0 s"),
        (-1, 50, 300, "interval: -1 s is no time to wait; allowed: more than 0 s"),
        (math.nan, 50, 300, "interval: nan s is no time to wait; allowed: more than 0 s"),
        (math.inf, 50, math.inf, "interval: inf s is no time to wait; allowed: more than 0 s"),
        (60, 0, 300, "timeout: 0 s is no time to wait; allowed: more than 0 s"),
    ],
)
def test_background_schedule_that_cannot_be_is_refused_by_key(
    interval_s: float, timeout_s: float, max_age_s: float, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Every(interval_s, timeout_s, max_age_s)


@pytest.mark.parametrize("max_age_s", [170, 1000, math.inf])
def test_max_age_from_two_intervals_and_a_timeout_on_is_allowed(max_age_s: float) -> None:
    assert Every(60, 50, max_age_s).max_age_s == max_age_s


def test_schedule_on_scrape_needs_time_too() -> None:
    with pytest.raises(ValueError, match=r"^timeout: 0 s is no time to wait; allowed: more than 0 s$"):
        OnScrape(0)
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


async def test_patience_is_at_most_half_of_what_a_collection_has_left() -> None:
    assert at_most_s(7) == 7
    DEADLINE.set(time.monotonic() + 10)
    assert 4 < at_most_s(7) <= 5
    assert at_most_s(3) == 3
    DEADLINE.set(time.monotonic() - 1)
    assert at_most_s(7) == 0
