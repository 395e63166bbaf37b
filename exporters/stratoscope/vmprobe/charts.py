"""The charts of a probe's page as shapes of SVG: its last runs, and the phases of one run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stratoscope.clouds.lifecycle import Phase
from stratoscope.vmprobe.record import Outcome, Run

SLOTS: Final = 50
"""Runs in a strip; the newest is at its right end."""
PITCH: Final = 10
"""Width of a slot, in the strip's own units; its height is 20."""
WIDE: Final = 1000
"""Width of the bars of phases, in their own units."""
_SIDE_BY_SIDE: Final = frozenset({Phase.NETWORKED, Phase.BUILT})
_SHAPES: Final[Mapping[Outcome, str]] = {
    Outcome.SUCCESS: "v-11h8v11z",
    Outcome.FAILED: "v-16l4-4l4 4v16z",
    Outcome.INTERRUPTED: "m1 0v-3h6v3z",
    Outcome.RUNNING: "m1.5-1v-9h5v9z",
}
"""From the lower left corner of a cell: a low bar, a tall one with a tip, a dot, and a frame."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A phase of a run.

    Attributes:
        seconds: None if it did not end.
        left: Where it begins, and how wide it is, in units of which a run has WIDE.
        has_failed: The run failed in it.
    """

    phase: Phase
    seconds: float | None
    left: int
    width: int
    has_failed: bool


def strip(runs: Sequence[Run]) -> Mapping[str, str]:
    """The path of the cells of each outcome, of the last runs; the oldest is first."""
    last = runs[-SLOTS:]
    paths = dict.fromkeys((run.outcome.value for run in last), "")
    for slot, run in enumerate(last, SLOTS - len(last)):
        paths[run.outcome.value] += f"M{slot * PITCH + 1} 20{_SHAPES[run.outcome]}"
    return paths


def bars(run: Run) -> Sequence[Bar]:
    """The phases of a run on one scale of time: those that ended, and the one that it failed in."""
    spans = list(_spans(run))
    end = max((began + seconds for _, began, seconds in spans), default=0.0) or 1.0
    failed = None if run.failure is None else run.failure.phase
    return [
        Bar(
            phase, run.phases.get(phase), round(began / end * WIDE), max(round(seconds / end * WIDE), 4),
            phase is failed,
        )
        for phase, began, seconds in spans
    ]  # fmt: skip


def _spans(run: Run) -> Iterator[tuple[Phase, float, float]]:
    """Phase, when it began, for how long it took, in seconds."""
    failed = None if run.failure is None else run.failure.phase
    for phase, began in _begins(run):
        if phase in run.phases or phase is failed:
            yield phase, began, run.phases.get(phase, 0.0)


def _begins(run: Run) -> Iterable[tuple[Phase, float]]:
    """Each phase begins when those before it have ended."""
    now = 0.0
    together = 0.0
    for phase in _order(run):
        seconds = run.phases.get(phase, 0.0)
        if phase in _SIDE_BY_SIDE:
            yield phase, now
            together = max(together, seconds)
        else:
            now, together = now + together, 0.0
            yield phase, now
            now += seconds


def _order(run: Run) -> Sequence[Phase]:
    """The phases in the order of this run: a volume that its VM boots from comes before the request."""
    ended, volume, request = [*run.phases], Phase.VOLUME_CREATED, Phase.REQUEST
    if request in ended and (volume not in ended or ended.index(volume) > ended.index(request)):
        return [*Phase]
    others = [phase for phase in Phase if phase is not volume]
    place = others.index(request)
    return [*others[:place], volume, *others[place:]]
