"""The deadline of a collection: the time left that its work sees, and the limit that cancels it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar, copy_context

from stratoscope.core.errors import CollectError, Reason

DEADLINE: ContextVar[float] = ContextVar("deadline")
"""When the current collection times out, on `time.monotonic`'s clock; the Runner sets it."""


def time_left_s() -> float:
    """Seconds until the current collection times out; never negative.

    Known inside `fetch` and in the calls it makes through BlockingCalls.
    """
    return max(0.0, DEADLINE.get() - time.monotonic())


def at_most_s(patience_s: float) -> float:
    """How long to wait for optional data: at most `patience_s`, and at most half of the time left.

    Outside of a collection `patience_s`.
    """
    return patience_s if DEADLINE.get(None) is None else min(patience_s, time_left_s() / 2)


@asynccontextmanager
async def bounded(within_s: float) -> AsyncIterator[asyncio.Timeout]:
    """Around work outside of a collection: it may take so long, which `time_left_s()` knows inside.

    Raises:
        TimeoutError: It has not ended by then.
    """
    token = DEADLINE.set(time.monotonic() + within_s)
    try:
        async with asyncio.timeout(max(0.0, within_s)) as timeout:
            yield timeout
    finally:
        DEADLINE.reset(token)


class Limit:
    """The time limit of one task: that of the caller who waits longest.

    Attributes:
        context: The task's: in it `time_left_s()` is what this limit allows.
        within_s: Seconds from the start until it is cancelled.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.context = copy_context()
        self.context.run(DEADLINE.set, time.monotonic())
        self._timeout: asyncio.Timeout | None = None
        self._is_past = False
        self.within_s = 0.0

    def allow(self, within_s: float, timeout_s: float) -> None:
        """Extend it to at least `within_s` from now, and to at most `timeout_s` in total."""
        in_all_s = min(self._loop.time() + within_s - self._began, timeout_s)
        if in_all_s <= self.within_s or self.is_over or self._is_past:
            return
        self.within_s = in_all_s
        ends = self._began + in_all_s
        self.context.run(DEADLINE.set, time.monotonic() + ends - self._loop.time())
        if self._timeout is not None:
            self._timeout.reschedule(ends)

    @property
    def is_over(self) -> bool:
        """Its time has passed; the task may still be busy with ending."""
        return self._timeout is not None and self._timeout.expired()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Cancels the body when the time that was allowed is over.

        Raises:
            CollectError: `timeout`, whatever the body raises when its time is over.
        """
        try:
            async with asyncio.timeout_at(self._began + self.within_s) as self._timeout:
                yield
        except Exception as error:
            if self.is_over:
                raise CollectError(Reason.TIMEOUT, f"no answer within {self.within_s:.3g} s") from error
            raise
        finally:
            self._is_past = True  # the task may go on: what a failure shows is made after it
