"""The beats of a probe: when its next run is due."""

import math
from typing import Final

PATIENCE: Final = 2
"""Failures in a row that change nothing yet."""
MOST_INTERVALS: Final = 12
LONGEST_S: Final = 3600.0
"""A probe that fails repeatedly still runs so often, or once per interval if that is longer; in seconds."""


class Pace:
    """Beats on the monotonic clock, an interval apart, without drift. After repeated failures most are left
    out: the third one doubles the interval, each further one doubles it again.

    Attributes:
        interval_s: From beat to beat.
        next: The moment of the next run.
        failures: Runs that failed since the last success.
    """

    def __init__(self, interval_s: float, first: float) -> None:
        self.interval_s, self.next, self.failures = interval_s, first, 0
        self._beat = first - interval_s

    @property
    def is_backing_off(self) -> bool:
        return self.failures > PATIENCE

    @property
    def intervals(self) -> int:
        """From the beginning of a run to the next, in intervals."""
        doubled = 2 ** min(max(0, self.failures - PATIENCE), 10)
        return int(max(1, min(doubled, MOST_INTERVALS, LONGEST_S // self.interval_s)))

    def due(self) -> None:
        """The next beat is now."""
        self._beat = self.next

    def missed(self, now: float) -> int:
        """How many beats have passed since the last one; they are over."""
        number = max(0, math.floor((now - self._beat) / self.interval_s))
        self._beat += number * self.interval_s
        return number

    def plan(self, now: float) -> None:
        """Choose the next beat: after the last one, and after now."""
        self.next = self._beat + self.intervals * self.interval_s
        if self.next <= now:
            self.next += math.ceil((now - self.next) / self.interval_s) * self.interval_s

    def after(self, moment: float) -> float:
        """The first planned beat that is not before a moment."""
        return self.next + max(0, math.ceil((moment - self.next) / self.interval_s)) * self.interval_s

    def ended(self, *, is_failure: bool) -> None:
        """A run has ended."""
        self.failures = self.failures + 1 if is_failure else 0
