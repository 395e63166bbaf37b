"""Events of oned's hook manager over real ZeroMQ: applied from the message; a lost connection says so."""

import asyncio
import base64
import socket
import time
from collections.abc import Iterator

import pytest

from stratoscope.clouds import events as of_clouds
from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.events import Events, Missed, Outcome
from stratoscope.clouds.opennebula import events as listening
from stratoscope.clouds.opennebula import vms as of_vms
from stratoscope.clouds.opennebula.client.items import Element
from stratoscope.clouds.opennebula.config import OpenNebulaCloud, Publishers
from stratoscope.clouds.opennebula.events import Subscriber
from stratoscope.core.config import decode
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, ConfigError, Reason
from support.opennebula import PLAIN
from support.patience import FAR_S
from support.publisher import hung_publisher, publisher
from support.replayed_oned import replayed
from support.source import until
from support.subscribed import subscribed
from support.zone_with_events import TWO, VM, Zone, heard, zone


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(listening, "_SUBSCRIBED_S", 0.05)  # 0.5 s otherwise
    token = DEADLINE.set(time.monotonic() + 100_000)  # by the clock that the test moves
    yield
    DEADLINE.reset(token)


async def test_events_of_vms_arrive_once_each_by_their_states() -> None:
    events, heard = Events(), list[str]()

    def hear(vm: Element) -> Outcome:
        heard.append(vm.findtext("ID", ""))
        return Outcome.APPLIED

    with publisher() as oned:
        async with subscribed(events, oned.url, hear=hear):
            await oned.says("7", VM.format(7, 3, 3))
            await oned.sends(b"EVENT HOST 1/ERROR/ ", b"")
            await oned.says("8", VM.format(8, 8, 0), "POWEROFF", "LCM_INIT")
            await until(lambda: len(heard) == 2)
    assert heard == ["7", "8"]
    assert events.account().counts == {
        ("VM/ACTIVE/RUNNING", Outcome.APPLIED): 1,
        ("VM/POWEROFF/LCM_INIT", Outcome.APPLIED): 1,
    }


@pytest.mark.parametrize(
    "message",
    [
        b"no base64!",
        base64.b64encode(b"\xff"),
        base64.b64encode(b"<HOOK_MESSAGE><VM>"),
        base64.b64encode(b"<HOOK_MESSAGE/>"),
        base64.b64encode(b'<!DOCTYPE x [<!ENTITY a "b">]><HOOK_MESSAGE><VM><ID>&a;</ID></VM></HOOK_MESSAGE>'),
        base64.b64encode(b"<HOOK_MESSAGE><VM><ID>x</ID></VM></HOOK_MESSAGE>"),
    ],
)
async def test_malformed_event_is_counted_and_the_next_is_heard(message: bytes) -> None:
    events = Events()

    def hear(vm: Element) -> Outcome:
        int(vm.findtext("ID", ""))
        return Outcome.APPLIED

    with publisher() as oned:
        async with subscribed(events, oned.url, hear=hear):
            await oned.sends(b"EVENT STATE VM/ACTIVE/BOOT/7 ", message)
            await oned.sends(b"EVENT STATE VM/ACTIVE/BOOT/7 ")
            await oned.sends(b"EVENT STATE VM/ACTIVE/BOOT/7 ", message, b"")
            await oned.says("7", VM.format(7, 3, 3))
            await until(lambda: events.account().counts.get(("VM/ACTIVE/RUNNING", Outcome.APPLIED)) == 1)
    counts = events.account().counts
    assert counts["VM/ACTIVE/BOOT", Outcome.MALFORMED] == 1
    assert counts["other", Outcome.MALFORMED] == 2


@pytest.mark.parametrize("address", ["[::1]", "localhost"])
async def test_publisher_at_an_ipv6_address_and_one_with_a_name_are_reached(address: str) -> None:
    events = Events()
    with publisher(address="[::1]" if address == "[::1]" else "127.0.0.1") as oned:
        port = oned.url.rpartition(":")[2]
        async with subscribed(events, f"tcp://{address}:{port}"):
            await oned.says("7", VM.format(7, 3, 3))
            await until(lambda: events.account().counts == {("VM/ACTIVE/RUNNING", Outcome.APPLIED): 1})


async def test_publisher_whose_name_has_an_ipv6_address_alone_is_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def getaddrinfo(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        assert host == "one.example.org"
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)  # no machine has such a name
    with publisher(address="[::1]") as oned:
        url = oned.url.replace("[::1]", "one.example.org")
        async with subscribed(Events(), url) as listens:
            assert not listens.done()
            oned.end()
            await asyncio.wait({listens})
    assert str(listens.exception()).startswith(f"{url}: the connection is lost, after events")


