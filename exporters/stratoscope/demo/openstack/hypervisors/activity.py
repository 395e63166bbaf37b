"""How much CPU VMs want, and how much of it they get."""

import math
import random
from collections.abc import Sequence
from typing import Final, NamedTuple


class Activity(NamedTuple):
    """What a VM does: it wants more and less CPU in turn.

    Attributes:
        mean: The share of its virtual CPUs that it wants on average.
        swing: How far it goes above and below that.
        edge: How abruptly: 1 is a wave, 8 is a burst.
        period_s: Seconds of a turn.
        phase: When it turns.
        resident: The share of its memory that is resident on the host.
    """

    mean: float
    swing: float
    edge: float
    period_s: float
    phase: float
    resident: float

    def wants(self, now: float) -> float:
        """The share of its virtual CPUs that it wants now, from 0 to 1."""
        turn = math.sin(2 * math.pi * (now / self.period_s + self.phase))
        wave = math.tanh(self.edge * turn) / math.tanh(self.edge)
        return min(1.0, max(0.0, self.mean + self.swing * wave))


class _Kind(NamedTuple):
    weight: int
    mean: tuple[float, float]
    swing: float
    edge: float


_KINDS: Final = (
    _Kind(weight=25, mean=(0.01, 0.05), swing=0.01, edge=1.0),  # idle
    _Kind(weight=45, mean=(0.3, 0.6), swing=0.08, edge=1.0),  # steady
    _Kind(weight=30, mean=(0.3, 0.45), swing=0.3, edge=8.0),  # bursty
)
_PERIODS_S: Final = (420.0, 1500.0)
_RESIDENT: Final = (0.4, 0.9)
ALWAYS: Final = Activity(1.0, 0.0, 1.0, 600.0, 0.0, 0.8)
"""A VM that wants all its virtual CPUs all the time."""


def drawn(vm_id: str) -> Activity:
    """The activity of a VM: the same at each start."""
    dice = random.Random(vm_id)  # noqa: S311 - nothing to guard
    kind = dice.choices(_KINDS, [kind.weight for kind in _KINDS])[0]
    return Activity(
        mean=dice.uniform(*kind.mean),
        swing=kind.swing,
        edge=kind.edge,
        period_s=dice.uniform(*_PERIODS_S),
        phase=dice.random(),
        resident=dice.uniform(*_RESIDENT),
    )


def shared(wanted: Sequence[float], cpus: float, greedy: int | None) -> list[float]:
    """CPUs that each VM gets of those that it wants, in the order of the VMs.

    Args:
        wanted: By VM.
        cpus: How many there are.
        greedy: The place of a VM whose weight is far above the others': it gets first. None for none.
    """
    first = 0.0 if greedy is None else min(wanted[greedy], cpus)
    others = sum(wanted) - (0.0 if greedy is None else wanted[greedy])
    part = min(1.0, (cpus - first) / others) if others else 1.0
    return [first if place == greedy else part * one for place, one in enumerate(wanted)]


def stretch(wanted: list[float], most: Sequence[float], total: float) -> None:
    """Multiply all by one factor, up to the most of each, so that they sum to the total or come close.

    Those that sum to more stay as they are.
    """
    low, high = 1.0, 1000.0
    for _ in range(20):
        factor = (low + high) / 2
        if sum(min(limit, factor * one) for one, limit in zip(wanted, most, strict=True)) < total:
            low = factor
        else:
            high = factor
    wanted[:] = [min(limit, low * one) for one, limit in zip(wanted, most, strict=True)]
