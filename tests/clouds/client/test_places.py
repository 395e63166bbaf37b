"""Places that services share: halves, and a quarter for those that have none."""

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack

import pytest

from stratoscope.clouds.client.backoff import Backoff
from stratoscope.clouds.client.limiter import Places
from support.patience import FAR_S

COMPUTE = Backoff()


class Crowd:
    """Takes places, and keeps them."""

    def __init__(self, number: int) -> None:
        self._places = Places(number)
        self.services: defaultdict[str, Backoff] = defaultdict(Backoff)
        self._tasks: list[asyncio.Task[None]] = []
        self.inside: list[str] = []
        self.end = asyncio.Event()

    async def come(self, *services: str, is_beside: bool = False) -> None:
        self._tasks += [asyncio.create_task(self._stay(one, is_beside=is_beside)) for one in services]
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def cancel(self, place: int) -> None:
        self._tasks[place].cancel()
        await asyncio.wait({self._tasks[place]})
        await asyncio.sleep(0)

    async def leave(self) -> None:
        self.end.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _stay(self, service: str, *, is_beside: bool) -> None:
        async with self._places.one(Backoff() if is_beside else self.services[service]):
            self.inside.append(service)
            try:
                await self.end.wait()
            finally:
                self.inside.remove(service)


async def test_a_service_has_half_of_the_places_at_most() -> None:
    crowd = Crowd(8)
    await crowd.come(*["compute"] * 9)
    assert crowd.inside == ["compute"] * 4
    await crowd.leave()


async def test_a_quarter_is_for_services_that_have_none() -> None:
    crowd = Crowd(8)
    await crowd.come(*["compute"] * 9, *["network"] * 9)
    assert crowd.inside.count("network") == 2
    await crowd.come("image", "image", "identity", "image")
    assert sorted(crowd.inside[6:]) == ["identity", "image"]
    await crowd.leave()


async def test_one_beside_its_share_takes_any_that_is_free() -> None:
    crowd = Crowd(8)
    await crowd.come(*["compute"] * 9, *["network"] * 9)
    await crowd.come("compute", "compute", "compute", is_beside=True)
    assert crowd.inside.count("compute") == 6
    await crowd.leave()


@pytest.mark.parametrize(("number", "share"), [(2, 1), (3, 2), (4, 2), (8, 4)])
async def test_what_goes_beside_a_share_takes_nothing_of_it(number: int, share: int) -> None:
    crowd = Crowd(number)
    await crowd.come("compute", is_beside=True)
    await crowd.come(*["compute"] * 9)
    assert crowd.inside == ["compute"] * (1 + share)
    await crowd.leave()


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_few_places_are_all_used_and_one_suffices(number: int) -> None:
    crowd = Crowd(number)
    await crowd.come("compute", "network", "image", "identity")
    assert crowd.inside == ["compute", "network", "image"][:number]
    await crowd.leave()
    assert crowd.inside == []


async def test_who_waits_comes_in_when_another_goes() -> None:
    crowd = Crowd(2)
    await crowd.come("compute", "network", "image")
    await crowd.cancel(0)
    assert crowd.inside == ["network", "image"]
    await crowd.leave()


async def test_who_is_cancelled_while_it_waits_takes_nothing() -> None:
    crowd = Crowd(1)
    await crowd.come("compute", "network", "image")
    await crowd.cancel(1)
    await crowd.cancel(0)
    assert crowd.inside == ["image"]
    await crowd.leave()


async def test_who_is_cancelled_just_when_it_has_a_place_gives_it_back() -> None:
    places = Places(1)
    async with AsyncExitStack() as first:
        await first.enter_async_context(places.one(COMPUTE))
        second = asyncio.create_task(_pass(places))
        await asyncio.sleep(0)
    second.cancel()  # it has the place, and has not run since
    await asyncio.wait({second})
    async with asyncio.timeout(FAR_S):
        await _pass(places)


async def _pass(places: Places) -> None:
    async with places.one(COMPUTE):
        pass


async def test_whoever_waits_is_let_in_when_there_are_more_places() -> None:
    crowd = Crowd(2)
    await crowd.come("compute", "compute", "compute")
    assert crowd.inside == ["compute"]
    crowd._places.change(8)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert crowd.inside == ["compute"] * 3
    await crowd.leave()
