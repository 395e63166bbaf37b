"""The command line of hosts that are off, against a server on loopback that answers as the API does."""

import json
import shlex
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from stratoscope.core.program import USAGE_STATUS
from support.downtime_api import DOWNTIME, Api, api

HOST: dict[str, Any] = {
    "cloud": "uni", "host": "n1", "since": 1_800_000_000, "until": 1_802_592_000, "at_risk": False,
    "sources": ["cloud:uni", "script:uni"], "authors": ["cloud:uni", "ipmi"], "downtime_ids": ["a2", "b3"],
    "title": "n1 switched off: saves power",
}  # fmt: skip
COMMENT = "a2 b3 until 2027-02-14T08:00:00Z: n1 switched off: saves power"


def shows(server: Api, *hosts: dict[str, Any]) -> None:
    server.answers = [web.json_response({"as_of": 1_800_000_000, "hosts": hosts})]


@pytest.mark.parametrize(
    ("words", "until"),
    [
        (("for", "12h"), 1_800_043_200),
        (("until", "2027-01-15", "12:00"), 1_800_010_800),
        (("2027-01-15 12:00",), 1_800_010_800),
        (("until further notice",), None),
    ],
)
async def test_host_off_says_until_when(
    words: Sequence[str], until: int | None, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr("stratoscope.downtime.cli.host_off.time.time", lambda: 1_800_000_000.5)
    async with api() as server:
        assert await server.command("host-off", "uni", "n/1", *words, "--reason=saves power") == 0
    assert server.asked == [("PUT", "/api/v1/hosts-off/uni/n%2F1")]
    assert server.bodies == [{"until": until, "reason": "saves power"}]
    assert capsys.readouterr().out.startswith("filed a2b3c4d5e6: 2027-01-15 09:00 +01:00 to ")


async def test_host_off_says_nothing_of_what_it_is_not_told() -> None:
    async with api() as server:
        assert await server.command("host-off", "uni", "n1") == 0
    assert server.bodies == [{}]


async def test_host_on_says_what_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        for ended, said in (("a2b3c4d5e6", "it is over: it silences nothing"), (None, None)):
            answer = {"cloud": "uni", "host": "n\x1b", "ended": ended, "silencing": said}
            server.answers = [web.json_response(answer)]
            assert await server.command("host-on", "uni", "n1") == 0
    assert server.asked == [("DELETE", "/api/v1/hosts-off/uni/n1")] * 2
    assert capsys.readouterr().out == (
        "n\\x1b: ended a2b3c4d5e6: it is over: it silences nothing\nn\\x1b: nothing to end\n"
    )


@pytest.mark.parametrize("command", ["host-off", "host-on"])
async def test_json_is_the_answer_of_the_api(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        assert await server.command(command, "uni", "n1", "--json") == 0
    assert json.loads(capsys.readouterr().out) == DOWNTIME


async def test_an_end_that_is_none_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        assert await server.command("host-off", "uni", "n1", "for", "ever") == USAGE_STATUS
    said = "stratoscope downtime host-off: when: 'ever' is no duration; allowed: such as 90m"
    assert capsys.readouterr().err.startswith(said)
    async with api() as server:
        assert await server.command("host-off", "uni", "n1", "2h") == USAGE_STATUS
    assert capsys.readouterr().err.endswith(", or for 2h\n")


async def test_the_list_has_who_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    risky = HOST | {"host": "n2", "at_risk": True, "title": "n2\x1b", "sources": ["cloud:uni"]}
    async with api() as server:
        shows(server, HOST, risky)
        assert await server.command("hosts-off") == 0
        lines = capsys.readouterr().out.splitlines()
        shows(server)
        assert await server.command("hosts-off") == 0
        assert capsys.readouterr().out == "no hosts are off\n"
        shows(server, HOST)
        assert await server.command("hosts-off", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [HOST]
    assert [line.split("  ")[0] for line in lines] == ["CLOUD", "uni", "uni"]
    assert (
        "off      2027-01-15 09:00 +01:00  2027-02-14 09:00 +01:00  cloud:uni, script:uni  n1 sw" in lines[1]
    )
    assert lines[2].endswith(r"cloud:uni              n2\x1b")
    assert "at risk" in lines[2]


async def test_nagios_is_told_once_and_again_when_the_host_is_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = f"--nagios={tmp_path / 'told'}"

    async def said(server: Api, *hosts: dict[str, Any]) -> list[str]:
        shows(server, *hosts)
        assert await server.command("hosts-off", file) == 0
        lines = capsys.readouterr().out.splitlines()
        assert all(abs(int(line[1:11]) - time.time()) < 60 for line in lines)
        return [line[13:] for line in lines]

    fields = "n1;1800000000;1802592000;1;0;0;stratoscope"
    later = COMMENT.replace("08:", "09:")
    longer = HOST | {"until": 1_802_595_600}
    async with api() as server:
        assert await said(server, HOST, HOST | {"host": "n2", "at_risk": True}) == [
            f"SCHEDULE_HOST_DOWNTIME;{fields};{COMMENT}"
        ]
        assert await said(server, HOST) == []
        assert await said(server, longer) == [
            f"SCHEDULE_HOST_DOWNTIME;{fields.replace('1802592000', '1802595600')};{later}",
            f"DEL_DOWNTIME_BY_HOST_NAME;n1;;1800000000;{COMMENT}",
        ]
        assert await said(server) == [f"DEL_DOWNTIME_BY_HOST_NAME;n1;;1800000000;{later}"]
        assert await said(server) == []


async def test_nothing_in_a_title_or_a_name_is_a_command_of_nagios(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = HOST | {"title": "n1; off\n[1] SHUTDOWN_PROGRAM\r\x85"}
    async with api() as server:
        names = [bad | {"host": name} for name in ("n1", "n;2", "n\n3")]
        shows(server, *names)
        assert await server.command("hosts-off", f"--nagios={tmp_path / 'told'}") == 0
        (line,) = capsys.readouterr().out.splitlines()
        shows(server, bad | {"until": "1;2"})
        assert await server.command("hosts-off", f"--nagios={tmp_path / 'told'}") == 1
    assert line.endswith(
        r";stratoscope;a2 b3 until 2027-02-14T08:00:00Z: n1, off\n[1] SHUTDOWN_PROGRAM\r\x85"
    )
    assert line.count(";") == 8
    assert capsys.readouterr().out == ""


async def test_what_nagios_was_told_is_kept_while_the_exporter_is_away(tmp_path: Path) -> None:
    file = tmp_path / "told"
    async with api() as server:
        shows(server, HOST)
        assert await server.command("hosts-off", f"--nagios={file}") == 0
        before = file.read_bytes()
        server.answers = [web.Response(status=503)]
        assert await server.command("hosts-off", f"--nagios={file}") == 1
    assert file.read_bytes() == before


async def test_a_file_that_cannot_be_used_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("{")
    async with api() as server:
        for file in (broken, tmp_path, tmp_path / "none" / "told"):
            shows(server, HOST)
            assert await server.command("hosts-off", f"--nagios={file}") == 1
    said = capsys.readouterr()
    assert said.out == ""
    first, second, third = said.err.splitlines()
    what = "not written by this command; allowed: another file, or none, and all hosts are told again"
    assert first == f"stratoscope downtime hosts-off: --nagios: {broken}: {what}"
    assert second == f"stratoscope downtime hosts-off: --nagios: {tmp_path}: Is a directory"
    assert third.endswith("/none/told: No such file or directory")


async def test_what_nagios_was_told_is_for_its_owner_alone_and_follows_no_link(tmp_path: Path) -> None:
    file, other = tmp_path / "told", tmp_path / "other"
    other.write_text("precious")
    other.chmod(0o644)
    file.write_text("[]")
    file.chmod(0o644)
    (tmp_path / "told.new").symlink_to(other)
    async with api() as server:
        shows(server, HOST)
        assert await server.command("hosts-off", f"--nagios={file}") == 0
    assert (other.read_text(), other.stat().st_mode & 0o777) == ("precious", 0o644)
    assert (file.is_symlink(), file.stat().st_mode & 0o777) == (False, 0o600)
    assert not (tmp_path / "told.new").is_symlink()


@pytest.mark.parametrize(
    "fields",
    [{"host": "n1\n[1] SHUTDOWN_PROGRAM"}, {"host": "n1;1"}, {"comment": "a;b"}, {"comment": "\x1b[2J"}],
)
async def test_what_nagios_was_told_by_others_is_no_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fields: dict[str, str]
) -> None:
    told = {"host": "n1", "start": 1, "end": 2, "comment": "a"} | fields
    (tmp_path / "told").write_text(json.dumps([told]))
    async with api() as server:
        shows(server)
        assert await server.command("hosts-off", f"--nagios={tmp_path / 'told'}") == 1
    printed = capsys.readouterr()
    assert (printed.out, "not written by this command" in printed.err) == ("", True)


async def test_no_terminal_obeys_a_line_for_ganglia(capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        shows(server, HOST | {"host": "n\x1b[2J\n\x00", "cloud": "a\x1b]0;b\x07"})
        assert await server.command("hosts-off", "--ganglia") == 0
    printed = capsys.readouterr().out
    assert printed.removesuffix("\n").isprintable()
    assert r"switched off in a\x1b]0;b\x07" in printed


async def test_ganglia_is_told_of_each_host_that_is_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(name: str) -> str:
        if name == "n1":
            return "192.0.2.1"
        raise socket.gaierror

    monkeypatch.setattr(socket, "gethostbyname", found)
    other = HOST | {"host": "n2$(id)", "cloud": "a'b"}
    async with api() as server:
        shows(server, HOST, other, HOST | {"at_risk": True})
        assert await server.command("hosts-off", "--ganglia") == 0
    first, second = map(shlex.split, capsys.readouterr().out.splitlines())
    assert first == [
        "gmetric", "--name=host_off", "--value=1", "--type=uint8", "--group=stratoscope",
        "--title=switched off in uni", "--tmax=300", "--dmax=900", "--spoof=192.0.2.1:n1",
    ]  # fmt: skip
    assert (second[5], second[-1]) == ("--title=switched off in a'b", "--spoof=n2$(id):n2$(id)")


async def test_nagios_and_ganglia_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with api() as server:
        flags = (f"--nagios={tmp_path / 'told'}", "--ganglia")
        assert await server.command("hosts-off", *flags) == USAGE_STATUS
    assert "--ganglia: not allowed with" in capsys.readouterr().err


async def test_what_cannot_be_kept_after_it_was_said_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    async with api() as server:
        shows(server, HOST)
        assert await server.command("hosts-off", f"--nagios={tmp_path / 'told'}") == 1
    said = capsys.readouterr()
    assert said.out.count("SCHEDULE_HOST_DOWNTIME") == 1
    assert said.err.endswith("/told: No space left on device\n")
