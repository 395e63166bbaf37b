"""Availability and reliability as EGI's ARGO computes them: what the rules are compared with.

States and the table of truth are those of its profile `egi_ops`. A month is made of
the fractions of its days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import reduce
from math import floor
from typing import Final

DAY_S: Final = 86400
NOTHING_SAID: Final = Decimal(-1)
"""Where there is nothing to divide by."""
_DIGITS: Final = 5


class State(StrEnum):
    """From good to bad."""

    OK = "ok"
    WARNING = "warning"
    UNKNOWN = "unknown"
    MISSING = "missing"
    DOWNTIME = "downtime"
    CRITICAL = "critical"


_UP: Final = frozenset({State.OK, State.WARNING})
_UNKNOWN: Final = frozenset({State.UNKNOWN, State.MISSING})
_OR: Final[Mapping[frozenset[State], State]] = {
    frozenset({State.UNKNOWN, State.MISSING}): State.UNKNOWN,
    frozenset({State.UNKNOWN, State.DOWNTIME}): State.UNKNOWN,
    frozenset({State.UNKNOWN, State.CRITICAL}): State.CRITICAL,
    frozenset({State.MISSING, State.DOWNTIME}): State.DOWNTIME,
    frozenset({State.MISSING, State.CRITICAL}): State.CRITICAL,
    frozenset({State.DOWNTIME, State.CRITICAL}): State.CRITICAL,
}


def both(one: State, other: State) -> State:
    """AND: the worse of two things that are both needed."""
    return max(one, other, key=list(State).index)


def either(one: State, other: State) -> State:
    """OR: of two things of which one is enough. Without one that is up, it is not the better of the two."""
    for up in (State.OK, State.WARNING):
        if up in (one, other):
            return up
    return one if one == other else _OR[frozenset({one, other})]


def all_of(states: Sequence[State]) -> State:
    """AND of one or more."""
    return reduce(both, states)


@dataclass(frozen=True, slots=True)
class Day:
    """The seconds of a day; what is left is critical."""

    up_s: int
    unknown_s: int
    down_s: int

    @property
    def fractions(self) -> tuple[Decimal, Decimal, Decimal]:
        """Up, unknown and down as a share of the day."""
        up, unknown, down = (Fraction(one, DAY_S) for one in (self.up_s, self.unknown_s, self.down_s))
        return rounded(up), rounded(unknown), rounded(down)

    @property
    def availability(self) -> Decimal:
        """In percent."""
        return _percent(Fraction(self.up_s), Fraction(DAY_S - self.unknown_s))

    @property
    def reliability(self) -> Decimal:
        """In percent: a planned outage does not lower it."""
        return _percent(Fraction(self.up_s), Fraction(DAY_S - self.unknown_s - self.down_s))


def day(timeline: Sequence[tuple[int, State]]) -> Day:
    """Adds up a day.

    Args:
        timeline: States with the second of the day at which each begins, in order, the first at 0. Each holds
            until the next, the last until the end of the day.
    """
    if not timeline or timeline[0][0] != 0:
        raise ValueError("the state at the beginning of the day is not known")
    ends = [begins for begins, _ in timeline[1:]] + [DAY_S]
    seconds = dict.fromkeys(State, 0)
    for (begins, state), end in zip(timeline, ends, strict=True):
        if not begins < end <= DAY_S:
            raise ValueError(f"{begins} to {end} is no part of the day")
        seconds[state] += end - begins
    return Day(
        up_s=sum(seconds[one] for one in _UP),
        unknown_s=sum(seconds[one] for one in _UNKNOWN),
        down_s=seconds[State.DOWNTIME],
    )


def month(days: Sequence[Day]) -> tuple[Decimal, Decimal]:
    """Availability and reliability in percent: by the means of the days' fractions."""
    count = len(days)
    columns = zip(*(one.fractions for one in days), strict=True)
    up, unknown, down = (sum(map(Fraction, one), Fraction()) / count for one in columns)
    return _percent(up, 1 - unknown), _percent(up, 1 - unknown - down)


def rounded(value: Fraction) -> Decimal:
    """To 5 decimals, half up."""
    return Decimal(floor(value * 10**_DIGITS + Fraction(1, 2))).scaleb(-_DIGITS)


def _percent(part: Fraction, whole: Fraction) -> Decimal:
    return NOTHING_SAID if whole == 0 else rounded(100 * part / whole)
