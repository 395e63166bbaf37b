"""Passes over files that may hang, each in a thread: one that hangs is left alone, and the next skips it."""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

from stratoscope.core.errors import CollectError
from stratoscope.core.threads import BlockingCalls
from stratoscope.hypervisor.kernel.passes import Left, Pass

T = TypeVar("T")
log = logging.getLogger(__name__)

_PATIENCE: Final = 1 / 8
_LEAST_PATIENCE_S: Final = 0.3
"""A file that takes such a share of the time of a reading hangs, unless that is less."""
MOST_HUNG: Final = 100
"""So many threads may be left alone with files that hang; beyond it nothing is read until one goes on."""


class Patience:
    """The passes of one reader; at most one of them is not left alone.

    Attributes:
        hung: Whose files hang, each with the pass that waits for them.
    """

    def __init__(self) -> None:
        self.hung: dict[Hashable, asyncio.Future[Any]] = {}
        self._calls = BlockingCalls("kernel", MOST_HUNG + 1)

    async def within(self, within_s: float, read: Callable[[Pass], T]) -> T | None:
        """What a pass reads in this time, without what hangs; None where the time is not enough.

        It is made anew for each file that turns out to hang. What it returns is all that it may change.
        """
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            this = Pass(hung=frozenset(self.hung))
            try:
                future = self._calls.start(read, this)
            except CollectError as error:
                log.debug("not read error=%r", str(error))
                return None
            try:
                await _watch(future, this, until, max(_LEAST_PATIENCE_S, within_s * _PATIENCE))
            finally:
                if not future.done():
                    self._leave(future, this)
            if future.done():
                return future.result()
        return None

    def close(self) -> None:
        self._calls.close()

    def _leave(self, future: "asyncio.Future[Any]", this: Pass) -> None:
        this.is_left = True
        whose = this.at
        log.debug("left alone whose=%s", whose)
        self.hung[whose] = future

        def returned(future: "asyncio.Future[Any]") -> None:
            if self.hung.get(whose) is future:
                del self.hung[whose]
            if not isinstance(future.exception(), Left | None):
                log.debug("what hung failed error=%r", str(future.exception()))

        future.add_done_callback(returned)


async def _watch(future: "asyncio.Future[Any]", this: Pass, until: float, patience_s: float) -> None:
    """Wait until it is done, reads nothing any more, or the time is over."""
    while not future.done() and (left_s := until - time.monotonic()) > 0:
        reads = this.reads
        await asyncio.wait({future}, timeout=min(patience_s, left_s))
        if this.reads == reads:
            break
