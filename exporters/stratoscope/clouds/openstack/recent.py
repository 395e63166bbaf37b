"""One reading for all who ask for the same thing within a while."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from stratoscope.clouds.clock import CLOCK, Clock

T = TypeVar("T")


class Recent(Generic[T]):
    """The last answer to one thing that is asked; a failure is nobody's answer."""

    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Clock = CLOCK) -> None:
        self._ask, self._clock = ask, clock
        self._one_at_a_time = asyncio.Lock()
        self._last: tuple[float, T] | None = None

    async def anew(self) -> T:
        """The answer as it is now. Raises as `ask`."""
        async with self._one_at_a_time:
            return await self._read()

    async def not_older_than(self, seconds: float) -> T:
        """The last answer where it is no older than that, else as `anew`."""
        async with self._one_at_a_time:
            if self._last is not None and self._clock.monotonic() - self._last[0] <= seconds:
                return self._last[1]
            return await self._read()

    async def _read(self) -> T:
        began = self._clock.monotonic()
        answer = await self._ask()
        self._last = (began, answer)
        return answer
