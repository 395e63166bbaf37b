"""The command line of downtimes, against a server on loopback that answers as the API does."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from aiohttp import web

from stratoscope.__main__ import main
from stratoscope.core.program import USAGE_STATUS
from stratoscope.downtime.cli.shown import lasting
from support.downtime_api import DOWNTIME, EXPORTERS, api


async def test_add_files_a_draft_and_says_how_its_times_were_understood(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with api() as server:
        words = ("2027-01-15", "10:00", "for", "2h", "--title=new switch", "--text=why")
        match = ("--match", "host=n1", "cloud=uni", "--match", "zone=az2")
        assert await server.command("add", *words, *match, "--key=k") == 0
    assert server.asked == [("POST", "/api/v1/downtimes")]
    assert server.headers[0]["Idempotency-Key"] == "k"
    assert server.bodies == [
        {
            "title": "new switch", "text": "why", "planned": True, "severity": "outage",
            "start": 1_800_003_600, "end": 1_800_010_800, "until_further_notice": False,
            "matcher_sets": [["host=n1", "cloud=uni"], ["zone=az2"]], "silences": None, "confirm": False,
        }
    ]  # fmt: skip
    assert capsys.readouterr().out == (
        "filed a2b3c4d5e6: 2027-01-15 09:00 +01:00 to 2027-01-15 11:00 +01:00 (2 h),"
        ' {cloud="uni", host="n1"} or {zone="az2"}: to be silenced by main\n'
    )


@pytest.mark.parametrize(
    ("flags", "fields"),
    [
        (["--unplanned"], {"planned": False}),
        (["--severity=at_risk"], {"severity": "at_risk"}),
        (["--silence"], {"silences": True}),
        (["--no-silence"], {"silences": False}),
        (["--confirm"], {"confirm": True}),
    ],
)
async def test_flags_of_add_are_fields_of_the_draft(flags: Sequence[str], fields: dict[str, Any]) -> None:
    async with api() as server:
        assert await server.command("add", "now", "for", "2h", "--title=t", "--match", "host=n1", *flags) == 0
        await server.command("add", "now until further notice", "--title=t", "--match", "host=n1")
    assert server.bodies[0] | fields == server.bodies[0]
    assert (server.bodies[1]["end"], server.bodies[1]["until_further_notice"]) == (None, True)
    assert server.headers[0]["Idempotency-Key"] != server.headers[1]["Idempotency-Key"]


async def test_list_prints_all_downtimes_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        server.answers = [
            web.json_response({"downtimes": [DOWNTIME], "next": "a"}),
            web.json_response({"downtimes": [DOWNTIME], "next": None}),
        ]
        assert await server.command("list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [DOWNTIME, DOWNTIME]


async def test_list_follows_all_pages(capsys: pytest.CaptureFixture[str]) -> None:
    other = DOWNTIME | {
        "id": "b", "until_further_notice": True, "silences": False,
        "matcher_sets": [['host=~"' + "x" * 90 + '"']],
    }  # fmt: skip
    async with api() as server:
        server.answers = [
            web.json_response({"downtimes": [DOWNTIME], "next": "a b"}),
            web.json_response({"downtimes": [other], "next": None}),
            web.json_response({"downtimes": []}),
        ]
        assert await server.command("list", "--cloud=uni", "--host=n1", "--search=a&b") == 0
        lines = capsys.readouterr().out.splitlines()
        assert await server.command("list", "--state=ended") == 0
    query = "state=active&state=upcoming&cloud=uni&host=n1&search=a%26b"
    assert [path for _, path in server.asked] == [
        f"/api/v1/downtimes?{query}",
        f"/api/v1/downtimes?{query}&after=a+b",
        "/api/v1/downtimes?state=ended",
    ]
    assert lines == [
        "ID          STATE     START +01:00      END             WHAT         TITLE",
        r"a2b3c4d5e6  upcoming  2027-01-15 09:00  11:00           cloud=un...  new\x1b ...",
        'b           upcoming  2027-01-15 09:00  further notice  host=~"x...  new\\x1b ...',
    ]
    assert capsys.readouterr().out == "no downtimes\n"


async def test_show_has_all_facts_and_the_history(capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        assert await server.command("show", "a/b") == 0
    assert server.asked == [("GET", "/api/v1/downtimes/a%2Fb")]
    assert capsys.readouterr().out.splitlines() == [
        "id        a2b3c4d5e6",
        r"title     new\x1b switch",
        "state     upcoming",
        "time      2027-01-15 09:00 +01:00 to 2027-01-15 11:00 +01:00 (2 h)",
        "kind      planned, outage",
        "silences  yes",
        "author    alice",
        "source    person",
        'matchers  cloud="uni", host="n1"',
        'matchers  zone="az2"',
        "text      one",
        "text      two",
        "history   2027-01-15 06:13:20 +01:00 alice filed",
        "history   2027-01-15 06:14:20 +01:00 bob changed title: old -> new",
        "history   3 earlier changes are left out",
    ]


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (("by", "1h30m"), {"end": 1_800_012_600, "until_further_notice": False}),
        (("until", "12:00"), {"end": 1_800_010_800, "until_further_notice": False}),
        (("2027-01-15", "12:00"), {"end": 1_800_010_800, "until_further_notice": False}),
        (("until further notice",), {"end": None, "until_further_notice": True}),
    ],
)
async def test_extend_gives_another_end_to_the_downtime_as_it_was_seen(
    words: Sequence[str], body: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    async with api() as server:
        assert await server.command("extend", "a", *words) == 0
    assert server.asked == [("GET", "/api/v1/downtimes/a"), ("POST", "/api/v1/downtimes/a/extend")]
    assert server.headers[1]["If-Match"] == '"3"'
    assert server.bodies[1] == body
    assert capsys.readouterr().out.startswith("extended a2b3c4d5e6: 2027-01-15 09:00 +01:00 to ")


@pytest.mark.parametrize(
    ("verb", "done"), [("end", "ended"), ("cancel", "cancelled"), ("silence", "silenced")]
)
async def test_end_and_cancel_need_the_id_alone(
    verb: str, done: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with api() as server:
        server.answers = [web.json_response(DOWNTIME | {"silencing": "it is over: it silences nothing"})]
        assert await server.command(verb, "a") == 0
    assert server.asked == [("POST", f"/api/v1/downtimes/a/{verb}")]
    out = capsys.readouterr().out
    assert out.startswith(f"{done} a2b3c4d5e6: ")
    assert out.endswith('{zone="az2"}: it is over: it silences nothing\n')


async def test_one_that_had_not_begun_is_not_ended_but_cancelled(capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        server.answers = [web.json_response(DOWNTIME | {"state": "cancelled", "until_further_notice": True})]
        assert await server.command("end", "a") == 0
    said = "cancelled a2b3c4d5e6: 2027-01-15 09:00 +01:00 to 2027-01-15 11:00 +01:00 (until further notice)"
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(540_000, "6 d 6 h"), (5400, "1 h 30 min"), (61, "1 min 1 s"), (86_400, "1 d"), (0, "0 s")],
)
def test_a_duration_is_exact(seconds: int, words: str) -> None:
    assert lasting(seconds) == words


async def test_end_and_cancel_take_several_ids_and_what_is_refused_keeps_no_other_from_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refused(status: int) -> web.Response:
        return web.Response(status=status, text=f"{status}\n")

    async with api() as server:
        for verb, done in (("end", "ended"), ("cancel", "cancelled")):
            server.asked.clear()
            server.answers = [refused(409), web.json_response(DOWNTIME)]
            assert await server.command(verb, "a", "b") == 1
            assert server.asked == [("POST", f"/api/v1/downtimes/{one}/{verb}") for one in "ab"]
            out, err = capsys.readouterr()
            assert out.startswith(f"{done} a2b3c4d5e6: ")
            assert err == f"stratoscope downtime {verb}: a: HTTP 409: 409\n"
        server.answers = [refused(409), refused(403), web.json_response(DOWNTIME)]
        assert await server.command("end", "a", "b", "c", "--json") == 1
        out, err = capsys.readouterr()
        assert json.loads(out) == DOWNTIME
        assert err == "stratoscope downtime end: a: HTTP 409: 409; b: HTTP 403: 403\n"


async def test_list_takes_all_labels_and_its_ids_can_be_ended(capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        server.answers = [web.json_response({"downtimes": [DOWNTIME, DOWNTIME | {"id": "b\x1b"}]})]
        flags = ("--service=nova", "--match", "zone=az1", "--match", "team=a=b", "--source=person")
        assert await server.command("list", "-q", *flags) == 0
        server.answers = [web.json_response({"downtimes": []})]
        assert await server.command("list", "--quiet") == 0
    query = "state=active&state=upcoming&service=nova&source=person&zone=az1&team=a%3Db"
    assert server.asked[0] == ("GET", f"/api/v1/downtimes?{query}")
    assert capsys.readouterr().out == "a2b3c4d5e6\nb\\x1b\n"


@pytest.mark.parametrize(
    "words",
    [
        ("add", "now for 1h", "--title=t", "--match", "host=n1"),
        ("show", "a"),
        ("extend", "a", "by 1h"),
        ("end", "a"),
        ("cancel", "a"),
        ("silence", "a"),
    ],
)
async def test_json_is_the_answer_of_the_api(
    words: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    async with api() as server:
        assert await server.command(*words, "--json") == 0
    out = capsys.readouterr().out
    assert json.loads(out) == DOWNTIME
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (web.Response(status=409, text="revision: it is 4 now\n"), "HTTP 409: revision: it is 4 now"),
        (web.Response(status=404, text="\x1b[2J\n"), r"HTTP 404: \x1b[2J"),
        (web.Response(text="<html>"), "is no stratoscope downtime; allowed: --url with the address of one"),
        (web.json_response([]), " is no stratoscope downtime;"),
        (web.json_response({}), " is no stratoscope downtime;"),
    ],
)
async def test_what_is_refused_or_no_answer_is_one_line_and_status_1(
    response: web.Response, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with api() as server:
        server.answers = [response]
        assert await server.command("end", "a") == 1
    err = capsys.readouterr().err
    assert err.startswith("stratoscope downtime end: ")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("status", [404, 405, 410, 501])
@pytest.mark.parametrize(
    "counts",
    [
        lambda: web.Response(status=404, text="404 page not found\n"),
        lambda: web.Response(text="<html>", content_type="text/html"),
        lambda: web.json_response({"status": "success"}),
        lambda: web.json_response([]),
    ],
)
async def test_another_server_is_told_by_its_counts(
    status: int, counts: Callable[[], web.Response], capsys: pytest.CaptureFixture[str]
) -> None:
    async with api() as server:
        server.counts, server.answers = counts, [web.Response(status=status, text="404 page not found\n")]
        assert await server.command("list") == 1
    said = f"{server.url} is no stratoscope downtime; allowed: --url with the address of one"
    assert capsys.readouterr().err == f"stratoscope downtime list: {said}\n"


async def test_a_server_that_does_not_say_its_counts_is_not_judged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with api() as server:
        server.counts, server.answers = (
            lambda: web.Response(status=503),
            [web.Response(status=404, text="no a\n")],
        )
        assert await server.command("silence", "a") == 1
    assert capsys.readouterr().err == "stratoscope downtime silence: HTTP 404: no a\n"


async def test_bytes_that_are_no_text_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        words = ("now for 1h", "--title=St\udcf6rung", "--match", "host=n1")
        assert await server.command("add", *words) == USAGE_STATUS
    assert server.asked == []
    said = r"--title=St\udcf6rung: has bytes that are no text; allowed: UTF-8"
    assert capsys.readouterr().err == f"stratoscope downtime add: {said}\n"


SHOWN = DOWNTIME | {"title": "new switch for the rack", "matcher_sets": [['cloud="uni"', 'host="n1"']]}


@pytest.mark.parametrize(
    ("fields", "columns", "line"),
    [
        ({}, "80", "a2b3c4d5e6  upcoming  2027-01-15 09:00  11:00  cloud=uni ho...  new switch fo..."),
        ({"end": SHOWN["end"] + 86_400}, "80", "TITLE"),
        ({}, "200", "  11:00  cloud=uni host=n1  new switch for the rack"),
    ],
)
async def test_a_table_fits_the_terminal_and_cuts_no_id(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    fields: dict[str, Any], columns: str, line: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("COLUMNS", columns)
    async with api() as server:
        server.answers = [web.json_response({"downtimes": [SHOWN | fields], "next": None})]
        assert await server.command("list") == 0
    said = capsys.readouterr().out
    assert line in said
    assert max(map(len, said.splitlines())) <= int(columns)


async def test_times_have_offsets_of_their_own_where_these_differ(capsys: pytest.CaptureFixture[str]) -> None:
    over_night = SHOWN | {"start": 1_774_735_200, "end": 1_774_749_600}
    async with api() as server:
        server.answers = [web.json_response({"downtimes": [over_night], "next": None})]
        assert await server.command("list") == 0
    assert "  2026-03-28 23:00 +01:00  2026-03-29 04:00 +02:00  " in capsys.readouterr().out


async def test_an_exporter_that_is_away_is_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        pass
    assert await server.command("list") == 1
    assert f"stratoscope downtime list: {server.url}: Connection refused" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("add", "--title=t", "--match", "host=n1"),
            "when: missing; allowed: before --match, such as",
        ),
        (("add", "soon", "--title=t", "--match", "host=n1"), "when: 'soon' has no start and end; allowed:"),
        (("add", "now for 1h", "--match", "host=n1"), "the following arguments are required: --title"),
        (
            ("add", "now for 1h", "--tilte=t", "--match", "h=1"),
            "unrecognized arguments: --tilte; the following arguments are required: --title; allowed: --ca-",
        ),
        (
            ("add", "now for 1h", "--title=t", "--match", "cloud=uni,host=n1"),
            "--match: 'cloud=uni,host=n1'; allowed: blanks between matchers: cloud=uni host=n1",
        ),
        (
            ("list", "--match", "cloud=uni,zone=a"),
            "--match: 'cloud=uni,zone=a'; allowed: LABEL=VALUE, each by a --match of its own",
        ),
        (("add", "now for 1h", "--title=t"), "the following arguments are required: --match"),
        (
            ("add", "now for 1h", "--title=t", "--match", "h=1", "--severity=bad"),
            "--severity: invalid choice",
        ),
        (
            ("add", "now for 1h", "--title=t", "--match", "h=1", "--silence", "--no-silence"),
            "--no-silence: not allowed with",
        ),
        (("extend", "a"), "the following arguments are required: end"),
        (("extend", "a", "by", "soon"), "when: 'soon' is no duration; allowed: such as 90m"),
        (("end",), "the following arguments are required: id"),
        (("host-off", "uni"), "the following arguments are required: host\n"),
        (("show", "a", "b"), "unrecognized arguments: b; allowed: --ca-file, --help, --json, "),
        (("list", "--match", "zone"), "--match: 'zone'; allowed: LABEL=VALUE"),
        (("extend", "a", "2h"), "when: '2h' is no time; allowed: such as 08:00, tomorrow 08:00,"),
        (
            ("list", "--windows", "--host=n1", "--state=ended", "--match=zone=a"),
            "--windows: stands beside --state, --host, --match;",
        ),
        (("list", "--state=gone"), "--state: invalid choice: 'gone'"),
        (("list", "--zone=Mars/Base"), "--zone: unknown time zone 'Mars/Base'; allowed: Pacific/Marquesas?"),
        (("list", "--zone="), "--zone: unknown time zone ''"),
        (("list", "--user=a"), "--user: allowed: together with --password-file"),
    ],
)
async def test_wrong_arguments_are_one_line_and_status_2(
    words: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with api() as server:
        assert await server.command(*words) == USAGE_STATUS
    err = capsys.readouterr().err
    assert f"stratoscope downtime {words[0]}: {said}" in err
    assert err.count("\n") == 1


async def test_a_token_is_read_from_its_file(tmp_path: Any) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    async with api() as server:
        assert await server.command("end", "a", f"--token-file={tmp_path / 'token'}") == 0
    assert server.headers[0]["Authorization"] == "Bearer s3cret"


def test_help_names_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    assert main(["downtime", "add", "--help"], EXPORTERS) == 0
    assert "such as: tomorrow 08:00 for 2h" in capsys.readouterr().out
    assert time.monotonic() - began < 60


async def test_an_end_that_is_none_is_told_how_a_duration_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        assert await server.command("extend", "a", "2h") == USAGE_STATUS
    assert capsys.readouterr().err.endswith(", or by 2h\n")


async def test_history_is_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    fields = {
        "end": [1_800_000_000, 1_800_003_600], "silences": [True, False],
        "cancelled_at": [None, 1_800_000_000],
        "matcher_sets": [[['host="n1"']], [['host="n2"']]],
    }  # fmt: skip
    change = {"at": 1_799_990_000, "who": "bob", "action": "changed", "fields": fields}
    async with api() as server:
        server.answers = [web.json_response(DOWNTIME | {"history": [change], "history_count": 1})]
        assert await server.command("show", "a") == 0
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .endswith(
            "bob changed end: 2027-01-15 09:00 +01:00 -> 2027-01-15 10:00 +01:00; silences: yes -> no;"
            ' cancelled at: nothing -> 2027-01-15 09:00 +01:00; matcher sets: {host="n1"} -> {host="n2"}'
        )
    )


async def test_a_set_may_stand_in_braces_and_http_is_no_https(
    capsys: pytest.CaptureFixture[str],
) -> None:
    match = ("--match", '{host="n1", service=~"a,b"}', "--match", "{zone=z1,", "cloud=uni}")
    async with api() as server:
        assert await server.command("add", "now for 1h", "--title=t", *match) == 0
        server.url = server.url.replace("http:", "https:")
        assert await server.command("list") == 1
    assert server.bodies[0]["matcher_sets"] == [['host="n1"', 'service=~"a,b"'], ["zone=z1", "cloud=uni"]]
    said = f"{server.url}: it does not speak TLS; allowed: http:// for this server\n"
    assert capsys.readouterr().err.endswith(said)
