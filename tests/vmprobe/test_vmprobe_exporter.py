"""The exporter as core runs it, with an embedded cloud whose time goes on at each request."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from stratoscope.core.part import Site
from stratoscope.vmprobe.exporter import EXPORTER
from stratoscope.vmprobe.record import Outcome
from support.asking import ask
from support.demo_cloud import DemoCloud, demo_cloud
from support.probing_app import probing_app, write
from support.series import Page

GOOD: dict[str, Any] = {
    "name": "good", "cloud": "demo", "os_cloud": "user1", "interval": "1h", "flavor": "t1.nano",
    "image": "cirros", "network": "astronomy-net",
}  # fmt: skip
BAD = {**GOOD, "name": "bad-image", "image": "cirrus"}
LOGINS = "stratoscope_cloud_logins_total"
RUNS = "stratoscope_vmprobe_runs_total"


@pytest.fixture
async def cloud() -> AsyncIterator[DemoCloud]:
    async with demo_cloud() as running:
        running.clock.step_s = 0.5
        yield running


def runs(page: Page, probe: str = "good") -> float:
    return page.value(RUNS, probe=probe) or 0


def vms_of_probes(cloud: DemoCloud) -> list[str]:
    """Those that exist."""
    there = [vm for vm in cloud.world.vms if vm.vm_state != "deleted"]
    return [vm.name for vm in there if vm.name.startswith("stratoscope-")]


async def test_a_vm_is_created_and_deleted_and_a_wrong_image_is_named(
    cloud: DemoCloud, tmp_path: Path
) -> None:
    async with probing_app(tmp_path, cloud.clouds_yaml(tmp_path), GOOD) as app:
        page = await app.until(lambda page: runs(page) == 1)
        assert page.value("stratoscope_vmprobe_success", probe="good") == 1
        assert page.value("stratoscope_vmprobe_phase_duration_seconds_count", phase="built") == 1
        assert page.total("stratoscope_cloud_requests_total", operation="server_create") == 1
        assert vms_of_probes(cloud) == []
        await app.reload(cloud.clouds_yaml(tmp_path), GOOD, BAD)
        ended = await app.prober.run_now("bad-image")
        assert ended.failure is not None
        assert (ended.failure.phase, ended.failure.reason) == ("resolve", "probe_misconfigured")
        assert "cirros" in ended.failure.message


async def test_token_that_is_revoked_amid_a_run_costs_one_log_in_and_the_run_goes_on(
    cloud: DemoCloud, tmp_path: Path
) -> None:
    cloud.clock.step_s = 2.0
    async with probing_app(tmp_path, cloud.clouds_yaml(tmp_path), GOOD) as app:
        before = await app.until(lambda page: runs(page) == 1)
        for method, path in (("POST", "/servers"), ("GET", "/servers/"), ("DELETE", "/servers/")):
            cloud.cloud.faults.add({"fault": "expire_token", "method": method, "path": path, "count": 1})
            ended = await app.prober.run_now("good")
            assert ended.outcome is Outcome.SUCCESS, ended.failure
            assert cloud.cloud.faults.shown() == [], f"no {method} was sent"
        page = await app.page()
    assert page.total(LOGINS) - before.total(LOGINS) == 3 * (1 + 1), "each run logs in, and once more"
    assert page.total("stratoscope_cloud_requests_total", operation="server_create", code="202") == 4
    assert vms_of_probes(cloud) == []


async def test_debug_shows_the_requests_of_a_run_without_its_token(cloud: DemoCloud, tmp_path: Path) -> None:
    endpoint = {"enabled": True, "min_interval": "1h"}
    async with probing_app(tmp_path, cloud.clouds_yaml(tmp_path), GOOD, probe_endpoint=endpoint) as app:
        await app.until(lambda page: runs(page) == 1)
        answer = await ask(f"{app.url}/probe?name=good&debug=true")
        (run,) = app.prober.view("good").runs
    lines = answer.text.splitlines()
    assert lines[0] == f"probe good of cloud demo, run {run.id}: success"
    requests = [line for line in lines if line.startswith("request ")]
    assert len([line for line in requests if " POST " in line and "/servers: 202 after " in line]) == 1
    assert (
        len([line for line in requests if " DELETE " in line and f"/servers/{run.vm_id}: 204" in line]) == 1
    )
    assert len(requests) > run.polls
    assert "?" not in answer.text
    assert "gAAAA" not in answer.text


async def test_a_reload_keeps_session_counters_and_schedule(cloud: DemoCloud, tmp_path: Path) -> None:
    file = cloud.clouds_yaml(tmp_path)
    async with probing_app(tmp_path, file, GOOD) as app:
        await app.until(lambda page: runs(page) == 1)
        prober, next_run = app.prober, app.prober.view("good").next_run
        changed = {"limits": {"vms_at_once": 7}, "budget": {"concurrency": 3}}
        assert await app.reload(file, GOOD, BAD, **changed) == (200, "reloaded\n")
        assert app.prober is prober
        assert prober.view("good").next_run == pytest.approx(next_run, abs=0.1)
        page = await app.page()
        assert (runs(page), runs(page, "bad-image")) == (1, 0)
        assert page.value("stratoscope_vmprobe_vms_limit") == 7
        assert page.value("stratoscope_cloud_budget_concurrency") == 3
        status, said = await app.reload(file, GOOD, {**BAD, "interval": "1s"})
        assert status != 200
        assert "vmprobe.probes[1].interval: 1s is too short" in said


async def test_another_tag_opens_the_cloud_anew_with_its_history(cloud: DemoCloud, tmp_path: Path) -> None:
    file = cloud.clouds_yaml(tmp_path)
    async with probing_app(tmp_path, file, GOOD) as app:
        await app.until(lambda page: runs(page) == 1)
        prober = app.prober
        assert await app.reload(file, GOOD, tag="another") == (200, "reloaded\n")
        assert app.prober is not prober
        await app.until(lambda page: runs(page) == 1)
        assert [run.outcome for run in app.prober.view("good").runs] == [Outcome.SUCCESS] * 2


async def test_another_objective_opens_the_cloud_anew_with_its_bucket(
    cloud: DemoCloud, tmp_path: Path
) -> None:
    file = cloud.clouds_yaml(tmp_path)
    async with probing_app(tmp_path, file, GOOD) as app:
        await app.until(lambda page: runs(page) == 1)
        assert await app.reload(file, GOOD, objectives=["33s"]) == (200, "reloaded\n")
        page = await app.until(lambda page: runs(page) == 1)
        assert 'accepted_to_built_seconds_bucket{cloud="demo",probe="good",le="33.0"} 1' in page.text


async def test_a_stop_in_a_run_leaves_nothing_and_the_history_survives(
    cloud: DemoCloud, tmp_path: Path
) -> None:
    file = cloud.clouds_yaml(tmp_path)
    async with probing_app(tmp_path, file, GOOD) as app:
        cloud.clock.step_s = 0.01
        await app.until(lambda _: vms_of_probes(cloud))
        cloud.clock.step_s = 2.0
    assert vms_of_probes(cloud) == []
    async with probing_app(tmp_path, file, GOOD) as app:
        await app.until(lambda page: runs(page) == 1)
        outcomes = [run.outcome for run in app.prober.view("good").runs]
        assert outcomes == [Outcome.INTERRUPTED, Outcome.SUCCESS]


async def test_an_exporter_without_a_folder_is_a_bug(cloud: DemoCloud, tmp_path: Path) -> None:
    document = json.loads(write(tmp_path, cloud.clouds_yaml(tmp_path), GOOD).read_text())
    (part,) = EXPORTER.parts(EXPORTER.parse(document, {}), Site(CollectorRegistry()))
    with pytest.raises(ValueError, match="keeps state"):
        async with part.open():
            pass
