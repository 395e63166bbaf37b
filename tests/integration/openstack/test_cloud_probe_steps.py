"""The optional steps of a probe on the real cloud: they are done, or say why not, and nothing is left.

Its hypervisor is a fake: it makes no volume from an image and no image of a VM.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from integration.openstack.openstack_cli import Cli
from integration.openstack.probes import (
    Prober,
    a_probe,
    configuration,
    failure,
    objects,
    probing,
    wait_until,
)
from support.series import read

pytestmark = [pytest.mark.integration, pytest.mark.full]

SWEPT_S, SWEEPS_S = 90, 200
"""What is left is looked for every minute: the VM goes first, in the next sweep what it had."""
USER = {"os_cloud": "user1", "network": "private-1"}
"""Its network has a router to the external one."""
STEPS = {
    "floating_ip": "outside",
    "console": "FAKE CONSOLE OUTPUT",
    "volume": 1,
    "stop_start": True,
}
PHASES = {"floating_ip", "console", "volume_created", "volume_attached", "stopped", "started"}
TYPO = a_probe("typo", image="cirrros")
"""The first probe runs at once; this one is soon over."""
SHORT = {"built": "60s", "deleted": "30s", "gone": "30s"}


def created(cli: Cli) -> Mapping[str, set[str]]:
    """The ids of all that steps create, and of all servers and ports."""
    return {
        **objects(cli),
        "floatingip": {row["ID"] for row in cli.ask("floating", "ip", "list")},
        "image": {row["ID"] for row in cli.ask("image", "list")},
    }


@pytest.fixture(autouse=True)
def _clean(cli: Cli) -> Iterator[None]:
    """Each test leaves the cloud as it was."""
    before = created(cli)
    yield
    wait_until(lambda: created(cli) == before, "the cloud is as it was", SWEPT_S, every_s=1)


def ended(folder: Path, **more: Any) -> Mapping[str, Any]:
    """A run of a probe with steps, once nothing of it is left."""
    probe = a_probe(**{**USER, **more})
    with probing(folder, configuration(probe)) as prober:
        run = prober.run()
        wait_until(lambda: not any(leaked(prober).values()), "nothing is left", SWEPT_S, every_s=1)
        return run


def leaked(prober: Prober) -> Mapping[str, float]:
    """How many objects are left, by their kind."""
    return read(prober.get()).by("stratoscope_vmprobe_leaked_resources", "kind")


def errors(vm_id: str, cli: Cli) -> Sequence[str]:
    """What failed of Nova's actions on a server, as an administrator is told."""
    found = []
    for one in cli.ask("server", "event", "list", vm_id):
        action = cli.ask("server", "event", "show", vm_id, one["Request ID"])
        found += [str(event) for event in action["events"] if event["result"] != "Success"]
    return found


def test_steps_that_a_fake_hypervisor_can_do_are_done(tmp_path: Path) -> None:
    run = ended(tmp_path, **STEPS)
    assert run["outcome"] == "success", run["failure"]
    assert {*run["phases"]} >= PHASES
    assert not run.get("left_out")


def test_resize_is_done_or_fails_because_nova_finds_no_second_host(tmp_path: Path, cli: Cli) -> None:
    """The zone has two hosts; Nova resizes on another one than the VM's, and does not always find it."""
    run = ended(tmp_path, resize="small")
    wrong = errors(run["vm_id"], cli)
    if run["outcome"] == "success":
        assert "resized" in run["phases"]
        assert wrong == []
    else:
        assert failure(run) == ("resized", "unknown", "cloud")
        assert any("No valid host was found" in one for one in wrong)


def test_volume_that_cannot_be_made_from_an_image_is_named(tmp_path: Path) -> None:
    run = ended(tmp_path, boot_volume=1)
    assert failure(run) == ("volume_created", "volume", "cloud")


def test_snapshot_that_never_ends_is_a_time_out(tmp_path: Path) -> None:
    run = ended(tmp_path, snapshot=True, timeouts={**SHORT, "snapshot": "15s"})
    assert failure(run) == ("snapshot", "timeout", "cloud")


def test_probe_that_is_killed_amid_its_steps_removes_what_they_created_at_its_next_start(
    tmp_path: Path, cli: Cli
) -> None:
    before = created(cli)
    probe = a_probe(**USER, floating_ip="outside", volume=1, snapshot=True)
    config = configuration(TYPO, probe)
    with probing(tmp_path, config) as prober:
        begun = prober.step("volume_attached")
        prober.process.kill()
        prober.process.wait()
    assert begun["vm_id"] in created(cli)["server"]
    with probing(tmp_path, config) as prober:
        wait_until(lambda: created(cli) == before, "all is gone", SWEEPS_S, every_s=1)
        assert begun["id"] in {run["id"] for run in prober.runs()}
