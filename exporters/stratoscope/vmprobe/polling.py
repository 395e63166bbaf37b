"""When a run looks whether something has happened: often at first, then every other second."""

from typing import Final

from stratoscope.clouds.client.clock import Clock

QUICK_S: Final = 2.0
"""Seconds for which it looks often."""
QUICK_STEP_S: Final = 0.25
STEP_S: Final = 2.0
"""A boot of 10 s takes 12 looks: 8 in the first two seconds, and 4."""


class Polling:
    """The moments to look, from now on. A look that takes longer than a step is followed by the next."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = self._last = clock.monotonic()

    async def wait(self) -> None:
        """Wait for the next moment to look."""
        is_quick = self._last - self._began < QUICK_S
        due = self._last + (QUICK_STEP_S if is_quick else STEP_S)
        now = self._clock.monotonic()
        if due > now:
            await self._clock.sleep(due - now)
        self._last = max(due, now)
