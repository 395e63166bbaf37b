"""So many per second, evenly, after a burst of one second's worth."""

import math

from stratoscope.clouds.client.clock import CLOCK, Clock


class Rate:
    """Whoever waits is served in the order of coming."""

    def __init__(self, per_second: float, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._apart_s = 1 / per_second
        self._burst_s = (max(1, math.floor(per_second)) - 1) / per_second
        self._next = -math.inf

    async def wait(self, until: float) -> None:
        """Wait for the next free moment and take it.

        Raises:
            TimeoutError: That moment is after `until` (on the monotonic clock); nothing is taken, nor waited
                for.
        """
        now = self._clock.monotonic()
        at = max(self._next, now - self._burst_s)
        if at > until:
            raise TimeoutError
        self._next = at + self._apart_s
        if at > now:
            await self._clock.sleep(at - now)
