"""The parts of an exporter: how its collectors run beside each other, and what a reload keeps."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from stratoscope.core.collector import Collection, Collections, Collector, Every, OnScrape
from stratoscope.core.errors import CollectError, Reason
from stratoscope.core.exporter import Exporter
from stratoscope.core.metrics import Sample
from stratoscope.core.part import Opened, Part, Site
from stratoscope.core.parts import Parts
from support.houses import PROGRAM, parse
from support.patience import FAR_S
from support.source import Source, Stubborn, until, vcpus


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


def exporter(*collections: Collection) -> Exporter:
    """An exporter of one part."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Opened]:
        yield Opened()

    part = Part(name="part", identity=None, open=opened, collections=lambda _: Collections(collections))
    return Exporter(program=PROGRAM, parse=parse, parts=lambda *_: [part])


@asynccontextmanager
async def running(*collections: Collection) -> AsyncIterator[Parts]:
    """An exporter of these collections."""
    runs = Parts(exporter(*collections), Site(CollectorRegistry()), None, broken)
    await runs.put_into_force(None)
    yield runs
    await runs.close(FAR_S)


def broken(error: BaseException) -> None:
    raise error


@asynccontextmanager
async def tried(*collectors: Collector[list[Sample]], timeout_s: float = 5) -> AsyncIterator[Parts]:
    """An exporter of these collectors, each of which has been tried."""
    async with running(*(Collection(one, OnScrape(timeout_s)) for one in collectors)) as runs:
        await runs.tried()
        yield runs


async def test_one_collector_renders_at_a_time() -> None:
    async with tried(Renders(), Renders(), Renders(), Renders()) as runs:
        assert [runner.status.success for runner in runs.runners] == [True] * 4
    assert Renders.most == 1


async def test_collector_that_never_has_rendered_costs_the_others_no_more_than_its_time_out() -> None:
    stuck = Stuck()
    async with tried(stuck, Source([vcpus("vm-1")]), timeout_s=1) as runs:
        assert runs.runners[0].status.success is False
        _, status = await runs.runners[1].lines(5)
        assert status.success is True
    stuck.may_end.set()


async def test_collector_that_hangs_at_the_start_delays_no_other_one() -> None:
    hangs, often = Hangs(), Source([vcpus("vm-1")])
    async with running(Collection(hangs, Every(0.01, 30, 31)), Collection(often, Every(0.01, 1, 2))) as runs:
        await until(lambda: often.calls >= 3)
        trying = asyncio.create_task(runs.tried())
        await asyncio.sleep(0)
        assert not trying.done()
        hangs.may_end.set()
        await trying


async def test_exporter_without_collectors_has_tried_them_all() -> None:
    async with asyncio.timeout(FAR_S), tried() as runs:
        assert runs.runners == []


async def test_source_that_is_away_is_one_line_in_the_log_and_so_is_its_return(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "stratoscope.core")
    sources = [Source(CollectError(Reason.UNAVAILABLE, "oned: Connection refused"), []) for _ in range(14)]
    for number, source in enumerate(sources):
        source.name = f"c{number:02}"
    names = ",".join(source.name for source in sources)
    async with tried(*sources) as runs:
        (said,) = [record.message for record in caplog.records]
        why = "reason=unavailable error='oned: Connection refused'"
        assert said == f"failed collectors=14 cloud=uni {why} names={names}"
        assert [runner.status.errors for runner in runs.runners] == [{Reason.UNAVAILABLE: 1}] * 14
        caplog.clear()
        await asyncio.gather(*(runner.lines(5) for runner in runs.runners))
    assert [record.message for record in caplog.records] == [
        f"recovered collectors=14 cloud=uni names={names}"
    ]


async def test_what_waits_for_the_log_is_written_though_a_collector_hangs_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Stubborn() as stubborn:
        hangs, fails = Source(stubborn), Source(CollectError(Reason.BUSY, "busy"))
        collections = [Collection(one, Every(60, 30, 180)) for one in (hangs, fails)]
        runs = Parts(exporter(*collections), Site(CollectorRegistry()), None, broken)
        await runs.put_into_force(None)
        await until(lambda: runs.runners[1].status.success is False)
        assert caplog.messages == []
        await runs.close(0.05)
        assert "failed collector=source cloud=uni reason=busy error='busy'" in caplog.messages
