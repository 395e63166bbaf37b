"""`--config.check --online` against the embedded cloud: what is wrong is named, and nothing is created."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from stratoscope.clouds.lifecycle import Phase
from stratoscope.core.app import settings_of
from stratoscope.core.flags import Flags
from stratoscope.vmprobe import PROGRAM
from stratoscope.vmprobe.entries import TIMEOUTS
from stratoscope.vmprobe.exporter import EXPORTER
from stratoscope.vmprobe.online import check_online
from support.demo_cloud import DemoCloud, demo_cloud
from support.probing_app import probing_app, write

GOOD: dict[str, Any] = {
    "name": "good", "cloud": "demo", "os_cloud": "user1", "flavor": "t1.nano", "image": "cirros",
    "network": "astronomy-net",
}  # fmt: skip
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"flavor": "t1.nan"}, "flavor: the project has no 't1.nan'; the nearest it has: ", "t1.nano"),
    ({"image": "cirrus"}, "image: the project has no 'cirrus'; the nearest it has: ", "cirros"),
    ({"network": "astronomy"}, "network: the project has no 'astronomy'; the nearest ", "astronomy-net"),
    ({"zone": "nort"}, "zone: the project has no 'nort'; the nearest it has: ", "north"),
]


@pytest.fixture
async def cloud() -> AsyncIterator[DemoCloud]:
    async with demo_cloud() as running:
        yield running


async def lines(folder: Path, clouds_file: Path, *probes: Any) -> list[str]:
    file = write(folder, clouds_file, *probes)
    flags = Flags.parse(PROGRAM, [f"--config.file={file}"])
    return [*await check_online(settings_of(EXPORTER, flags))]  # type: ignore[arg-type]  # core knows no type


def named(**other: Any) -> dict[str, Any]:
    return GOOD | {"name": "wrong"} | other


def files(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


async def test_each_unknown_name_is_a_line_with_the_nearest_and_nothing_is_created(
    cloud: DemoCloud, tmp_path: Path
) -> None:
    before, file = len(cloud.world.vms), cloud.clouds_yaml(tmp_path)
    wrong = [GOOD | {"name": f"wrong-{number}"} | other for number, (other, _, _) in enumerate(WRONG)]
    said = await lines(tmp_path, file, *wrong, GOOD)
    assert len(said) == len(WRONG)
    for number, (line, (_, start, nearest)) in enumerate(zip(said, WRONG, strict=True)):
        assert line.startswith(f"vmprobe.probes: wrong-{number}: resolve: probe_misconfigured: {start}"), line
        assert nearest in line
        assert line.isprintable()
    assert len(cloud.world.vms) == before
    assert files(tmp_path) == ["clouds.yaml", "stratoscope.yml", "vmprobe.yml"]


async def test_a_credential_logs_in_once_however_many_probes_use_it(cloud: DemoCloud, tmp_path: Path) -> None:
    probes = [GOOD | {"name": str(number)} for number in range(6)]
    assert await lines(tmp_path, cloud.clouds_yaml(tmp_path), *probes) == []
    counts = {str(key): count for key, count in cloud.cloud.request_counts.items() if "tokens" in str(key)}
    assert sum(counts.values()) == 1, counts


async def test_a_refused_credential_is_a_line_for_each_of_its_probes(
    cloud: DemoCloud, tmp_path: Path
) -> None:
    file = cloud.clouds_yaml(tmp_path)
    file.write_text(file.read_text().replace("password: ", "password: not-"))
    said = await lines(tmp_path, file, GOOD, named())
    assert [line.partition(": auth: ")[0] for line in said] == [
        "vmprobe.probes: good: authenticate",
        "vmprobe.probes: wrong: authenticate",
    ]
    assert "not-" not in "".join(said)


async def test_an_unreachable_cloud_is_a_line(cloud: DemoCloud, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        file = cloud.clouds_yaml(tmp_path)
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}"
        file.write_text(file.read_text().replace(cloud.url, nowhere))
        (said,) = await lines(tmp_path, file, GOOD)
    why = "api_unreachable: identity: no connection to Keystone: Connection refused"
    assert said == f"vmprobe.probes: good: authenticate: {why}"


async def test_a_full_quota_and_a_rotation_that_may_not_see_hosts_are_lines(
    cloud: DemoCloud, tmp_path: Path
) -> None:
    file = cloud.clouds_yaml(tmp_path)
    with_admin = GOOD | {"name": "hosts", "host_rotation": {"os_cloud": "admin"}}
    (said,) = await lines(tmp_path, file, named(host_rotation={}), with_admin | {"network": "none"})
    assert said == (
        "vmprobe.probes: wrong: resolve: probe_misconfigured: host_rotation: no host on which this credential"
        " may request VMs"
    )
    project = next(one for one in cloud.world.projects if one.name == "astronomy")
    project.limits["instances"] = 0
    (said,) = await lines(tmp_path, file, GOOD)
    assert said.startswith("vmprobe.probes: good: quota_check: quota: ")


async def _hangs(_: object) -> None:
    await asyncio.get_running_loop().create_future()


async def _is_a_bug(_: object) -> None:
    raise TypeError("no such thing")


@pytest.mark.parametrize(
    ("fault", "what"),
    [(_hangs, "timeout: has not ended within 0.05 s"), (_is_a_bug, "internal: TypeError: no such thing")],
)
async def test_a_step_that_hangs_or_has_a_bug_is_a_line(
    fault: Callable[..., Any], what: str, cloud: DemoCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratoscope.clouds.openstack.lifecycle.vms.OpenStackVMs.resolve", fault)
    monkeypatch.setitem(TIMEOUTS, Phase.RESOLVE, 0.05)
    (said,) = await lines(tmp_path, cloud.clouds_yaml(tmp_path), GOOD)
    assert said == f"vmprobe.probes: good: resolve: {what}"


async def test_the_same_at_run_time_is_misconfigured_without_a_trace(
    cloud: DemoCloud, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    probes = [named(name=f"wrong-{number}", **other) for number, (other, _, _) in enumerate(WRONG)]
    first = GOOD | {"interval": "1h"}
    async with probing_app(tmp_path, cloud.clouds_yaml(tmp_path), first, *probes) as app:
        cloud.clock.step_s = 0.5
        await app.until(lambda page: page.value("stratoscope_vmprobe_runs_total", probe="good"))
        runs = [await app.prober.run_now(probe["name"]) for probe in probes]
        page = await app.page()
    for run, (_, start, nearest) in zip(runs, WRONG, strict=True):
        assert (run.failure.phase, run.failure.reason) == ("resolve", "probe_misconfigured")
        assert run.failure.message.startswith(start)
        assert nearest in run.failure.message
        of_run = {"probe": run.probe, "reason": "probe_misconfigured", "blame": "probe"}
        assert page.value("stratoscope_vmprobe_last_failure", **of_run) == 1
    assert [record for record in caplog.records if record.exc_info] == []
