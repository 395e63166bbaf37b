"""`pause_url`: an answer is used for 10 s; without a usable one nothing pauses, and that is counted."""

import asyncio
import datetime as dt
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from stratoscope.clouds.client.request import CallError, Response
from stratoscope.core.errors import Reason
from stratoscope.vmprobe.pause_url import Pause, PauseUrl
from support.probers import FakeHttp
from support.virtual_time import EPOCH, loop_clock, simulated

URL = "http://127.0.0.1/api/v1/active"


def on_url(work: Callable[[PauseUrl, FakeHttp], Coroutine[Any, Any, None]], token_file: str = "") -> None:
    async def main() -> None:
        http = FakeHttp()
        url = PauseUrl("uni", http, loop_clock())
        url.change(URL, token_file)
        await work(url, http)
        await url.close()

    simulated(main)


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (EPOCH, EPOCH),
        (None, None),
        (dt.datetime.fromtimestamp(EPOCH, dt.UTC).isoformat(), EPOCH),
        (EPOCH * 1000, None),  # in milliseconds, as JavaScript counts
        (1e300, None),
        ("9999-12-31T23:59:59-12:00", None),
        ("0001-01-01T00:00:00+12:00", 0.0),
    ],
)
def test_active_pauses_until_a_moment_or_without_an_end(until: object, expected: float | None) -> None:
    async def work(url: PauseUrl, http: FakeHttp) -> None:
        http.answers(active=True, until=until)
        assert await url.ask() == Pause(expected)

    on_url(work)


def test_an_answer_is_used_for_10_s_and_shared() -> None:
    async def work(url: PauseUrl, http: FakeHttp) -> None:
        http.takes_s = 1.0
        http.answers(active=True)
        assert await asyncio.gather(url.ask(), url.ask()) == [Pause(None)] * 2
        await asyncio.sleep(9)
        http.answers(active=False)
        assert await url.ask() == Pause(None)
        assert len(http.sent) == 1
        await asyncio.sleep(2)
        assert await url.ask() is None
        assert len(http.sent) == 2

    on_url(work)


@pytest.mark.parametrize(
    "answer",
    [
        Response(500, b"", {}),
        Response(200, b"<html>", {}),
        Response(200, b'{"until": null}', {}),
        Response(200, b'{"active": true, "until": "2027-01-01T00:00:00"}', {}),
        Response(200, b'{"active": true, "until": -1e300}', {}),
        Response(200, b'{"active": true, "x": ' + b"[" * 60_000, {}),
        CallError(Reason.UNAVAILABLE, "Connection refused", "connection"),
        TimeoutError(),
    ],
)
def test_without_a_usable_answer_nothing_pauses_and_that_is_counted_and_logged_once(
    answer: Response | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(url: PauseUrl, http: FakeHttp) -> None:
        http.answer = answer
        for number in (1, 2):
            assert await url.ask() is None
            assert url.failures == number
            await asyncio.sleep(11)

    on_url(work)
    assert len(caplog.records) == 1


def test_a_server_that_hangs_costs_3_s() -> None:
    async def work(url: PauseUrl, http: FakeHttp) -> None:
        http.takes_s = 1e6
        began = asyncio.get_running_loop().time()
        assert await url.ask() is None
        assert asyncio.get_running_loop().time() - began == pytest.approx(3, abs=0.01)
        assert url.failures == 1

    on_url(work)


def test_the_token_is_read_from_its_file_each_time(tmp_path: Path) -> None:
    file = tmp_path / "token"

    async def work(url: PauseUrl, http: FakeHttp) -> None:
        http.answers(active=False)
        for token in ("first", "second"):
            file.write_text(token)
            await url.ask()
            assert http.sent[-1]["Authorization"] == f"Bearer {token}"
            await asyncio.sleep(11)
        file.unlink()
        assert await url.ask() is None
        assert (url.failures, len(http.sent)) == (1, 2)

    on_url(work, str(file))


def test_another_url_is_asked_at_once_and_none_pauses_nothing() -> None:
    async def work(url: PauseUrl, http: FakeHttp) -> None:
        http.answers(active=True)
        await url.ask()
        url.change(URL, "")
        assert url.pause == Pause(None)
        url.change("http://127.0.0.1/other", "")
        assert url.pause is None
        assert await url.ask() == Pause(None)
        url.change("", "")
        assert await url.ask() is None
        assert len(http.sent) == 2

    on_url(work)
