"""What a source answers, over real connections: all of it, or an error."""

import asyncio
import gzip
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from stratoscope.clouds.client.http import Http
from stratoscope.core.errors import CollectError, Reason
from stratoscope.downtime.imports import fetch
from stratoscope.downtime.imports.announced import Parsed
from stratoscope.downtime.imports.fetch import Fetcher
from stratoscope.downtime.imports.settings import Import
from support.announcements import Handler, sample, server
from support.proxy_addresses import REFUSED

NOW = 1_800_000_000


async def fetched(
    handler: Handler, kind: Any = "osg", *, timeout_s: float = 20, largest: int = fetch.LARGEST, **keys: Any
) -> Parsed:
    async with server(handler) as url:
        query = "method=get_downtime" if kind == "gocdb" else None
        settings = Import(name="egi", kind=kind, url=str(url.with_query(query)), **keys)
        fetcher = Fetcher(settings, Http("egi", settings.tls(), largest=largest), timeout_s=timeout_s)
        try:
            return await fetcher.fetch(NOW)
        finally:
            await fetcher.close()


async def failed(handler: Handler, kind: Any = "osg", **keys: Any) -> tuple[Reason, str]:
    with pytest.raises(CollectError) as raised:
        await fetched(handler, kind, **keys)
    return raised.value.reason, str(raised.value)


def says(body: bytes, status: int = 200, **headers: str) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers=headers)

    return handler


def page(cursor: str, count: int = 1) -> bytes:
    """A page of GOCDB with a downtime of its own, and a link to the next one."""
    link = f'<link rel="next" href="/?next_cursor={cursor}"/>'
    return f'<results><meta>{link}<count>{count}</count></meta><DOWNTIME ID="{cursor}"/></results>'.encode()


def pages(bodies: Sequence[bytes], asked: list[str]) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        asked.append(request.query["next_cursor"])
        return web.Response(body=bodies[min(len(asked), len(bodies)) - 1])

    return handler


async def test_each_kind_is_read() -> None:
    assert len((await fetched(says(sample("osg.xml")))).rows) == 2
    assert len((await fetched(says(sample("site.ics")), "icalendar", zone="Europe/Berlin")).rows) == 3
    assert len((await fetched(says(sample("gocdb_nested.xml")), "gocdb")).rows) == 3


async def test_pages_are_asked_one_by_one_from_the_same_server() -> None:
    asked: list[str] = []
    found = await fetched(pages([sample("gocdb_flat.xml"), page("4200"), page("4300", 0)], asked), "gocdb")
    assert (len(found.rows), asked) == (3, ["0", "4102", "4200"])


async def test_pages_that_never_end_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def endless(request: web.Request) -> web.Response:
        asked.append(request.query["next_cursor"])
        return web.Response(body=page(str(len(asked))))

    monkeypatch.setattr(fetch, "MOST_PAGES", 5)
    assert await failed(endless, "gocdb") == (Reason.MALFORMED, "more than 5 pages")
    assert len(asked) == 5
    monkeypatch.setattr(fetch, "LARGEST", 300)
    assert await failed(endless, "gocdb") == (Reason.MALFORMED, "pages of more than 300 bytes")


@pytest.mark.parametrize("repeated", [sample("gocdb_flat.xml"), page("1")])
async def test_a_source_that_repeats_itself_is_left_at_once(repeated: bytes) -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.query["next_cursor"])
        cursor = str(4102 + len(asked))
        return web.Response(body=repeated.replace(b"next_cursor=4102", f"next_cursor={cursor}".encode()))

    words = "the source repeats itself: a page without a new downtime leads to a next one"
    assert await failed(handler, "gocdb") == (Reason.MALFORMED, words)
    assert len(asked) == 2
    asked = []
    circle = pages([page("1"), page("2"), page("1")], asked)
    assert await failed(circle, "gocdb") == (Reason.MALFORMED, words)
    assert asked == ["0", "1", "2"]


async def test_a_page_that_fails_leaves_nothing_of_the_others() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.query["next_cursor"])
        return web.Response(body=sample("gocdb_flat.xml"), status=200 if len(asked) == 1 else 500)

    assert await failed(handler, "gocdb") == (Reason.UNAVAILABLE, "HTTP 500")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, Reason.UNAUTHORIZED),
        (403, Reason.UNAUTHORIZED),
        (404, Reason.UNAVAILABLE),
        (429, Reason.BUSY),
        (503, Reason.BUSY),
        (206, Reason.UNAVAILABLE),
    ],
)
async def test_other_answers_than_200_have_their_reason(status: int, reason: Reason) -> None:
    assert await failed(says(sample("osg.xml"), status)) == (reason, f"HTTP {status}")


@pytest.mark.parametrize("kind", ["gocdb", "osg", "icalendar"])
@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html>\n<html>", b"\xef\xbb\xbf <HTML lang=en>", b"<br />\n<b>Warning</b>"]
)
async def test_a_page_for_people_is_named_as_such(kind: str, page: bytes) -> None:
    reason, words = await failed(says(page, 200, **{"Content-Type": "text/html"}), kind)
    assert reason is Reason.MALFORMED
    assert words.endswith(" answers with an HTML page (text/html), such as one for a log-in")
    assert words.startswith("http://127.0.0.1:")


