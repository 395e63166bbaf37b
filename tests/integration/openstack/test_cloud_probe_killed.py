"""The probe is killed ten times on the real cloud: it leaves nothing, and touches nothing else."""

import json
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from integration.openstack.openstack_cli import Cli, remove
from integration.openstack.outages import knob
from integration.openstack.probes import (
    PROJECT,
    RUN_S,
    TAG,
    VM,
    Prober,
    a_probe,
    configuration,
    objects,
    probing,
    wait_until,
)

pytestmark = [pytest.mark.integration, pytest.mark.full]

RANDOM = random.Random(10)  # noqa: S311 - moments, the same in each round
LONGEST_RUN_S = 10.0
KILLS_S = [RANDOM.uniform(0.0, LONGEST_RUN_S) for _ in range(10)]
"""After the beginning of a run."""
GONE_S = 90


@pytest.fixture
def _slow() -> Iterator[None]:
    """VMs take a second to build and to delete."""
    with ExitStack() as knobs:
        for host in ("compute1", "compute2"):
            content = json.dumps({"spawn_seconds": 1, "destroy_seconds": 1})
            knobs.enter_context(knob(f"{host}.json", content))
        yield


@pytest.fixture
def _foreign(cli: Cli) -> Iterator[None]:
    """A server in the project of the probe that only looks like its own, and one without any mark."""
    names = ("stratoscope-theirs", "stratoscope-plain")
    options = ("--flavor", VM["flavor"], "--image", VM["image"], "--network", VM["network"], "--wait")
    mark = {"tag": f"{TAG}-2", "probe": "boot", "run": "0123456789abcdef", "deadline": "0"}
    marks = [part for key, value in mark.items() for part in ("--property", f"stratoscope_{key}={value}")]
    try:
        for name, more in zip(names, (marks, ()), strict=True):
            cli.do("server", "create", name, *options, *more, cloud=PROJECT)
        yield
    finally:
        remove(cli, "--name", f"^({'|'.join(names)})$")


@pytest.mark.usefixtures("_slow", "_foreign")
def test_probe_that_is_killed_ten_times_leaves_nothing_and_touches_nothing_else(
    tmp_path: Path, cli: Cli
) -> None:
    before, config = objects(cli), configuration(a_probe())
    shown: set[str] = set()
    for seconds in KILLS_S:
        with probing(tmp_path, config) as prober:
            prober.step("")
            time.sleep(seconds)  # whatever it does then
            shown |= remembered(prober)
            prober.process.kill()
            prober.process.wait()
    with probing(tmp_path, config) as prober:
        wait_until(lambda: prober.probe()["running"] is None, "no run is in progress", RUN_S)
        check_left(cli, before)
        outcomes = {run["id"]: run["outcome"] for run in prober.runs()}
        assert shown <= outcomes.keys(), "no run is lost that was shown"
        assert {*outcomes.values()} <= {"success", "interrupted"}, outcomes
        assert "interrupted" in outcomes.values()


def remembered(prober: Prober) -> set[str]:
    """The runs that have ended, and the one in progress once it has created something."""
    probe = prober.probe()
    running = probe["running"]
    return {run["id"] for run in probe["runs"]} | ({running["id"]} if running and running["vm_id"] else set())


def check_left(cli: Cli, before: Mapping[str, set[str]]) -> None:
    """What was there before, and nothing else."""
    assert all(before[kind] <= there for kind, there in objects(cli).items())
    wait_until(lambda: objects(cli) == before, "nothing of the probe is left", GONE_S, every_s=1)