async def test_publisher_whose_name_nobody_knows_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    # The name servers of a machine may need long to say so.
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with subscribed(Events(), "tcp://one.invalid:2101") as listens:
        await asyncio.wait({listens})
    assert str(listens.exception()) == "tcp://one.invalid:2101: Name or service not known"


async def test_lost_publisher_says_so() -> None:
    events = Events()
    with publisher() as oned, publisher() as other:
        async with subscribed(events, oned.url, other.url) as listens:
            assert events.account().is_up
            other.end()
            async with asyncio.timeout(FAR_S):
                await asyncio.wait({listens})
            error = listens.exception()
    assert isinstance(error, CollectError)
    assert "the connection is lost, after events had arrived for " in str(error)
    assert (events.account().is_up, events.account().lost) == (False, Reason.UNAVAILABLE)


async def test_publisher_that_hangs_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_HEARTBEAT_S", 0.1)  # 5 s otherwise
    monkeypatch.setattr(listening, "_SILENT_S", 0.3)  # 15 s otherwise
    with hung_publisher() as (url, hang):
        async with subscribed(Events(), url) as listens:
            assert not listens.done()
            hang()
            with pytest.raises(CollectError, match="the connection is lost"):
                await asyncio.wait_for(listens, FAR_S)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "no publisher within 0.5 s"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it does not speak ZeroMQ's protocol"),
        (bytes(64), "it does not speak ZeroMQ's protocol"),
    ],
    ids=["silence", "http", "zeros"],
)
async def test_what_is_no_publisher_is_named(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, why: str
) -> None:
    monkeypatch.setattr(listening, "CONNECT_S", 0.5)  # 20 s otherwise

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with subscribed(Events(), url) as listens:
            await asyncio.wait({listens})
            assert str(listens.exception()) == f"{url}: {why}"


async def test_publisher_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "CONNECT_S", 0.2)  # 20 s otherwise
    events = Events()
    with publisher() as oned:
        async with subscribed(events, oned.url, "tcp://127.0.0.1:1") as listens:
            await asyncio.wait({listens})
            assert str(listens.exception()) == "tcp://127.0.0.1:1: no publisher within 0.2 s"


async def test_publisher_that_goes_while_another_is_waited_for_is_named() -> None:
    events = Events()
    with publisher() as oned:
        listens = asyncio.create_task(
            Subscriber(
                Publishers(urls=[oned.url, "tcp://127.0.0.1:1"]), events, lambda _: Outcome.APPLIED
            ).listen()
        )
        await oned.waits()
        oned.end()
        await asyncio.wait({listens})
    assert str(listens.exception()) == f"{oned.url}: the connection is lost"


async def test_vms_follow_events_without_a_call_for_ten_minutes() -> None:
    async with zone() as (one, oned):
        assert await one.after(0) == {"7": ("RUNNING", "dummy-a2"), "8": ("RUNNING", "dummy-a2")}
        calls = one.pools()
        await oned.says("7", VM.format(7, 8, 0), "POWEROFF", "LCM_INIT")
        await oned.says("8", VM.format(8, 6, 0), "DONE", "LCM_INIT")
        await oned.says("9", VM.format(9, 1, 0), "PENDING", "LCM_INIT")
        await heard(one, 3)
        assert await one.after(60) == {"7": ("POWEROFF", "dummy-a2"), "9": ("PENDING", "")}
        assert one.pools() == calls
        assert await one.after(540) == {"7": ("RUNNING", "dummy-a2"), "8": ("RUNNING", "dummy-a2")}
        assert one.pools() > calls
        await one.after(31)
    missed = one.events.account().missed
    assert missed == {Missed.ADDED: 1, Missed.CHANGED: 1, Missed.REMOVED: 1}


async def test_without_a_call_the_answer_says_when_the_pool_was_read_and_that_a_vm_is_missing() -> None:
    odd = VM.format(8, "x", 3)
    async with zone({"vmpool.info": f"<VM_POOL>{VM.format(7, 3, 3)}{odd}</VM_POOL>"}) as (one, _):
        listed = await one.read()
        assert (listed.as_of, listed.malformed, listed.is_complete) == (one.now, 1, False)
        known = await one.read(60)
        assert (known.as_of, known.malformed, known.is_complete) == (one.now - 60, 0, False)


