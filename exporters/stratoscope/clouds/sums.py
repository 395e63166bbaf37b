"""Sums of what may not be known. Pure."""

from collections.abc import Iterable
from typing import TypeVar

N = TypeVar("N", int, float)


def whole_sum(numbers: Iterable[N | None]) -> N | None:
    """Their sum; None where one of them is not known, for without it the sum would be too small."""
    found: N = 0
    for number in numbers:
        if number is None:
            return None
        found += number
    return found