async def test_a_redirect_is_not_followed_and_the_token_goes_nowhere(tmp_path: Any) -> None:
    token = tmp_path / "token"
    token.write_text("t0ken")
    seen: list[str] = []

    async def other(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        return web.Response(body=sample("osg.xml"))

    async with server(other) as elsewhere:
        said = await failed(says(b"", 302, Location=str(elsewhere)), bearer_token_file=str(token))
    words = f"HTTP 302: a redirect, which is not followed, to {elsewhere.origin()}; url takes its target"
    assert said == (Reason.UNAVAILABLE, words)
    assert (await failed(says(b"", 301)))[1].endswith("not followed; url takes its target")
    assert seen == []
    await fetched(other, bearer_token_file=str(token))
    assert seen == ["Bearer t0ken"]
    token.unlink()
    reason, words = await failed(other, bearer_token_file=str(token))
    assert (reason, words) == (
        Reason.UNAVAILABLE,
        f"imports: egi: bearer_token_file: {token}: No such file or directory",
    )


async def test_an_answer_that_hangs_is_given_up() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"<Downtimes>")
        await asyncio.sleep(30)
        return response

    assert await failed(handler, timeout_s=0.2) == (Reason.TIMEOUT, "no complete answer in 0.2 s")


async def test_an_answer_that_is_cut_short_is_an_error() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"<Downtimes>")
        assert request.transport is not None
        request.transport.close()
        return response

    reason, words = await failed(handler)
    assert reason is Reason.UNAVAILABLE
    assert words.startswith("http://127.0.0.1:")


async def test_an_answer_that_is_too_large_when_unpacked_is_an_error() -> None:
    bomb = gzip.compress(b" " * (4 << 20))
    reason, words = await failed(says(bomb, **{"Content-Encoding": "gzip"}), largest=1 << 20)
    assert reason is Reason.MALFORMED
    assert words.endswith(": a body of more than 1048576 bytes")


async def test_the_path_which_may_be_the_secret_is_in_no_error() -> None:
    settings = Import(name="cal", kind="icalendar", url="http://127.0.0.1:1/s3cr3t/basic.ics?key=s3cr3t")
    fetcher = Fetcher(settings, Http("cal", settings.tls()))
    with pytest.raises(CollectError) as raised:
        await fetcher.fetch(NOW)
    await fetcher.close()
    assert str(raised.value) == "http://127.0.0.1:1: Connection refused"


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy"])
async def test_the_proxy_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    seen: list[str] = []

    async def proxy(request: web.Request) -> web.Response:
        seen.append(request.headers["Host"])
        return web.Response(body=sample("osg.xml"))

    async with server(proxy) as url:
        monkeypatch.setenv(variable, str(url))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        settings = Import(name="egi", kind="osg", url="http://topology.example.org/xml")
        fetcher = Fetcher(settings, Http("egi", settings.tls()))
        assert len((await fetcher.fetch(NOW)).rows) == 2
        await fetcher.close()
    assert seen == ["topology.example.org"]


async def test_an_answer_of_a_proxy_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def proxy(_: web.Request) -> web.Response:
        return web.Response(status=407)

    async with server(proxy) as url:
        monkeypatch.setenv("http_proxy", str(url.with_user("me").with_password("s3cr3t")))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        settings = Import(name="egi", kind="osg", url="http://topology.example.org/xml")
        fetcher = Fetcher(settings, Http("egi", settings.tls()))
        with pytest.raises(CollectError) as raised:
            await fetcher.fetch(NOW)
        await fetcher.close()
    assert str(raised.value) == f"HTTP 407, through the proxy {url.origin()}"


@pytest.mark.parametrize("address", REFUSED)
@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
async def test_no_address_of_a_proxy_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, address: str
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(variable, address)
    settings = Import(name="egi", kind="osg", url="http://topology.example.org/xml")
    fetcher = Fetcher(settings, Http("egi", settings.tls()))
    with pytest.raises(CollectError) as raised:
        await fetcher.fetch(NOW)
    await fetcher.close()
    assert raised.value.reason is Reason.UNAVAILABLE
    assert str(raised.value).startswith(f"{variable}: no address of an HTTP proxy; allowed: http://HOST:PORT")
    assert "3cret" not in f"{raised.value}{caplog.text}"


async def test_a_proxy_without_a_scheme_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "me:s3cret@127.0.0.1:9")
    settings = Import(name="egi", kind="osg", url="http://topology.example.org/xml")
    fetcher = Fetcher(settings, Http("egi", settings.tls()))
    with pytest.raises(CollectError) as raised:
        await fetcher.fetch(NOW)
    await fetcher.close()
    words = "Connection refused, through the proxy http://127.0.0.1:9"
    assert str(raised.value) == f"http://topology.example.org: {words}"


def test_proxy_of_the_scheme_goes_before_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme, port in (("http", 1), ("https", 2), ("all", 3)):
        monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{port}")
    chosen = [fetch._proxy(URL(f"{scheme}://topology.example.org/")) for scheme in ("http", "https")]
    assert [proxy and proxy.place for proxy in chosen] == ["http://127.0.0.1:1", "http://127.0.0.1:2"]


def test_loopback_goes_through_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "all"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert fetch._proxy(URL("http://127.0.0.1/")) is None
