"""Documents are made one at a time, once for all who ask, and only some are kept."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from stratoscope.core.errors import CollectError, Reason
from stratoscope.downtime.feeds import documents
from stratoscope.downtime.feeds.documents import KEPT_S, OLDEST_S, AskerBusyError, Document, Documents, Format
from stratoscope.downtime.feeds.site import Site
from stratoscope.downtime.model import Downtime
from support.source import Clock
from support.stores import NOW

SITE = Site("a", "")


class Source:
    """Has no downtimes, and says so when told. Attributes: asked: How often it was asked."""

    def __init__(self) -> None:
        self.gate, self.asked, self._busy, self.most_at_once = asyncio.Event(), 0, 0, 0

    async def find(self) -> Sequence[Downtime]:
        self.asked += 1
        self._busy += 1
        self.most_at_once = max(self.most_at_once, self._busy)
        await self.gate.wait()
        self._busy -= 1
        return ()


def says(text: bytes) -> Format:
    return Format("text/plain", lambda *_: text)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def made(clock: Clock) -> AsyncIterator[Documents]:
    found = Documents(clock)
    yield found
    await found.close()


async def test_who_asks_for_what_is_being_made_gets_that_one_and_others_wait(made: Documents) -> None:
    source = Source()

    async def get(key: str) -> Document:
        return await made.made(says(b"a"), SITE, NOW, source.find, key=key, asker="a")

    tasks = [asyncio.create_task(get(key)) for key in "aabba"]
    await asyncio.sleep(0.01)
    source.gate.set()
    found = await asyncio.gather(*tasks)
    assert (source.asked, source.most_at_once) == (2, 1)
    assert {one.body for one in found} == {b"a"}
    await get("a")
    assert source.asked == 3  # made anew


async def test_a_document_is_made_in_a_thread(made: Documents) -> None:
    source, threads = Source(), list[int]()
    source.gate.set()

    def make(*_: object) -> bytes:
        threads.append(threading.get_ident())
        return b""

    await made.made(Format("text/plain", make), SITE, NOW, source.find, key=1, asker="a")
    assert threads != [threading.get_ident()]


async def test_what_is_kept_is_the_answer_for_a_while_and_its_moment_stays(
    made: Documents, clock: Clock
) -> None:
    source = Source()
    source.gate.set()

    async def get(now: int, site: Site = SITE) -> Document:
        return await made.kept(says(b"a"), site, now, source.find, key=1)

    first = await get(NOW)
    clock.time_s += KEPT_S - 1
    assert await get(NOW + 59) is first
    clock.time_s += 1
    assert (await get(NOW + 60), source.asked) == (first, 2)
    clock.time_s += KEPT_S
    other = await get(NOW + 120, Site("b", ""))
    assert (other.changed_at, other.tag != first.tag) == (NOW + 120, True)


async def test_an_old_one_is_the_answer_while_a_new_one_takes_its_time(
    made: Documents, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_AT_ONCE_S", 0.01)
    monkeypatch.setattr(documents, "_WITHIN_S", 0.02)
    source = Source()
    source.gate.set()

    async def get(text: bytes) -> bytes:
        return (await made.kept(says(text), SITE, NOW, source.find, key=1)).body

    await get(b"old")
    source.gate.clear()
    clock.time_s += OLDEST_S - 1
    assert [await get(b"new"), await get(b"other")] == [b"old", b"old"]
    clock.time_s += 1
    with pytest.raises(CollectError, match="not made within"):
        await get(b"other")
    source.gate.set()
    assert (await get(b"other"), source.asked) == (b"new", 2)


async def test_a_feed_does_not_wait_for_exports_and_each_who_asks_has_a_bound(made: Documents) -> None:
    slow, quick = Source(), Source()
    quick.gate.set()

    async def get(key: int, asker: str = "a") -> Document:
        return await made.made(says(b"a"), SITE, NOW, slow.find, key=key, asker=asker)

    tasks = [asyncio.create_task(get(key)) for key in (1, 2, 2)]
    await asyncio.sleep(0.01)
    with pytest.raises(AskerBusyError, match="2 documents are being made for you; allowed: one after the"):
        await get(3)
    tasks += [asyncio.create_task(get(3, "b")), asyncio.create_task(get(1))]
    assert (await made.kept(says(b"f"), SITE, NOW, quick.find, key="feed")).body == b"f"
    slow.gate.set()
    await asyncio.gather(*tasks)
    assert slow.asked == 3
    await get(4)


async def test_only_so_many_bytes_are_kept(made: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_MOST_BYTES", 5)
    source = Source()
    source.gate.set()
    for key in "aba":
        await made.kept(says(b"xxx"), SITE, NOW, source.find, key=key)
    assert source.asked == 3
    await made.kept(says(b"xxx"), SITE, NOW, source.find, key="a")
    assert source.asked == 3


async def test_too_many_are_not_waited_for(made: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_MOST_WANTED", 1)
    monkeypatch.setattr(documents, "_WITHIN_S", 0.01)
    source = Source()

    async def failed(key: str) -> Reason:
        with pytest.raises(CollectError) as raised:
            await made.made(says(b""), SITE, NOW, source.find, key=key, asker="a")
        return raised.value.reason

    assert await failed("a") is Reason.TIMEOUT
    assert await failed("b") is Reason.BUSY
    source.gate.set()
    assert (await made.made(says(b"a"), SITE, NOW, source.find, key="a", asker="a")).body == b""
