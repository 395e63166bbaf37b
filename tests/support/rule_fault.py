"""One line of the table of faults: an alert, and how it is made to fire."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from support.faulty_stack import FACTOR, FaultyStack


class RuleFault(NamedTuple):
    """A fault.

    Attributes:
        alert: That it has to fire.
        labels: That the alert has then, among others.
        words: What is done, as the docs say it.
        make: Does it.
        factor: By which durations of rules are divided; one of those of the stack.
    """

    alert: str
    labels: Mapping[str, str]
    words: str
    make: Callable[[FaultyStack], object]
    factor: int = FACTOR
