"""Exporters that are killed again and again while their probes run on the embedded cloud.

Each time a run of every probe is in progress: at a random moment of it, or while the answer to the request
for the VM is held back, before Nova made the VM or after it. The next process must show what the one before
showed, and delete what that left.
"""

import os
import random
import signal
import sys
import tempfile
import time
import urllib.error
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from management_exporter import values
from probe import api, until
from probe_cloud import PROBED, ProbeCloud, probe_cloud
from processes import Running, exporter
from results import Result, at_least, at_most

PROBES: Final = 8
KILLED: Final = 200
"""Runs in progress when their process is killed."""
UNANSWERED: Final = 40
"""Of these at least, between the line in the ledger and the answer."""
_EVERY: Final = 4
"""Of so many rounds one is killed while answers are held back."""
_ROUNDS: Final = 60
_LONGEST_S: Final = 1.5
"""From the beginning of a run to the kill; a run takes about as long."""
_QUICK: Final = 0.12
"""Boots of 0.8 s."""
_REMEMBERED: Final = 40
"""So many runs of each probe must be shown again; 50 are."""
_NAMES: Final = [f"boot{number}" for number in range(PROBES)]
_LIMITS: Final = {"vms_at_once": 50, "vm_hours_per_day": 1000, "leaked_resources": 1000}
_TIMEOUTS: Final = {"built": "20s", "deleted": "20s", "gone": "20s", "scheduled": "20s", "networked": "20s"}


@dataclass
class Found:
    """Runs.

    Attributes:
        killed: In progress when their process was killed.
        unanswered: Of these, between the line in the ledger and the answer.
        lost: Shown by one process, and no more by the next.
    """

    killed: int = 0
    unanswered: int = 0
    lost: int = 0


class _Rounds:
    def __init__(self, cloud: ProbeCloud, folder: str) -> None:
        self.found, self._cloud, self._folder = Found(), cloud, folder
        self._dice = random.Random(1)  # noqa: S311 - moments
        self._shown: Mapping[str, Sequence[str]] = {}

    def all(self) -> None:
        for number in range(_ROUNDS):
            if self.found.killed >= KILLED and self.found.unanswered >= UNANSWERED:
                return
            self._round(held=("", "", "before", "after")[number % _EVERY])

    def end(self) -> int:
        """What is left in the cloud, or should not be there as a last process says, once that has swept."""
        self._cloud.told("held")
        with self._running() as running:
            self._check(running)
            until(lambda: not any(self._in_progress(running)))
            try:
                until(lambda: self._cloud.told()["left"] + _leaked(running) == 0)
            except RuntimeError:
                print("left:", self._cloud.told()["left"], "leaked:", _leaked(running))
            return int(self._cloud.told()["left"] + _leaked(running))

    def _round(self, *, held: str) -> None:
        self._cloud.told(f"held {held}")
        with self._running() as running:
            self._check(running)
            until(lambda: self._begun(running))
            if held:
                until(lambda: self._cloud.told()["held"] >= PROBES)
            else:
                time.sleep(self._dice.uniform(0, _LONGEST_S))
            self._note(running)
            os.kill(running.pid, signal.SIGKILL)

    @contextmanager
    def _running(self) -> Iterator[Running]:
        probes = [{"name": name, "interval": "1h", "timeouts": _TIMEOUTS} for name in _NAMES]
        command = [sys.executable, *PROBED, f"--storage.path={self._folder}"]
        with exporter(
            self._cloud.config(probes, concurrency=4 * PROBES, limits=_LIMITS), command=command
        ) as running:
            yield running

    def _in_progress(self, running: Running) -> list[bool]:
        return [probe["running"] is not None for probe in api(running)["probes"]]

    def _begun(self, running: Running) -> bool:
        """Whether a run of each probe is in progress; requests those that are not."""
        in_progress = self._in_progress(running)
        if all(in_progress):
            return True
        with ThreadPoolExecutor(PROBES) as at_once:  # each answer comes after 0.2 s, and a run takes 1 s
            list(at_once.map(partial(_requested, running), _NAMES))
        return False

    def _note(self, running: Running) -> None:
        """What it shows, just before it is killed."""
        views = [api(running, f"/{name}?runs=200") for name in _NAMES]
        unanswered = self._cloud.told()["held"]
        self.found.killed += sum(view["running"] is not None for view in views)
        self.found.unanswered += unanswered
        self._shown = {view["name"]: _shown(view) for view in views}

    def _check(self, running: Running) -> None:
        """All that the process before has shown is shown, once the ledger has been read."""
        until(lambda: b"stratoscope_vmprobe_leaked_resources{" in running.get())
        for name, shown in self._shown.items():
            now = {run["id"] for run in api(running, f"/{name}?runs=200")["runs"]}
            lost = [one for one in shown[-_REMEMBERED:] if one not in now]
            self.found.lost += len(lost)


def _requested(running: Running, name: str) -> None:
    """Request a run, which joins one in progress."""
    with suppress(urllib.error.HTTPError):  # 409: the first sweep is not over yet
        api(running, f"/{name}/run", method="POST")


def _shown(view: Mapping[str, Any]) -> Sequence[str]:
    """The ids of runs that had ended, and of the one in progress once it has a VM."""
    running = view["running"]
    return [run["id"] for run in view["runs"]] + ([running["id"]] if running and running["vm_id"] else [])


def _leaked(running: Running) -> float:
    return sum(values(running.get(), "stratoscope_vmprobe_leaked_resources").values())


def _touched(told: Mapping[str, Any]) -> int:
    """How many requests changed what is not of a probe."""
    creations = ("/v2.1/servers", "/v3/auth/tokens")
    changing = [one for one in told["requests"] if one[2] not in ("GET", "HEAD") and one[3] not in creations]
    return sum(not is_ours for *_, is_ours in changing)


def run() -> list[Result]:
    began = time.monotonic()
    with probe_cloud(_QUICK, _QUICK) as cloud, tempfile.TemporaryDirectory() as folder:
        rounds = _Rounds(cloud, folder)
        others = cloud.told()["others"]
        rounds.all()
        left, told, found = rounds.end(), cloud.told(), rounds.found
        touched = _touched(told) + others - told["others"]
        made = len(told["vms"])
    print(f"{found} in {time.monotonic() - began:.0f} s; {made} VMs were made")
    return [
        at_least("kills: runs in progress that were killed", found.killed, KILLED, "runs"),
        at_least("kills: of these before the answer", found.unanswered, UNANSWERED, "runs"),
        at_most("kills: objects left", left, 0, "objects"),
        at_most("kills: foreign objects touched", touched, 0, "objects"),
        at_most("kills: shown runs lost", found.lost, 0, "runs"),
    ]
