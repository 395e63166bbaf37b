"""What is answered to those who send nonsense, and that not a word of it is logged; over real connections."""

import logging
from pathlib import Path

import pytest
from aiohttp import web as aiohttp_web

from stratoscope.core.web.auth import Access
from support.connections import HEALTHY, ended, serving
from support.logs import logged

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
    assert b"\r\nContent-Security-Policy: default-src 'none'; " in head
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
