"""Calls that are shared: of each kind one is under way at most; a source that hangs costs a thread a kind."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from stratoscope.core.errors import CollectError, Reason

R = TypeVar("R")


class Flights:
    """The calls under way, by kind."""

    def __init__(self, source: str) -> None:
        """Args: source: What does not answer, for the message of a time-out."""
        self._source = source
        self._under_way: dict[str, asyncio.Future[Any]] = {}

    async def share(self, kind: str, start: "Callable[[], asyncio.Future[R]]", within_s: float) -> R:
        """The outcome of the call of this kind that is under way, or of a new one.

        Raises:
            CollectError: `timeout`, when there is no outcome within `within_s`; the call stays under way.
        """
        future = self._under_way.get(kind)
        if future is None or future.done():
            future = self._under_way[kind] = start()
            future.add_done_callback(_look)
            future.add_done_callback(lambda done: self._landed(kind, done))
        done, _ = await asyncio.wait({future}, timeout=within_s)
        if not done:
            raise CollectError(Reason.TIMEOUT, f"{self._source}: no answer to {kind} within {within_s:.3g} s")
        outcome: R = future.result()  # one kind, one type
        return outcome

    def _landed(self, kind: str, future: "asyncio.Future[Any]") -> None:
        """Keep nothing of a call that ended: kinds come and go."""
        if self._under_way.get(kind) is future:
            del self._under_way[kind]


def _look(future: "asyncio.Future[Any]") -> None:
    """Take note of an exception that nobody waits for any more, so that asyncio does not report it."""
    if not future.cancelled():
        future.exception()
