"""Connections: how many, how long, and what is answered to those who send nonsense; over real ones."""

import asyncio
import errno
import gc
import logging
import resource
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import pytest
from aiohttp import web as aiohttp_web

from stratoscope.core import connections, web
from stratoscope.core.auth import Access
from stratoscope.core.connections import Connection, Connections, Limits
from stratoscope.core.errors import ConfigError
from stratoscope.core.listen import Address, listening
from support import certificates
from support.certificates import Authority
from support.logs import logged
from support.services import Domains, FakeService, Hanging, service, until
from support.source import Clock

TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
HEALTHY = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
QUICKLY = Limits(headers_s=0.05, idle_s=0.05, send_s=0.05, linger_s=0.05, sweep_s=0.01)
SLOWLY = Limits(linger_s=0.05, sweep_s=0.01)

Broken: TypeAlias = Callable[[aiohttp_web.Request], Awaitable[aiohttp_web.StreamResponse]]


@dataclass
class Served:
    """A server on loopback, and who is connected to it."""

    port: int
    shown: FakeService
    app: aiohttp_web.Application
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def connections(self) -> Connections:
        return self.app[web.CONNECTIONS]

    async def connect(
        self, sent: bytes = b"", context: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = "localhost" if context else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=context, server_hostname=name, limit=1 << 22
        )
        self.writers.append(writer)
        writer.write(sent)
        return reader, writer

    async def answer(self, sent: bytes) -> bytes:
        """What is answered until it is hung up."""
        reader, _ = await self.connect(sent)
        return await ended(reader)

    def count(self, name: str, **labels: str) -> float:
        return self.shown.registry.get_sample_value(f"stratoscope_http_{name}", labels) or 0.0

    def hung_up(self, reason: str) -> float:
        return self.count("connections_hung_up_total", reason=reason)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the other side has ended, whichever way; an error if it does not."""
    found = b""
    async with asyncio.timeout(5):
        try:
            while part := await reader.read(1 << 20):
                found += part
        except ConnectionError:
            return found
    return found


@asynccontextmanager
async def serving(
    shown: FakeService | None = None,
    limits: Limits = SLOWLY,
    *,
    most: int = 512,
    access: Access | None = None,
    broken: Broken | None = None,
) -> AsyncIterator[Served]:
    """A server; `broken` is what it does at /broken."""
    access, shown = access or Access.open(None), shown or service(Domains())
    app = web.application(shown, access, limits)
    if broken is not None:
        app.router.add_get("/broken", broken)
    running = await web.serve(app, ["127.0.0.1:0"], access, most=most)
    served = Served(int(running.urls[0].rpartition(":")[2]), shown, app)
    try:
        yield served
    finally:
        for writer in served.writers:
            writer.transport.abort()
        await running.close()
        await asyncio.gather(*(runner.stop() for runner in shown.runners))


async def test_head_of_a_request_that_does_not_end_is_hung_up_on() -> None:
    async with serving(limits=QUICKLY) as served:
        assert await served.answer(b"GET / HTTP/1.1\r\nX: ") == b""
        assert await served.answer(b"") == b""
        assert (served.hung_up("headers"), served.hung_up("idle")) == (2, 0)
        await until(lambda: served.count("connections") == 0)


async def test_head_that_comes_byte_by_byte_has_no_more_time_than_another() -> None:
    async with serving(limits=QUICKLY) as served:
        reader, writer = await served.connect(b"GET / HTTP/1.1\r\nX: ")

        async def dribble() -> None:
            while not writer.transport.is_closing():
                writer.write(b"a")
                await asyncio.sleep(0.01)

        dribbling = asyncio.create_task(dribble())
        assert await ended(reader) == b""
        await dribbling
        assert served.hung_up("headers") == 1


async def test_second_request_has_its_own_time_from_its_first_byte() -> None:
    limits = Limits(headers_s=0.05, sweep_s=0.01)
    async with serving(limits=limits) as served:
        reader, writer = await served.connect(HEALTHY)
        assert await reader.readuntil(b"healthy\n")
        await asyncio.sleep(0.1)
        writer.write(HEALTHY)
        assert await reader.readuntil(b"healthy\n")
        writer.write(b"GET")
        assert await ended(reader) == b""
        assert served.hung_up("headers") == 1


async def test_connection_without_another_request_is_hung_up_on() -> None:
    async with serving(limits=Limits(idle_s=0.05, sweep_s=0.01)) as served:
        assert (await served.answer(HEALTHY)).endswith(b"healthy\n")
        assert served.hung_up("idle") == 1


async def test_request_that_is_answered_slowly_is_waited_for() -> None:
    async with serving(service(Hanging()), QUICKLY) as served:
        reader, _ = await served.connect(
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: 0.3\r\n\r\n"
        )
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"


async def test_client_that_does_not_read_is_hung_up_on() -> None:
    class Large(FakeService):
        def config_shown(self) -> str:
            return "x" * 16_000_000

    async with serving(Large(), QUICKLY) as served:
        with socket.create_connection(("127.0.0.1", served.port)) as stranger:
            stranger.send(b"GET /config HTTP/1.1\r\nHost: x\r\n\r\n")
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
        await until(lambda: all(one.deadline > 1e300 for one in served.connections._open))
        assert await served.answer(HEALTHY) == b""
        assert (served.hung_up("busy"), served.hung_up("room")) == (1, 0)


async def test_scrapes_at_once_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MOST_SCRAPES", 1)
    hanging = service(Hanging())
    async with serving(hanging) as served:
        scrape = b"GET /metrics HTTP/1.1\r\nHost: x\r\n%b\r\n"
        first, _ = await served.connect(scrape % b"X-Prometheus-Scrape-Timeout-Seconds: 0.3\r\n")
        await until(lambda: hanging.runners[0]._under_way is not None)
        answer = await served.answer(scrape % b"Connection: close\r\n")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1\r\n" in answer
        assert await first.readline() == b"HTTP/1.1 200 OK\r\n"
        await until(
            lambda: served.shown.registry.get_sample_value("stratoscope_scrape_duration_seconds_count") == 1
        )
        third, _ = await served.connect(scrape % b"X-Prometheus-Scrape-Timeout-Seconds: 0.2\r\n")
        assert await third.readline() == b"HTTP/1.1 200 OK\r\n"


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


@dataclass(frozen=True)
class Files:
    """The bounds on open files that are found, and what becomes of them for so many connections wanted."""

    soft: int
    hard: int
    wanted: int
    allowed: int
    raised_to: int | None = None
    logged: tuple[str, ...] = ()


NONE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    "files",
    [
        Files(1024, 4096, 512, 512),
        Files(256, 4096, 512, 512, 1024, ("more open files allowed from=256 to=1024",)),
        Files(256, NONE, 2000, 2000, 2512, ("more open files allowed from=256 to=2512",)),
        Files(NONE, NONE, 512, 512),
        Files(
            64, 64, 512, 32, None, ("open files are bounded, fewer connections files=64 connections=32",)
        ),
        Files(
            64, 600, 512, 300, 600,
            (
                "more open files allowed from=64 to=600",
                "open files are bounded, fewer connections files=600 connections=300",
            ),
        ),
        Files(1, 1, 5, 1, None, ("open files are bounded, fewer connections files=1 connections=1",)),
    ],
)  # fmt: skip
async def test_bound_on_open_files_is_raised_as_far_as_needed(
    files: Files, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files.soft, files.hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, to: asked.append(to))
    with caplog.at_level(logging.INFO):
        async with serving(most=files.wanted) as served:
            assert served.count("connections_limit") == files.allowed
    assert asked == ([] if files.raised_to is None else [(files.raised_to, files.hard)])
    assert tuple(logged(caplog)) == files.logged


SECRET = b"hunter2"
MALFORMED = {
    "bytes": bytes(range(128, 256)) + SECRET,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SECRET * 30,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "header's value": b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic hunter2\x01\r\n\r\n",
    "header's name": b"GET / HTTP/1.1\r\nHost: x\r\nhunter2(: x\r\n\r\n",
    "no header": b"GET / HTTP/1.1\r\nhunter2\r\n\r\n",
    "long header": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + SECRET * 2000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: hunter2\r\n" * 200 + b"\r\n",
    "long path": b"GET /" + SECRET * 2000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "two lengths": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "length": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: hunter2\r\n\r\n",
    "version": b"GET / HTTP/hunter2\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_request_is_answered_and_counted_without_a_word_of_it(
    sent: bytes, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "web.yml").write_text("http_server_config: {headers: {X-Frame-Options: deny}}")
    with caplog.at_level(logging.DEBUG):
        async with serving(access=Access.open(str(tmp_path / "web.yml"))) as served:
            answer = await served.answer(sent)
            assert served.count("requests_total", handler="malformed", code="400") == 1
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 400 Bad Request\r\n")
    assert b"\r\nServer: stratoscope\r\n" in head
    assert b"\r\nX-Frame-Options: deny\r\n" in head
    assert b"hunter2" not in head
    assert body == b"malformed request\n"
    mine = [record for record in caplog.records if record.name != "asyncio"]
    assert [record for record in mine if record.exc_info or "hunter2" in record.getMessage()] == []
    assert [record.levelname for record in mine if record.message.startswith("malformed")] == ["DEBUG"]


@pytest.mark.parametrize("begun", [b"hunter2\r\n", b""])
async def test_body_that_nobody_asked_for_keeps_nobody_waiting(
    begun: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as served:
        reader, writer = await served.connect(
            b"POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        assert await reader.readuntil(b"404: Not Found")
        writer.write(begun)
        assert b"hunter2" not in await ended(reader)
    assert logged(caplog) == []


async def test_malformed_body_is_counted_and_not_told_of(caplog: pytest.LogCaptureFixture) -> None:
    class Reading(aiohttp_web.Response):
        async def write_eof(self, _: bytes = b"") -> None:
            raise aiohttp_web.RequestPayloadError("hunter2")  # as aiohttp's parser in Python does

    async def broken(_: aiohttp_web.Request) -> aiohttp_web.StreamResponse:
        return Reading()

    async with serving(broken=broken) as served:
        await served.answer(b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
        assert served.count("requests_total", handler="malformed", code="400") == 1
    assert logged(caplog) == []


def test_episode_is_a_line_when_it_begins_and_one_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    caplog.set_level(logging.INFO)
    episode = connections.Episode("too many", clock)
    for _ in range(2):
        episode.look()
        for _ in range(3):
            episode.happened()
            clock.time_s += 59
            episode.look()
        clock.time_s += 2
        episode.look()
    assert logged(caplog) == ["too many", "over: too many times=3"] * 2


@pytest.mark.parametrize("value", [b"hunter2", b"hunter2\xff", b"100-continue, hunter2"])
async def test_expectation_that_is_none_is_not_repeated(value: bytes) -> None:
    async with serving() as served:
        answer = await served.answer(b"GET / HTTP/1.1\r\nHost: x\r\nExpect: " + value + b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 417 Expectation Failed\r\n")
        assert b"\r\nServer: stratoscope\r\n" in answer
        assert b"hunter2" not in answer
        assert served.count("requests_total", handler="malformed", code="417") == 1


async def test_who_expects_to_go_on_may() -> None:
    async with serving() as served:
        reader, _ = await served.connect(HEALTHY.replace(b"Host", b"Expect: 100-Continue\r\nHost"))
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert await reader.readuntil(b"healthy\n")


async def test_bug_behind_an_answer_that_has_begun_ends_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(request: aiohttp_web.Request) -> aiohttp_web.StreamResponse:
        response = aiohttp_web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        raise RuntimeError("a bug")

    async with serving(broken=broken) as served:
        assert b"half" in await served.answer(b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
    assert logged(caplog) == ["answering failed, a bug path='/broken'"]


async def test_bug_while_an_answer_is_sent_is_logged_and_ends_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Unsendable(aiohttp_web.Response):
        async def write_eof(self, _: bytes = b"") -> None:
            raise RuntimeError("a bug")

    async def broken(_: aiohttp_web.Request) -> aiohttp_web.StreamResponse:
        return Unsendable()

    async with serving(broken=broken) as served:
        await served.answer(b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
    assert "RuntimeError: a bug" in caplog.text


def tls(folder: Path) -> Access:
    certificates.write(folder, Authority())
    (folder / "web.yml").write_text(TLS)
    return Access.open(str(folder / "web.yml"))


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01"], ids=["nothing", "half a record"])
async def test_tls_handshake_that_does_not_end_is_hung_up_on(sent: bytes, tmp_path: Path) -> None:
    async with serving(access=tls(tmp_path), limits=QUICKLY) as served:
        assert await served.answer(sent) == b""
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

    async with serving(access=tls(tmp_path), limits=QUICKLY) as served:
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                await served.answer(sent)
            await until(lambda: served.count("connections") == 0)
            await until(lambda: left() == 0)
        finally:
            gc.enable()


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
    app = web.application(FakeService(), access)
    running = await web.serve(app, ["127.0.0.1:0", "127.0.0.1:0"], access)
    readers = [
        (await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))) for url in running.urls
    ]
    await until(lambda: len(app[web.CONNECTIONS]._open) == 2)
    await running.close()
    for reader, writer in readers:
        assert await ended(reader) == b""
        writer.close()


@pytest.mark.parametrize("host", ["a" * 64, "\udcff", "a..b"])
async def test_host_that_is_no_name_is_refused_with_its_flag(host: str) -> None:
    with pytest.raises(ConfigError, match=r"^--web\.listen-address: "):
        await listening(Address(host, 0))
