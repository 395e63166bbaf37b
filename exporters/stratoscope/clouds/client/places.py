"""Who may ask at once: places that a cloud's services share."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    service: str
    is_beside: bool
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Places:
    """So many requests at once. It serves one event loop.

    A service may have half of the places; the last quarter is for services that have none. So one that hangs,
    or two, leave the others room. What goes beside its service's share takes any place that is free.
    """

    def __init__(self, number: int) -> None:
        self._number, self._share, self._kept = number, math.ceil(number / 2), number // 4
        self._taken: Counter[str] = Counter()
        self._beside = 0
        self._waiting: list[_Waiting] = []

    @asynccontextmanager
    async def one(self, service: str, *, is_beside: bool = False) -> AsyncIterator[None]:
        """A place, as soon as there is one. Args: is_beside: Not of the service's share."""
        waiting = _Waiting(service, is_beside)
        self._waiting.append(waiting)
        self._let_in()
        try:
            await waiting.turn
        except asyncio.CancelledError:
            self._give_up(waiting)
            raise
        try:
            yield
        finally:
            self._give_back(waiting)

    def _let_in(self) -> None:
        """Give places to those who wait, in the order of coming."""
        for waiting in [*self._waiting]:
            if not waiting.turn.done() and self._is_free(waiting):
                self._count(waiting, 1)
                self._waiting.remove(waiting)
                waiting.turn.set_result(None)

    def _is_free(self, waiting: _Waiting) -> bool:
        own, free = self._taken[waiting.service], self._number - self._taken.total() - self._beside
        if waiting.is_beside or not own:
            return free > 0
        return own < self._share and free > self._kept

    def _count(self, waiting: _Waiting, by: int) -> None:
        if waiting.is_beside:
            self._beside += by
        else:
            self._taken[waiting.service] += by

    def _give_back(self, waiting: _Waiting) -> None:
        self._count(waiting, -1)
        self._let_in()

    def _give_up(self, waiting: _Waiting) -> None:
        """It was cancelled: while it waited, or when it had just been given a place."""
        if waiting in self._waiting:
            self._waiting.remove(waiting)
        else:
            self._give_back(waiting)
