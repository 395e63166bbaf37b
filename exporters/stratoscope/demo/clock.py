"""Time of the embedded cloud: a clock that can be given, and what will happen at which moment."""

import heapq
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], float]
"""Tells the moment in Unix seconds: `time.time`, or a test's own."""


class Timeline:
    """What will happen, in order; it happens when time is said to have come so far.

    Attributes:
        now: The moment up to which everything has happened; while something happens, its own.
            Never goes back.
    """

    def __init__(self, now: float) -> None:
        self.now = now
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._added = 0

    def after(self, seconds: float, happening: Callable[[], None]) -> None:
        """Let something happen so many seconds from now."""
        self._added += 1
        heapq.heappush(self._queue, (self.now + seconds, self._added, happening))

    def advance(self, now: float) -> None:
        """Let everything happen that is due by then; what it brings about, too."""
        while self._queue and self._queue[0][0] <= now:
            moment, _, happening = heapq.heappop(self._queue)
            self.now = max(self.now, moment)
            happening()
        self.now = max(self.now, now)
