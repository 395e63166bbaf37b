"""Time for what sleeps side by side: it goes on to the next sleeper's end once nothing else can happen."""

import asyncio
import heapq
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from stratoscope.clouds.client.clock import Clock

T = TypeVar("T")

_TURNS: Final = 60
"""Turns of the loop after which nothing that is ready is left; no test has longer chains."""


class Wheel:
    """Attributes: time_s: On both clocks; chance: What chance says."""

    def __init__(self, time_s: float = 1000.0) -> None:
        self.time_s = time_s
        self.chance = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = 0

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.time_s, lambda: self.time_s, self.sleep, lambda: self.chance)

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._number += 1
        heapq.heappush(self._sleepers, (self.time_s + seconds, self._number, future))
        await future

    async def run(self, *work: Coroutine[Any, Any, T]) -> list[T | BaseException]:
        """What each comes to, however long it sleeps."""
        tasks = [asyncio.create_task(one) for one in work]
        while not all(task.done() for task in tasks):
            await self._settle()
            while self._sleepers:
                ends, _, future = heapq.heappop(self._sleepers)
                if not future.done():
                    self.time_s = max(self.time_s, ends)
                    future.set_result(None)
                    break
        return await asyncio.gather(*tasks, return_exceptions=True)

    async def _settle(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
