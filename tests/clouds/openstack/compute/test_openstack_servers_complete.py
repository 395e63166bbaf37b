"""Whether a server that is not known is gone: only if none may be missing from what was listed."""

import time
from collections.abc import Iterator

import pytest

from stratoscope.core.deadline import DEADLINE
from support.fake_nova import FakeNova
from support.refreshes import after, known, readers_of

DAY_S = 86400.0


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    token = DEADLINE.set(time.monotonic() + 50)
    yield
    DEADLINE.reset(token)


async def test_whole_list_is_complete_and_stays_so_while_servers_come_and_go() -> None:
    nova, servers = await known("a", "b")
    nova.now += 10
    nova.delete("a")
    nova.put("c")
    assert (await after(nova, servers)).is_complete
    assert (await after(nova, servers, 1801)).is_complete


async def test_malformed_server_leaves_the_list_incomplete_until_the_next_whole_one() -> None:
    nova = FakeNova()
    nova.put("a")
    nova.put("b", tenant_id="x" * 10_000)
    servers = readers_of(nova)
    assert not (await servers.read()).is_complete
    nova.forget("b")
    assert not (await after(nova, servers)).is_complete  # of it nobody knows
    assert (await after(nova, servers, 1801)).is_complete


async def test_malformed_change_leaves_the_list_incomplete_until_the_next_whole_one() -> None:
    nova, servers = await known("a")
    nova.now += 10
    nova.put("b", tenant_id="x" * 10_000)
    assert not (await after(nova, servers)).is_complete
    nova.now += 300
    nova.put("b", tenant_id="p1")
    assert not (await after(nova, servers, 300)).is_complete
    assert (await after(nova, servers, 1801)).is_complete


async def test_server_that_vanished_without_a_word_is_no_proof_for_a_day() -> None:
    nova, servers = await known("a", "b")
    nova.hidden = {"a"}
    assert not (await after(nova, servers, 1801)).is_complete
    assert not (await after(nova, servers)).is_complete
    answered = await after(nova, servers, 1801)
    assert (answered.vms.keys(), answered.is_complete) == ({"b"}, False)  # its cell may not answer
    for _ in range(int(DAY_S // 1801)):
        answered = await after(nova, servers, 1801)
    assert not answered.is_complete
    assert (await after(nova, servers, 1801)).is_complete


async def test_server_that_comes_back_makes_the_list_complete_again() -> None:
    nova, servers = await known("a", "b")
    nova.hidden = {"a"}
    await after(nova, servers, 1801)
    await after(nova, servers, 1801)
    nova.hidden = set()
    answered = await after(nova, servers, 1801)
    assert (answered.vms.keys(), answered.is_complete) == ({"a", "b"}, True)


async def test_after_an_hour_without_an_answer_it_begins_anew() -> None:
    nova, servers = await known("a", "b")
    nova.hidden = {"a"}
    assert not (await after(nova, servers, 1801)).is_complete
    assert (await after(nova, servers, 3700)).is_complete
