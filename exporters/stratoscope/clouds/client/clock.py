"""The clock and the random numbers of a cloud's session; tests replace them."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Attributes: now: Unix seconds. chance: 0 to 1, so that clients do not all return at the same moment."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random

    def unix(self, moment: float) -> float:
        """Unix seconds of a moment on the monotonic clock, by the current wall clock."""
        return self.now() - (self.monotonic() - moment)


CLOCK = Clock()
