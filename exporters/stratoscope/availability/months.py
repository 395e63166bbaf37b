"""Days and months: availability and reliability as EGI's ARGO computes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Final

MINUTES: Final = 1440
NOTHING_SAID: Final = -1.0
"""Where there is nothing to divide by."""
_DIGITS: Final = 5


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an agreement asks of a month, in percent: the least, the least, the most."""

    availability: float
    reliability: float
    unknown: float


OLA: Final = Bounds(80.0, 85.0, 10.0)
"""EGI's for resource centres; the defaults of the thresholds of the rules."""


@dataclass(frozen=True, slots=True)
class Day:
    """The minutes of a day.

    Attributes:
        down: Of planned outages.
        known: Those of which something is known; what is neither up nor down of them is critical.
    """

    up: int
    down: int
    known: int


@dataclass(frozen=True, slots=True)
class Month:
    """What a month was like, in percent with 5 decimals.

    Attributes:
        availability: -1 if nothing is known.
        reliability: Planned outages do not lower it; -1 if nothing is known but these.
        unknown: Of the time, that of which nothing is known.
    """

    availability: float
    reliability: float
    unknown: float

    def is_within(self, bounds: Bounds) -> bool:
        """Whether no bound is broken; what nothing is said of breaks none."""
        return (
            (self.availability == NOTHING_SAID or self.availability >= bounds.availability)
            and (self.reliability == NOTHING_SAID or self.reliability >= bounds.reliability)
            and self.unknown <= bounds.unknown
        )


def month(days: Sequence[Day | None]) -> Month:
    """Add up days: by the means of their fractions, not by the mean of their percentages.

    Args:
        days: One or more; None for one of which nothing is known.
    """
    count = len(days)
    shares = [_shares(one) for one in days]
    up, unknown, down = (sum((share[number] for share in shares), Fraction()) / count for number in range(3))
    return Month(_percent(up, 1 - unknown), _percent(up, 1 - unknown - down), _percent(unknown, Fraction(1)))


def _shares(day: Day | None) -> tuple[Fraction, Fraction, Fraction]:
    """Up, unknown and down as fractions of the day, with 5 decimals as ARGO keeps them."""
    if day is None:
        return Fraction(0), Fraction(1), Fraction(0)
    minutes = (day.up, MINUTES - day.known, day.down)
    up, unknown, down = (_rounded(Fraction(min(max(0, one), MINUTES), MINUTES)) for one in minutes)
    return up, unknown, down


def _percent(part: Fraction, whole: Fraction) -> float:
    return float(_rounded(100 * part / whole)) if whole > 0 else NOTHING_SAID


def _rounded(value: Fraction) -> Fraction:
    """Half up."""
    return Fraction(floor(value * 10**_DIGITS + Fraction(1, 2)), 10**_DIGITS)
