"""One reading for all who ask for the same thing within a while."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from stratoscope.clouds.client.clock import CLOCK, Clock

T = TypeVar("T")


class TTLCache(Generic[T]):
    """The last answer to one thing that is asked; a failure is nobody's answer."""

    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Clock = CLOCK) -> None:
        self._ask, self._clock = ask, clock
        self._one_at_a_time = asyncio.Lock()
        self._last: tuple[float, T] | None = None

    async def anew(self) -> T:
        """The answer as it is now. Raises as `ask`."""
        async with self._one_at_a_time:
            return (await self._read())[1]

    async def not_older_than(self, seconds: float) -> T:
        """The last answer where it is no older than that, at once; else as `anew`."""
        last = self._young(seconds)
        if last is None:
            async with self._one_at_a_time:
                last = self._young(seconds) or await self._read()
        return last[1]

    def _young(self, seconds: float) -> tuple[float, T] | None:
        if self._last is None or self._clock.monotonic() - self._last[0] > seconds:
            return None
        return self._last

    async def _read(self) -> tuple[float, T]:
        began = self._clock.monotonic()
        self._last = last = (began, await self._ask())
        return last
