"""So many requests per second."""

import pytest

from stratoscope.clouds.client.limiter import Rate
from support.wheel import Wheel


async def _moments(per_second: float, number: int) -> list[float]:
    """When each of so many, all there at once, gets its turn; seconds from the start."""
    wheel = Wheel()
    rate = Rate(per_second, wheel.clock)
    began = wheel.time_s

    async def one() -> float:
        await rate.wait(began + 1000)
        return wheel.time_s - began

    return [
        moment for moment in await wheel.run(*(one() for _ in range(number))) if isinstance(moment, float)
    ]


async def test_one_seconds_worth_goes_at_once_then_they_go_evenly() -> None:
    assert await _moments(4, 8) == pytest.approx([0, 0, 0, 0, 0.25, 0.5, 0.75, 1.0])


async def test_less_than_one_per_second_goes_one_by_one() -> None:
    assert await _moments(0.5, 3) == pytest.approx([0, 2, 4])


async def test_whoever_would_be_too_late_takes_nothing() -> None:
    wheel = Wheel()
    rate = Rate(1, wheel.clock)
    await rate.wait(wheel.time_s)
    with pytest.raises(TimeoutError):
        await rate.wait(wheel.time_s + 0.5)
    wheel.time_s += 1
    await rate.wait(wheel.time_s)  # its turn has not been given to the one who left


async def test_a_pause_earns_no_more_than_one_seconds_worth() -> None:
    wheel = Wheel()
    rate = Rate(2, wheel.clock)
    wheel.time_s += 3600
    await rate.wait(wheel.time_s)
    await rate.wait(wheel.time_s)
    with pytest.raises(TimeoutError):
        await rate.wait(wheel.time_s + 0.4)


async def test_more_per_second_holds_at_once_though_many_wait() -> None:
    wheel = Wheel()
    rate = Rate(0.1, wheel.clock)
    began = wheel.time_s
    moments: list[float] = []

    async def one() -> None:
        await rate.wait(began + 1000)
        moments.append(wheel.time_s - began)

    async def many() -> None:
        rate.change(10)
        await rate.wait(began + 1000)
        moments.append(wheel.time_s - began)

    await wheel.run(one(), one(), one(), many())
    assert moments == pytest.approx([0, 0.3, 10, 20])
