"""Shares calls: for each key at most one is in progress, and further callers wait for it."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from stratoscope.core.errors import CollectError, Reason

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class SingleFlight(Generic[K, R]):
    """The calls in progress, by key."""

    def __init__(self) -> None:
        self._under_way: dict[K, asyncio.Future[R]] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def get(self, key: K) -> "asyncio.Future[R] | None":
        """The call of this key that is in progress; None if there is none."""
        future = self._under_way.get(key)
        return None if future is None or future.done() else future

    def call(self, key: K, start: "Callable[[], asyncio.Future[R]]") -> "asyncio.Future[R]":
        """The call of this key that is in progress, or a new one."""
        future = self.get(key)
        if future is None:
            future = self._under_way[key] = start()
            future.add_done_callback(consume_exception)
            future.add_done_callback(lambda done: self._ended(key, done))
        return future

    async def share(self, key: K, start: "Callable[[], asyncio.Future[R]]", within_s: float, what: str) -> R:
        """The outcome of `call`.

        Raises:
            CollectError: `timeout`, if there is no outcome within `within_s`; the call continues.
        """
        future = self.call(key, start)
        done, _ = await asyncio.wait({future}, timeout=within_s)
        if not done:
            raise CollectError(Reason.TIMEOUT, f"{what} within {within_s:.3g} s")
        return future.result()

    async def close(self) -> None:
        """Cancel the calls in progress, and wait until they have ended."""
        if self._under_way:
            for future in self._under_way.values():
                future.cancel()
            await asyncio.wait(self._under_way.values())

    def _ended(self, key: K, future: "asyncio.Future[R]") -> None:
        """Forget a call that has ended: keys come and go."""
        if self._under_way.get(key) is future:
            del self._under_way[key]


async def has_result(future: "asyncio.Future[Any]", within_s: float) -> bool:
    """Wait for a future, for `within_s` at most: whether it has ended by itself. It is not cancelled."""
    await asyncio.wait({future}, timeout=within_s)
    return future.done() and not future.cancelled()


def is_cancelled(error: BaseException) -> bool:
    """Whether an error is the cancellation of the task that runs, and not of something it awaited."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def consume_exception(future: "asyncio.Future[Any]") -> None:
    """Retrieve an exception for which nobody may wait, so that asyncio does not report it."""
    if not future.cancelled():
        future.exception()
