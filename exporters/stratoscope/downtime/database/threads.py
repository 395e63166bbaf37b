"""Threads that work on a file of SQLite: at most so many at once, others wait for their turn."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

from stratoscope.core.errors import CollectError
from stratoscope.core.singleflight import consume_exception
from stratoscope.core.threads import BlockingCalls

T = TypeVar("T")

PATIENCE_S: Final = 10.0
"""How long a call waits for its turn."""
LONGEST_S: Final = 3 * PATIENCE_S
"""How long a call may take: it may wait for another process, too."""
CLOSING_S: Final = 3.0
"""How long the end waits for calls that have begun."""


class TurnError(TimeoutError):
    """The calls before have not returned."""


class HungError(TimeoutError):
    """A call has not returned."""


class ThreadError(Exception):
    """No thread takes the call. `str()` of it says why."""


class Threads:
    """Some threads."""

    def __init__(self, name: str, most: int) -> None:
        self._calls, self._free = BlockingCalls(name, most), asyncio.Semaphore(most)
        self._most = most

    async def call(self, work: Callable[[], T], *, is_limited: bool = True) -> T:
        """The result of work in a thread. Who is cancelled does not wait for it; it goes on to its end.

        Raises:
            TurnError: It was not begun.
            HungError: It has not ended, and is limited to LONGEST_S; it goes on.
            ThreadError: It was not begun, and will not be.
        """
        if self._free.locked():
            await self._turn()
        else:
            await self._free.acquire()
        try:
            future = self._calls.start(work)
        except (CollectError, RuntimeError) as error:  # closed, or the system starts no thread
            self._free.release()
            raise ThreadError(str(error)) from error
        future.add_done_callback(self._returned)
        try:
            async with asyncio.timeout(LONGEST_S if is_limited else None):
                return await asyncio.shield(future)
        except TimeoutError as error:
            if future.done():
                raise
            raise HungError from error

    async def close(self, last: Callable[[], object] = lambda: None) -> None:
        """End the threads once all calls have returned, and `last` after them; one that hangs ends later.

        Raises:
            TimeoutError: A call has not returned within CLOSING_S.
        """
        try:
            async with asyncio.timeout(CLOSING_S):
                for _ in range(self._most):
                    await self._free.acquire()
                await asyncio.shield(self._calls.start(last))
        finally:
            self._calls.close()

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._free.acquire()
        except TimeoutError as error:
            raise TurnError from error

    def _returned(self, future: "asyncio.Future[Any]") -> None:
        self._free.release()
        consume_exception(future)
