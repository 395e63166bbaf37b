"""A probe that is killed at any moment: the next one cleans up, and shows what was shown."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from stratoscope.vmprobe.ledger import Ledger
from stratoscope.vmprobe.record import Outcome
from stratoscope.vmprobe.sweep import GRACE_S, Sweep
from support.killed_probe import POINTS
from support.ledgers import CLOUD, TAG, a_mark
from support.probe_cloud import SERVER, ProbeCloud, Thing

FOREIGN = ["a-port", "malformed", "port-of-another", "theirs", "theirs-port", "unknown", "unknown-port"]
RANDOM = random.Random(10)  # noqa: S311 - moments, the same in each round
MOMENTS_S = [RANDOM.uniform(0.0, 0.09) for _ in range(16)]
REMEMBERED = 190
"""So many runs are shown again at least: 200 are remembered, and those that were not shown yet are few."""


def fill(cloud: ProbeCloud) -> None:
    """Objects of others, and some that only look like ours."""
    cloud.add_vm("theirs", a_mark("r1", 0.0, tag="theirs"))
    cloud.add_vm("unknown", a_mark("r9", 1e12))
    cloud.add(Thing(kind=SERVER, id="malformed", raw={"tag": TAG, "run": "r9", "deadline": "0"}))
    cloud.add(Thing(kind="port", id="port-of-another", device_id="malformed"))
    cloud.add(Thing(kind="port", id="a-port"))


def start(folder: Path, point: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "support.killed_probe", folder, point],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def killed_at(folder: Path, point: str) -> Sequence[str]:
    """Let a probe kill itself. Returns the runs that it showed."""
    with start(folder, point) as process:
        lines = process.communicate()[0].splitlines()
    assert process.returncode == -signal.SIGKILL
    return shown_runs(lines)


def killed_after(folder: Path, seconds: float) -> Sequence[str]:
    """Kill a probe so long after it showed its first run."""
    with start(folder, "") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(seconds)
        process.kill()
        lines = [first, *process.stdout.read().splitlines()]
    return shown_runs(lines)


def shown_runs(lines: Iterable[str]) -> Sequence[str]:
    """Each of them once, in order."""
    return [*dict.fromkeys(line.strip().removeprefix("shown ") for line in lines)]


async def check(folder: Path, shown: Sequence[str]) -> None:
    """Open the ledger and sweep, as the next probe does."""
    cloud = ProbeCloud(file=folder / "cloud")
    cloud.deleted_s = 0.0
    ledger = Ledger(folder, CLOUD)
    interrupted = await ledger.open()
    sweep = Sweep(ledger, TAG)
    for _ in range(3):  # the VM, then the volume, and then the ledger's last line
        await sweep.once({"": cloud.lifecycle()}, ())
    assert cloud.ids() == FOREIGN
    assert not {one.id for one in cloud.deleted} & {*FOREIGN}
    assert sweep.leaks.total == 0
    runs = (await ledger.runs())["boot"]
    outcomes = {run.id: run.outcome for run in runs}
    assert {*shown[-REMEMBERED:]} <= outcomes.keys()
    assert len(interrupted) <= 1
    assert {*outcomes.values()} <= {Outcome.SUCCESS, Outcome.INTERRUPTED}
    for row in await ledger.remaining():  # intents of which it is not known whether they were requested
        assert (outcomes.get(row.run), row.is_created) in {(Outcome.INTERRUPTED, False), (None, False)}
        assert row.deadline + GRACE_S > time.time()
    await ledger.close()


@pytest.mark.parametrize("point", POINTS)
def test_probe_that_is_killed_at_any_point_of_a_run_leaves_nothing(point: str, tmp_path: Path) -> None:
    fill(ProbeCloud(file=tmp_path / "cloud"))
    shown = killed_at(tmp_path, point)
    assert len(shown) == 3
    asyncio.run(check(tmp_path, shown))


def test_probe_that_is_killed_again_and_again_leaves_nothing_and_loses_no_run(tmp_path: Path) -> None:
    fill(ProbeCloud(file=tmp_path / "cloud"))
    shown: list[str] = []
    for seconds in MOMENTS_S:
        more = killed_after(tmp_path, seconds)
        assert more
        shown += more
        asyncio.run(check(tmp_path, shown))
