"""What a reload keeps, and the order in which it changes the rest: two generations never run at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from stratoscope.core.collector import Collection, Collections, Every, OnScrape
from stratoscope.core.exporter import Exporter
from stratoscope.core.part import Opened, Part, Site, Task
from stratoscope.core.parts import Parts
from support.houses import PROGRAM, parse
from support.patience import FAR_S
from support.source import LoopTime, Source, until, vcpus

Clouds = Mapping[str, tuple[str, float]]
"""By name: the credential of a cloud, and its interval."""


@dataclass
class World:
    """An exporter of clouds whose sources are here to be looked at.

    Attributes:
        events: What was opened, begun and closed, in order, as `open uni/secret`.
        sources: The last source of each cloud.
        closing: Awaited when a cloud is closed.
        broken: Errors that ended a part by themselves.
    """

    events: list[str] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)
    closing: Callable[[], Any] = lambda: asyncio.sleep(0)
    fails: str = ""
    broken: list[BaseException] = field(default_factory=list)

    def running(self) -> Parts:
        exporter = Exporter(program=PROGRAM, parse=parse, parts=self.parts)
        return Parts(exporter, Site(CollectorRegistry()), None, self.broken.append)

    def parts(self, clouds: Clouds, _: Site) -> Iterator[Part]:
        for name, (credential, interval_s) in clouds.items():
            yield Part(
                name=name,
                identity=credential,
                open=lambda name=name, credential=credential: self.open(name, credential),
                collections=lambda opened, interval_s=interval_s: Collections(
                    [Collection(opened.collectors[0], Every(interval_s, 5, 3 * interval_s))]
                ),
            )

    @asynccontextmanager
    async def open(self, name: str, credential: str) -> AsyncIterator[Opened]:
        if name == self.fails:
            raise RuntimeError(f"{name} cannot be opened")
        what = f"{name}/{credential}"
        self.events.append(f"open {what}")
        source = self.sources[name] = Source([vcpus(f"{what}/1")], [vcpus(f"{what}/2")])
        source.cloud = name

        async def work() -> None:
            self.events.append(f"begin {what}")
            await asyncio.get_running_loop().create_future()

        try:
            yield Opened([source], [Task(name, work)], value=credential)
        finally:
            await self.closing()
            self.events.append(f"close {what}")


@asynccontextmanager
async def runs(world: World, clouds: Clouds) -> AsyncIterator[Parts]:
    running = world.running()
    await running.put_into_force(clouds)
    await running.tried()
    yield running
    await running.close(FAR_S)


async def shown(running: Parts) -> dict[str, str]:
    """What is shown of each cloud."""
    found = {}
    for runner in running.runners:
        lines, _ = await runner.lines(1)
        text = "" if lines is None else b"".join(b"".join(one) for one in lines.by_family.values()).decode()
        found[runner.collector.cloud] = text.partition('vm_id="')[2].partition('"')[0]
    return found


async def test_part_that_is_not_changed_keeps_its_session_snapshot_and_tasks() -> None:
    world = World()
    async with runs(world, {"uni": ("a", 60), "lab": ("b", 60)}) as running:
        await until(lambda: len(world.events) == 4)
        kept = [one for one in running.runners if one.collector.cloud == "uni"]
        await running.put_into_force({"lab": ("c", 60), "uni": ("a", 60)})
        await running.tried()
        await until(lambda: len(world.events) == 7)
        assert world.events[4:] == ["open lab/c", "close lab/b", "begin lab/c"]
        assert [one for one in running.runners if one.collector.cloud == "uni"] == kept
        assert await shown(running) == {"lab": "lab/c/1", "uni": "uni/a/1"}
        assert running.opened == {"lab": "c", "uni": "a"}
        assert world.sources["uni"].calls == 1


async def test_changed_interval_asks_nothing_anew_and_holds_from_the_last_collection_on() -> None:
    time, world = LoopTime(), World()
    async with runs(world, {"uni": ("a", 3600)}) as running:
        source, (runner,) = world.sources["uni"], running.runners
        await running.put_into_force({"uni": ("a", 60)})
        assert running.runners == [runner]
        assert runner.collection.schedule == Every(60, 5, 180)
        assert (source.calls, await shown(running)) == (1, {"uni": "uni/a/1"})
        assert world.events == ["open uni/a", "begin uni/a"]
        await time.goes_on(0)
        await time.goes_on(29.9)
        assert source.calls == 1, "the first pause is half of the interval at least"
        await time.goes_on(30.2)
        await until(lambda: source.calls == 2)


async def test_part_that_is_gone_is_closed_and_shown_no_more() -> None:
    world = World()
    async with runs(world, {"uni": ("a", 60), "lab": ("b", 60)}) as running:
        await running.put_into_force({"uni": ("a", 60)})
        assert world.events[-1] == "close lab/b"
        assert await shown(running) == {"uni": "uni/a/1"}


async def test_what_the_one_before_showed_is_shown_until_its_successor_has_been_tried() -> None:
    world = World()
    async with runs(world, {"uni": ("a", 60)}) as running:
        (before,) = running.runners
        before.status = replace(before.status, malformed=7)
        gate = asyncio.Event()
        world.closing = lambda: asyncio.sleep(0)
        opening = world.open

        @asynccontextmanager
        async def held(name: str, credential: str) -> AsyncIterator[Opened]:
            async with opening(name, credential) as opened:
                world.sources[name].gate = gate
                yield opened

        world.open = held  # type: ignore[method-assign]
        await running.put_into_force({"uni": ("b", 60)})
        await until(lambda: world.sources["uni"].calls == 1)
        assert await shown(running) == {"uni": "uni/a/1"}
        gate.set()
        await running.tried()
        assert await shown(running) == {"uni": "uni/b/1"}
        assert running.runners[0].status.malformed == 7, "counters go on"


async def test_new_part_that_cannot_be_opened_leaves_all_as_it_was() -> None:
    world = World(fails="lab")
    async with runs(world, {"uni": ("a", 60)}) as running:
        with pytest.raises(RuntimeError, match="lab cannot be opened"):
            await running.put_into_force({"uni": ("b", 60), "lab": ("c", 60)})
        assert world.events == ["open uni/a", "begin uni/a", "open uni/b", "close uni/b"]
        assert running.settings == {"uni": ("a", 60)}
        assert await shown(running) == {"uni": "uni/a/1"}
        assert world.broken == []


async def test_old_that_does_not_end_breaks_the_exporter_and_its_successor_does_not_start(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratoscope.core.parts.CLOSE_TIMEOUT_S", 0.01)  # no test waits for 10 s
    monkeypatch.setattr("stratoscope.core.life._CANCEL_S", 0.01)
    world, may_end = World(), asyncio.Event()
    program = replace(PROGRAM, stop_timeout_s=0.01)

    async def stubborn() -> None:
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                continue

    world.closing = stubborn
    exporter = Exporter(program=program, parse=parse, parts=world.parts)
    running = Parts(exporter, Site(CollectorRegistry()), None, world.broken.append)
    await running.put_into_force({"uni": ("a", 60)})
    await running.tried()
    with pytest.raises(RuntimeError, match="uni: does not end"):
        await running.put_into_force({"uni": ("b", 60)})
    may_end.set()
    what = "uni: does not end, and its successor must not run beside it"
    assert [str(error) for error in world.broken] == [what]
    assert "hangs though closed part=uni" in caplog.text
    await running.close(FAR_S)
    assert "begin uni/b" not in world.events
    assert {"close uni/a", "close uni/b"} <= {*world.events}


async def test_clean_up_is_waited_for_and_not_cancelled() -> None:
    world, cleaned, may_end = World(), [], asyncio.Event()

    async def slow() -> None:
        await may_end.wait()
        cleaned.append("all of it")

    world.closing = slow
    async with runs(world, {"uni": ("a", 60)}) as running:
        replacing = asyncio.create_task(running.put_into_force({}))
        for _ in range(5):
            await asyncio.sleep(0)
        replacing.cancel()
        assert not cleaned
        may_end.set()
    assert cleaned == ["all of it"]


async def test_changed_time_out_of_what_is_collected_when_scraped_asks_nothing_anew() -> None:
    source = Source()
    parts = [
        Part(
            name="host",
            identity=None,
            open=lambda: nullcontext(Opened([source])),
            collections=lambda opened, timeout_s=timeout_s: Collections(
                [Collection(opened.collectors[0], OnScrape(timeout_s))]
            ),
        )
        for timeout_s in (5, 7)
    ]
    exporter = Exporter(program=PROGRAM, parse=parse, parts=lambda number, _: [parts[number]])
    running = Parts(exporter, Site(CollectorRegistry()), None, World().broken.append)
    await running.put_into_force(0)
    await running.tried()
    (runner,) = running.runners
    await running.put_into_force(1)
    assert running.runners == [runner]
    assert (runner.collection.schedule, source.calls) == (OnScrape(7), 1)
    await running.close(FAR_S)
