"""Time of the embedded cloud: a clock that tests replace, and what is scheduled for which moment."""

import heapq
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

Clock: TypeAlias = Callable[[], float]
"""Returns Unix seconds: `time.time`, or a test's own."""
Steps: TypeAlias = Iterator[float]
"""What happens by and by: a generator that yields how many seconds it takes until it goes on."""


class Timeline:
    """Scheduled calls, in order of time.

    Attributes:
        now: All calls due by then were made; during a call, the moment it was due. Never goes back.
    """

    def __init__(self, now: float) -> None:
        self.now = now
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._added = 0

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Schedule a call in so many seconds."""
        self._added += 1
        heapq.heappush(self._queue, (self.now + seconds, self._added, call))

    def run(
        self, steps: Steps, pace: Callable[[], float] = lambda: 1.0, is_on: Callable[[], bool] = lambda: True
    ) -> None:
        """Run steps up to their next pause, of its seconds times the pace, and so on while it is on."""
        seconds = next(steps, None) if is_on() else None
        if seconds is not None:
            self.after(seconds * pace(), partial(self.run, steps, pace, is_on))

    def advance(self, now: float) -> None:
        """Make all calls that are due by then, those included that the calls schedule."""
        while self._queue and self._queue[0][0] <= now:
            moment, _, call = heapq.heappop(self._queue)
            self.now = max(self.now, moment)
            call()
        self.now = max(self.now, now)