async def test_a_list_that_was_being_read_when_an_event_came_does_not_undo_it() -> None:
    """`migrations` has begun to read the pool, and `vms` waits for it."""
    async with zone() as (one, oned):
        await one.after(0)
        one.now += 600
        one.oned.gate.clear()
        migrations = asyncio.create_task(one.read(question="migrations"))
        pools = one.pools()
        await until(lambda: one.pools() > pools)
        one.now += 1
        await oned.says("7", VM.format(7, 8, 0), "POWEROFF", "LCM_INIT")
        await heard(one, 1)
        one.now += 1
        vms = asyncio.create_task(one.after(0))
        await asyncio.sleep(0.05)  # it waits
        one.oned.gate.set()
        assert (await vms)["7"] == ("POWEROFF", "dummy-a2")
        await migrations


async def test_an_answer_stays_as_it_was_and_the_next_has_the_new_name_of_a_group() -> None:
    """Answers are rendered in a thread, and compared with the one before."""
    async with zone() as (one, oned):
        before = await one.read()
        await oned.says("7", VM.format(7, 3, 3).replace(">dev<", ">qa<").replace(">alice<", ">carol<"))
        await heard(one, 1)
        after = await one.read(60)
        assert (before.projects, before.users) == ({"100": "dev"}, {"2": "alice"})
        assert (after.projects, after.users) == ({"100": "qa"}, {"2": "carol"})


async def test_the_name_of_a_group_that_an_event_said_while_the_pool_was_read_is_not_lost() -> None:
    other = VM.format(9, 1, 0).replace(">100</GID>", ">150</GID>").replace(">dev<", ">qa<")
    async with zone() as (one, oned):
        await one.after(0)
        one.now += 600
        await oned.says("9", other, "PENDING", "LCM_INIT")
        await heard(one, 1)
        assert (await one.read()).projects == {"100": "dev", "150": "qa"}
        await oned.says("9", other.replace("<STATE>1<", "<STATE>6<"), "DONE", "LCM_INIT")
        await heard(one, 2)
        assert (await one.read(601)).projects == {"100": "dev"}


async def test_a_vm_of_a_template_that_is_younger_than_the_pool_gets_its_flavor() -> None:
    small, new = (
        f"<VMTEMPLATE><ID>{number}</ID><NAME>{name}</NAME><TEMPLATE/></VMTEMPLATE>"
        for number, name in ((0, "small"), (77, "large"))
    )
    pool = f"<VMTEMPLATE_POOL>{small}{{}}</VMTEMPLATE_POOL>"
    async with zone(TWO | {"templatepool.info": pool.format("")}) as (one, oned):
        await one.after(0)
        one.oned.answers["templatepool.info"] = pool.format(new)
        vm = VM.format(9, 3, 3).replace("<TEMPLATE_ID>0", "<TEMPLATE_ID>77")
        await oned.says("9", vm)
        await heard(one, 1)
        assert {vm_id: vm.flavor for vm_id, vm in (await one.read(60)).vms.items()}["9"] == "large"
        calls = one.oned.calls["templatepool.info"]
        await one.read(60)
        assert (one.oned.calls["templatepool.info"], one.pools()) == (calls, 1)


async def test_an_id_that_oned_gives_again_is_another_vm_in_an_event_too() -> None:
    async with zone() as (one, oned):
        before = (await one.read()).vms["7"]
        one.now += 30
        await oned.says("7", VM.format(7, 3, 3).replace("1795300000", "1795305350"))
        await heard(one, 1)
        after = (await one.read(30)).vms["7"]
        assert (after.state, after.changed) == (before.state, before.changed + 30)


async def test_an_id_that_oned_gives_again_after_its_end_has_the_flavor_of_its_own_template() -> None:
    templates = "".join(
        f"<VMTEMPLATE><ID>{number}</ID><NAME>{name}</NAME><TEMPLATE/></VMTEMPLATE>"
        for number, name in ((0, "small"), (77, "large"))
    )
    pool = f"<VMTEMPLATE_POOL>{templates}</VMTEMPLATE_POOL>"
    async with zone(TWO | {"templatepool.info": pool}) as (one, oned):
        assert (await one.read()).vms["7"].flavor == "small"
        await oned.says("7", VM.format(7, 6, 0), "DONE", "LCM_INIT")
        again = VM.format(7, 3, 3).replace("1795300000", "1795305350")
        await oned.says("7", again.replace("<TEMPLATE_ID>0", "<TEMPLATE_ID>77"))
        await heard(one, 2)
        assert (await one.read(60)).vms["7"].flavor == "large"


