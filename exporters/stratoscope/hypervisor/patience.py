"""Runs passes over files that may hang, each in a thread: a pass that hangs is abandoned, and the next skips
its file."""

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
"""The share of the time of a reading after which a file counts as hung; at least _LEAST_PATIENCE_S."""
MOST_HUNG: Final = 100
"""Limit on threads that are abandoned with hung files; at the limit nothing is read until one returns."""


class Patience:
    """The passes of one reader; at most one is not abandoned.

    Attributes:
        hung: Whose files hang (a VM's UUID, a process id), each with the pass that waits for them.
    """

    def __init__(self) -> None:
        self.hung: dict[Hashable, asyncio.Future[Any]] = {}
        self._calls = BlockingCalls("kernel", MOST_HUNG + 1)

    async def within(self, within_s: float, read: Callable[[Pass], T]) -> T | None:
        """The result of a pass without hung files, within this time; None if the time is not enough.

        For each file that turns out to hang a new pass begins. A pass changes nothing; it returns its result.
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
        log.debug("pass abandoned whose=%s", whose)
        self.hung[whose] = future

        def returned(future: "asyncio.Future[Any]") -> None:
            if self.hung.get(whose) is future:
                del self.hung[whose]
            if not isinstance(future.exception(), Left | None):
                log.debug("abandoned pass failed error=%r", str(future.exception()))

        future.add_done_callback(returned)


async def _watch(future: "asyncio.Future[Any]", this: Pass, until: float, patience_s: float) -> None:
    """Wait until it is done, makes no progress, or the time is over."""
    while not future.done() and (left_s := until - time.monotonic()) > 0:
        reads = this.reads
        await asyncio.wait({future}, timeout=min(patience_s, left_s))
        if this.reads == reads:
            break
