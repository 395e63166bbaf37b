"""What is counted of one probe since the process began."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from typing import Final

from stratoscope.clouds.lifecycle import Phase
from stratoscope.core.metrics import Distribution
from stratoscope.vmprobe.record import Failure, Outcome, Run

BOUNDS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0)
"""Upper bounds of the buckets of durations, in seconds; `vmprobe.objectives` adds others."""


class Skip(StrEnum):
    """Why a run that was due did not begin."""

    OVERLAP = "overlap"
    """The run before was in progress."""
    PAUSED = "paused"
    LIMITED = "limited"
    """A limit of `vmprobe.limits` was reached."""
    LEDGER = "ledger"
    """The ledger could not be used."""
    WAITING = "waiting"
    """The run before waited for its turn among the VMs at once."""


class SkippedError(Exception):
    """A run did not begin; `str()` of it is one line on why."""

    def __init__(self, reason: Skip, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Observed:
    """A histogram in progress."""

    def __init__(self, bounds: Sequence[float] = BOUNDS) -> None:
        self._bounds = bounds
        self._counts, self._sum = [0] * (len(bounds) + 1), 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    @property
    def distribution(self) -> Distribution:
        *counts, count = accumulate(self._counts)
        return Distribution(tuple(counts), count, self._sum)


@dataclass(slots=True)
class Tally:
    """What is counted.

    Attributes:
        bounds: Upper bounds of the buckets.
        runs: Those that succeeded or failed.
        polls: Also those of interrupted runs.
    """

    bounds: Sequence[float] = BOUNDS
    runs: int = 0
    polls: int = 0
    failures: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    skipped: Counter[Skip] = field(default_factory=Counter)
    phases: dict[Phase, Observed] = field(default_factory=dict)
    accepted: dict[Phase, Observed] = field(default_factory=dict)

    def count(self, run: Run) -> None:
        """A run has ended."""
        self.polls += run.polls
        if run.outcome is Outcome.INTERRUPTED:
            return
        self.runs += 1
        if run.failure is not None:
            self.failures[kind_of(run.failure)] += 1
        self._observe(self.phases, run.phases)
        self._observe(self.accepted, run.accepted_s)

    def _observe(self, histograms: dict[Phase, Observed], seconds: Mapping[Phase, float]) -> None:
        for phase, value in seconds.items():
            if phase not in histograms:
                histograms[phase] = Observed(self.bounds)
            histograms[phase].observe(value)


def kind_of(failure: Failure) -> tuple[str, str, str]:
    """Phase, reason and blame."""
    return failure.phase, failure.reason, failure.blame
