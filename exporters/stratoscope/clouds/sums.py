"""Sums of numbers that may be unknown. Pure."""

from collections.abc import Iterable
from typing import TypeVar

N = TypeVar("N", int, float)


def whole_sum(numbers: Iterable[N | None]) -> N | None:
    """Their sum; None if one of them is unknown, since the sum would be too small without it."""
    found: N = 0
    for number in numbers:
        if number is None:
            return None
        found += number
    return found