async def test_migrations_follow_events_without_the_pool() -> None:
    moved = "<HISTORY><SEQ>2</SEQ><HOSTNAME>dummy-b1</HOSTNAME><CID>100</CID></HISTORY></HISTORY_RECORDS>"
    async with zone() as (one, oned):
        await one.after(0)
        await one.read(question="migrations")
        pools, histories = one.pools(), one.oned.calls["vmpool.infoset"]
        await oned.says("7", VM.format(7, 3, 3).replace("</HISTORY_RECORDS>", moved))
        await oned.says("8", VM.format(8, 6, 0), "DONE", "LCM_INIT")
        await heard(one, 2)
        await one.read(120, "migrations")
        await one.read(120, "migrations")
        assert (one.pools(), one.oned.calls["vmpool.infoset"]) == (pools, histories + 1)
        await oned.says("9", VM.format(9, 6, 0), "DONE", "LCM_INIT")
        await heard(one, 3)
        await one.read(60, "migrations")
        assert (one.pools(), one.oned.calls["vmpool.infoset"]) == (pools, histories + 1)


async def test_of_an_event_and_a_list_the_newer_one_says_which_histories_are_read() -> None:
    def on(host: str, number: int) -> str:
        last = f"<HISTORY><SEQ>{number}</SEQ><HOSTNAME>{host}</HOSTNAME><CID>100</CID></HISTORY>"
        return VM.format(7, 3, 3).replace("</HISTORY_RECORDS>", f"{last}</HISTORY_RECORDS>")

    async with zone() as (one, oned):
        await one.after(0)
        await one.read(question="migrations")
        histories = one.oned.calls["vmpool.infoset"]
        one.now += 600
        await oned.says("7", on("dummy-b1", 2))
        await heard(one, 1)
        await one.read()
        await one.read(question="migrations")
        assert one.oned.calls["vmpool.infoset"] == histories + 1
        one.oned.answers["vmpool.info"] = f"<VM_POOL>{on('dummy-a1', 3)}</VM_POOL>"
        await one.read(600)
        await one.read(question="migrations")
        assert one.oned.calls["vmpool.infoset"] == histories + 2
        await one.read(60, "migrations")
        assert one.oned.calls["vmpool.infoset"] == histories + 2


async def test_a_vm_that_is_on_another_host_without_a_word_was_missed_and_nothing_while_events_are_lost() -> (
    None
):
    def pool(host: str) -> str:
        return f"<VM_POOL>{VM.format(7, 3, 3).replace('dummy-a2', host)}</VM_POOL>"

    async with zone() as (one, _):
        await one.after(0)
        one.oned.answers["vmpool.info"] = pool("dummy-b1")
        await one.after(600)
        await one.after(31)
        assert one.events.account().missed == {Missed.ADDED: 0, Missed.CHANGED: 1, Missed.REMOVED: 1}
        one.events.end(CollectError(Reason.UNAVAILABLE, "lost"))
        one.oned.answers["vmpool.info"] = "<VM_POOL/>"
        await one.after(60)
        one.oned.answers["vmpool.info"] = pool("dummy-a1")
        await one.after(60)
        await one.after(31)
        assert one.events.account().missed == {Missed.ADDED: 0, Missed.CHANGED: 1, Missed.REMOVED: 1}


async def test_lost_events_let_the_pool_be_read_at_each_refresh() -> None:
    async with zone() as (one, _):
        await one.after(0)
        one.events.end(CollectError(Reason.UNAVAILABLE, "lost"))
        calls = one.pools()
        await one.after(60)
        await one.after(60)
        assert one.pools() == calls + 2


async def test_nothing_is_missing_after_ten_minutes_without_the_publisher() -> None:
    async with replayed(TWO) as oned:
        with publisher() as before:
            one = Zone(oned, before.url)
            listens = asyncio.create_task(one.cloud.listen())
            await until(lambda: one.events.account().is_up)
            await one.after(0)
        with pytest.raises(CollectError, match="the connection is lost"):
            await listens
        calls = one.pools()
        for _ in range(10):
            await one.after(60)
        assert one.pools() == calls + 10
        oned.answers["vmpool.info"] = f"<VM_POOL>{VM.format(8, 8, 0)}{VM.format(9, 3, 3)}</VM_POOL>"
        one.now += 1
        with publisher(before.url) as again:
            listens = asyncio.create_task(one.cloud.listen())
            await until(lambda: one.events.account().is_up)
            assert one.events.news.is_set()  # the list is read at once
            found = {"8": ("POWEROFF", "dummy-a2"), "9": ("RUNNING", "dummy-a2")}
            assert await one.after(0) == found
            calls = one.pools()
            await again.says("9", VM.format(9, 6, 0), "DONE", "LCM_INIT")
            await heard(one, 1)
            assert await one.after(60) == {"8": found["8"]}
            assert one.pools() == calls
            await one.after(31)
            assert not any(one.events.account().missed.values())
            listens.cancel()
            await asyncio.gather(listens, return_exceptions=True)
        await one.cloud.close()


