"""The step `console` on libvirt: what the domain writes is read from its first byte on, and then no more."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import libvirt
import pytest

from stratoscope.clouds.libvirt.config import LibvirtCloud
from stratoscope.clouds.libvirt.lifecycle.console import Console
from stratoscope.clouds.libvirt.lifecycle.description import Description
from stratoscope.clouds.libvirt.lifecycle.hosts import WritableCloud
from stratoscope.clouds.libvirt.lifecycle.vms import LibvirtVMs
from stratoscope.clouds.lifecycle import (
    Mark,
    Object,
    Phase,
    Resolved,
    RunReason,
    StepError,
    StepLeftOutError,
    Underway,
)
from support.fake_console import ConsoleDaemon
from support.fake_libvirt import failure

URI = "qemu:///system"
TEXT = "login:"
MARK = Mark("tag", "boot", "57a7", 1_800_000_000.0)
RUN = Underway(MARK, Resolved("", None))


@pytest.fixture
def daemon() -> ConsoleDaemon:
    return ConsoleDaemon()


@pytest.fixture
async def cloud(daemon: ConsoleDaemon) -> AsyncIterator[WritableCloud]:
    cloud = WritableCloud(LibvirtCloud(name="lab", uri=URI, host="node1"), daemon.connect)
    yield cloud
    daemon.answers.set()
    await cloud.close()
    assert daemon.open == []


def vms(cloud: WritableCloud) -> LibvirtVMs:
    return LibvirtVMs(cloud, Description(console=TEXT))


async def requested(lifecycle: LibvirtVMs) -> Underway:
    return Underway(MARK, RUN.resolved, await lifecycle.request(RUN))


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - it happens in a thread of libvirt's
            await asyncio.sleep(0.01)


async def test_text_is_seen_from_the_first_byte_on_and_then_the_console_is_closed(
    daemon: ConsoleDaemon, cloud: WritableCloud
) -> None:
    lifecycle = vms(cloud)
    (step,) = lifecycle.steps
    assert (step.phase, step.creates, step.is_before_request) == (Phase.CONSOLE, "", False)
    run = await requested(lifecycle)
    made = [one for one in daemon.made if one in ("createXML", "openConsole", "resume")]
    assert made == ["createXML", "openConsole", "resume"]
    assert daemon.flags == [libvirt.VIR_DOMAIN_START_PAUSED]
    seen = await lifecycle.see(run.vm_id)
    assert seen is not None
    assert seen.is_built
    (stream,) = daemon.streams
    stream.happens(b"Debian\r\nhost log")
    await step.begin(run)
    assert not await step.has_ended(run)
    stream.happens(-2)
    stream.happens(b"in: ")
    assert await step.has_ended(run)
    await until(lambda: stream.calls == ["abort"])
    assert not stream.is_read


async def test_domain_is_not_paused_when_no_console_is_wanted(
    daemon: ConsoleDaemon, cloud: WritableCloud
) -> None:
    lifecycle = LibvirtVMs(cloud, Description())
    await lifecycle.request(RUN)
    assert (daemon.flags, daemon.streams, lifecycle.steps) == ([0], [], [])


async def test_deletion_closes_the_console(daemon: ConsoleDaemon, cloud: WritableCloud) -> None:
    lifecycle = vms(cloud)
    run = await requested(lifecycle)
    await lifecycle.delete(Object("domain", run.vm_id))
    await until(lambda: daemon.streams[0].calls == ["abort"])
    assert await lifecycle.left(run.vm_id) == ()


@pytest.mark.parametrize(
    ("part", "events", "message"),
    [
        (b"", 1, "the domain has closed its console"),
        (-2, libvirt.VIR_STREAM_EVENT_HANGUP, "the domain has closed its console"),
        (
            failure(libvirt.VIR_ERR_INTERNAL_ERROR, "broken"),
            1,
            "qemu:///system: broken",
        ),
    ],
    ids=["end", "hang-up", "error"],
)
async def test_console_that_ends_before_the_text_fails_the_step(
    daemon: ConsoleDaemon, cloud: WritableCloud, part: Any, events: int, message: str
) -> None:
    lifecycle = vms(cloud)
    run = await requested(lifecycle)
    daemon.streams[0].happens(b"Debian")
    daemon.streams[0].happens(part, events)
    assert not daemon.streams[0].is_read
    with pytest.raises(StepError) as error:
        await lifecycle.steps[0].has_ended(run)
    assert (error.value.reason, str(error.value)) == (RunReason.HYPERVISOR, message)


async def test_console_that_ends_after_the_text_has_shown_it(
    daemon: ConsoleDaemon, cloud: WritableCloud
) -> None:
    lifecycle = vms(cloud)
    run = await requested(lifecycle)
    daemon.streams[0].happens(b"login: ")
    daemon.streams[0].happens(b"")
    assert await lifecycle.steps[0].has_ended(run)


async def test_connection_that_broke_without_a_word_is_the_apis_fault(
    daemon: ConsoleDaemon, cloud: WritableCloud
) -> None:
    lifecycle = vms(cloud)
    run = await requested(lifecycle)
    daemon.die()
    with pytest.raises(StepError, match="the connection of the console broke") as error:
        await lifecycle.steps[0].has_ended(run)
    assert error.value.reason is RunReason.API_UNREACHABLE


def test_lost_connection_of_a_console_is_the_apis_fault() -> None:
    error = failure(libvirt.VIR_ERR_INTERNAL_ERROR, "client socket is closed")
    error.err = (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_FROM_RPC, "", 2, None, None, None, -1, -1)
    console = Console("57a7", TEXT, URI)
    console._happened(_raising(error), 1, None)
    assert isinstance(console.fault, StepError)
    assert console.fault.reason is RunReason.API_UNREACHABLE


def _raising(error: Exception) -> Any:
    class Stream:
        def recv(self, _: int) -> bytes:
            raise error

        def eventRemoveCallback(self) -> int:  # noqa: N802 - libvirt's name
            return 0

    return Stream()


@pytest.mark.parametrize("code", [libvirt.VIR_ERR_NO_SUPPORT, libvirt.VIR_ERR_ACCESS_DENIED])
async def test_console_that_may_not_be_read_is_left_out_and_the_domain_runs(
    daemon: ConsoleDaemon, cloud: WritableCloud, code: int
) -> None:
    daemon.broken["newStream"] = failure(code, "not here")
    lifecycle = vms(cloud)
    run = await requested(lifecycle)
    seen = await lifecycle.see(run.vm_id)
    assert seen is not None
    assert seen.is_built
    with pytest.raises(StepLeftOutError, match="not here"):
        await lifecycle.steps[0].has_ended(run)


async def test_driver_that_creates_no_paused_domain_leaves_the_console_out() -> None:
    cloud = WritableCloud(LibvirtCloud(name="lab", uri="test:///default"))
    lifecycle = vms(cloud)
    run = await requested(lifecycle)
    with pytest.raises(StepLeftOutError, match="this driver of libvirt creates no domain that is paused"):
        await lifecycle.steps[0].has_ended(run)
    await lifecycle.delete(Object("domain", run.vm_id))
    await cloud.close()


async def test_domain_that_is_not_resumed_may_be_there_and_its_console_is_closed(
    daemon: ConsoleDaemon, cloud: WritableCloud
) -> None:
    daemon.broken["resume"] = failure(libvirt.VIR_ERR_OPERATION_TIMEOUT, "cannot acquire state change lock")
    with pytest.raises(StepError, match="state change lock") as error:
        await vms(cloud).request(RUN)
    assert (error.value.reason, error.value.is_unknown) == (RunReason.TIMEOUT, True)
    assert daemon.streams[0].calls == ["abort"]
    assert cloud.hosts[0].consoles == {}


@pytest.mark.parametrize("is_ended", [False, True])
async def test_console_of_a_request_that_nobody_waits_for_is_closed_once_it_is_open(
    *, is_ended: bool, daemon: ConsoleDaemon, cloud: WritableCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, is_held = threading.Event(), threading.Event()
    opened = Console.open

    def held(self: Console, connection: Any) -> None:
        is_held.set()
        assert go_on.wait(5)
        opened(self, connection)

    monkeypatch.setattr(Console, "open", held)
    request = asyncio.ensure_future(vms(cloud).request(RUN))
    await until(is_held.is_set)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    if is_ended:
        (vm_id,) = cloud.hosts[0].consoles
        cloud.hosts[0].end(vm_id)
    go_on.set()
    await until(lambda: daemon.streams and daemon.streams[0].calls == ["abort"])
    assert cloud.hosts[0].consoles == {}


@pytest.mark.parametrize(
    ("parts", "is_there"),
    [
        ([b"login:"], True),
        ([b"l", b"o", b"g", b"i", b"n", b":"], True),
        ([b"logi", b"logi", b"n:"], True),
        ([b"logi", b"x", b"n:"], False),
        ([b"", b"LOGIN:"], False),
        ([b"\xff\x00login:\xfe"], True),
    ],
)
def test_text_is_found_however_it_comes(parts: list[bytes], is_there: bool) -> None:
    console = Console("57a7", TEXT, URI)
    for part in parts:
        console.take(part)
    assert console.has_text is is_there


def test_console_that_never_ends_takes_no_memory() -> None:
    console = Console("57a7", TEXT, URI)
    for _ in range(64):
        console.take(b"x" * 65536)
    assert len(console._end) == len(TEXT) - 1
    short = Console("57a7", ":", URI)
    short.take(b"x" * 10)
    assert short._end == b""
