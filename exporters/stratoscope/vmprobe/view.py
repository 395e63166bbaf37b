"""A probe as its page, its API and its metrics show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from stratoscope.clouds.client.sent import Sent
from stratoscope.vmprobe.record import Run


class State(StrEnum):
    """What a probe does now."""

    IDLE = "idle"
    """It waits for its next run."""
    RUNNING = "running"
    WAITING = "waiting"
    """Its run is due, and waits until fewer VMs of this cloud exist at once."""
    PAUSED = "paused"
    """By hand, or by `pause_url`."""
    BACKING_OFF = "backing_off"
    """It fails repeatedly, and runs less often."""
    LIMITED = "limited"
    """The VM-hours of the day are spent, or too much is left of earlier runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeView:
    """One probe at one moment. Moments are Unix seconds.

    Attributes:
        vm: The description of its VM, key by key, as configured.
        interval_s: From the beginning of a run to the next.
        timeout_s: The sum of the time-outs of its phases: no run takes much longer.
        next_run: None while it is paused or limited without an end that is known.
        until: The end of a pause or a back-off; None if it is open, and in other states.
        why: One line on the state; "" for `idle` and `running`.
        running: The run in progress, with the phases that have ended.
        runs: The last runs that have ended, the oldest first.
        rotates: Whether it has a host rotation.
        hosts: The last run on each host that the rotation chose, by host.
        sent: The last requests of the last run and of that in progress, by the run's id.
    """

    cloud: str
    name: str
    vm: Mapping[str, object]
    interval_s: float
    timeout_s: float
    state: State
    next_run: float | None = None
    until: float | None = None
    why: str = ""
    running: Run | None = None
    runs: Sequence[Run] = ()
    rotates: bool = False
    hosts: Mapping[str, Run] = field(default_factory=dict)
    sent: Mapping[str, Sequence[Sent]] = field(default_factory=dict)
