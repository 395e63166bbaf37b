"""The collectors of one life of an exporter: they render in turn, and none waits for another's first time."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from stratoscope.core.collector import Collection, Collections, Collector, Every, OnScrape
from stratoscope.core.exporter import Exporter
from stratoscope.core.generation import Running
from stratoscope.core.metrics import Sample
from support.patience import FAR_S
from support.source import Source, until, vcpus


class Renders(Source):
    """Counts how many of its kind render at once."""

    now = most = 0

    def samples(self, data: list[Sample], /) -> Iterable[Sample]:
        Renders.now += 1
        Renders.most = max(Renders.most, Renders.now)
        time.sleep(0.01)
        Renders.now -= 1
        return data


class Stuck(Source):
    """Renders until it is told to end."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end = threading.Event()

    def samples(self, data: list[Sample], /) -> Iterable[Sample]:
        self.may_end.wait(5)
        return data


class Hangs(Source):
    """Is not answered until it is told to end."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end = asyncio.Event()

    async def fetch(self) -> list[Sample]:
        await self.may_end.wait()
        return []


@asynccontextmanager
async def tried(*collectors: Collector[list[Sample]], timeout_s: float = 5) -> AsyncIterator[Running]:
    """An exporter of these collectors, each of which has been tried."""

    @asynccontextmanager
    async def opened(_: object) -> AsyncIterator[Collections]:
        yield Collections([Collection(collector, OnScrape(timeout_s)) for collector in collectors])

    exporter = Exporter(name="slurper", port=0, summary="Shows.", parse=lambda *_: None, open=opened)
    running = Running(exporter, None)
    running.start()
    await running.tried()
    yield running
    await running.close()


async def test_one_collector_renders_at_a_time() -> None:
    async with tried(Renders(), Renders(), Renders(), Renders()) as running:
        assert [runner.status.success for runner in running.runners] == [True] * 4
    assert Renders.most == 1


async def test_collector_that_never_has_rendered_costs_the_others_no_more_than_its_time_out() -> None:
    stuck = Stuck()
    async with tried(stuck, Source([vcpus("vm-1")]), timeout_s=1) as running:
        assert running.runners[0].status.success is False
        _, status = await running.runners[1].lines(5)
        assert status.success is True
    stuck.may_end.set()


async def test_collector_that_hangs_at_the_start_delays_no_other_one() -> None:
    hangs, often = Hangs(), Source([vcpus("vm-1")])

    @asynccontextmanager
    async def opened(_: object) -> AsyncIterator[Collections]:
        schedules = Every(0.01, 30, 31), Every(0.01, 1, 2)
        yield Collections([Collection(hangs, schedules[0]), Collection(often, schedules[1])])

    exporter = Exporter(name="slurper", port=0, summary="Shows.", parse=lambda *_: None, open=opened)
    running = Running(exporter, None)
    running.start()
    await until(lambda: often.calls >= 3)
    tried = asyncio.create_task(running.tried())
    await asyncio.sleep(0)
    assert not tried.done()
    hangs.may_end.set()
    await tried
    await running.close()


async def test_exporter_without_collectors_has_tried_them_all() -> None:
    async with asyncio.timeout(FAR_S), tried() as running:
        assert running.runners == []
