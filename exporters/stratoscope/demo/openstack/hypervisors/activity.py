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
        period_s: Seconds of a turn; phase: where in a turn it begins.
        resident: The share of its memory that is resident on the host.
    """

    mean: float
    swing: float
    period_s: float
    phase: float
    resident: float

    def wants(self, now: float) -> float:
        """The share of its virtual CPUs that it wants now, from 0 to 1."""
        wave = math.copysign(self.swing, math.sin(2 * math.pi * (now / self.period_s + self.phase)))
        return min(1.0, max(0.0, self.mean + wave))


_KINDS: Final = (
    (25, 0.01, 0.05, 0.01),  # idle
    (45, 0.3, 0.6, 0.08),  # steady
    (30, 0.3, 0.45, 0.3),  # bursty
)
"""Weight, least and greatest mean, swing."""
ALWAYS: Final = Activity(1.0, 0.0, 600.0, 0.0, 0.8)
"""A VM that wants all its virtual CPUs all the time."""


def drawn(vm_id: str) -> Activity:
    """The activity of a VM: the same at each start."""
    dice = random.Random(vm_id)  # noqa: S311 - nothing to guard
    _, least, most, swing = dice.choices(_KINDS, [weight for weight, *_ in _KINDS])[0]
    mean, period_s = dice.uniform(least, most), dice.uniform(420.0, 1500.0)
    return Activity(mean, swing, period_s, phase=dice.random(), resident=dice.uniform(0.4, 0.9))


def shared(wanted: Sequence[float], cpus: float, greedy: int | None) -> list[float]:
    """CPUs that each VM gets of those that it wants, in the order of the VMs.

    Args: greedy: The place of a VM whose weight is far above the others': it gets first. None for none.
    """
    first = 0.0 if greedy is None else min(wanted[greedy], cpus)
    others = sum(wanted) - (0.0 if greedy is None else wanted[greedy])
    part = min(1.0, (cpus - first) / others) if others else 1.0
    return [first if place == greedy else part * one for place, one in enumerate(wanted)]


def stretch(wanted: Sequence[float], most: Sequence[float], total: float) -> list[float]:
    """All multiplied by one factor, up to the most of each, so that they sum to the total or come close.

    Those that sum to more stay as they are.
    """
    low, high = 1.0, 1000.0
    for _ in range(20):
        factor = (low + high) / 2
        reached = sum(min(limit, factor * one) for one, limit in zip(wanted, most, strict=True))
        low, high = (factor, high) if reached < total else (low, factor)
    return [min(limit, low * one) for one, limit in zip(wanted, most, strict=True)]
