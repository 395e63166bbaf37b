"""The API of the probe exporter: who may ask, what is answered, names that need escapes."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from aiohttp import web

from stratoscope.clouds.lifecycle import Phase, RunReason
from stratoscope.vmprobe import asked
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.record import Failure, Outcome
from stratoscope.vmprobe.view import State
from support.asking import ask, basic
from support.fake_prober import PHASES, FakeProber, failed, interrupted, probe, success
from support.probe_site import probing

API = "/api/v1/probes"
JSON = {"Content-Type": "application/json"}


async def get(url: str, path: str) -> Any:
    """The JSON of an answer."""
    answer = await ask(url + path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    return msgspec.json.decode(answer.text)


async def test_list_has_every_probe_of_every_cloud_with_its_last_runs() -> None:
    runs = [success(number) for number in range(1, 13)]
    probers = FakeProber(probe("a", *runs)), FakeProber(probe("b", cloud="lab"), cloud="lab")
    async with probing(*probers) as url:
        before = time.time()
        found = await get(url, API)
        assert before - 1 <= found["as_of"] <= time.time() + 1
        assert [(one["cloud"], one["name"]) for one in found["probes"]] == [("uni", "a"), ("lab", "b")]
        assert [run["id"] for run in found["probes"][0]["runs"]] == [run.id for run in runs[-5:]]
        two = await get(url, f"{API}?runs=2&cloud=uni")
        assert [len(one["runs"]) for one in two["probes"]] == [2]
        assert [(await get(url, f"{API}?runs=0"))["probes"][0]["runs"]] == [[]]
        answer = await ask(f"{url}{API}?cloud=lob")
        said = "no probe in the cloud 'lob'; those with probes: lab, uni\n"
        assert (answer.status, answer.text) == (404, said)


@pytest.mark.parametrize(("path", "most"), [(API, 5), (f"{API}/a", 200)])
@pytest.mark.parametrize("runs", ["1000", "-1", "x", "", "9" * 5000, "0" * 9 + "9" * 5000])
async def test_number_of_runs_is_bounded(path: str, most: int, runs: str) -> None:
    async with probing(FakeProber(probe("a"))) as url:
        answer = await ask(f"{url}{path}?runs={runs}")
    assert (answer.status, answer.text) == (400, f"runs: expected a whole number from 0 to {most}\n")


async def test_list_without_any_probe_is_empty() -> None:
    async with probing(FakeProber()) as url:
        assert (await get(url, API))["probes"] == []


async def test_probe_is_shown_with_its_fields_as_recorded() -> None:
    good, bad = success(7), failed(8)
    view = probe("boot", good, bad, state=State.BACKING_OFF, until=9e9, next_run=9e9, why="3 failures",
                 hosts={"compute-1": good})  # fmt: skip
    async with probing(FakeProber(view)) as url:
        found = await get(url, f"{API}/boot")
    assert {key: found[key] for key in ("cloud", "name", "vm", "interval_s", "timeout_s")} == {
        "cloud": "uni",
        "name": "boot",
        "vm": {"flavor": "tiny", "image": "debian-13", "network": "shared"},
        "interval_s": 300.0,
        "timeout_s": 240.0,
    }
    assert [found[key] for key in ("state", "why", "until", "next_run", "running")] == [
        "backing_off", "3 failures", 9e9, 9e9, None,
    ]  # fmt: skip
    assert found["runs"][0] == {
        "id": "0000000000000007", "probe": "boot", "began": good.began, "ended": good.ended,
        "outcome": "success", "failure": None, "phases": {**PHASES},
        "accepted_s": {"networked": 2.75, "built": 7.0}, "left_out": {}, "host": "compute-1",
        "asked_host": None,
        "vm_id": "6e0c1f0a-0000-4000-8000-000000000007", "image_id": "im-1", "vm_s": 11.0, "polls": 9,
    }  # fmt: skip
    assert found["runs"][1]["failure"] == {
        "phase": "scheduled", "reason": "no_valid_host", "blame": "cloud",
        "message": "No valid host was found. <b>No</b> host is left",
    }  # fmt: skip
    assert found["hosts"]["compute-1"] == found["runs"][0]


async def test_run_in_progress_has_no_end() -> None:
    running = success(1, ended=0.0, outcome=Outcome.RUNNING)
    async with probing(FakeProber(probe("boot", running=running, state=State.RUNNING))) as url:
        found = await get(url, f"{API}/boot")
    assert (found["running"]["outcome"], found["running"]["ended"]) == ("running", None)


async def test_words_of_a_cloud_cannot_move_a_terminal() -> None:
    words = "\x1b[2Jbuilt\x9b31m\u202e\x7f\ud800"
    bad = failed(1, Failure(Phase.BUILT, RunReason.UNKNOWN, words), host="a\x1bb", vm_id="\x9b")
    async with probing(FakeProber(probe("boot", bad, why="\x1b", hosts={"h\x1b": interrupted()}))) as url:
        answer = await ask(f"{url}{API}/boot")
    found = msgspec.json.decode(answer.text)
    assert answer.text.rstrip("\n").isprintable()
    assert found["runs"][0]["failure"]["message"] == r"\x1b[2Jbuilt\x9b31m\u202e\x7f\ud800"
    assert (found["why"], [*found["hosts"]]) == (r"\x1b", [r"h\x1b"])


NAMES = [
    "boot,tiny,debian-13",
    "matrix/tiny/nova",
    "a b",
    "50%",
    "h\N{LATIN SMALL LETTER E WITH ACUTE}",
    "?#&=",
]


@pytest.mark.parametrize("name", NAMES)
async def test_any_name_works_percent_encoded(name: str) -> None:
    prober = FakeProber(probe(name))
    async with probing(prober) as url:
        path = f"{API}/{quote(name, safe='')}"
        assert (await get(url, path))["name"] == name
        assert (await ask(f"{url}{path}/pause", "POST")).status == 200
    assert prober.asked == [("pause", name, None)]


async def test_unknown_probe_is_404_that_names_those_that_exist() -> None:
    async with probing(FakeProber(probe("a"), probe("b"))) as url:
        answer = await ask(f"{url}{API}/c%1b")
        assert (answer.status, answer.text) == (404, "no probe 'c\\x1b'; there are: uni: a, uni: b\n")
        answer = await ask(f"{url}{API}/a?cloud=lab")
        assert answer.text == "no probe 'a' in the cloud 'lab'; there are: uni: a, uni: b\n"
    async with probing(FakeProber(*(probe(f"p{number:02}") for number in range(30)))) as url:
        assert (await ask(f"{url}{API}/x")).text.endswith("uni: p19, and 10 more\n")
    async with probing() as url:
        assert (await ask(f"{url}{API}/x")).text == "no probe 'x'; there are: none\n"


async def test_name_of_several_clouds_is_409_until_one_is_named() -> None:
    uni, lab = FakeProber(probe("a")), FakeProber(probe("a", cloud="lab"), cloud="lab")
    async with probing(uni, lab) as url:
        answer = await ask(f"{url}{API}/a")
        assert (answer.status, answer.text) == (
            409, "a is a probe of several clouds: uni, lab; add ?cloud=NAME\n",
        )  # fmt: skip
        assert (await get(url, f"{API}/a?cloud=lab"))["cloud"] == "lab"
        assert (await ask(f"{url}{API}/a/pause", "POST")).status == 409
        assert (await ask(f"{url}{API}/a/resume?cloud=lab", "POST")).status == 200
    assert (uni.asked, lab.asked) == ([], [("resume", "a")])


async def test_operator_pauses_resumes_and_runs(tmp_path: Path) -> None:
    prober = FakeProber(probe("a", success(1)))
    async with probing(prober, users_in=tmp_path) as url:
        alice = basic("alice")
        answer = await ask(f"{url}{API}/a/pause", "POST", headers=alice | JSON, data='{"for": "2h"}')
        paused = msgspec.json.decode(answer.text)
        assert (answer.status, paused["state"], paused["why"]) == (200, "paused", "by hand")
        assert 7190 < paused["until"] - time.time() <= 7200
        body = '{"until": "2100-01-01T00:00:00Z"}'
        assert (await ask(f"{url}{API}/a/pause", "POST", headers=alice | JSON, data=body)).status == 200
        answer = await ask(f"{url}{API}/a/resume", "POST", headers=alice)
        assert msgspec.json.decode(answer.text)["state"] == "idle"
        answer = await ask(f"{url}{API}/a/run", "POST", headers=alice)
        assert (answer.status, msgspec.json.decode(answer.text)["state"]) == (202, "running")
    assert [one[0] for one in prober.asked] == ["pause", "pause", "resume", "run"]
    assert prober.asked[1] == ("pause", "a", 4102444800.0)


MISTAKES = {
    "both": ('{"until": "2100-01-01T00:00:00Z", "for": "1h"}', "until: together with `for`; allowed: one"),
    "no zone": ('{"until": "2100-01-01T00:00:00"}', "until: '2100-01-01T00:00:00' is no moment; allowed:"),
    "no moment": ('{"until": "tomorrow"}', "until: 'tomorrow' is no moment"),
    "past": ('{"until": "2020-01-01T00:00:00Z"}', "until: it has passed; allowed: a moment to come"),
    "no unit": ('{"for": "2"}', "for: expected a duration such as `30s`, `1m30s` or `2h`, got '2'"),
    "other key": ('{"during": "2h"}', "during: unknown key; allowed: until, for"),
    "no JSON": ("{", "no JSON: "),
}  # fmt: skip


@pytest.mark.parametrize(("body", "said"), MISTAKES.values(), ids=MISTAKES)
async def test_wrong_pause_changes_nothing_and_names_the_key(body: str, said: str) -> None:
    prober = FakeProber(probe("a"))
    async with probing(prober) as url:
        answer = await ask(f"{url}{API}/a/pause", "POST", headers=JSON, data=body)
    assert (answer.status, prober.asked) == (400, [])
    assert answer.text.startswith(said)


async def test_others_may_read_and_not_change(tmp_path: Path) -> None:
    prober = FakeProber(probe("a"))
    async with probing(prober, users_in=tmp_path) as url:
        for path in (API, f"{API}/a"):
            assert (await ask(url + path)).status == 401
            assert (await ask(url + path, headers=basic("bob"))).status == 200
        for verb in ("pause", "resume", "run"):
            answer = await ask(f"{url}{API}/a/{verb}", "POST")
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="stratoscope"')
            answer = await ask(f"{url}{API}/a/{verb}", "POST", headers=basic("bob"))
            assert (answer.status, answer.text) == (403, "bob may not: it needs the role operator\n")
            answer = await ask(f"{url}{API}/a/{verb}", headers=basic("alice"))
            assert answer.status == 405, "a GET changes nothing"
    assert prober.asked == []


@pytest.mark.parametrize("operators", [(), ("alice",)])
async def test_without_users_this_machine_alone_is_let_in_whatever_operators_says(
    operators: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prober = FakeProber(probe("a"))
    async with probing(prober, operators=operators) as url:
        for verb in ("pause", "resume"):
            assert (await ask(f"{url}{API}/a/{verb}", "POST")).status == 200
        for path in ("/", API):
            assert (await ask(url + path)).status == 200
        answer = await ask(f"{url}{API}/a/pause", "POST", headers={"Host": "evil.example"})
        assert answer.status == 403
        monkeypatch.setattr(web.BaseRequest, "remote", property(lambda _: "192.0.2.1"))
        for path in ("/", API):
            assert (await ask(url + path)).status == 403
        assert (await ask(f"{url}{API}/a/pause", "POST")).status == 403
    assert [one[0] for one in prober.asked] == ["pause", "resume"]


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}])
async def test_page_of_another_site_changes_nothing(headers: dict[str, str], tmp_path: Path) -> None:
    prober = FakeProber(probe("a"))
    async with probing(prober, users_in=tmp_path) as url:
        answer = await ask(f"{url}{API}/a/run", "POST", headers=basic("alice") | headers)
    assert (answer.status, prober.asked) == (403, [])


async def test_run_that_is_refused_at_once_is_409_and_says_why() -> None:
    class Limited(FakeProber):
        def run_now(self, name: str) -> Any:
            future = super().run_now(name)
            future.set_exception(RuntimeError("24 of 24 VM-hours of the day are spent"))
            return future

    async with probing(Limited(probe("a"))) as url:
        answer = await ask(f"{url}{API}/a/run", "POST")
    assert (answer.status, answer.text) == (409, "not run: 24 of 24 VM-hours of the day are spent\n")


async def test_run_that_is_refused_once_the_ledger_was_read_is_409_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Limited(FakeProber):
        def run_now(self, name: str) -> Any:
            future = super().run_now(name)
            error = RuntimeError("it is not known yet what is left")
            asyncio.get_running_loop().call_later(0.01, future.set_exception, error)
            return future

    monkeypatch.setattr(asked, "REFUSED_S", 60.0)
    async with probing(Limited(probe("a"))) as url:
        answer = await ask(f"{url}{API}/a/run", "POST")
    assert (answer.status, answer.text) == (
        409,
        "not run: it is not known yet what is left\n",
    )


async def test_run_that_is_cancelled_or_fails_later_leaves_no_word_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    prober = FakeProber(probe("a"))
    async with probing(prober) as url:
        for end in (lambda run: run.set_exception(RuntimeError("x")), lambda run: run.cancel()):
            assert (await ask(f"{url}{API}/a/run", "POST")).status == 202
            end(prober.run)
            prober.run = None
    assert caplog.text == ""


async def test_pause_that_cannot_be_kept_is_503_and_says_why() -> None:
    class Full(FakeProber):
        async def pause(self, name: str, until: float | None) -> None:  # noqa: ARG002 - as a Prober's
            raise LedgerError(Path("uni.db"), "No space left on device")

    async with probing(Full(probe("a"))) as url:
        answer = await ask(f"{url}{API}/a/pause", "POST")
    assert (answer.status, answer.text) == (
        503,
        "nothing is changed: ledger uni.db: No space left on device\n",
    )
