"""`/probe`: a run on request, within a scrape's deadline."""

import asyncio
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from stratoscope.clouds.client.sent import Sent
from stratoscope.clouds.lifecycle import Phase, RunReason
from stratoscope.core.config import Duration
from stratoscope.vmprobe.probe_endpoint import ProbeEndpoint
from stratoscope.vmprobe.record import Failure, Run
from stratoscope.vmprobe.run_log import MOST, run_log
from stratoscope.vmprobe.view import ProbeView, State
from support.asking import Answered, ask, basic
from support.fake_prober import FakeProber, failed, interrupted, probe, success
from support.pages import parsed, promtool_findings
from support.probe_site import probing
from support.source import until

SOON = {"X-Prometheus-Scrape-Timeout-Seconds": "0.01"}


def on(view: ProbeView, min_interval_s: float = 300) -> FakeProber:
    prober = FakeProber(view)
    prober.probe_endpoint = ProbeEndpoint(enabled=True, min_interval=Duration(min_interval_s))
    return prober


def values(answer: Answered) -> dict[str, float]:
    """Of the series without labels."""
    assert answer.status == 200, answer.text
    return {s.name: s.value for one in parsed(answer.text) for s in one.samples if not s.labels}


async def test_it_is_off_by_default() -> None:
    prober = FakeProber(probe())
    async with probing(prober) as url:
        answer = await ask(f"{url}/probe?name=boot")
    assert (answer.status, prober.asked) == (404, [])
    assert answer.text == "off; vmprobe.probe_endpoint.enabled: true switches it on\n"


async def test_it_runs_the_probe_and_shows_that_run() -> None:
    prober = on(probe("boot", failed(1, ago_s=301)))
    async with probing(prober) as url:
        asking = asyncio.create_task(ask(f"{url}/probe?name=boot"))
        await until(lambda: prober.run is not None)
        prober.end(success(2, ago_s=0))
        answer = await asking
    assert prober.asked == [("run", "boot")]
    assert values(answer) == {
        "probe_success": 1.0,
        "probe_duration_seconds": pytest.approx(13.5),
        "probe_ended_timestamp_seconds": pytest.approx(time.time(), abs=60),
        "probe_in_progress": 0.0,
    }
    assert 'probe_phase_duration_seconds{phase="built"} 6.5\n' in answer.text
    assert "probe_failure_info" not in answer.text
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert promtool_findings(answer.text) == ""


async def test_it_answers_before_the_deadline_while_the_run_goes_on() -> None:
    prober = on(probe("boot", failed(1, ago_s=301)))
    async with probing(prober) as url:
        answer = await ask(f"{url}/probe?name=boot", headers=SOON)
        assert prober.run is not None
        assert not prober.run.done()
    assert values(answer)["probe_in_progress"] == 1.0
    assert values(answer)["probe_success"] == 0.0, "the run before it"
    assert 'probe_failure_info{phase="scheduled",reason="no_valid_host",blame="cloud"} 1' in answer.text


async def test_it_joins_a_run_in_progress_however_soon() -> None:
    running = Run(id="e" * 16, probe="boot", began=time.time())
    prober = on(probe("boot", success(1, ago_s=1), running=running, state=State.RUNNING))
    async with probing(prober) as url:
        await ask(f"{url}/probe?name=boot", headers=SOON)
    assert prober.asked == [("run", "boot")]


@pytest.mark.parametrize("state", [State.IDLE, State.PAUSED, State.BACKING_OFF, State.LIMITED])
async def test_it_shows_the_last_run_where_none_may_begin(state: State) -> None:
    ago_s = 299 if state is State.IDLE else 10_000
    prober = on(probe("boot", success(1, ago_s=ago_s), interrupted(2, ago_s=ago_s), state=state))
    async with probing(prober) as url:
        answer = await ask(f"{url}/probe?name=boot")
    assert (prober.asked, values(answer)["probe_success"]) == ([], 1.0)


async def test_without_any_result_it_is_503() -> None:
    prober = on(probe("boot", interrupted(1, ago_s=1), state=State.PAUSED, why="by\x1bhand"))
    async with probing(prober) as url:
        answer = await ask(f"{url}/probe?name=boot")
        assert (answer.status, answer.text) == (503, "no run has ended yet; paused: by\\x1bhand\n")
        prober.change("boot", runs=[], state=State.IDLE, why="")
        answer = await ask(f"{url}/probe?name=boot", headers=SOON)
        assert (answer.status, answer.text) == (503, "no run has ended yet; running\n")


async def test_debug_shows_the_log_of_the_run() -> None:
    prober = on(probe("boot", failed(1, host="a\x1bb", ago_s=5)))
    async with probing(prober) as url:
        lines = (await ask(f"{url}/probe?name=boot&debug=true")).text.splitlines()
    assert lines[:5] == [
        "probe boot of cloud uni, run 0000000000000001: failed", "flavor: tiny", "image: debian-13",
        "network: shared", "image id: im-1",
    ]  # fmt: skip
    assert "host: a\\x1bb" in lines
    assert "phase request: 0.650 s" in lines
    assert lines[-1] == (
        "failed in scheduled: no_valid_host, blame cloud: No valid host was found. <b>No</b> host is left"
    )


async def test_a_page_of_another_site_begins_no_run(tmp_path: Path) -> None:
    prober = on(probe("boot"))
    async with probing(prober, users_in=tmp_path) as url:
        assert (await ask(f"{url}/probe?name=boot")).status == 401
        headers = basic("bob") | {"Sec-Fetch-Site": "cross-site"}
        assert (await ask(f"{url}/probe?name=boot", headers=headers)).status == 403
        assert (await ask(f"{url}/probe?name=root", headers=basic("bob"))).status == 404
        assert (await ask(f"{url}/probe", headers=basic("bob"))).status == 404
    assert prober.asked == []


def test_debug_shows_requests_without_secrets_also_of_the_run_in_progress() -> None:
    said = Failure(
        Phase.REQUEST, RunReason.API_ERROR, 'refused {"X-Auth-Token": "s3cr3t-1", "password": "s3cr3t-2"}'
    )
    first, running = failed(1, said, ago_s=301), Run(id="e" * 16, probe="boot", began=time.time())
    sent = {
        first.id: [Sent("POST", "http://nova/v2.1/servers", "500", 0.25)],
        running.id: [Sent("GET", "http://glance/v2/images", "timeout", 3.0)],
    }
    text = run_log(probe("boot", first, running=running, state=State.RUNNING, sent=sent), first)
    assert "request POST http://nova/v2.1/servers: 500 after 0.250 s\n" in text
    assert f"\n\nprobe boot of cloud uni, run {running.id}: running\n" in text
    assert "request GET http://glance/v2/images: timeout after 3.000 s\n" in text
    assert "s3cr3t" not in text
    assert 'blame cloud: refused {"X-Auth-Token": <masked>, "password": <masked>}\n' in text


def test_the_log_of_a_run_names_the_steps_that_were_left_out() -> None:
    run = replace(success(1, ago_s=1), left_out={Phase.CONSOLE: "the policy forbids it"})
    assert "\nphase console: left out: the policy forbids it\n" in run_log(probe("boot", run), run)


def test_the_log_of_a_run_is_bounded() -> None:
    run = success(1, ago_s=1)
    sent = {run.id: [Sent("GET", "http://nova/", "200", 0.1)] * 300}
    lines = run_log(probe("boot", run, sent=sent), run).splitlines()
    assert len(lines) == MOST
    assert lines[-1].startswith("... 12")
    assert lines[-1].endswith(" more lines")
