"""Connections: how many, how long, and what is answered to those who send nonsense; over real ones."""

import asyncio
import errno
import gc
import secrets
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from contextlib import ExitStack
from pathlib import Path

import pytest

from stratoscope.core.errors import ConfigError
from stratoscope.core.web import connections
from stratoscope.core.web.auth import Access
from stratoscope.core.web.connections import Connection
from stratoscope.core.web.listen import Address, listening
from stratoscope.core.web.server import CONNECTIONS, application, serve
from support import certificates
from support.certificates import Authority
from support.connections import HEALTHY, ended, serving
from support.logs import logged
from support.services import FakeService, Hanging, service, until

TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"


async def test_head_of_a_request_that_does_not_end_is_hung_up_on() -> None:
    async with serving() as served:
        for sent in (b"GET / HTTP/1.1\r\nX: ", b""):
            reader, _ = await served.connect(sent)
            await served.waiting("headers")
            served.passes(10.1)
            assert await ended(reader) == b""
        assert (served.hung_up("headers"), served.hung_up("idle")) == (2, 0)
        await until(lambda: served.count("connections") == 0)


async def test_head_that_comes_byte_by_byte_has_no_more_time_than_another() -> None:
    async with serving() as served:
        reader, writer = await served.connect(b"GET / HTTP/1.1\r\nX: ")
        await served.waiting("headers")
        (one,) = served.connections._open
        for come in range(19, 39):
            await until(lambda come=come: one._ahead == come)
            served.passes(0.5)
            writer.write(b"a")
        served.passes(0.1)
        assert await ended(reader) == b""
        assert served.hung_up("headers") == 1


async def test_second_request_has_its_own_time_from_its_first_byte() -> None:
    async with serving() as served:
        reader, writer = await served.connect(HEALTHY)
        assert await reader.readuntil(b"healthy\n")
        for _ in range(2):
            await served.waiting("idle")
            served.passes(70)
            writer.write(HEALTHY)
            assert await reader.readuntil(b"healthy\n")
        await served.waiting("idle")
        served.passes(70)
        writer.write(b"GET")
        await served.waiting("headers")
        (one,) = served.connections._open
        assert (one.since, connections.WITHIN_S["headers"]) == (served.now, 10)
        served.passes(10.1)
        assert await ended(reader) == b""
        assert served.hung_up("headers") == 1


async def test_connection_without_another_request_is_hung_up_on() -> None:
    async with serving() as served:
        reader, _ = await served.connect(HEALTHY)
        await served.waiting("idle")
        served.passes(75.1)
        assert (await ended(reader)).endswith(b"healthy\n")
        assert served.hung_up("idle") == 1


async def test_request_that_is_answered_slowly_is_waited_for() -> None:
    hanging = service(Hanging())
    async with serving(hanging) as served:
        reader, _ = await served.connect(
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: 0.3\r\n\r\n"
        )
        await until(lambda: bool(hanging.runners[0]._flight))
        served.passes(1000)
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"


async def test_client_that_does_not_read_is_hung_up_on() -> None:
    class Large(FakeService):
        def config_shown(self) -> str:
            return "x" * 16_000_000

    async with serving(Large()) as served:
        with socket.create_connection(("127.0.0.1", served.port)) as stranger:
            stranger.send(b"GET /config HTTP/1.1\r\nHost: x\r\n\r\n")
            await served.waiting("reader")
            served.passes(60.1)
            await until(lambda: served.hung_up("reader") == 1)
            await until(lambda: served.count("connections") == 0)


async def test_who_opens_connections_and_does_not_use_them_keeps_nobody_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(most=8) as served:
        for _ in range(100):
            await served.connect(b"GET /")
        assert (await served.answer(HEALTHY.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))).endswith(
            b"healthy\n"
        )
        assert served.count("connections") <= 8
        assert served.count("connections_limit") == 8
        assert served.hung_up("room") >= 93
        said = "connections at their bound, some are hung up on"
        assert logged(caplog).count(said) == 1


async def test_many_connections_at_once_are_all_served() -> None:
    async with serving() as served:
        burst = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(100)]
        await until(lambda: served.count("connections") == 100)
        for one in burst:
            one.close()
        await until(lambda: served.count("connections") == 0)


async def test_where_all_are_at_work_the_new_one_is_hung_up_on() -> None:
    async with serving(service(Hanging()), most=2) as served:
        for _ in range(2):
            await served.connect(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: all(one.waits_for == "" for one in served.connections._open))
        assert await served.answer(HEALTHY) == b""
        assert (served.hung_up("busy"), served.hung_up("room")) == (1, 0)


