"""Events reach the asyncio loop, whatever becomes of the connection, the daemon or the loop."""

import asyncio
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import cast

import libvirt
import pytest

from stratoscope.clouds.libvirt.connection import connect
from stratoscope.clouds.libvirt.connections import Connections
from stratoscope.clouds.libvirt.events import HEARD
from stratoscope.clouds.libvirt.listener import Listener, subscribe
from support.fake_libvirt import FakeDaemon, FakeDomain, FakeVirt, failure
from support.source import until

LIFECYCLE, IO_ERROR = libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR


class Listening:
    """A listener to a fake daemon, and what it said."""

    def __init__(self) -> None:
        self.daemon = FakeDaemon(FakeDomain("a"))
        self.connections = Connections("qemu:///fake", kept=1, most=3, connect=self.daemon.connect)
        self.counted: list[tuple[str, int, str, str]] = []
        self.regained = 0
        self.listener = Listener(self.connections, self._count, self._regain)

    def _count(self, *event: object) -> None:
        self.counted.append(cast("tuple[str, int, str, str]", event))

    def _regain(self) -> None:
        self.regained += 1

    async def __call__(self) -> None:
        await self.listener.listen(2)

    async def hears(self) -> bool:
        return await self.listener.hears(2)

    @property
    def virt(self) -> FakeVirt:
        (virt,) = self.daemon.open
        return virt


@pytest.fixture
async def listening() -> AsyncIterator[Listening]:
    listening = Listening()
    yield listening
    listening.daemon.answers.set()
    listening.listener.close()
    await listening.connections.close()
    assert listening.daemon.open == []


async def test_an_event_is_counted_in_the_loop(listening: Listening) -> None:
    assert not await listening.hears()
    await listening()
    assert await listening.hears()
    await asyncio.to_thread(listening.virt.emit, LIFECYCLE, "a", libvirt.VIR_DOMAIN_EVENT_STOPPED, 2)
    await asyncio.to_thread(listening.virt.emit, IO_ERROR, "a", "/dev/a", "disk0", 1)
    await until(lambda: len(listening.counted) == 2)
    assert listening.counted == [("a", 1, "stopped", "crashed"), ("a", 1, "io_error", "pause")]


async def test_every_event_is_registered_for_once(listening: Listening) -> None:
    await listening()
    await listening()
    numbers = [getattr(libvirt, f"VIR_DOMAIN_EVENT_ID_{name.upper()}") for name in HEARD]
    assert list(listening.virt.event_ids.values()) == numbers
    assert listening.regained == 1


async def test_a_lost_connection_is_replaced_and_said(listening: Listening) -> None:
    await listening()
    listening.daemon.die()
    assert not await listening.hears()
    listening.daemon.is_up = True
    await listening()
    assert await listening.hears()
    assert listening.regained == 2, "what happened meanwhile was not told"
    await until(lambda: len(listening.daemon.open) == 1)


async def test_without_a_daemon_there_are_no_events_and_no_error(listening: Listening) -> None:
    listening.daemon.is_up = False
    await listening()
    assert not await listening.hears()
    listening.daemon.is_up = True
    await listening()
    assert await listening.hears()


async def test_without_a_free_thread_there_are_no_events_and_no_error(listening: Listening) -> None:
    listening.daemon.answers.clear()
    calls = [listening.connections.start(lambda one: one.virt.getLibVersion()) for _ in range(3)]
    await listening()
    assert not await listening.hears()
    listening.daemon.answers.set()
    await asyncio.gather(*calls)


async def test_without_a_free_thread_nobody_knows_whether_it_is_open(listening: Listening) -> None:
    await listening()
    listening.daemon.answers.clear()
    calls = [listening.connections.start(lambda one: one.virt.getLibVersion()) for _ in range(3)]
    assert not await listening.hears()
    await listening()
    listening.daemon.answers.set()
    await asyncio.gather(*calls)
    assert await listening.hears()
    assert listening.regained == 1


async def test_a_connection_that_takes_long_is_waited_for_once(listening: Listening) -> None:
    listening.daemon.answers.clear()
    await listening.listener.listen(0.01)
    assert not await listening.hears()
    await listening()  # would wait two seconds
    await until(lambda: listening.daemon.made == ["connect"])
    listening.daemon.answers.set()
    await until(lambda: listening.regained == 1)
    assert await listening.hears()
    assert len(listening.daemon.open) == 1, "one connection, however often it was asked for"
    assert listening.regained == 1


async def test_a_connection_that_comes_after_the_end_is_closed(listening: Listening) -> None:
    listening.daemon.answers.clear()
    await listening.listener.listen(0.01)
    listening.listener.close()
    listening.daemon.answers.set()
    await until(lambda: "domainEventDeregisterAny" in listening.daemon.made)
    await until(lambda: listening.daemon.open == [])
    assert not await listening.hears()
    await listening()
    assert listening.daemon.open == [], "after the end it does not listen"


