"""Shares one reading among all callers within a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.core.errors import CollectError, LeftOutError, again

T = TypeVar("T")


class TTLCache(Generic[T]):
    """The last answer to one request. A failure does not remove it."""

    def __init__(
        self, ask: Callable[[], Awaitable[T]], clock: Clock = CLOCK, *, failure_s: float = 0.0
    ) -> None:
        """Args: failure_s: So long after a failure `not_older_than` raises it again, without a request."""
        self._ask, self._clock, self._failure_s = ask, clock, failure_s
        self._one_at_a_time = asyncio.Lock()
        self._last: tuple[float, T] | None = None
        self._failure: tuple[float, CollectError | LeftOutError] | None = None
        self._readings = 0

    @property
    def last(self) -> T | None:
        """The last answer, however old."""
        return None if self._last is None else self._last[1]

    @property
    def is_being_read(self) -> bool:
        return self._one_at_a_time.locked()

    async def anew(self) -> T:
        """A new answer; that of a reading in progress counts as new. Raises as `ask`."""
        before = self._readings
        async with self._one_at_a_time:
            if self._readings != before and self._failure is not None:
                raise again(self._failure[1])
            if self._readings != before and self._last is not None:
                return self._last[1]
            return (await self._read())[1]

    async def not_older_than(self, seconds: float) -> T:
        """The last answer if it is not older than that, at once; else as `anew`."""
        last = self._young(seconds)
        if last is None:
            async with self._one_at_a_time:
                last = self._young(seconds) or await self._read_unless_failed()
        return last[1]

    def _young(self, seconds: float) -> tuple[float, T] | None:
        if self._last is None or self._clock.monotonic() - self._last[0] > seconds:
            return None
        return self._last

    async def _read_unless_failed(self) -> tuple[float, T]:
        if self._failure is not None and self._clock.monotonic() - self._failure[0] < self._failure_s:
            raise again(self._failure[1])
        return await self._read()

    async def _read(self) -> tuple[float, T]:
        began = self._clock.monotonic()
        try:
            self._last = last = (began, await self._ask())
        except (CollectError, LeftOutError) as error:
            self._failure = (self._clock.monotonic(), error)
            self._readings += 1
            raise
        self._failure = None
        self._readings += 1
        return last