async def test_scrapes_at_once_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stratoscope.core.web.server.MOST_SCRAPES", 1)  # one is enough to fill it
    hanging = service(Hanging())
    async with serving(hanging) as served:
        scrape = b"GET /metrics HTTP/1.1\r\nHost: x\r\n%b\r\n"
        first, _ = await served.connect(scrape % b"X-Prometheus-Scrape-Timeout-Seconds: 0.3\r\n")
        await until(lambda: bool(hanging.runners[0]._flight))
        answer = await served.answer(scrape % b"Connection: close\r\n")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1\r\n" in answer
        assert await first.readline() == b"HTTP/1.1 200 OK\r\n"
        await until(
            lambda: served.shown.registry.get_sample_value("stratoscope_scrape_duration_seconds_count") == 1
        )
        third, _ = await served.connect(scrape % b"X-Prometheus-Scrape-Timeout-Seconds: 0.2\r\n")
        assert await third.readline() == b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("encoding", [b"identity", b"gzip"])
async def test_who_does_not_read_a_page_makes_room_for_another_scrape(
    encoding: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratoscope.core.web.server.MOST_SCRAPES", 2)  # a few are enough to fill it
    # Random, so that gzip does not make it small enough for the sockets' buffers.
    chunks = [secrets.token_bytes(1 << 20)] * 16

    async def large(*_: object, **__: object) -> list[bytes]:
        return chunks

    monkeypatch.setattr("stratoscope.core.web.server.collect", large)  # no collector's page is so large here
    scrape = (
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %b\r\nConnection: close\r\n\r\n" % encoding
    )
    async with serving() as served:
        with ExitStack() as stack:
            for _ in range(2):
                stranger = stack.enter_context(socket.create_connection(("127.0.0.1", served.port)))
                stranger.send(scrape)
            await served.waiting("reader", number=2)
            assert (await served.answer(scrape)).startswith(b"HTTP/1.1 503 ")  # nobody was slow for so long
            served.passes(1.1)
            assert len(await served.answer(scrape)) > 16_000_000
            assert served.hung_up("reader") == 1


async def test_who_reads_a_page_at_once_does_not_make_room() -> None:
    async with serving(most=1) as served:
        reader, _ = await served.connect(HEALTHY)
        assert await reader.readuntil(b"healthy\n")
        only = next(iter(served.connections._open))
        only.pause_writing()
        assert await served.answer(HEALTHY) == b""
        assert (served.hung_up("busy"), served.hung_up("room")) == (1, 0)
        served.passes(1.1)
        last, _ = await served.connect(HEALTHY)
        assert await last.readuntil(b"healthy\n")
        assert (served.hung_up("busy"), served.hung_up("room")) == (1, 1)


async def test_who_reads_on_is_no_longer_waited_for_and_what_was_asked_before_is_read_first() -> None:
    async with serving() as served:
        reader, _ = await served.connect(HEALTHY)
        assert await reader.readuntil(b"healthy\n")
        only = next(iter(served.connections._open))
        waited_for = []
        for turn in (only.begins, only.pause_writing, only.begins, only.resume_writing, only.begins):
            turn()
            waited_for.append(only.waits_for)
        assert waited_for == ["", "reader", "reader", "", ""]
        only.pause_writing()
        only._wait("idle")
        only.resume_writing()
        assert only.waits_for == "idle"


@pytest.mark.parametrize(
    "flood",
    [
        b"POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 20_000,
        b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n" + b"a" * 100_000,
        b"POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        + b"a: b\r\n" * 20_000,
        HEALTHY.replace(b"x", b"x\r\nUpgrade: websocket\r\nConnection: Upgrade") + b"a" * 100_000,
    ],
    ids=["tiny chunks", "body", "trailers", "upgrade"],
)
async def test_who_sends_more_than_anybody_reads_is_hung_up_on(flood: bytes) -> None:
    async with serving() as served:
        reader, writer = await served.connect(flood)
        await ended(reader)
        assert served.hung_up("flood") == 1
        writer.transport.abort()
        reader, writer = await served.connect()
        for _ in range(3):  # what was answered is forgotten
            writer.write(HEALTHY.replace(b"x", b"x\r\nA: " + b"a" * 4_000) * 8)
            for _ in range(8):
                assert await reader.readuntil(b"healthy\n")
        assert served.hung_up("flood") == 1


async def test_bug_while_a_connection_begins_leaves_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    access = Access.open(None)

    async def broken() -> None:
        raise RuntimeError("a bug")

    async with serving(access=access) as served:
        monkeypatch.setattr(access, "renewed", broken)  # a bug that is not known cannot be had otherwise
        assert await served.answer(HEALTHY) == b""
        await until(lambda: served.count("connections") == 0)
        assert logged(caplog)[-1:] == ["no connection, a bug"]


class Exhausted(socket.socket):
    """A listener of a process that may open no file."""

    error: OSError | None = OSError(errno.EMFILE, "Too many open files")

    def accept(self) -> tuple[socket.socket, object]:
        if self.error is not None:
            raise self.error
        return super().accept()


async def test_process_without_a_file_left_says_so_once_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connections, "_AGAIN_S", 0.01)
    async with serving() as served:
        plain = await listening(Address("127.0.0.1", 0))
        listener = Exhausted(fileno=plain.detach())
        port, served.port = served.port, listener.getsockname()[1]
        kept = await served.connect(b"")
        served.port = port
        idle, _ = await served.connect(HEALTHY)
        await idle.readuntil(b"healthy\n")
        server = next(iter(served.connections._listeners.values()))
        served.connections.listen(listener, server)
        assert await ended(idle) == b"", "it makes room"
        await asyncio.sleep(0.05)
        listener.error = None
        kept[1].write(HEALTHY)
        assert await kept[0].readuntil(b"healthy\n")
        assert served.hung_up("files") == 1
        said = "no file left for another connection"
        assert logged(caplog).count(said) == 1


