"""A probe that is killed: `python -m support.killed_probe FOLDER POINT`, in the cloud of FOLDER/cloud.

POINT is where it kills itself in its third run: one of POINTS; `""`: it goes on until it is killed. It
prints a line for each run that it shows, once the ledger has it: `shown <run>`.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Final

from stratoscope.clouds.lifecycle import Mark, Object, Phase, Resolved, Underway
from stratoscope.vmprobe.ledger import Ledger
from stratoscope.vmprobe.record import Outcome
from stratoscope.vmprobe.sweep import Sweep
from support.ledgers import CLOUD, TAG, a_run, intended
from support.probe_cloud import VOLUME, ProbeCloud, ProbeStep

POINTS: Final = (
    "begun", "volume_intended", "volume_accepted", "volume_created", "intended", "accepted", "created",
    "deleted", "volume_deleted", "gone", "saved",
)  # fmt: skip
"""In a run's order; at `accepted` the cloud has the object, and its answer has not been read."""

_THIRD: Final = 3


class Kill:
    """Ends this process at a point of its third run."""

    def __init__(self, point: str) -> None:
        self.number, self._point = 0, point

    def at(self, point: str) -> None:
        if self.number == _THIRD and self._point == point:
            os.kill(os.getpid(), signal.SIGKILL)


def show(run_id: str) -> None:
    os.write(sys.stdout.fileno(), f"shown {run_id}\n".encode())


async def one_run(ledger: Ledger, cloud: ProbeCloud, run_id: str, at: Callable[[str], None]) -> None:
    """A run, with what it says to its ledger as the real one."""
    lifecycle, deadline = cloud.lifecycle(), cloud.clock.now() + 600
    await ledger.save(a_run(run_id))
    show(run_id)
    at("begun")
    mark = Mark(TAG, "boot", run_id, deadline)
    step, so_far = ProbeStep(cloud, Phase.VOLUME_CREATED, VOLUME), Underway(mark, Resolved("", None))
    await ledger.intend(a_run(run_id), "", Object(VOLUME, "", mark.name), deadline, is_vm=False)
    at("volume_intended")
    volume = await step.begin(so_far)
    assert volume is not None
    at("volume_accepted")
    await ledger.created(run_id, volume)
    at("volume_created")
    await ledger.intend(a_run(run_id), "", intended(run_id), deadline)
    at("intended")
    vm = Object("server", await lifecycle.request(so_far), mark.name)
    at("accepted")
    await ledger.created(run_id, vm)
    at("created")
    await lifecycle.delete(vm)
    at("deleted")
    await lifecycle.delete(volume)
    at("volume_deleted")
    assert not await lifecycle.left(vm.id, [volume])  # it takes no time here
    await ledger.gone(run_id, vm)
    await ledger.gone(run_id, volume)
    at("gone")
    await ledger.save(a_run(run_id, outcome=Outcome.SUCCESS))
    show(run_id)
    at("saved")


async def main(folder: Path, point: str) -> None:
    cloud = ProbeCloud(file=folder / "cloud")
    cloud.deleted_s = 0.0
    ledger, kill = Ledger(folder, CLOUD), Kill(point)
    await ledger.open()
    await Sweep(ledger, TAG).once({"": cloud.lifecycle()}, ())
    for kill.number in count(1):
        await one_run(ledger, cloud, f"{os.getpid():x}-{kill.number}", kill.at)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
