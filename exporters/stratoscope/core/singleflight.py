"""One collection while it runs: a task that several scrapes wait for, and the time they give it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from stratoscope.core.collector import DEADLINE

T = TypeVar("T")


class UnderWay(Generic[T]):
    """A task that may run as long as its most patient scrape waits, and for the schedule's time-out at most.

    Attributes:
        task: The task; it runs its work inside `limit()`.
        within_s: After how long it is given up, counted from its start.
    """

    def __init__(self, work: "Callable[[UnderWay[T]], Coroutine[Any, Any, T]]", name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._context = copy_context()
        self._context.run(DEADLINE.set, time.monotonic())
        self._limit: asyncio.Timeout | None = None
        self._is_past = False
        self.within_s = 0.0
        self.task: asyncio.Task[T] = self._loop.create_task(work(self), name=name, context=self._context)

    def allow(self, within_s: float, timeout_s: float) -> None:
        """Let it go on for `within_s` from now at least, and for `timeout_s` in all at most."""
        in_all_s = min(self._loop.time() + within_s - self._began, timeout_s)
        if in_all_s <= self.within_s or self.is_over or self._is_past:
            return
        self.within_s = in_all_s
        ends = self._began + in_all_s
        self._context.run(DEADLINE.set, time.monotonic() + ends - self._loop.time())
        if self._limit is not None:
            self._limit.reschedule(ends)

    @property
    def is_over(self) -> bool:
        """Its time has passed; it may still be busy with ending."""
        return self._limit is not None and self._limit.expired()

    @asynccontextmanager
    async def limit(self) -> AsyncIterator[None]:
        """The time limit for the task's work: what was allowed so far; `allow` may move it until it ends.

        Raises:
            TimeoutError: It is over.
        """
        try:
            async with asyncio.timeout_at(self._began + self.within_s) as self._limit:
                yield
        finally:
            self._is_past = True  # the task may go on: what a failure shows is made after it