async def test_listener_that_is_closed_while_no_file_is_left_stays_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "_AGAIN_S", 0.01)
    async with serving() as served:
        listener = Exhausted(fileno=(await listening(Address("127.0.0.1", 0))).detach())
        served.connections.listen(listener, next(iter(served.connections._listeners.values())))
        with socket.create_connection(listener.getsockname()):
            await until(lambda: served.connections._exhausted._times > 0)
            served.connections.close()
            await asyncio.sleep(0.05)
        assert listener.fileno() == -1


def tls(folder: Path) -> Access:
    certificates.write(folder, Authority())
    (folder / "web.yml").write_text(TLS)
    return Access.open(str(folder / "web.yml"))


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01"], ids=["nothing", "half a record"])
async def test_tls_handshake_that_does_not_end_is_hung_up_on(sent: bytes, tmp_path: Path) -> None:
    async with serving(access=tls(tmp_path)) as served:
        reader, _ = await served.connect(sent)
        await served.waiting("handshake")
        served.passes(10.1)
        assert await ended(reader) == b""
        assert served.hung_up("handshake") == 1
        await until(lambda: served.count("connections") == 0)


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 300])
async def test_what_is_no_tls_is_counted_and_not_logged(
    sent: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(access=tls(tmp_path)) as served:
        await served.answer(sent)
        await until(lambda: served.hung_up("handshake") == 1)
        await until(lambda: served.count("connections") == 0)
    assert [record for record in caplog.records if record.name != "asyncio"] == []


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"])
async def test_handshake_that_failed_leaves_nothing_for_the_garbage_collector(
    sent: bytes, tmp_path: Path
) -> None:
    def left() -> int:
        return sum(type(one) in (Connection, SSLProtocol) for one in gc.get_objects())

    async with serving(access=tls(tmp_path)) as served:
        gc.collect()
        gc.disable()
        before = left()  # a traceback that another test keeps may hold some
        try:
            for _ in range(5):
                await served.connect(sent)

            def are_hung_up_on() -> bool:
                served.passes(1)
                return served.hung_up("handshake") == 5

            await until(are_hung_up_on)
            await until(lambda: served.count("connections") == 0)
            await until(lambda: left() <= before)
        finally:
            gc.enable()


async def test_listener_that_ends_during_its_pause_listens_no_more() -> None:
    async with serving() as served:
        (listener,) = served.connections._listeners
        served.connections.close()
        served.connections._resume(listener)
        with pytest.raises(ConnectionRefusedError):
            await served.connect()


async def test_connection_is_hung_up_on_but_once() -> None:
    async with serving() as served:
        reader, _ = await served.connect()
        await until(lambda: served.count("connections") == 1)
        (one,) = served.connections._open
        for _ in range(2):
            served.connections.hang_up(one, "idle")
        assert await ended(reader) == b""
        assert served.hung_up("idle") == 1


async def test_who_hangs_up_in_a_handshake_is_forgotten(tmp_path: Path) -> None:
    async with serving(access=tls(tmp_path)) as served:
        _, writer = await served.connect(b"\x16\x03\x01")
        await until(lambda: served.count("connections") == 1)
        writer.close()
        await until(lambda: served.count("connections") == 0)


async def test_handshakes_make_room_for_others_and_end_with_the_server(tmp_path: Path) -> None:
    guarded = tls(tmp_path)
    context = ssl.create_default_context(cafile=tmp_path / "ca.crt")
    async with serving(access=guarded, most=4) as served:
        for _ in range(20):
            await served.connect()
        reader, _ = await served.connect(HEALTHY, context)
        assert await reader.readuntil(b"healthy\n")
        await until(lambda: served.count("connections") == 4)
        assert served.hung_up("room") == 17


async def test_close_ends_the_connections_that_wait() -> None:
    access = Access.open(None)
    app = application(FakeService(), access)
    running = await serve(app, ["127.0.0.1:0", "127.0.0.1:0"], access)
    readers = [
        (await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))) for url in running.urls
    ]
    await until(lambda: len(app[CONNECTIONS]._open) == 2)
    await running.close()
    for reader, writer in readers:
        assert await ended(reader) == b""
        writer.close()


@pytest.mark.parametrize("host", ["a" * 64, "\udcff", "a..b"])
async def test_host_that_is_no_name_is_refused_with_its_flag(host: str) -> None:
    with pytest.raises(ConfigError, match=r"^--web\.listen-address: "):
        await listening(Address(host, 0))
