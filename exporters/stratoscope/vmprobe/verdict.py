"""What the runs of a probe say of its cloud."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from stratoscope.vmprobe.record import Outcome, Run
from stratoscope.vmprobe.view import ProbeView, State

_VERDICTS: Final = (Outcome.SUCCESS, Outcome.FAILED)


def last_verdict(runs: Sequence[Run]) -> Run | None:
    """The last run that succeeded or failed; one that was interrupted says nothing. The oldest is first."""
    return next((run for run in reversed(runs) if run.outcome in _VERDICTS), None)


class Verdict(StrEnum):
    """Whether a probe works. Pages are sorted in this order."""

    FAILS = "fails"
    WAITS = "waits"
    """It has no result yet, or may not run."""
    PAUSED = "paused"
    WORKS = "works"


def verdict(view: ProbeView) -> Verdict:
    """Whether a probe works. A pause decides, since it is on purpose."""
    if view.state is State.PAUSED:
        return Verdict.PAUSED
    last = last_verdict(view.runs)
    if last is not None and last.outcome is Outcome.FAILED:
        return Verdict.FAILS
    if last is None or view.state is State.LIMITED:
        return Verdict.WAITS
    return Verdict.WORKS
