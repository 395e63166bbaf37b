"""The command line of recurring windows, against a server on loopback that answers as the API does."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from stratoscope.core.program import USAGE_STATUS
from stratoscope.downtime import zones
from support.downtime_api import api

WINDOW: dict[str, Any] = {
    "id": "w2b3c4d5e6", "title": "back\x1bup", "text": "one\ntwo", "planned": True, "severity": "outage",
    "silences": True, "matcher_sets": [['cloud="uni"', 'host="n1"'], ['zone="az2"']], "author": "alice",
    "rrule": "FREQ=WEEKLY;BYDAY=FR", "zone": "Europe/Berlin", "first": "2027-01-15T09:00:00",
    "duration_s": 7200, "cancelled_at": None, "revision": 1,
    "silencing": "dry run: it silences nothing", "next": [{"start": 1_800_000_000, "end": 1_800_007_200}],
}  # fmt: skip
NEXT = "next      2027-01-15 09:00 +01:00 to 2027-01-15 11:00 +01:00"


def unknown() -> web.Response:
    return web.Response(status=404, text="no downtime w\n")


async def test_add_with_repeat_files_a_window_and_says_when_it_occurs_next(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("2027-01-15", "09:00", "for", "2h", "--repeat=FREQ=WEEKLY;BYDAY=FR", "--title=backup")
    async with api() as server:
        server.answers = [web.json_response(WINDOW, status=201), web.json_response(WINDOW, status=201)]
        assert await server.command("add", *words, "--match", "host=n1", "--key=k") == 0
        said = capsys.readouterr().out
        assert await server.command("add", *words, "--match", "host=n1", "--json") == 0
    assert server.asked == [("POST", "/api/v1/windows")] * 2
    assert server.headers[0]["Idempotency-Key"] == "k"
    assert server.bodies[0] == {
        "title": "backup", "text": "", "planned": True, "severity": "outage", "matcher_sets": [["host=n1"]],
        "silences": None, "confirm": False, "rrule": "FREQ=WEEKLY;BYDAY=FR", "zone": "Europe/Berlin",
        "first": "2027-01-15T09:00:00", "duration_s": 7200,
    }  # fmt: skip
    what = "filed window w2b3c4d5e6: FREQ=WEEKLY;BYDAY=FR in Europe/Berlin for 2 h, {}: dry run: it silences"
    assert said.splitlines() == [f"{what} nothing".format('{cloud="uni", host="n1"} or {zone="az2"}'), NEXT]
    assert json.loads(capsys.readouterr().out) == WINDOW


async def test_a_window_has_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        words = ("now until further notice", "--repeat=FREQ=DAILY", "--title=t", "--match", "host=n1")
        assert await server.command("add", *words) == USAGE_STATUS
    assert "when: until further notice; allowed with --repeat: an end\n" in capsys.readouterr().err


async def test_show_takes_a_window_where_there_is_no_downtime(capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        server.answers = [unknown(), web.json_response(WINDOW)]
        assert await server.command("show", "a/b") == 0
        lines = capsys.readouterr().out.splitlines()
        gone = WINDOW | {"cancelled_at": 1_800_000_000, "next": [], "text": "", "silences": False}
        server.answers = [unknown(), web.json_response(gone)]
        assert await server.command("show", "w") == 0
    assert server.asked[:2] == [("GET", "/api/v1/downtimes/a%2Fb"), ("GET", "/api/v1/windows/a%2Fb")]
    assert lines == [
        "window    w2b3c4d5e6",
        r"title     back\x1bup",
        "state     open",
        "repeat    FREQ=WEEKLY;BYDAY=FR in Europe/Berlin for 2 h",
        "first     2027-01-15T09:00:00",
        "kind      planned, outage",
        "silences  yes",
        "author    alice",
        'matchers  cloud="uni", host="n1"',
        'matchers  zone="az2"',
        "text      one",
        "text      two",
        NEXT,
    ]
    assert "state     cancelled at 2027-01-15 09:00 +01:00\n" in capsys.readouterr().out


async def test_cancel_takes_a_window_where_there_is_no_downtime(capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        for flags in ((), ("--end-running",)):
            server.answers = [unknown(), web.json_response(WINDOW | {"silences": False, "next": []})]
            assert await server.command("cancel", "w", *flags) == 0
    paths = [("POST", "/api/v1/downtimes/w/cancel"), ("POST", "/api/v1/windows/w/cancel")]
    assert server.asked == paths * 2
    assert server.bodies == [None, {"end_running": False}, None, {"end_running": True}]
    assert capsys.readouterr().out.startswith("cancelled window w2b3c4d5e6: FREQ=WEEKLY;BYDAY=FR in ")


async def test_what_is_neither_downtime_nor_window_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        server.answers = [unknown(), web.Response(status=404, text="no window w\n")]
        assert await server.command("show", "w") == 1
        for before in ([], [unknown()]):
            server.answers = [*before, web.Response(status=503, text="database: away\n")]
            assert await server.command("show", "w") == 1
    assert capsys.readouterr().err.splitlines() == [
        "stratoscope downtime show: HTTP 404: no downtime w",
        "stratoscope downtime show: HTTP 503: database: away",
        "stratoscope downtime show: HTTP 503: database: away",
    ]


async def test_list_has_windows_that_are_not_cancelled(capsys: pytest.CaptureFixture[str]) -> None:
    gone = WINDOW | {"id": "gone", "cancelled_at": 1_800_000_000}
    async with api() as server:
        for found in ([WINDOW, gone], [gone]):
            server.answers.append(web.json_response({"windows": found}))
        assert await server.command("list", "--windows") == 0
        lines = capsys.readouterr().out.splitlines()
        assert await server.command("list", "--windows") == 0
        assert capsys.readouterr().out == "no windows\n"
        server.answers.append(web.json_response({"windows": [WINDOW, gone]}))
        assert await server.command("list", "--windows", "-q") == 0
        assert capsys.readouterr().out == "w2b3c4d5e6\n"
        server.answers.append(web.json_response({"windows": [WINDOW]}))
        assert await server.command("list", "--windows", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [WINDOW]
    assert lines[0].split() == ["ID", "REPEAT", "ZONE", "AT", "LASTS", "WHAT", "TITLE"]
    assert lines[1] == (
        "w2b3c4d5e6  FREQ=WEEKLY;BYDAY=FR  Europe/Berlin  09:00  2 h    "
        r"cloud...  back\..."
    )
    assert len(lines) == 2


async def test_list_follows_the_pages_of_windows(capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        server.answers = [
            web.json_response({"windows": [WINDOW], "next": "17-a"}),
            web.json_response({"windows": [WINDOW | {"id": "b"}], "next": None}),
        ]
        assert await server.command("list", "--windows", "-q") == 0
    assert server.asked == [("GET", "/api/v1/windows"), ("GET", "/api/v1/windows?after=17-a")]
    assert capsys.readouterr().out == "w2b3c4d5e6\nb\n"


def test_the_zone_of_this_machine_has_the_name_that_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", ":Europe/Berlin")
    assert zones.of_this_machine() == zones.zone("Europe/Berlin")
    monkeypatch.delenv("TZ")
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/America/New_York")
    monkeypatch.setattr(zones, "_LOCALTIME", link)
    assert zones.of_this_machine() == zones.zone("America/New_York")


async def test_a_zone_without_name_is_not_enough_for_a_window(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TZ", "CET-1CEST")
    monkeypatch.setattr(zones, "_LOCALTIME", tmp_path / "none")
    nameless = zones.of_this_machine()
    assert dt.datetime(2027, 1, 15, tzinfo=nameless).utcoffset() == dt.timedelta(hours=1)
    words = ("tomorrow 09:00 for 2h", "--repeat=FREQ=DAILY", "--title=t", "--match", "host=n1")
    async with api() as server:
        assert await server.command("add", *words, zone="") == USAGE_STATUS
    said = "--zone: this machine's has no name; allowed with --repeat: such as Europe/Berlin\n"
    assert said in capsys.readouterr().err
