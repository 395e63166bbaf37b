"""Calls over connections: kept, shared in one process, opened anew once, closed without a leak."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import libvirt
import pytest

from stratoscope.clouds.libvirt import connections as module
from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.connections import Connections
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, Reason
from support.fake_libvirt import FakeDaemon, FakeDomain, failure
from support.patience import FAR_S
from support.source import until

URI = "qemu:///fake"


@pytest.fixture
def daemon() -> FakeDaemon:
    return FakeDaemon(FakeDomain("a"))


@pytest.fixture
async def connections(daemon: FakeDaemon) -> AsyncIterator[Connections]:
    connections = Connections(URI, kept=2, most=4, connect=daemon.connect)
    yield connections
    daemon.answers.set()
    await connections.close()


def version(connection: Connection) -> int:
    return connection.virt.getLibVersion()


async def test_a_connection_is_opened_at_the_first_call_and_kept(
    connections: Connections, daemon: FakeDaemon
) -> None:
    assert daemon.made == []
    for _ in range(3):
        assert await connections.start(version) == 9_000_000
    assert daemon.made == ["connect", *["getLibVersion"] * 3]


async def test_a_call_gets_its_arguments(connections: Connections) -> None:
    def call(_connection: Connection, first: int, *, second: str) -> tuple[int, str]:
        return first, second

    assert await connections.start(call, 1, second="two") == (1, "two")


async def test_calls_under_way_at_once_have_a_connection_each_and_some_are_kept(
    connections: Connections, daemon: FakeDaemon
) -> None:
    daemon.answers.clear()
    calls = [connections.start(version) for _ in range(4)]
    daemon.answers.set()
    await asyncio.gather(*calls)
    await until(lambda: len(daemon.open) == 2)


async def test_too_many_calls_that_hang_are_busy(connections: Connections, daemon: FakeDaemon) -> None:
    daemon.answers.clear()
    calls = [connections.start(version) for _ in range(4)]
    with pytest.raises(CollectError) as error:
        connections.start(version)
    assert error.value.reason is Reason.BUSY
    daemon.answers.set()
    await asyncio.gather(*calls)


async def test_an_error_of_a_living_daemon_keeps_the_connection(
    connections: Connections, daemon: FakeDaemon
) -> None:
    daemon.broken["getLibVersion"] = failure(libvirt.VIR_ERR_ACCESS_DENIED, "no right")
    with pytest.raises(CollectError, match="qemu:///fake: no right") as error:
        await connections.start(version)
    assert error.value.reason is Reason.UNAUTHORIZED
    assert isinstance(error.value.__cause__, libvirt.libvirtError)
    assert daemon.made == ["connect", "getLibVersion"], "it is not tried again"
    assert len(daemon.open) == 1


async def test_an_error_of_the_call_itself_gives_the_connection_back(
    connections: Connections, daemon: FakeDaemon
) -> None:
    def bug(_connection: Connection) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await connections.start(bug)
    await connections.start(version)
    assert daemon.made.count("connect") == 1


async def test_a_daemon_that_refuses_is_said_as_such(connections: Connections, daemon: FakeDaemon) -> None:
    daemon.broken["connect"] = failure(libvirt.VIR_ERR_SYSTEM_ERROR, "Permission denied", 13)
    with pytest.raises(CollectError) as error:
        await connections.start(version)
    assert error.value.reason is Reason.UNAUTHORIZED


async def test_a_lost_connection_is_not_used(connections: Connections, daemon: FakeDaemon) -> None:
    await connections.start(version)
    daemon.die()
    daemon.is_up = True
    assert await connections.start(version) == 9_000_000
    assert len(daemon.open) == 1


async def test_a_connection_that_dies_in_a_call_is_replaced_once(
    connections: Connections, daemon: FakeDaemon
) -> None:
    daemon.answers.clear()
    both = [connections.start(version), connections.start(version)]
    daemon.answers.set()
    await asyncio.gather(*both)
    daemon.die(noticed=False)
    daemon.is_up = True
    assert await connections.start(version) == 9_000_000
    assert len(daemon.open) == 1, "the other idle one was dead, too"


async def test_a_daemon_that_is_gone_is_tried_once(connections: Connections, daemon: FakeDaemon) -> None:
    await connections.start(version)
    daemon.die(noticed=False)
    daemon.made.clear()
    with pytest.raises(CollectError, match="Connection refused") as error:
        await connections.start(version)
    assert error.value.reason is Reason.UNAVAILABLE
    assert daemon.made == ["connect"]
    assert daemon.open == []


async def test_a_new_connection_that_dies_is_not_replaced(
    connections: Connections, daemon: FakeDaemon
) -> None:
    def dies(connection: Connection) -> int:
        daemon.die(noticed=False)
        daemon.is_up = True
        return version(connection)

    with pytest.raises(CollectError, match="client socket is closed"):
        await connections.start(dies)
    assert daemon.made.count("connect") == 1
    assert daemon.open == []


async def test_a_call_that_was_given_up_is_not_made_again(
    connections: Connections, daemon: FakeDaemon
) -> None:
    await connections.start(version)
    DEADLINE.set(time.monotonic() - 1)
    daemon.die(noticed=False)
    daemon.is_up = True
    with pytest.raises(CollectError, match="client socket is closed"):
        await connections.start(version)
    assert daemon.made.count("connect") == 1


async def test_an_own_connection_is_not_used_by_calls(connections: Connections, daemon: FakeDaemon) -> None:
    own = await connections.start_own(lambda connection: connection)
    await connections.start(version)
    assert len(daemon.open) == 2
    ended = threading.Event()
    connections.end_own(own, ended.set)
    await until(lambda: len(daemon.open) == 1)
    assert ended.is_set()


async def test_an_own_connection_that_cannot_be_prepared_is_closed(
    connections: Connections, daemon: FakeDaemon
) -> None:
    daemon.broken["getLibVersion"] = failure(libvirt.VIR_ERR_RPC, "lost")
    with pytest.raises(CollectError, match="lost"):
        await connections.start_own(version)
    assert daemon.open == []


async def test_an_own_connection_that_cannot_be_opened_is_an_error(
    connections: Connections, daemon: FakeDaemon
) -> None:
    daemon.is_up = False
    with pytest.raises(CollectError, match="Connection refused"):
        await connections.start_own(version)


async def test_ending_while_all_threads_hang_waits_for_nothing(
    connections: Connections, daemon: FakeDaemon
) -> None:
    own, ended = await connections.start_own(lambda connection: connection), threading.Event()
    daemon.answers.clear()
    calls = [connections.start(version) for _ in range(4)]
    connections.end_own(own, ended.set)
    assert not any(call.done() for call in calls)
    daemon.answers.set()
    await asyncio.gather(*calls)
    assert not ended.is_set(), "it was left open"
    own.close()


async def test_close_closes_idle_and_ending_connections(daemon: FakeDaemon) -> None:
    connections = Connections(URI, kept=2, most=4, connect=daemon.connect)
    own = await connections.start_own(lambda connection: connection)
    await connections.start(version)
    connections.end_own(own, lambda: None)
    await connections.close()
    assert daemon.open == []
    with pytest.raises(CollectError) as error:
        connections.start(version)
    assert error.value.reason is Reason.UNAVAILABLE


async def test_a_connection_in_a_call_is_closed_when_the_call_returns(daemon: FakeDaemon) -> None:
    connections = Connections(URI, kept=2, most=4, connect=daemon.connect)
    await connections.start(version)
    daemon.answers.clear()
    call = connections.start(version)
    await until(lambda: daemon.made.count("getLibVersion") == 2)
    await connections.close()
    daemon.answers.set()
    assert await call == 9_000_000
    await until(lambda: daemon.open == [])


async def test_close_does_not_wait_for_a_daemon_that_hangs(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_WITHIN_S", 0.02)
    connections = Connections(URI, kept=2, most=4, connect=daemon.connect)
    await connections.start(version)
    daemon.answers.clear()
    async with asyncio.timeout(FAR_S):
        await connections.close()
    daemon.answers.set()
    await until(lambda: daemon.open == [])


async def test_an_own_connection_that_opens_after_close_is_closed_at_once(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_WITHIN_S", 0.02)
    connections = Connections(URI, kept=2, most=4, connect=daemon.connect)
    daemon.answers.clear()
    own = connections.start_own(lambda connection: connection)
    await connections.close()
    daemon.answers.set()
    with pytest.raises(CollectError, match="closed"):
        await own
    assert daemon.open == []


async def test_a_driver_in_this_process_has_one_connection_for_all(daemon: FakeDaemon) -> None:
    connections = Connections("test:///fake", kept=2, most=4, connect=daemon.connect)
    daemon.answers.clear()
    calls = [connections.start(version) for _ in range(3)]
    own = connections.start_own(lambda connection: connection)
    daemon.answers.set()
    await asyncio.gather(*calls)
    connections.end_own(await own, lambda: None)
    await connections.close()
    assert daemon.made.count("connect") == 1
    assert daemon.open == []


async def test_the_shared_connection_is_closed_by_its_last_user(daemon: FakeDaemon) -> None:
    connections = Connections("test:///fake", kept=2, most=4, connect=daemon.connect)
    await connections.start(version)
    daemon.answers.clear()
    call = connections.start(version)
    await until(lambda: daemon.made.count("getLibVersion") == 2)
    await connections.close()
    assert len(daemon.open) == 1
    daemon.answers.set()
    await call
    await until(lambda: daemon.open == [])


async def test_the_shared_connection_is_closed_when_nobody_uses_it(daemon: FakeDaemon) -> None:
    connections = Connections("test:///fake", kept=2, most=4, connect=daemon.connect)
    await connections.start(version)
    assert len(daemon.open) == 1, "it is kept"
    await connections.close()
    assert daemon.open == []


async def test_nothing_is_to_be_closed_that_was_never_opened(daemon: FakeDaemon) -> None:
    for uri in (URI, "test:///fake"):
        await Connections(uri, kept=2, most=4, connect=daemon.connect).close()
    assert daemon.made == []
