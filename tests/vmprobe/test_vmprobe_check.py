"""`stratoscope check-vmprobe`: exit status, one line, performance data; against real servers on loopback."""

import asyncio
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from stratoscope.__main__ import main as command
from stratoscope.clouds.lifecycle import Phase, RunReason
from stratoscope.vmprobe.api import as_json
from stratoscope.vmprobe.check import main
from stratoscope.vmprobe.check_result import Slow, judged
from stratoscope.vmprobe.record import Failure
from stratoscope.vmprobe.view import ProbeView, State
from support import certificates
from support.asking import basic
from support.certificates import Authority
from support.fake_prober import PHASES, FakeProber, failed, interrupted, probe, success
from support.patience import FAR_S
from support.probe_site import probing
from support.reaching import hearing, saying

NOW = 1_800_000_000.0
PERFDATA = re.compile(r"(?:[a-z_]+=[0-9]+\.[0-9]{3}s;;;0(?: |$))*")


def at(view: ProbeView, age_s: float = 60.0, **more: Any) -> dict[str, Any]:
    """The probe as the API shows it, so long after the end of its last run."""
    ended = view.runs[-1].ended if view.runs else NOW
    return {"as_of": ended + age_s, **as_json(view, 20), **more}


def fails(phase: Phase, reason: RunReason, message: str = "") -> ProbeView:
    return probe("boot", success(1), failed(2, Failure(phase, reason, message)))


