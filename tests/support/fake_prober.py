"""A Prober without a cloud: probes whose runs are made up; it remembers what it is asked for."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stratoscope.clouds.lifecycle import Phase, RunReason
from stratoscope.core.config import Duration
from stratoscope.vmprobe.probe_endpoint import ProbeEndpoint
from stratoscope.vmprobe.record import Failure, Outcome, Run
from stratoscope.vmprobe.view import ProbeView, State

PHASES = {
    Phase.AUTHENTICATE: 0.21, Phase.RESOLVE: 0.34, Phase.QUOTA_CHECK: 0.12, Phase.REQUEST: 0.65,
    Phase.SCHEDULED: 0.5, Phase.NETWORKED: 2.25, Phase.BUILT: 6.5, Phase.DELETED: 0.3, Phase.GONE: 3.1,
}  # fmt: skip
NO_HOST = Failure(Phase.SCHEDULED, RunReason.NO_VALID_HOST, "No valid host was found. <b>No</b> host is left")


def success(number: int = 1, *, ago_s: float = 60.0, probe: str = "boot", **more: Any) -> Run:
    """A run that ended so long ago."""
    ended = time.time() - ago_s
    given: dict[str, Any] = {
        "id": f"{number:016x}", "probe": probe, "began": ended - 13.5, "ended": ended,
        "outcome": Outcome.SUCCESS,
        "phases": PHASES, "accepted_s": {Phase.NETWORKED: 2.75, Phase.BUILT: 7.0}, "host": "compute-1",
        "vm_id": f"6e0c1f0a-0000-4000-8000-{number:012}", "image_id": "im-1", "vm_s": 11.0, "polls": 9,
    }  # fmt: skip
    return Run(**given | more)


def failed(number: int = 1, failure: Failure = NO_HOST, **more: Any) -> Run:
    """A run that failed; the phases from `failure.phase` to `built` did not end."""
    order = [*Phase]
    ended = {
        phase: seconds
        for phase, seconds in PHASES.items()
        if order.index(phase) < order.index(failure.phase) or phase in (Phase.DELETED, Phase.GONE)
    }
    given: dict[str, Any] = {
        "outcome": Outcome.FAILED, "failure": failure, "phases": ended, "accepted_s": {}, "host": "",
    }  # fmt: skip
    return success(number, **given | more)


def interrupted(number: int = 1, **more: Any) -> Run:
    """A run that a stop interrupted."""
    return success(number, outcome=Outcome.INTERRUPTED, phases={}, accepted_s={}, **more)


def probe(name: str = "boot", *runs: Run, cloud: str = "uni", **more: Any) -> ProbeView:
    """A probe that waits for its next run."""
    given: dict[str, Any] = {
        "vm": {"flavor": "tiny", "image": "debian-13", "network": "shared"}, "interval_s": Duration(300),
        "timeout_s": 240.0, "state": State.IDLE, "next_run": time.time() + 200,
    }  # fmt: skip
    return ProbeView(cloud=cloud, name=name, runs=runs, **given | more)


class FakeProber:
    """The probes of one cloud.

    Attributes:
        asked: What it was asked for, in order.
        run: The run that `run_now` gives; it ends when the test says so.
    """

    def __init__(self, *views: ProbeView, cloud: str = "uni") -> None:
        self.cloud = cloud
        self.probe_endpoint = ProbeEndpoint()
        self.asked: list[tuple[object, ...]] = []
        self.run: asyncio.Future[Run] | None = None
        self._views = {view.name: view for view in views}

    def views(self) -> Sequence[ProbeView]:
        return [*self._views.values()]

    def view(self, name: str) -> ProbeView:
        return self._views[name]

    def change(self, name: str, **changes: Any) -> None:
        self._views[name] = replace(self._views[name], **changes)

    async def pause(self, name: str, until: float | None) -> None:
        self.asked.append(("pause", name, until))
        self.change(name, state=State.PAUSED, until=until, next_run=None, why="by hand")

    async def resume(self, name: str) -> None:
        self.asked.append(("resume", name))
        self.change(name, state=State.IDLE, until=None, why="")

    def run_now(self, name: str) -> "asyncio.Future[Run]":
        self.asked.append(("run", name))
        self.change(name, state=State.RUNNING, running=Run(id="f" * 16, probe=name, began=time.time()))
        self.run = asyncio.get_running_loop().create_future()
        return self.run

    def end(self, run: Run) -> None:
        """The run in progress ends like this."""
        assert self.run is not None
        self.change(run.probe, state=State.IDLE, running=None, runs=[*self._views[run.probe].runs, run])
        self.run.set_result(run)
