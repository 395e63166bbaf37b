"""A token in the URL, for feeds."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from stratoscope.core.web.asking.guesses import hashed
from stratoscope.core.web.asking.settings import Guard
from stratoscope.core.web.auth import Access
from stratoscope.core.web.routes import Request, Route, UrlToken
from support.asking import WHOAMI, access_settings, ask, basic, bearer, web_config
from support.services import FakeService, served
from support.source import Clock

FEEDS = {"ops": {hashed("t0ken"), hashed("another").upper()}, "staff": {hashed("staffs")}}


async def right(opened: Mapping[str, Any], parts: Mapping[str, str]) -> Iterable[str]:
    feeds: Mapping[str, set[str]] = opened["feeds"]
    return feeds.get(parts["name"], set())


async def feed(request: Request) -> web.Response:
    if request.http.query:
        raise RuntimeError("a bug")
    return web.Response(text=f"feed of {request.http.match_info['name']}:{request.asker.name}")


def service() -> FakeService:
    route = Route("GET", "/feeds/{name}/{token}.ics", feed, UrlToken(right))
    return FakeService(routes=[route], opened={"feeds": FEEDS})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/feeds/ops/t0ken.ics", (200, "feed of ops:")),
        ("/feeds/ops/another.ics", (200, "feed of ops:")),
        ("/feeds/ops/staffs.ics", (404, "no such page, or its token is wrong\n")),
        ("/feeds/none/t0ken.ics", (404, "no such page, or its token is wrong\n")),
        (f"/feeds/ops/{hashed('t0ken')}.ics", (404, "no such page, or its token is wrong\n")),
        ("/feeds/ops/.ics", (404, "404: Not Found")),
    ],
)
async def test_only_a_right_token_shows_the_feed(path: str, expected: tuple[int, str]) -> None:
    async with served(service()) as url:
        answer = await ask(url + path)
    assert (answer.status, answer.text) == expected


async def test_reader_needs_no_password_and_a_password_no_token(tmp_path: Path) -> None:
    async with served(service(), web_config(tmp_path)) as url:
        assert (await ask(f"{url}/feeds/ops/t0ken.ics")).status == 200
        assert (await ask(f"{url}/feeds/ops/t0ken.ics", headers=basic("alice", "guess"))).status == 200
        assert (await ask(f"{url}/feeds/ops/wrong.ics", headers=basic("alice"))).status == 404


async def test_who_guesses_has_to_wait_and_readers_go_on() -> None:
    clock = Clock()
    async with served(service(), Access(None, monotonic=clock)) as url:
        for number in range(10):
            assert (await ask(f"{url}/feeds/ops/guess-{number}.ics")).status == 404
        answer = await ask(f"{url}/feeds/ops/guess.ics")
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        for token in ("t0ken", "another"):
            assert (await ask(f"{url}/feeds/ops/{token}.ics")).status == 200
        clock.time_s += 1
        assert (await ask(f"{url}/feeds/ops/guess.ics")).status == 404


async def test_readers_with_an_old_address_lock_nobody_out_who_logs_in(tmp_path: Path) -> None:
    shown = service()
    shown.routes = [*shown.routes, *WHOAMI]
    shown.guard = Guard(access_settings(tokens=[{"name": "ci", "sha256": hashed("of-ci")}]))
    async with served(shown, web_config(tmp_path)) as url:
        statuses = {(await ask(f"{url}/feeds/ops/old-{number}.ics")).status for number in range(12)}
        assert statuses == {404, 429}
        assert (await ask(f"{url}/inside", headers=basic("alice"))).status == 200
        assert (await ask(f"{url}/inside", headers=bearer("of-ci"))).status == 200


async def test_token_is_neither_logged_nor_counted_nor_cached_for_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with served(service()) as url:
            answer = await ask(f"{url}/feeds/ops/t0ken.ics")
            assert answer.headers["Cache-Control"] == "private, no-cache"
            assert (await ask(f"{url}/feeds/ops/t0ken.ics", "POST")).status == 405
            assert (await ask(f"{url}/feeds/ops/t0ken.ics?bug")).status == 500
            assert (await ask(f"{url}/feeds/ops/wr0ng.ics")).status == 404
            page = (await ask(f"{url}/metrics")).text
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("stratoscope")]
    assert "answering failed, a bug path='/feeds/{name}/{token}.ics'" in ours
    assert "t0ken" not in caplog.text + page
    assert "wr0ng" not in caplog.text + page
    counts = 'stratoscope_http_requests_total{code="%s",handler="/feeds/{name}/{token}.ics"} 1.0\n'
    for code in ("200", "404", "500"):
        assert counts % code in page


async def test_feed_waits_for_what_is_not_opened_yet() -> None:
    shown = service()
    shown.opened = {}
    async with served(shown) as url:
        answer = await ask(f"{url}/feeds/ops/t0ken.ics")
        assert (answer.status, answer.text) == (503, "not ready: feeds is not opened yet\n")