async def checked(url: str, *flags: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit status and output of the command, which blocks."""
    capsys.readouterr()
    status = await asyncio.to_thread(command, ["check-vmprobe", f"--url={url}", *flags])
    return status, capsys.readouterr().out


def test_success_is_ok_with_all_times() -> None:
    result = judged(at(probe("boot", success(1))))
    assert result.status == 0
    text, _, perfdata = result.answer.line.partition("|")
    assert text == "VMPROBE OK - boot in uni works: active 7.0 s after it was accepted, 60 s ago"
    assert perfdata.split()[:4] == [
        "time_to_active=7.000s;;;0", "run_duration=13.500s;;;0", "run_age=60.000s;;;0",
        "authenticate=0.210s;;;0",
    ]  # fmt: skip
    assert len(perfdata.split()) == 3 + len(PHASES)
    assert PERFDATA.fullmatch(perfdata)


@pytest.mark.parametrize(
    ("slow", "status", "word", "limits"),
    [
        (Slow(7.0, 9.0), 0, "works", ";7.000;9.000"),
        (Slow(6.9, 9.0), 1, "is slow", ";6.900;9.000"),
        (Slow(1.0, 6.9), 2, "is slow", ";1.000;6.900"),
        (Slow(critical=6.9), 2, "is slow", ";;6.900"),
        (Slow(warning=6.9), 1, "is slow", ";6.900;"),
    ],
)
def test_a_vm_that_takes_long_is_a_warning_or_critical_if_that_is_asked_for(
    slow: Slow, status: int, word: str, limits: str
) -> None:
    result = judged(at(probe("boot", success(1))), slow=slow)
    assert result.status == status
    text, _, perfdata = result.answer.line.partition("|")
    assert text.partition(" - ")[2] == f"boot in uni {word}: active 7.0 s after it was accepted, 60 s ago"
    assert perfdata.split()[:2] == [f"time_to_active=7.000s{limits};0", "run_duration=13.500s;;;0"]


def test_a_failure_and_a_run_without_a_time_to_active_are_never_slow() -> None:
    slow = Slow(0.1, 0.1)
    assert judged(at(fails(Phase.QUOTA_CHECK, RunReason.QUOTA)), slow=slow).status == 1
    assert judged(at(probe("boot", success(1, accepted_s={}))), slow=slow).status == 0


def test_what_is_left_out_is_said() -> None:
    result = judged(at(probe("boot", success(1, left_out={Phase.CONSOLE: "no such service"}))))
    assert result.status == 0
    assert result.answer.line.partition("|")[0].endswith("60 s ago; left out: console")


@pytest.mark.parametrize(
    ("phase", "reason", "status", "word", "blamed"),
    [
        (Phase.SCHEDULED, RunReason.NO_VALID_HOST, 2, "CRITICAL", "cloud"),
        (Phase.GONE, RunReason.CLEANUP, 2, "CRITICAL", "cloud"),
        (Phase.QUOTA_CHECK, RunReason.QUOTA, 1, "WARNING", "project"),
        (Phase.AUTHENTICATE, RunReason.AUTH, 1, "WARNING", "project"),
        (Phase.RESOLVE, RunReason.PROBE_MISCONFIGURED, 3, "UNKNOWN", "probe"),
        (Phase.BUILT, RunReason.INTERNAL, 3, "UNKNOWN", "probe"),
    ],
)
def test_status_of_a_failure_is_a_matter_of_its_blame(
    phase: Phase, reason: RunReason, status: int, word: str, blamed: str
) -> None:
    result = judged(at(fails(phase, reason, "the words"), 180))
    assert result.status == status
    said = f"boot in uni fails in {phase}: {reason}, blame {blamed}, 3 min ago: the words"
    assert result.answer.line.partition("|")[0] == f"VMPROBE {word} - {said}"


def test_pause_is_ok_whatever_happened_before() -> None:
    view = probe("boot", failed(1), state=State.PAUSED, why="by hand: power cut")
    assert judged(at(view, 1e6)).answer.line == "VMPROBE OK - boot in uni is paused: by hand: power cut"


def test_without_a_result_it_is_unknown() -> None:
    line = judged(at(probe("boot", state=State.RUNNING))).answer.line
    assert line == "VMPROBE UNKNOWN - boot in uni: no run has ended yet; running"
    view = probe("boot", interrupted(1), state=State.LIMITED, why="24 of 24 VM-hours")
    line = judged(at(view)).answer.line
    assert line == "VMPROBE UNKNOWN - boot in uni: no run has ended yet; limited: 24 of 24 VM-hours"


def test_interrupted_runs_say_nothing() -> None:
    assert judged(at(probe("boot", failed(1, ago_s=120), interrupted(2)))).status == 2


def test_last_run_is_stale_after_two_intervals_and_its_time_outs() -> None:
    view = probe("boot", success(1), state=State.LIMITED, why="24 VM-hours")
    assert judged(at(view, 840)).status == 0
    result = judged(at(view, 841))
    assert result.status == 3
    said = "boot in uni is stale: its last run ended 14 min ago; limited: 24 VM-hours"
    assert result.answer.line.startswith(f"VMPROBE UNKNOWN - {said}|")
    assert judged(at(view, 841), 900).status == 0
    assert judged(at(view, 60), 59).status == 3


def test_failure_of_a_probe_that_backs_off_is_not_stale_before_its_next_run_is_overdue() -> None:
    view = probe("boot", failed(1), state=State.BACKING_OFF)
    ended = view.runs[-1].ended
    assert judged(at(view, 3600, next_run=ended + 3600)).status == 2
    assert judged(at(view, 3841, next_run=ended + 3600)).status == 3
    assert judged(at(view, 3600, next_run=ended + 3600), 600).status == 3
    assert judged(at(view, 3600, next_run=ended + 3600, state="idle")).status == 3
    assert judged(at(view, 3600, next_run=None)).status == 3


def test_clock_that_went_back_makes_no_negative_times() -> None:
    result = judged(at(probe("boot", success(1, began=2e9)), -5))
    assert (result.status, result.perfdata["run_age"], result.perfdata["run_duration"]) == (0, 0, 0)


def test_words_of_a_cloud_neither_break_the_line_nor_add_performance_data() -> None:
    words = "a|b=1 \x1b[2J\n\u202e" + "x" * 2000
    line = judged(at(fails(Phase.BUILT, RunReason.UNKNOWN, words))).answer.line
    text, _, perfdata = line.partition("|")
    assert r"a/b=1 \x1b[2J\n\u202exxx" in text
    assert text.endswith("xxx...")
    assert line.isprintable()
    assert len(line) < 1024, "the buffer of NRPE 2"
    assert PERFDATA.fullmatch(perfdata)


def test_performance_data_is_bounded_and_a_run_without_an_age_is_stale() -> None:
    answer = at(probe("boot", success(1)))
    phases = {f"{'a' * 20}{chr(97 + one % 26) * (one // 26)}": 1.0 for one in range(1000)}
    answer["runs"][-1]["phases"] = {"x" * 1000: 1.0, **phases}
    assert len(judged(answer).perfdata) < 40
    assert max(map(len, judged(answer).perfdata)) <= 30
    assert judged({**answer, "runs": [answer["runs"][-1] | {"ended": float("nan")}]}).status == 3


async def test_it_asks_the_exporter(capsys: pytest.CaptureFixture[str]) -> None:
    name = "matrix/tiny, debian|13"
    uni, lab = (
        FakeProber(probe(name, success(1))),
        FakeProber(probe(name, failed(1), cloud="lab"), cloud="lab"),
    )
    async with probing(uni, lab) as url:
        status, line = await checked(url, f"--name={name}", "--cloud=uni", capsys=capsys)
        assert (status, line.count("\n")) == (0, 1)
        assert line.startswith("VMPROBE OK - matrix/tiny, debian/13 in uni works: active 7.0 s ")
        status, line = await checked(f"{url}/", f"--name={name}", "--cloud=lab", capsys=capsys)
        assert (status, line[:26]) == (2, "VMPROBE CRITICAL - matrix/")
        status, line = await checked(url, f"--name={name}", capsys=capsys)
        said = f"{name.replace('|', '/')} is a probe of several clouds: uni, lab; add ?cloud=NAME"
        assert (status, line) == (3, f"VMPROBE UNKNOWN - HTTP 409: {said}\n")
        status, line = await checked(url, "--name=root", capsys=capsys)
        assert status == 3
        assert line.startswith(
            "VMPROBE UNKNOWN - HTTP 404: no probe 'root'; there are: lab: matrix/tiny, deb"
        )


async def test_password_and_token_come_from_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "right").write_text("secret\nmore\n")
    (tmp_path / "wrong").write_text("wrong")
    async with probing(FakeProber(probe("boot", success(1))), users_in=tmp_path) as url:
        user = ("--name=boot", "--user=bob")
        assert (await checked(url, *user, f"--password-file={tmp_path}/right", capsys=capsys))[0] == 0
        status, line = await checked(url, *user, f"--password-file={tmp_path}/wrong", capsys=capsys)
        assert (status, line) == (3, "VMPROBE UNKNOWN - HTTP 401: a wrong user or password\n")
        status, line = await checked(url, *user, f"--password-file={tmp_path}/none", capsys=capsys)
        assert (status, line) == (
            3, f"VMPROBE UNKNOWN - --password-file: {tmp_path}/none: No such file or directory\n"
        )  # fmt: skip
    async with answering(lambda request: request.headers["Authorization"]) as (url, _):
        flags = ("--name=boot", f"--token-file={tmp_path}/right")
        assert "Bearer secret" in (await checked(url, *flags, capsys=capsys))[1]
        (tmp_path / "right").write_text("a b\r\n")
        flags = ("--name=boot", "--user=bob", f"--password-file={tmp_path}/right")
        assert basic("bob", "a b")["Authorization"] in (await checked(url, *flags, capsys=capsys))[1]


@asynccontextmanager
async def answering(
    text: Callable[[web.BaseRequest], str],
    *,
    status: int = 404,
    context: ssl.SSLContext | None = None,
    **headers: str,
) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that is none of ours; its URL, and the paths that it is asked for."""
    asked: list[str] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        asked.append(request.raw_path)
        given = text(request)
        return web.Response(text=given, status=status, headers=headers)

    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


OTHERS: Mapping[str, tuple[int, str, dict[str, str], str]] = {
    "a page": (500, "<h1>nginx</h1>", {"Content-Type": "text/html"}, "HTTP 500"),
    "no JSON": (200, "hello", {}, "not an answer of vmprobe: JSONDecodeError"),
    "no object": (200, "[1]", {}, "not an answer of vmprobe: TypeError: no object"),
    "other JSON": (200, "{}", {}, "not an answer of vmprobe: KeyError: 'name'"),
    "large": (200, "1" * 5_000_000, {}, "the answer has more than 4194304 bytes"),
    "redirect": (302, "", {"Location": "http://127.0.0.1:1/"}, "HTTP 302: a redirect, which is not followed"),
    "deep": (200, "[" * 200_000, {}, "not an answer of vmprobe: ValueError: nested too deep"),
}  # fmt: skip


@pytest.mark.parametrize(("status", "text", "headers", "said"), OTHERS.values(), ids=OTHERS)
async def test_what_is_no_vmprobe_is_unknown(
    status: int, text: str, headers: dict[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with answering(lambda _: text, status=status, **headers) as (url, asked):
        found, line = await checked(f"{url}/below", "--name=a/b", "--cloud=u i", capsys=capsys)
    assert (found, asked) == (3, ["/below/api/v1/probes/a%2Fb?runs=20&cloud=u%20i"])
    assert line.startswith("VMPROBE UNKNOWN - ")
    assert said in line
    assert line.count("\n") == 1


async def test_answer_that_does_not_come_is_unknown_after_the_time_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        status, line = await checked(url, "--name=boot", "--timeout=50ms", capsys=capsys)
    assert status == 3
    assert line in (
        f"VMPROBE UNKNOWN - {url}: no answer within 0.05 s\n",
        f"VMPROBE UNKNOWN - {url}: timed out\n",
    )
    status, line = await checked(url, "--name=boot", capsys=capsys)
    assert (status, line) == (3, f"VMPROBE UNKNOWN - {url}: Connection refused\n")


async def test_server_that_never_ends_is_unknown_after_the_time_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    over = asyncio.Event()

    async def bit_by_bit(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not over.is_set():
            writer.write(b"x")
            await asyncio.sleep(0.01)
        writer.write_eof()

    async with hearing("127.0.0.1", bit_by_bit) as (port, _):
        url = f"http://127.0.0.1:{port}"
        found = await checked(url, "--name=boot", "--timeout=100ms", capsys=capsys)
        over.set()
    assert found == (3, f"VMPROBE UNKNOWN - {url}: no answer within 0.1 s\n")


async def test_server_that_speaks_no_http_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    async with hearing("127.0.0.1", saying(b"SSH-2.0-x\r\n")) as (port, _):
        url = f"http://127.0.0.1:{port}"
        found = await checked(url, "--name=boot", capsys=capsys)
    assert found == (3, f"VMPROBE UNKNOWN - {url}: SSH-2.0-x\\r\\n\n")


async def test_certificate_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certificates.write(tmp_path, Authority())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    shown = msgspec.json.encode(at(probe("boot", success(1)))).decode()
    async with answering(lambda _: shown, status=200, context=context) as (url, _):
        status, line = await checked(url, "--name=boot", capsys=capsys)
        assert status == 3
        assert "its certificate is not trusted: unable to get local issuer certificate;" in line
        status, line = await checked(url, "--name=boot", f"--ca-file={tmp_path}/ca.crt", capsys=capsys)
        assert (status, line[:12]) == (0, "VMPROBE OK -")


@pytest.mark.parametrize(
    ("flag", "content", "said"),
    [
        ("--ca-file", None, "No such file or directory"),
        ("--ca-file", b"none", "no certificate in PEM"),
        ("--token-file", b"", "its first line is empty"),
        ("--token-file", b"\xff\n", "no text in UTF-8"),
        ("--token-file", "schlüssel".encode(), "a token has letters of ASCII alone"),
        ("--password-file", b"\nsecret", "its first line is empty"),
    ],
)
def test_file_that_cannot_be_used_is_named_with_its_flag(
    flag: str, content: bytes | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    user = ["--user=a"] if flag == "--password-file" else []
    assert main(["--url=https://127.0.0.1:1", "--name=a", f"{flag}={file}", *user]) == 3
    assert capsys.readouterr().out == f"VMPROBE UNKNOWN - {flag}: {file}: {said}\n"


MISTAKES = {
    "no name": ([], "the following arguments are required: --name"),
    "unknown": (["--name=a", "--host=b"], "unrecognized arguments: --host=b"),
    "short": (["--nam=a"], "unrecognized arguments: --nam; the following arguments are required: --name"),
    "no scheme": (["--name=a", "--url=localhost:10973"], "--url: no address of a server; allowed:"),
    "port": (["--name=a", "--url=http://x:99999"], "--url: Port out of range 0-65535; allowed: such as http://"),
    "password in URL": (["--name=a", "--url=http://u:hidden@x"], "--url: it has a user; allowed: --user and"),
    "half": (["--name=a", "--user=b"], "--user: allowed: together with --password-file"),
    "both": (
        ["--name=a", "--user=b", "--password-file=c", "--token-file=d"],
        "--token-file: allowed: instead of --user and --password-file",
    ),
    "no TLS": (["--name=a", "--url=http://x", "--ca-file=c"], "--ca-file: does nothing with http"),
    "time": (["--name=a", "--timeout=0"], "--timeout: '0' is no time above zero; allowed: such as"),
    "unit": (["--name=a", "--max-age=5y"], "--max-age: '5y' is no time above zero"),
    "order": (["--name=a", "-w", "30s", "--critical=20s"], "--critical: allowed: not below --warning"),
    "empty": (["--name="], "--name: expected a value, got nothing"),
}  # fmt: skip


@pytest.mark.parametrize(("flags", "said"), MISTAKES.values(), ids=MISTAKES)
def test_wrong_flag_is_unknown_in_one_line(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags) == 3
    line, errors = capsys.readouterr()
    assert line.startswith(f"VMPROBE UNKNOWN - {said}")
    assert (line.count("\n"), errors) == (1, "")
    assert "hidden" not in line


def test_help_names_every_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert all(
        f"{status} {word}" in text for status, word in enumerate(("OK", "WARNING", "CRITICAL", "UNKNOWN"))
    )


def test_it_imports_nothing_heavy_and_writes_in_any_encoding() -> None:
    code = (
        "import sys; from stratoscope.__main__ import main; status = main();"
        "sys.exit(9 if {'aiohttp', 'msgspec', 'yaml', 'asyncio', 'jinja2'} & {*sys.modules} else status)"
    )
    flags = ["check-vmprobe", "--name=a", "--url=http://\N{SNOWMAN}.invalid./"]
    done = subprocess.run(
        [sys.executable, "-c", code, *flags],
        capture_output=True, timeout=FAR_S, check=False, env=os.environ | {"PYTHONIOENCODING": "latin-1"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (3, b"")
    assert done.stdout.startswith(rb"VMPROBE UNKNOWN - http://\u2603.invalid./: ")


def test_words_that_the_encoding_has_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--name=a", "--url=http://\N{SNOWMAN}.invalid./"]) == 3
    assert capsys.readouterr().out.startswith("VMPROBE UNKNOWN - http://\N{SNOWMAN}.invalid./: ")