async def test_a_connection_that_does_not_tell_whether_it_is_open_holds_nobody_up(
    listening: Listening,
) -> None:
    await listening()
    telling = threading.Event()
    listening.virt.isAlive = lambda: telling.wait(5) and 1  # type: ignore[method-assign]
    try:
        assert not await listening.listener.hears(0.01)
        await listening.listener.listen(0.01)
        assert listening.daemon.made.count("connect") == 1, "it is not replaced while nobody knows"
    finally:
        telling.set()
    assert await listening.hears()


async def test_whether_it_is_open_is_asked_in_a_thread(listening: Listening) -> None:
    await listening()
    threads: list[int] = []
    listening.virt.isAlive = lambda: threads.append(threading.get_ident()) or 1  # type: ignore[func-returns-value,method-assign]
    assert await listening.hears()
    await listening()
    assert threads
    assert threading.get_ident() not in threads, "libvirt may hold the connection's lock"


@pytest.mark.parametrize("error", [failure(libvirt.VIR_ERR_RPC)])
async def test_a_connection_that_fails_to_tell_is_replaced(
    listening: Listening, error: libvirt.libvirtError
) -> None:
    await listening()

    def failing() -> int:
        raise error

    listening.virt.isAlive = failing  # type: ignore[method-assign]
    assert not await listening.hears()
    await listening()
    assert listening.regained == 2


async def test_the_end_deregisters_every_callback(listening: Listening) -> None:
    await listening()
    virt = listening.virt
    listening.listener.close()
    await until(lambda: listening.daemon.open == [])
    assert virt.callbacks == {}


async def test_an_event_that_makes_no_sense_harms_nobody(
    listening: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    await listening()
    listening.virt.emit(LIFECYCLE, "a", "stopped", "crashed")
    listening.virt.emit(IO_ERROR, "a", 1)
    await asyncio.sleep(0)
    assert listening.counted == []
    assert caplog.text.count("malformed event") == 2


def test_an_event_after_the_loop_ended_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    daemon = FakeDaemon(FakeDomain("a"))
    loop = asyncio.new_event_loop()
    subscribe(daemon.connect(""), lambda *_: None, loop)
    loop.close()
    with caplog.at_level(logging.DEBUG):
        daemon.open[0].emit(LIFECYCLE, "a", 2, 0)
    assert "an event after the end" in caplog.text


async def test_events_that_the_driver_lacks_are_named(
    listening: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    event_id = libvirt.VIR_DOMAIN_EVENT_ID_MEMORY_FAILURE
    listening.daemon.broken[f"register {event_id}"] = failure(libvirt.VIR_ERR_NO_SUPPORT)
    with caplog.at_level(logging.DEBUG):
        await listening()
    assert "the driver lacks events=memory_failure" in caplog.text
    assert await listening.hears()


async def test_a_daemon_that_dies_while_it_is_subscribed_leaves_nothing(listening: Listening) -> None:
    listening.daemon.broken[f"register {IO_ERROR}"] = failure(libvirt.VIR_ERR_RPC, "lost")
    await listening()
    assert not await listening.hears()
    assert listening.daemon.open == []


async def test_the_end_of_a_lost_connection_is_no_error(listening: Listening) -> None:
    await listening()
    listening.daemon.die()
    listening.listener.close()
    await until(lambda: listening.daemon.open == [])


async def test_real_lifecycle_events_arrive() -> None:
    counted: list[tuple[object, ...]] = []
    listener = connect("test:///default")
    subscription = subscribe(listener, lambda *event: counted.append(event), asyncio.get_running_loop())
    control = libvirt.open("test:///default")
    (domain,) = control.listAllDomains()
    first = domain.ID()
    for change in (domain.suspend, domain.resume, domain.destroy, domain.create):
        change()
    await until(lambda: len(counted) == 4)
    uuid, then = domain.UUIDString(), domain.ID()
    assert then != first
    assert counted == [
        (uuid, first, "suspended", "paused"),
        (uuid, first, "resumed", "unpaused"),
        (uuid, -1, "stopped", "destroyed"),
        (uuid, then, "started", "booted"),
    ]
    subscription.end()
    domain.suspend()
    domain.resume()
    await asyncio.sleep(0.05)
    assert len(counted) == 4
    listener.close()
    control.close()


def dispatched(event: str) -> Callable[..., object]:
    """libvirt-python's own function that calls back for an event."""
    names = {
        "lifecycle": "Lifecycle",
        "watchdog": "Watchdog",
        "io_error": "IOError",
        "io_error_reason": "IOErrorReason",
        "block_job": "BlockJob",
        "job_completed": "JobCompleted",
        "memory_failure": "MemoryFailure",
        "device_added": "DeviceAdded",
        "device_removed": "DeviceRemoved",
        "metadata_change": "MetadataChange",
        "tunable": "Tunable",
    }
    name = f"_dispatchDomainEvent{names.get(event, 'Generic')}Callback"
    return cast("Callable[..., object]", getattr(libvirt.virConnect, name))


@pytest.mark.parametrize("event", HEARD)
def test_each_callback_takes_what_libvirt_python_passes(event: str) -> None:
    parameters = list(inspect.signature(dispatched(event)).parameters)[2:-1]  # less self, dom and cbData
    inspect.signature(HEARD[event]).bind(*parameters)
