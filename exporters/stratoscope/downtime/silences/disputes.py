"""Silences that somebody else keeps changing: set right so often, and then left alone for a while."""

from collections import deque
from collections.abc import Iterable
from typing import Final

MOST: Final = 3
"""So often within WITHIN_S the silences of a downtime are set right."""
WITHIN_S: Final = 3600.0
DISPUTED: Final = (
    "something else keeps changing its silences: does another exporter run with a copy of this database? They"
    f" are left alone for up to {WITHIN_S / 60:.0f} minutes"
)


class Disputes:
    """When the silences of each downtime were set right. Another exporter with a copy of the database, or
    a script, would change them again each time.

    The moments are those of a clock that is never set.
    """

    def __init__(self) -> None:
        self._moments: dict[str, deque[float]] = {}

    def add(self, downtime_ids: Iterable[str], now: float) -> None:
        """The silences of these were set right: once for each, however many silences it has."""
        for one in {*downtime_ids}:
            self._moments.setdefault(one, deque(maxlen=MOST)).append(now)

    def clear(self) -> None:
        """What was set right has another cause: Alertmanager was started anew, or a clock was set."""
        self._moments = {}

    def held(self, now: float) -> frozenset[str]:
        """The downtimes whose silences were set right too often lately."""
        self._moments = {name: own for name, own in self._moments.items() if now - own[-1] < WITHIN_S}
        return frozenset(
            name for name, own in self._moments.items() if len(own) == MOST and now - own[0] < WITHIN_S
        )
