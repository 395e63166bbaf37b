"""GETs over real connections to a server that does as it likes."""

import asyncio
import gzip
import io
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from stratoscope.clouds.client.http import LARGEST, Http
from stratoscope.clouds.client.proxies import Proxy
from stratoscope.clouds.client.request import CallError, Method, Response
from stratoscope.core.config import Secret
from stratoscope.core.errors import Reason
from support import certificates

Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _raw_server(answer: Raw) -> AsyncIterator[URL]:
    """A server that reads a request's head and leaves the rest to `answer`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/servers")


def _says(text: bytes) -> Raw:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return answer


@asynccontextmanager
async def _server(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[URL]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield URL(site.name.replace("0.0.0.0", "127.0.0.1")).with_port(runner.addresses[0][1])  # noqa: S104
    finally:
        await runner.cleanup()


async def _get(url: URL, *, largest: int = 1 << 20, tls: ssl.SSLContext | None = None) -> Response:
    http = Http("uni", tls or ssl.create_default_context(), largest=largest)
    try:
        return await http.request("GET", url, {"X-Auth-Token": "secret"}, None)
    finally:
        await http.close()


async def _fails(url: URL, *, largest: int = 1 << 20, tls: ssl.SSLContext | None = None) -> CallError:
    with pytest.raises(CallError) as caught:
        await _get(url, largest=largest, tls=tls)
    assert "secret" not in str(caught.value)
    return caught.value


async def test_it_says_who_asks_and_takes_packed_bodies() -> None:
    asked: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request)
        headers = {"Content-Encoding": "gzip", "Retry-After": "3", "Set-Cookie": "a=b"}
        return web.Response(body=gzip.compress(b"body" * 1000), headers=headers)

    async with _server(handler) as url:
        answer = await _get(url)
    assert answer.status == 200
    assert answer.body == b"body" * 1000
    assert answer.headers["retry-after"] == "3"
    assert asked[0].headers["User-Agent"].startswith("stratoscope/")
    assert asked[0].headers["Accept-Encoding"] == "gzip, deflate"
    assert asked[0].headers["X-Auth-Token"] == "secret"


async def test_no_redirect_is_followed() -> None:
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/elsewhere"})

    async with _server(handler) as url:
        answer = await _get(url / "servers")
    assert answer.status == 302
    assert asked == ["/servers"]


@pytest.mark.parametrize(
    ("method", "connections"), [("GET", 1), ("PUT", 1), ("DELETE", 1), ("POST", 2), ("PATCH", 2)]
)
async def test_what_is_not_sent_twice_goes_over_a_connection_of_its_own(
    method: Method, connections: int
) -> None:
    """One that was kept may just be closed at the other end: whoever sends over it learns that too late."""
    seen: list[tuple[str, object, bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        seen.append((request.method, request.transport.get_extra_info("peername"), await request.read()))
        return web.Response()

    async with _server(handler) as url:
        http = Http("uni", ssl.create_default_context())
        for _ in range(2):
            await http.request(method, url, {}, None, b"{}" if method != "GET" else b"")
        await http.close()
    assert {(one, body) for one, _, body in seen} == {(method, b"{}" if method != "GET" else b"")}
    assert len({peer for _, peer, _ in seen}) == connections


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://no-such-host.invalid/"])
async def test_request_without_a_connection_was_not_sent(url: str) -> None:
    assert not (await _fails(URL(url))).may_be_done


async def test_request_whose_connection_is_lost_may_have_been_received() -> None:
    async with _raw_server(_says(b"")) as url:
        assert (await _fails(url)).may_be_done


async def test_cookies_are_not_kept() -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(dict(request.cookies))
        return web.Response(headers={"Set-Cookie": "session=1; Path=/"})

    async with _server(handler) as url:
        http = Http("uni", ssl.create_default_context())
        await http.request("GET", url, {}, None)
        await http.request("GET", url, {}, None)
        await http.close()
    assert seen == [{}, {}]


@pytest.mark.parametrize("packed", [False, True])
async def test_a_body_beyond_the_bound_is_malformed(*, packed: bool) -> None:
    async def handler(_: web.Request) -> web.Response:
        body = b"x" * 3_000_000
        if packed:
            return web.Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
        return web.Response(body=body)

    async with _server(handler) as url:
        error = await _fails(url)
    assert error.reason is Reason.MALFORMED
    assert error.code == "malformed"
    assert "more than 1048576 bytes" in str(error)


async def test_no_body_is_larger_than_16_mib() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=io.BytesIO(bytes((16 << 20) + 1)))

    async with _server(handler) as url:
        error = await _fails(url, largest=LARGEST)
    assert str(error) == f"{url}: a body of more than 16777216 bytes"


async def test_a_connection_that_is_cut_in_the_body_is_unavailable() -> None:
    async with _raw_server(_says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")) as url:
        error = await _fails(url)
    assert (error.reason, error.code) == (Reason.UNAVAILABLE, "connection")


async def test_a_connection_that_is_closed_without_an_answer_is_unavailable() -> None:
    async with _raw_server(_says(b"")) as url:
        error = await _fails(url)
    assert (error.reason, error.code) == (Reason.UNAVAILABLE, "connection")


async def test_what_is_no_http_is_malformed() -> None:
    async with _raw_server(_says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")) as url:
        error = await _fails(url)
    assert (error.reason, error.code) == (Reason.MALFORMED, "malformed")


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: ", b"HTTP/1.1 200 OK\r\nX: \0"])
async def test_what_is_no_http_is_not_cited_as_it_may_hold_what_was_sent(before: bytes) -> None:
    async with _raw_server(_says(before + b"X-Auth-Token: secret\r\n\r\n")) as url:
        error = await _fails(url)
    assert error.code == "malformed"
    assert "secret" not in str(error)


async def test_a_body_that_cannot_be_unpacked_is_no_answer() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"
    async with _raw_server(_says(head + b"nope")) as url:
        error = await _fails(url)
    assert error.code in {"connection", "malformed"}


async def test_a_refused_connection_says_so_in_one_line_which_is_the_same_for_all_requests() -> None:
    async with _raw_server(_says(b"")) as url:
        pass
    for path in ("/v2.1/servers", "/v2.1/flavors"):
        error = await _fails(url.with_path(path).with_query(a="b").with_user("me").with_password("secret"))
        assert (error.reason, error.code) == (Reason.UNAVAILABLE, "connection")
        assert str(error) == f"{url.origin()}: Connection refused"


async def test_a_name_that_nobody_knows_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    error = await _fails(URL("http://nova.example/servers"))
    assert (error.reason, error.code) == (Reason.UNAVAILABLE, "connection")
    assert "nova.example" in str(error)


async def test_names_are_looked_up_in_threads_of_their_own() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text="good")

    async with _server(handler) as url:
        answer = await _get(url.with_host("localhost"))
    assert answer.body == b"good"
    for thread in threading.enumerate():
        if "name server" in thread.name:  # it was told to end
            await asyncio.to_thread(thread.join)


def _certified(tmp_path: Path) -> ssl.SSLContext:
    certificates.write(tmp_path, certificates.Authority())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    return context


async def test_tls_with_an_authority_of_ones_own(tmp_path: Path) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text="good")

    tls = _certified(tmp_path)
    async with _server(handler, tls) as url:
        trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
        assert (await _get(url.with_scheme("https"), tls=trusting)).body == b"good"


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text="good")

    tls = _certified(tmp_path)
    async with _server(handler, tls) as url:
        error = await _fails(url.with_scheme("https"))
    assert error.reason is Reason.UNAVAILABLE
    assert "certificate" in str(error)


async def test_a_url_that_cannot_be_asked_is_not_quoted_whole() -> None:
    failure = await _fails(URL("ftp://nova/servers?token=secret"))
    assert str(failure) == "ftp://nova/servers: NonHttpUrlClientError"


async def test_a_proxy_that_cannot_be_asked_is_not_quoted_whole() -> None:
    proxy = Proxy("http://proxy:x", Secret("http://me:secret@proxy:x"))
    http = Http("uni", ssl.create_default_context())
    with pytest.raises(CallError) as caught:
        await http.request("GET", URL("http://nova/servers"), {}, proxy)
    await http.close()
    assert str(caught.value) == "http://nova/servers: InvalidURL, through the proxy http://proxy:x"