async def test_burst_is_taken_and_duplicates_change_nothing() -> None:
    async with zone() as (one, oned):
        await one.after(0)
        for number in range(1_000):
            await oned.says(str(number % 100), VM.format(number % 100, 3, 3))
            if number % 100 == 99:
                await heard(one, number + 1)
        assert await one.after(60) == {str(number): ("RUNNING", "dummy-a2") for number in range(100)}


async def test_credential_that_does_not_see_all_vms_ignores_events() -> None:
    async with zone({**PLAIN, **TWO}) as (one, oned):
        before = await one.after(0)
        await oned.says("7777", VM.format(7777, 3, 3))
        await heard(one, 1)
        pools = one.pools()
        assert await one.after(60) == before
        assert one.pools() > pools
        assert ("VM/ACTIVE/RUNNING", Outcome.IGNORED) in one.events.account().counts


async def test_flood_of_vms_that_are_not_there_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_clouds, "MOST", 10)  # 200,000 otherwise
    monkeypatch.setattr(of_vms, "MOST_HEARD", 10)  # 200,000 otherwise
    async with zone() as (one, oned):
        assert len(await one.after(0)) == 2
        for number in range(100, 150):
            flood = VM.format(number, 3, 3).replace("<UID>2", f"<UID>{number}")
            await oned.says(str(number), flood)
        await heard(one, 50)
        assert len(await one.after(60)) == 10
        assert one.events.account().counts["VM/ACTIVE/RUNNING", Outcome.IGNORED] == 42
        for number in range(200, 250):
            flood = VM.format(7, 3, 3).replace("<UID>2", f"<UID>{number}")
            await oned.says("7", flood)
        await heard(one, 100)
        assert len((await one.cloud.ask("vms")).users) <= 10
        for number in range(300, 350):
            await oned.says(str(number), VM.format(number, 6, 0), "DONE", "LCM_INIT")
        await heard(one, 150)
        assert one.events.account().counts["VM/DONE/LCM_INIT", Outcome.IGNORED] == 50
        await oned.says("8", VM.format(8, 8, 0), "POWEROFF", "LCM_INIT")
        await heard(one, 151)
        assert (await one.after(1))["8"] == ("POWEROFF", "dummy-a2")


def test_last_events_of_some_vms_alone_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_clouds, "MOST", 10)  # 200,000 otherwise
    events = Events(Clock(monotonic=lambda: 1_000.0))
    for number in range(20):
        events.says(str(number), 5.0)
    assert [number for number in range(20) if events.is_late(str(number), 4.0)] == [*range(10, 20)]


async def test_pool_does_not_undo_what_was_said_since_it_was_asked_for() -> None:
    async with zone() as (one, oned):
        await one.after(0)
        one.now += 600
        await oned.says("7", VM.format(7, 8, 0), "POWEROFF", "LCM_INIT")
        await oned.says("8", VM.format(8, 6, 0), "DONE", "LCM_INIT")
        await oned.says("9", VM.format(9, 1, 0), "PENDING", "LCM_INIT")
        await heard(one, 3)
        assert await one.after(0) == {"7": ("POWEROFF", "dummy-a2"), "9": ("PENDING", "")}


@pytest.mark.parametrize(
    "url",
    [
        "http://one:2101",
        "tcp://one",
        "tcp://user:secret@one:2101",
        "tcp://one:2101/x",
        "tcp://[::1:2101",
        "tcp://*:2101",
    ],
)
def test_wrong_url_is_named_and_not_cited(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        decode(OpenNebulaCloud, {"name": "one", "events": {"urls": [url]}}, "clouds[0]")
    example = "such as `tcp://one.example.org:2101`: host and port of a hook manager"
    assert str(refused.value) == f"clouds[0].events.urls: expected {example}"
