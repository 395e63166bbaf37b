"""`stratoscope check-alerts`: exit status, one line, performance data; against a server on loopback."""

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from stratoscope.__main__ import main as command
from stratoscope.downtime.check_alerts import Alert, judged, main
from support.patience import FAR_S

NOTHING = "critical=0;;0;0 warning=0;0;;0 other=0;;;0 silenced=0;;;0"
PERFDATA = re.compile(r"critical=\d+;;0;0 warning=\d+;0;;0 other=\d+;;;0 silenced=\d+;;;0")


def alert(name: str, severity: str = "critical", *silences: str, **labels: str) -> dict[str, Any]:
    """An alert as Alertmanager shows it."""
    state = "suppressed" if silences else "active"
    return {
        "labels": {"alertname": name, "severity": severity, **labels},
        "status": {"state": state, "silencedBy": [*silences], "inhibitedBy": []},
    }


@asynccontextmanager
async def alertmanager(
    alerts: Any,
    silences: Mapping[str, tuple[str, str]] | None = None,
    *,
    broken: int = 404,
    odd: web.Response | None = None,
) -> AsyncIterator[tuple[str, list[str]]]:
    """Its URL, and what it is asked for.

    Silences are creator and comment by id; others are answered with the status `broken`. The answer to `hang`
    comes byte by byte, that to `odd` is given; if it is None, the connection is closed.
    """
    asked: list[str] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        asked.append(request.raw_path)
        if request.path == "/api/v2/alerts":
            if isinstance(alerts, web.Response):
                return alerts
            return web.json_response(alerts)
        if request.path == "/api/v2/silence/odd":
            if odd is not None:
                return odd
            assert request.transport is not None
            request.transport.abort()
        if request.path == "/api/v2/silence/hang":
            answer = web.StreamResponse()
            await answer.prepare(request)
            for _ in range(120):
                await answer.write(b" ")
                await asyncio.sleep(0.01)
            return answer
        found = (silences or {}).get(request.path.removeprefix("/api/v2/silence/"))
        if found is None:
            return web.json_response("gone", status=broken)
        return web.json_response({"createdBy": found[0], "comment": found[1]})

    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


