"""What a reload, and a part, leave behind when something fails, hangs or is cancelled in the middle of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from stratoscope.core.collector import Collection, Collections, OnScrape
from stratoscope.core.errors import Dropped
from stratoscope.core.exporter import Exporter
from stratoscope.core.part import Opened, Part, Site
from stratoscope.core.parts import Parts
from support.houses import PROGRAM, parse
from support.patience import FAR_S
from support.source import Source, until, vcpus


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def turns() -> None:
    """Let all that can go on now go on."""
    for _ in range(20):
        await asyncio.sleep(0)


class Watched:
    """An exporter whose settings are its parts; what became of each is in `events`."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.broken: list[BaseException] = []
        exporter = Exporter(program=PROGRAM, parse=parse, parts=lambda parts, _: parts)
        self.running = Parts(exporter, Site(CollectorRegistry()), None, self.broken.append)

    def part(
        self,
        name: str,
        opening: Callable[[], object] = lambda: asyncio.sleep(0),
        closing: Callable[[], object] = lambda: asyncio.sleep(0),
        source: Source | None = None,
    ) -> Part:
        """A part. Args: opening: Awaited while it is opened, as is `closing`. source: Read when scraped."""

        @asynccontextmanager
        async def opened() -> AsyncIterator[Opened]:
            await opening()  # type: ignore[misc]  # it is awaitable
            self.events.append(f"open {name}")
            yield Opened(value=name)
            await closing()  # type: ignore[misc]  # the same
            self.events.append(f"close {name}")

        running = [Collection(source, OnScrape(FAR_S))] if source else []
        return Part(name=name, identity=object(), open=opened, collections=lambda _: Collections(running))


async def test_part_that_cannot_say_what_it_collects_leaves_all_as_it_was() -> None:
    parts = Watched()
    old = [parts.part("uni"), parts.part("lab")]
    await parts.running.put_into_force(old)

    def collections(_: Opened) -> Collections:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await parts.running.put_into_force([parts.part("uni"), replace(old[1], collections=collections)])
    assert parts.events == ["open uni", "open lab", "open uni", "close uni"]
    assert parts.running.settings is old
    await parts.running.close(FAR_S)
    assert parts.events[4:] in (["close uni", "close lab"], ["close lab", "close uni"])


async def test_part_that_does_not_open_in_time_is_given_up_while_others_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stratoscope.core.parts.OPEN_TIMEOUT_S", 0.01, raising=False)
    parts = Watched()
    old = [parts.part("uni")]
    await parts.running.put_into_force(old)
    with pytest.raises(TimeoutError, match=r"lab: not open within 0\.01 s"):
        await asyncio.wait_for(parts.running.put_into_force([*old, parts.part("lab", never)]), FAR_S)
    assert (parts.running.settings, parts.broken) == (old, [])
    await parts.running.close(FAR_S)


async def test_whoever_cancels_an_opening_that_hangs_waits_for_nothing_before_it_closes_the_others() -> None:
    parts, may_end = Watched(), asyncio.Event()
    await parts.running.put_into_force(old := [parts.part("uni")])

    async def stubborn() -> None:
        while not may_end.is_set():
            with suppress(asyncio.CancelledError):
                await may_end.wait()

    reloading = asyncio.create_task(parts.running.put_into_force([*old, parts.part("lab", stubborn)]))
    await turns()
    reloading.cancel()
    await turns()
    assert reloading.done()
    closing = asyncio.create_task(parts.running.close(FAR_S))
    await turns()
    assert parts.events == ["open uni", "close uni"]
    may_end.set()
    await closing


async def test_clean_up_of_a_part_that_was_opening_is_not_cancelled_by_a_second_stop() -> None:
    parts, may_end, cleaned = Watched(), asyncio.Event(), []

    async def opening() -> None:
        try:
            await never()
        finally:
            await may_end.wait()
            cleaned.append("all of it")

    starting = asyncio.create_task(parts.running.put_into_force([parts.part("uni", opening)]))
    await turns()
    starting.cancel()
    for _ in range(2):
        closing = asyncio.create_task(parts.running.close(FAR_S))
        await turns()
        closing.cancel()
        await turns()
    may_end.set()
    await parts.running.close(FAR_S)
    assert cleaned == ["all of it"]


async def test_scrape_during_a_reload_is_answered_by_the_successor_if_there_is_one() -> None:
    parts, may_end, old = Watched(), asyncio.Event(), Source()
    gone = Source()
    gone.cloud = "gone"
    await parts.running.put_into_force(
        [parts.part("uni", closing=may_end.wait, source=old), parts.part("gone", source=gone)]
    )
    await parts.running.tried()
    old.gate.clear()
    runner, without = parts.running.runners
    in_progress = asyncio.create_task(runner.lines(FAR_S))
    await until(lambda: old.calls == 2)
    new = [parts.part("uni", source=Source([vcpus("vm-2")] * 3))]
    reloading = asyncio.create_task(parts.running.put_into_force(new))
    await turns()
    begun_now = asyncio.create_task(runner.lines(FAR_S))
    assert (await without.lines(FAR_S))[1].message == "stopped"
    assert not begun_now.done()
    may_end.set()
    await reloading
    for scrape in (in_progress, begun_now):
        lines, status = await scrape
        assert (status.success, lines and lines.dropped) == (True, {Dropped.DUPLICATE: 2}), (
            "it is the new one's"
        )
    assert old.calls == 2
    await parts.running.close(FAR_S)


async def test_scrape_waits_no_longer_for_a_successor_that_does_not_come() -> None:
    parts, source = Watched(), Source()
    await parts.running.put_into_force([parts.part("uni", closing=never, source=source)])
    await parts.running.tried()
    (runner,) = parts.running.runners
    reloading = asyncio.create_task(parts.running.put_into_force([parts.part("uni", source=Source())]))
    await turns()
    scrape = asyncio.create_task(runner.lines(FAR_S))
    assert (await runner.lines(0))[1].message == "stopped"
    reloading.cancel()
    assert (await scrape)[1].message == "stopped"
    await parts.running.close(0)


async def test_opening_that_awaits_something_cancelled_has_failed() -> None:
    async def opening() -> None:
        (other := asyncio.get_running_loop().create_future()).cancel()
        await other

    parts = Watched()
    with pytest.raises(RuntimeError, match="uni: what it waited for was cancelled"):
        await parts.running.put_into_force([parts.part("uni", opening)])


async def test_part_that_swallows_what_ends_it_is_reported_as_broken() -> None:
    parts, breaks = Watched(), asyncio.Event()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Opened]:
        async def end() -> None:
            await breaks.wait()
            life.cancel()

        life = asyncio.current_task()
        assert life is not None
        async with asyncio.TaskGroup() as group:
            group.create_task(end())
            with suppress(asyncio.CancelledError):
                yield Opened()

    await parts.running.put_into_force([replace(parts.part("uni"), open=opened)])
    breaks.set()
    await turns()
    assert [str(error) for error in parts.broken] == ["uni: ended by itself"]
    await parts.running.close(FAR_S)


async def test_part_that_is_cancelled_from_inside_is_reported_as_broken() -> None:
    parts, breaks = Watched(), asyncio.Event()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Opened]:
        life = asyncio.current_task()
        assert life is not None
        cancel = life.cancel
        breaking = asyncio.create_task(breaks.wait())
        breaking.add_done_callback(lambda _: cancel())
        yield Opened()

    await parts.running.put_into_force([replace(parts.part("uni"), open=opened)])
    breaks.set()
    await turns()
    assert [str(error) for error in parts.broken] == ["uni: what it waited for was cancelled"]
    await parts.running.close(FAR_S)
