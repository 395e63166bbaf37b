"""What a publisher sends cannot use up the memory, nor the time, however it sends it."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from stratoscope.clouds.events import Events, Outcome
from stratoscope.clouds.opennebula import events as listening
from stratoscope.clouds.opennebula.client.items import Element
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, Reason
from support.patience import FAR_S
from support.publisher import publisher
from support.raw_publisher import GREETING, part, raw_publisher
from support.source import until
from support.subscribed import subscribed
from support.zone_with_events import VM, heard, zone


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_SUBSCRIBED_S", 0.05)  # 0.5 s otherwise


async def test_message_that_is_too_large_is_passed_over_and_the_next_is_heard() -> None:
    events = Events()
    with publisher() as oned:
        async with subscribed(events, oned.url):
            await oned.sends(b"EVENT STATE VM/ACTIVE/BOOT/7 ", b"x" * (5 << 20))
            await oned.says("7", VM.format(7, 3, 3))
            await until(lambda: len(events.account().counts) == 2)
    assert events.account().counts == {
        ("other", Outcome.MALFORMED): 1,
        ("VM/ACTIVE/RUNNING", Outcome.APPLIED): 1,
    }


async def test_message_whose_parts_never_end_is_not_kept_and_ends_the_connection() -> None:
    """libzmq alone kept all of it: 400 MB in three seconds."""
    events, piece = Events(), part(bytes(1 << 20), is_last=False)
    async with raw_publisher() as oned, subscribed(events, oned.url) as listens:
        before = memory()
        for _ in range(200):
            await oned.sends(piece)
        async with asyncio.timeout(FAR_S):
            await asyncio.wait({listens})
        assert memory() - before < 50 << 20
    error = listens.exception()
    assert isinstance(error, CollectError)
    assert str(error).startswith(f"{oned.url}: a message of more than 67108864 bytes, after events")
    assert error.reason is Reason.MALFORMED
    assert not events.account().is_up


async def test_messages_that_wait_are_bounded_in_bytes() -> None:
    """Bounded in their number alone, 20,000 of them could have 4 MiB each."""
    key = part(b"EVENT STATE VM/ACTIVE/BOOT/7 ", is_last=False)
    message = key + part(bytes(1 << 19), is_last=True)
    events = Events()
    async with raw_publisher() as oned, subscribed(events, oned.url):
        sent = oned.floods(message, most=200 << 20)
        assert sent < 60 << 20  # 16 MiB in libzmq, the others in the buffers of both sockets
        await until(lambda: sum(events.account().counts.values()) == sent // len(message))


async def test_why_a_publisher_ends_the_connection_is_said_though_the_end_is_noticed_first() -> None:
    """In a third of the cases the log had `the connection is lost` alone."""

    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        await reader.read(1 << 16)
        writer.write(b"\4\x0b\5ERROR\4go a")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuses, "127.0.0.1", 0)
    async with server:
        url = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for _ in range(20):
            async with subscribed(Events(), url) as listens:
                await asyncio.wait({listens})
            assert str(listens.exception()) == f"{url}: it refuses: b'go a'"


async def test_what_was_sent_before_the_end_is_taken() -> None:
    message = part(b"EVENT STATE VM/ACTIVE/BOOT/7 ", is_last=False) + part(bytes(1 << 19), is_last=True)
    events = Events()
    async with raw_publisher() as oned, subscribed(events, oned.url) as listens:
        await until(lambda: b"\4PING" in oned.heard)  # what is not read when it closes would end it at once
        sent = oned.floods(message, most=8 << 20) // len(message)
        oned.ends()
        await asyncio.wait({listens})
    assert sum(events.account().counts.values()) == sent
    assert "the connection is lost, after events had arrived for " in str(listens.exception())


async def test_names_that_oned_does_not_have_are_one_and_take_no_room_from_those_it_has() -> None:
    events = Events()
    with publisher() as oned:
        async with subscribed(events, oned.url):
            for number in range(400):
                await oned.says("7", VM.format(7, 3, 3), f"S{number}")
            await oned.says("7", VM.format(7, 3, 3), "POWEROFF", "LCM_INIT")
            await until(lambda: sum(events.account().counts.values()) == 401)
    assert events.account().counts == {
        ("other", Outcome.APPLIED): 400,
        ("VM/POWEROFF/LCM_INIT", Outcome.APPLIED): 1,
    }


async def test_event_with_too_many_tags_is_malformed_before_it_is_parsed() -> None:
    """A user's VM with 390,000 of them kept the event loop for 0.2 s, at each of its changes."""
    events, heard = Events(), list[str]()

    def hear(vm: Element) -> Outcome:
        heard.append(vm.findtext("ID", ""))
        return Outcome.APPLIED

    with publisher() as oned:
        async with subscribed(events, oned.url, hear=hear):
            for vm_id, number in (("7", 20_000), ("8", 19_000)):
                crowded = VM.format(vm_id, 3, 3).replace("<TEMPLATE>", "<TEMPLATE>" + "<A/>" * number)
                await oned.says(vm_id, crowded)
            await until(lambda: sum(events.account().counts.values()) == 2)
    assert heard == ["8"]
    assert events.account().counts["VM/ACTIVE/RUNNING", Outcome.MALFORMED] == 1


async def test_vm_whose_end_an_event_reports_is_gone_when_the_pool_lacks_it() -> None:
    """Nobody logs in at a publisher: whoever answers in its place can report any end."""
    token = DEADLINE.set(time.monotonic() + 100_000)  # by the clock that the test moves
    try:
        async with zone() as (one, oned):
            await one.after(0)
            one.now += 1
            for vm_id in ("7", "8"):
                await oned.says(vm_id, VM.format(vm_id, 6, 0), "DONE", "LCM_INIT")
            await heard(one, 2)
            said = await one.read(60)
            assert (said.ended, [*said.vms], said.is_complete) == ({"7", "8"}, [], True)
            one.oned.answers["vmpool.info"] = f"<VM_POOL>{VM.format(8, 3, 3)}</VM_POOL>"
            listed = await one.read(600)
            assert (listed.ended, [*listed.vms]) == (frozenset(), ["8"])
    finally:
        DEADLINE.reset(token)


def memory() -> int:
    """Resident, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