async def checked(url: str, *flags: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit status, text and performance data of the command, which blocks."""
    status = await asyncio.to_thread(command, ["check-alerts", f"--url={url}", *flags])
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    text, _, perfdata = out.rstrip("\n").partition("|")
    assert PERFDATA.fullmatch(perfdata) if status < 3 else not perfdata
    return status, text, perfdata


@pytest.mark.parametrize(
    ("severities", "status", "said"),
    [
        ([], 0, "OK - no alert"),
        (["info"], 0, "OK - 1 of other severity: a0"),
        ([""], 0, "OK - 1 of other severity: a0"),
        (["page"], 0, "OK - 1 of other severity: a0"),
        (["info", "warning"], 1, "WARNING - 1 warning, 1 of other severity: a1, a0"),
        (["warning", "", "critical"], 2, "CRITICAL - 1 critical, 1 warning, 1 of other severity: a2, a0, a1"),
        (["critical"] * 7, 2, "CRITICAL - 7 critical: a0, a1, a2, a3, a4, and 2 more"),
    ],
)  # fmt: skip
def test_the_worst_alert_decides(severities: Sequence[str], status: int, said: str) -> None:
    found = judged([Alert(f"a{n}", severity, []) for n, severity in enumerate(severities)], [])
    assert found.status == status
    assert found.line.partition("|")[0] == f"ALERTS {said}"


def test_performance_data_has_the_limits_of_the_counts() -> None:
    alerts = [
        Alert("a", "critical", []),
        Alert("b", "warning", []),
        Alert("c", "", []),
        Alert("d", "", ["1"]),
    ]
    perfdata = judged(alerts, []).line.partition("|")[2]
    assert perfdata == "critical=1;;0;0 warning=1;0;;0 other=1;;;0 silenced=1;;;0"


async def test_alerts_are_asked_for_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    alerts = [
        alert("HostDown", host="n1", instance="x:1"),
        alert("DiskFull", "warning", instance="n2:9100"),
        {"labels": {}, "status": {"silencedBy": []}},
    ]
    async with alertmanager(alerts) as (url, asked):
        status, text, _ = await checked(f"{url}/", '--filter=host="n 1"', "--filter=a!=b", capsys=capsys)
    said = "1 critical, 1 warning, 1 of other severity: HostDown n1, DiskFull n2:9100, ?"
    assert (status, text) == (2, f"ALERTS CRITICAL - {said}")
    query = "active=true&silenced=true&inhibited=false&filter=host%3D%22n+1%22&filter=a%21%3Db"
    assert asked == [f"/api/v2/alerts?{query}"]


async def test_nothing_fires(capsys: pytest.CaptureFixture[str]) -> None:
    async with alertmanager([]) as (url, _):
        assert await checked(url, capsys=capsys) == (0, "ALERTS OK - no alert", NOTHING)


async def test_severity_may_be_in_capitals(capsys: pytest.CaptureFixture[str]) -> None:
    async with alertmanager([alert("HostDown", "CRITICAL"), alert("DiskFull", "Warning")]) as (url, _):
        status, text, _ = await checked(url, capsys=capsys)
    assert (status, text) == (2, "ALERTS CRITICAL - 1 critical, 1 warning: HostDown, DiskFull")


async def test_a_downtime_is_ok_with_the_words_why(capsys: pytest.CaptureFixture[str]) -> None:
    alerts = [alert("A", "critical", "1"), alert("B", "critical", "1", "2"), alert("C", "critical", "3")]
    silences = {
        "1": ("stratoscope-downtime", "New switch (alice) [stratoscope-downtime k7m2p9x4qw 0a1b2c]"),
        "2": ("bob", "disk [swap]"),
        "3": ("stratoscope-downtime", "my words"),  # amtool silence update --comment, which keeps the author
    }
    async with alertmanager(alerts, silences) as (url, asked):
        status, text, _ = await checked(url, capsys=capsys)
    said = "downtime: New switch (alice); bob: disk [swap]; by hand: my words"
    assert (status, text) == (0, f"ALERTS OK - no alert; 3 silenced ({said})")
    assert asked[1:] == ["/api/v2/silence/1", "/api/v2/silence/2", "/api/v2/silence/3"]


@pytest.mark.parametrize("comment", [" " * 300_000 + "x", "[stratoscope-downtime " * 100_000])
async def test_a_long_comment_is_read_at_once(comment: str, capsys: pytest.CaptureFixture[str]) -> None:
    silences = {"1": ("stratoscope-downtime", comment)}
    async with alertmanager([alert("A", "critical", "1")], silences) as (url, _):
        began = time.process_time()
        assert (await checked(url, capsys=capsys))[0] == 0
        assert time.process_time() - began < FAR_S


async def test_silences_that_are_gone_have_no_words(capsys: pytest.CaptureFixture[str]) -> None:
    async with alertmanager([alert("A", "critical", "a/b")]) as (url, asked):
        assert (await checked(url, capsys=capsys))[1] == "ALERTS OK - no alert; 1 silenced"
        assert asked[1] == "/api/v2/silence/a%2Fb"


async def test_silences_that_are_not_told_hide_nothing_that_fires(
    capsys: pytest.CaptureFixture[str],
) -> None:
    alerts = [alert("A", "critical", "1", "2"), alert("B")]
    async with alertmanager(alerts, broken=403) as (url, asked):
        status, text, _ = await checked(url, capsys=capsys)
    said = '1 critical: B; 1 silenced (why is not told: HTTP 403: "gone")'
    assert (status, text, len(asked)) == (2, f"ALERTS CRITICAL - {said}", 2)


async def test_a_silence_that_is_not_answered_in_time_hides_nothing_that_fires(
    capsys: pytest.CaptureFixture[str],
) -> None:
    alerts = [alert("A", "critical", "1", "hang", "2"), alert("B")]
    async with alertmanager(alerts, {one: ("bob", f"disk {one}") for one in "12"}) as (url, _):
        status, text, _ = await checked(url, "--timeout=1s", capsys=capsys)
    said = "1 critical: B; 1 silenced (bob: disk 1; why is not told: no answer in time)"
    assert (status, text) == (2, f"ALERTS CRITICAL - {said}")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (web.json_response({"comment": "x"}), "not an answer of Alertmanager: KeyError: 'createdBy'"),
        (web.json_response({"createdBy": "x", "comment": None}), "not an answer of Alertmanager: Attribute"),
        (web.Response(text="[{"), "not an answer of Alertmanager: JSONDecodeError"),
        (web.Response(text="[" * 100_000), "not an answer of Alertmanager: ValueError: nested too deep"),
        (None, "Remote end closed connection without response"),
    ],
)
async def test_a_silence_that_makes_no_sense_hides_nothing_that_fires(
    answer: web.Response | None, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    alerts = [alert("A", "critical", "odd"), alert("B", "warning")]
    async with alertmanager(alerts, odd=answer) as (url, _):
        status, text, _ = await checked(url, capsys=capsys)
    assert status == 1
    assert text.startswith(f"ALERTS WARNING - 1 warning: B; 1 silenced (why is not told: {why}")


async def test_equal_words_stand_once_and_many_silences_are_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    silences = {str(n): ("bob", "move" if n < 4 else "x" * 200) for n in range(9)}
    alerts = [alert("Off", "warning", *silences), alert("On", "warning")]
    async with alertmanager(alerts, silences) as (url, asked):
        status, text, _ = await checked(url, capsys=capsys)
    said = f"1 warning: On; 1 silenced (bob: move; bob: {'x' * 100}...; and 4 more)"
    assert (status, text) == (1, f"ALERTS WARNING - {said}")
    assert len(asked) == 6


async def test_words_neither_break_the_line_nor_add_performance_data(
    capsys: pytest.CaptureFixture[str],
) -> None:
    evil = "a|b=1 \x1b[2J\n\u202e" + "x" * 2000
    alerts = [alert(evil, host=evil), *(alert("B", "", str(n)) for n in range(9))]
    async with alertmanager(alerts, {str(n): (evil, evil) for n in range(9)}) as (url, _):
        status, text, _ = await checked(url, capsys=capsys)
    assert status == 2
    assert r"a/b=1 \x1b[2J\n\u202exxx" in text
    assert text.isprintable()
    assert len(text) < 900, "with performance data within the buffer of NRPE 2"


OTHERS = {
    "another server": (web.Response(status=404, text="404 page not found"), " is no Alertmanager; allowed:"),
    "a page": (web.Response(status=502, text="<h1>", content_type="text/html"), "HTTP 502"),
    "a matcher": (web.json_response("bad matcher: {", status=400), 'HTTP 400: "bad matcher: {"'),
    "an object": (web.json_response({"code": 1}, status=400), "HTTP 400"),
    "no JSON": (web.Response(text="[{"), "not an answer of Alertmanager: JSONDecodeError"),
    "no list": (web.json_response({}), "not an answer of Alertmanager: TypeError: no list"),
    "other JSON": (web.json_response([{}]), "not an answer of Alertmanager: KeyError: 'labels'"),
    "nothing": (web.json_response([None]), "not an answer of Alertmanager: TypeError"),
    "redirect": (web.Response(status=302, headers={"Location": "/x"}), "HTTP 302: a redirect, which is not"),
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS)
async def test_what_is_no_alertmanager_is_unknown(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    given, said = OTHERS[kind]
    copy = web.Response(status=given.status, body=given.body, headers=given.headers)
    async with alertmanager(copy) as (url, _):
        status, text, _ = await checked(url, capsys=capsys)
    assert status == 3
    assert said in text
    assert url in text


async def test_no_answer_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        status, text, _ = await checked(url, "--timeout=50ms", capsys=capsys)
    assert (status, text) in (
        (3, f"ALERTS UNKNOWN - {url}: no answer within 0.05 s"),
        (3, f"ALERTS UNKNOWN - {url}: timed out"),
    )
    status, text, _ = await checked(url, capsys=capsys)
    assert (status, text) == (3, f"ALERTS UNKNOWN - {url}: Connection refused")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--filter="], "--filter: expected a value, got nothing"),
        (["--url=alertmanager:9093"], "--url: no address of a server; allowed: such as http://127.0.0.1:"),
        (["--user=a"], "--user: allowed: together with --password-file"),
        (["--severity=page"], "unrecognized arguments: --severity=page"),
    ],
)
def test_wrong_flag_is_unknown_in_one_line(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags) == 3
    assert capsys.readouterr().out.startswith(f"ALERTS UNKNOWN - {said}")


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; from stratoscope.__main__ import main; status = main();"
        "heavy = {'aiohttp', 'msgspec', 'yaml', 'asyncio', 're2', 'sqlalchemy', 'dateutil'};"
        "sys.exit(9 if heavy & {*sys.modules} else status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "check-alerts", "--url=http://127.0.0.1:1"],
        capture_output=True, timeout=FAR_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (3, b"")


def test_ten_thousand_alerts_are_judged(capsys: pytest.CaptureFixture[str]) -> None:
    many = [alert("A", "critical", "1", host=f"n{n}", text="x" * 500) for n in range(10_000)]
    assert len(json.dumps(many)) > 4 * 1024 * 1024

    async def run() -> tuple[int, str, str]:
        async with alertmanager(many) as (url, _):
            return await checked(url, capsys=capsys)

    assert asyncio.run(run())[1] == "ALERTS OK - no alert; 10000 silenced"
