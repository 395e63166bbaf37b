"""A loop whose time goes on to the next timer once nothing else can happen: hours pass in a moment.

For what waits by the loop's own time, such as `asyncio.timeout`. Nothing in it may wait for a thread.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from stratoscope.clouds.client.clock import Clock

T = TypeVar("T")

EPOCH: Final = 1_800_000_000.0
"""Unix time when such a loop begins; its own time is 0 then."""
_LEAST_S: Final = 1e-6


class _Selector(selectors.SelectSelector):
    """Does not wait: it lets the time pass that it would have waited."""

    time_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(None if timeout is None else 0)
        if timeout and not events:
            self.time_s += max(timeout, _LEAST_S)
        return events


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._its_selector = _Selector()
        super().__init__(self._its_selector)

    def time(self) -> float:
        return self._its_selector.time_s


def simulated(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The outcome of the work, in a loop of its own."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work())


def loop_clock() -> Clock:
    """The clock of the running loop."""
    loop = asyncio.get_running_loop()
    return Clock(loop.time, lambda: EPOCH + loop.time(), asyncio.sleep, lambda: 0.5)
