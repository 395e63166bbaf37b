"""Which Alertmanagers answer for one entry, by their status: one started anew, several that do not gossip."""

from collections import deque
from typing import Final

from stratoscope.downtime.silences.alertmanager import Status

LATELY_S: Final = 120.0
"""So long after the last return several are known."""
_RETURNS: Final = 2
"""One return may be a failover and back."""
_REMEMBERED: Final = 64


class Processes:
    """Those that have answered lately."""

    def __init__(self) -> None:
        self._seen: dict[Status, None] = {}
        self._last = Status("", "")
        self._returns = deque[float](maxlen=_RETURNS)

    def see(self, status: Status, now: float) -> bool:
        """Whether none has answered so before: it was started anew, or has other members.

        A restart never comes back to an earlier process. What does, and shares no member with the process
        that answered in between, is behind one address with it and does not gossip with it.

        Args:
            now: Of a clock that is never set.
        """
        is_new = status not in self._seen
        if not is_new and status.members.isdisjoint(self._last.members):
            self._returns.append(now)
        self._seen.pop(status, None)
        self._seen[status] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._last = status
        return is_new

    def are_several(self, now: float) -> bool:
        """Whether what one of them is told, another may be asked for."""
        return len(self._returns) == _RETURNS and now - self._returns[-1] < LATELY_S
