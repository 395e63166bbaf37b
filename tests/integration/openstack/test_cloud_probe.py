"""The VM-creation probe on the real cloud: what it says of a VM, and that it leaves nothing there."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from integration.conftest import stratoscope
from integration.openstack.openstack_cli import Cli
from integration.openstack.outages import knob
from integration.openstack.probes import (
    PROJECT,
    Prober,
    a_probe,
    configuration,
    failure,
    objects,
    probing,
    wait_until,
)
from support.pages import promtool_findings
from support.series import read

pytestmark = pytest.mark.integration

BOOT_S = 3
STEP_S, RESOLUTION_S = 1.0, 1.0
"""The longest polling step, and the resolution of Nova's action events."""
SWEPT_S = 90
"""What is left is looked for every minute, and at each start."""
PHASES = {
    *("authenticate", "resolve", "quota_check", "request", "scheduled", "networked", "built"),
    *("deleted", "gone"),
}
TYPO = a_probe("typo", image="cirrros")
"""The first probe runs at once; this one is soon over."""
HOSTS = ["compute1", "compute2", "compute3"]
"""Those that are up and enabled."""


@pytest.fixture(autouse=True)
def _clean(cli: Cli) -> Iterator[None]:
    """Each test leaves the cloud as it was."""
    before = objects(cli)
    yield
    wait_until(lambda: objects(cli) == before, "the cloud is as it was", SWEPT_S, every_s=1)


@pytest.fixture
def _slow() -> Iterator[None]:
    """VMs take 3 s to build."""
    with ExitStack() as knobs:
        for host in HOSTS:
            knobs.enter_context(knob(f"{host}.json", json.dumps({"spawn_seconds": BOOT_S})))
        yield


@pytest.mark.usefixtures("_slow")
def test_probe_of_a_plain_user_says_what_nova_says_and_the_next_one_why_it_fails(
    tmp_path: Path, cli: Cli
) -> None:
    with probing(tmp_path, configuration(TYPO, a_probe())) as prober:
        run = prober.run()
        assert run["outcome"] == "success", run
        assert {*run["phases"]} == PHASES
        check_times(run, cli)
        (fails,) = prober.runs("typo")
        assert failure(fails) == ("resolve", "probe_misconfigured", "probe")
        assert "cirros" in fails["failure"]["message"]
        check_page(prober)
        assert check(prober, "boot").startswith("0 OK")
        assert check(prober, "typo").startswith("3 UNKNOWN")


def check_times(run: Mapping[str, Any], cli: Cli) -> None:
    """The time to ACTIVE is that of Nova's action events, as far as their resolution goes.

    On the host the VM boots, is ACTIVE, and then the event ends.
    """
    begun, ended = nova_seconds(run["vm_id"], cli)
    built_s, request_s = run["accepted_s"]["built"], run["phases"]["request"]
    earliest = begun + BOOT_S - RESOLUTION_S - request_s
    assert earliest <= built_s <= ended + RESOLUTION_S + STEP_S, (begun, ended, run)
    assert built_s >= BOOT_S


def nova_seconds(vm_id: str, cli: Cli) -> tuple[float, float]:
    """From the beginning of the action `create` to the beginning and the end of the build on the host."""
    actions = cli.ask("server", "event", "list", vm_id)
    (request,) = [one["Request ID"] for one in actions if one["Action"] == "create"]
    action = cli.ask("server", "event", "show", vm_id, request)
    (build,) = [one for one in action["events"] if one["event"] == "compute__do_build_and_run_instance"]
    created, begun, ended = (
        datetime.fromisoformat(text)
        for text in (action["start_time"], build["start_time"], build["finish_time"])
    )
    return (begun - created).total_seconds(), (ended - created).total_seconds()


def check_page(prober: Prober) -> None:
    text = prober.get()
    assert promtool_findings(text) == ""
    page = read(text)
    assert page.value("stratoscope_vmprobe_success", probe="boot") == 1
    assert page.value("stratoscope_vmprobe_success", probe="typo") == 0
    assert page.value("stratoscope_vmprobe_leaked_resources", kind="server") == 0
    skew = page.value("stratoscope_vmprobe_clock_skew_seconds")
    assert skew is not None
    assert abs(skew) <= 1
    overview = prober.get("/")
    assert "boot" in overview
    assert "typo" in overview


def check(prober: Prober, name: str) -> str:
    """The exit status of the Nagios plug-in, and its first word after its own name."""
    command = stratoscope("check-vmprobe", f"--url={prober.url}", f"--name={name}")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return f"{done.returncode} {done.stdout.removeprefix('VMPROBE ')}"


@pytest.mark.usefixtures("_slow")
def test_probe_that_is_killed_amid_a_build_cleans_up_at_its_next_start(tmp_path: Path, cli: Cli) -> None:
    config = configuration(TYPO, a_probe())
    with probing(tmp_path, config) as prober:
        begun = prober.step("scheduled")
        prober.process.kill()
        prober.process.wait()
    vm_id = begun["vm_id"]
    assert vm_id in objects(cli)["server"]
    with probing(tmp_path, config) as prober:
        wait_until(lambda: vm_id not in objects(cli)["server"], "the VM is gone", 60)
        (run,) = prober.runs()
        assert (run["id"], run["vm_id"], run["outcome"]) == (begun["id"], vm_id, "interrupted")


@pytest.mark.usefixtures("_slow")
@pytest.mark.full
def test_rotation_of_an_administrator_has_a_run_on_each_host_in_turn(tmp_path: Path, cli: Cli) -> None:
    rotation = a_probe("hosts", host_rotation={"os_cloud": "admin"})
    del rotation["zone"]
    with probing(tmp_path, configuration(rotation)) as prober:
        wait_until(lambda: prober.runs("hosts"), "the first run ends", 60)
        for _ in HOSTS[1:]:
            prober.run("hosts")
        runs = prober.runs("hosts")
        assert [run["outcome"] for run in runs] == ["success"] * len(HOSTS), runs
        assert [run["host"] for run in runs] == HOSTS
        for run in runs:
            check_times(run, cli)
        page = read(prober.get())
        assert page.by("stratoscope_vmprobe_host_success", "host") == dict.fromkeys(HOSTS, 1)


@pytest.mark.full
def test_project_that_is_disabled(tmp_path: Path, cli: Cli) -> None:
    config = configuration(a_probe())
    cli.do("project", "set", "--disable", PROJECT)
    try:
        with probing(tmp_path, config) as prober:
            assert failure(prober.run()) == ("authenticate", "auth", "project")
    finally:
        cli.do("project", "set", "--enable", PROJECT)
    # A credential that was refused is not sent again for 5 minutes; a new process knows nothing of that.
    with probing(tmp_path, config) as prober:
        run = prober.run()
        assert run["outcome"] == "success", run
