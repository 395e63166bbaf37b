"""Reads what no list contains item by item: a few at each refresh, the one read longest ago first."""

import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from typing import Final, Generic, TypeVar

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.model import Spread
from stratoscope.core.deadline import time_left_s
from stratoscope.core.errors import CollectError, LeftOutError, Reason

T = TypeVar("T")

_IN_A_ROW: Final = 3
"""After this many `unavailable` in a row the source counts as down, and the rest is not tried."""
KEPT_S: Final = 3600.0
"""A value that cannot be read again is removed this long after two full rounds."""
_STOPS: Final = frozenset({Reason.TIMEOUT, Reason.BUSY, Reason.UNAUTHORIZED})


class RoundRobin(Generic[T]):
    """The last value of each item; each refresh is one turn.

    Attributes:
        faults: The errors of the last turn, by item.
    """

    def __init__(self, collector: str, *, per_second: float, most: int, clock: Clock = CLOCK) -> None:
        """No value is known yet.

        Args:
            collector: The name of the question.
            per_second: Limit on items read, on average.
            most: Limit on items read in one turn.
        """
        self._collector = collector
        self._per_second, self._most, self._clock = per_second, most, clock
        self._tried: dict[str, float] = {}
        self._values: dict[str, tuple[float, T]] = {}
        self._last_turn: float | None = None
        self.faults: Mapping[str, str] = {}

    @property
    def failed(self) -> int:
        """Number of items of the last turn that could not be read."""
        return len(self.faults)

    async def turn(self, items: Collection[str], read: Callable[[str], Awaitable[T]]) -> None:
        """Read the items whose turn it is, new ones first; forget those that are not among `items`.

        An item that is gone or forbidden meanwhile (NotThereError, ForbiddenError) is no failure; one that
        fails does not affect the others. The turn ends early, with what it has, if time runs out.

        Raises:
            CollectError, LeftOutError: No item could be read. Known values stay. Not raised if values are
                known and all items that were tried are gone or forbidden.
        """
        self._forget(items)
        turn = Turn()
        for item in turn.items(self._next(items)):
            await self._read(item, read, turn)
        self.faults = turn.faults
        if turn.failure is not None and not turn.read:
            raise turn.failure
        if turn.refusal is not None and not self._values:
            raise turn.refusal

    def values(self) -> Mapping[str, T]:
        """The known values, by item."""
        return {item: value for item, (_, value) in self._values.items()}

    def spread(self) -> Spread:
        """How many of the items are known, and since when."""
        moments = [moment for moment, _ in self._values.values()]
        oldest = self._clock.unix(min(moments)) if moments else None
        return Spread(self._collector, len(self._tried), len(self._values), oldest, self._per_second)

    async def _read(self, item: str, read: Callable[[str], Awaitable[T]], turn: "Turn") -> None:
        # Set before it is read: an item that fails must not delay the others next time.
        self._tried[item] = self._clock.monotonic()
        try:
            value = await read(item)
        except (ForbiddenError, NotThereError) as error:
            self._values.pop(item, None)
            turn.refusal = error
        except (CollectError, LeftOutError) as error:
            turn.faults[item] = str(error)
            turn.failed(error)
        else:
            self._values[item] = (self._clock.monotonic(), value)
            turn.succeeded()

    def _forget(self, items: Collection[str]) -> None:
        present = frozenset(items)
        too_old = self._clock.monotonic() - KEPT_S - 2 * len(present) / self._per_second
        self._tried = {item: self._tried.get(item, 0.0) for item in items}
        self._values = {
            item: value for item, value in self._values.items() if item in present and value[0] >= too_old
        }

    def _next(self, items: Collection[str]) -> list[str]:
        """The items of this turn: at most as many as the rate allows since the last turn."""
        now, last = self._clock.monotonic(), self._last_turn
        self._last_turn = now
        room = self._most if last is None else int((now - last) * self._per_second)
        return sorted(items, key=self._tried.__getitem__)[: max(1, min(room, self._most))]


class Turn:
    """Items that are read one after the other, until there is no time for one more or the source is down.

    Attributes:
        read: Number of items that were read.
        faults: The errors of the others, by item.
        failure, refusal: The last of each.
    """

    def __init__(self) -> None:
        self.read = self._in_a_row = 0
        self.faults: dict[str, str] = {}
        self.failure: CollectError | LeftOutError | None = None
        self.refusal: ForbiddenError | NotThereError | None = None
        self._is_over = False

    def items(self, items: Iterable[T]) -> Iterator[T]:
        """The items to read; after each the caller reports `succeeded` or `failed`, or sets `refusal`."""
        longest_s = 0.0
        for item in items:
            if self._is_over or (self.read and time_left_s() < 2 * longest_s + 1):
                return
            began = time.monotonic()
            yield item
            longest_s = max(longest_s, time.monotonic() - began)

    def succeeded(self) -> None:
        self.read, self._in_a_row = self.read + 1, 0

    def failed(self, error: CollectError | LeftOutError) -> None:
        """One could not be read; the others are not tried if the error concerns all."""
        self.failure = error
        self._in_a_row += error.reason is Reason.UNAVAILABLE
        is_down = self._in_a_row == _IN_A_ROW or error.reason in _STOPS
        self._is_over = is_down or isinstance(error, LeftOutError)
