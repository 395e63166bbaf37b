"""The requests that a piece of work has sent: method, place, status and time, and no secret."""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from yarl import URL

from stratoscope.clouds.client.http import Http
from stratoscope.clouds.client.request import CallError
from stratoscope.clouds.client.sent import Sent, recorded

SECRET = "s3cr3t"  # noqa: S105 - of nothing


@asynccontextmanager
async def _http() -> AsyncIterator[Http]:
    http = Http("uni", ssl.create_default_context())
    try:
        yield http
    finally:
        await http.close()


@asynccontextmanager
async def _server() -> AsyncIterator[URL]:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"token": SECRET}, status=404, headers={"Set-Cookie": SECRET})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield URL(f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


async def test_each_request_is_recorded_with_its_status_and_without_secrets() -> None:
    sent: list[Sent] = []
    headers = {"X-Auth-Token": SECRET}
    async with _server() as url, _http() as http:
        with recorded(sent):
            place = url / "servers"
            await http.request("GET", place.with_query(token=SECRET), headers, None)
            await http.request("POST", place.with_user("a").with_password(SECRET), headers, None, b"{}")
        await http.request("GET", url / "not-recorded", headers, None)
    assert [replace(one, seconds=0.0) for one in sent] == [
        Sent("GET", str(url / "servers"), "404", 0.0),
        Sent("POST", str(url / "servers"), "404", 0.0),
    ]
    assert all(one.seconds > 0 for one in sent)
    assert SECRET not in repr(sent)


async def test_a_request_without_an_answer_is_recorded_with_what_failed() -> None:
    sent: list[Sent] = []
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = URL(f"http://127.0.0.1:{unused.getsockname()[1]}/servers")
        async with _http() as http:
            with recorded(sent), pytest.raises(CallError):
                await http.request("GET", url, {}, None)
    assert [(one.place, one.code) for one in sent] == [(str(url), "connection")]


async def test_a_time_out_of_the_system_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def gives_up(*_: object) -> None:
        raise TimeoutError

    sent: list[Sent] = []
    monkeypatch.setattr(Http, "_response", gives_up)
    async with _http() as http:
        with recorded(sent), pytest.raises(TimeoutError):
            await http.request("GET", URL("http://nova/servers"), {}, None)
    assert [(one.place, one.code) for one in sent] == [("http://nova/servers", "timeout")]
