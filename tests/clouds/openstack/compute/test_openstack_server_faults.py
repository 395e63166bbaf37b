"""Faults of servers that no list tells: asked for one by one, a few at a time."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from stratoscope.clouds.condition import FaultReason
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.fake_nova import FakeNova
from support.refreshes import after, readers_of

DOWN = CollectError(Reason.UNAVAILABLE, "503")
NO_HOST = {"status": "ERROR", "fault": {"message": "No valid host was found. ", "code": 500}}


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    token = DEADLINE.set(time.monotonic() + 50)
    yield
    DEADLINE.reset(token)


async def test_faults_that_lists_lack_are_asked_for_once_until_the_server_changes() -> None:
    nova = FakeNova()
    nova.lists_faults = False
    nova.put("a", **NO_HOST)
    nova.put("b", status="ERROR")
    servers = readers_of(nova)
    both = {FaultReason.NO_VALID_HOST: 1, FaultReason.UNKNOWN: 1}
    assert (await servers.read()).by_fault == both
    assert nova.asked == ["a", "b"]
    assert (await after(nova, servers)).by_fault == both
    assert (await after(nova, servers, 1801)).by_fault == both
    assert nova.asked == ["a", "b"]
    nova.put("b", fault={"message": "libvirtError"})
    answered = await after(nova, servers)
    assert nova.asked == ["a", "b", "b"]
    assert answered.by_fault == {FaultReason.NO_VALID_HOST: 1, FaultReason.HYPERVISOR: 1}


async def test_faults_are_asked_for_a_few_at_a_time() -> None:
    nova = FakeNova()
    nova.lists_faults = False
    for number in range(25):
        nova.put(f"{number}", **NO_HOST)
    servers = readers_of(nova)
    assert (await servers.read()).by_fault == {FaultReason.NO_VALID_HOST: 20, FaultReason.UNKNOWN: 5}
    assert (await after(nova, servers)).by_fault == {FaultReason.NO_VALID_HOST: 25}


async def test_faults_are_asked_for_however_short_the_time_out_is() -> None:
    nova = FakeNova()
    nova.lists_faults = False
    nova.put("a", **NO_HOST)
    DEADLINE.set(time.monotonic() + 3)
    assert (await readers_of(nova).read()).by_fault == {FaultReason.NO_VALID_HOST: 1}


async def test_servers_do_not_wait_for_faults_longer_than_half_of_their_time() -> None:
    nova = FakeNova()
    nova.lists_faults = False
    nova.put("a", **NO_HOST)
    nova.hangs = True
    DEADLINE.set(time.monotonic() + 0.05)
    async with asyncio.timeout(5):
        assert (await readers_of(nova).read()).by_fault == {FaultReason.UNKNOWN: 1}
    nova.hangs = False


async def test_fault_that_cannot_be_read_does_not_hold_up_the_others() -> None:
    nova = FakeNova()
    nova.lists_faults = False
    nova.put("a", **NO_HOST)
    nova.put("b", **NO_HOST)
    nova.broken.add("a")
    servers = readers_of(nova)
    assert (await servers.read()).by_fault == {FaultReason.UNKNOWN: 2}
    both = {FaultReason.NO_VALID_HOST: 1, FaultReason.UNKNOWN: 1}
    assert (await after(nova, servers)).by_fault == both


@pytest.mark.parametrize("error", [DOWN, LeftOutError(LeftOut.UNAUTHORIZED, "refuses (401) a new token")])
async def test_fault_that_cannot_be_read_is_asked_for_again(error: Exception) -> None:
    nova = FakeNova()
    nova.lists_faults = False
    nova.put("a", **NO_HOST)
    nova.fails = {1: error}
    servers = readers_of(nova)
    assert (await servers.read()).by_fault == {FaultReason.UNKNOWN: 1}
    assert (await after(nova, servers)).by_fault == {FaultReason.NO_VALID_HOST: 1}


async def test_server_that_is_gone_or_forbidden_has_no_fault_to_be_asked_for() -> None:
    nova = FakeNova()
    nova.lists_faults = False
    nova.put("a", **NO_HOST)
    nova.fails = {1: ForbiddenError("403")}
    servers = readers_of(nova)
    await servers.read()
    nova.delete("a")
    assert (await after(nova, servers)).by_fault == {}
    assert nova.asked == ["a"]


async def test_server_that_is_no_longer_in_error_has_no_reason() -> None:
    nova = FakeNova()
    nova.lists_faults = False
    nova.put("a", **NO_HOST)
    servers = readers_of(nova)
    await servers.read()
    nova.now += 10
    nova.put("a", status="ACTIVE", fault=None)
    assert (await after(nova, servers)).by_fault == {}
