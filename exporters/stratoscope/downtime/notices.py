"""Which downtimes end soon, so that somebody can extend them in time: pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from stratoscope.downtime.model import Downtime, Limit, State


class Notices(NamedTuple):
    """Which are noticed.

    Attributes:
        ahead_s: So long before a downtime ends for good.
        hosts_cap_s: For so long a host may be off.
    """

    ahead_s: float
    hosts_cap_s: int

    def of(self, downtimes: Iterable[Downtime], now: float) -> Iterator[tuple[Downtime, Limit]]:
        """The active ones that end for good within `ahead_s`, each with its end.

        A downtime shorter than twice that is left out: who filed it knows when it ends.
        """
        for one in downtimes:
            limit = one.limit(self.hosts_cap_s)
            is_long = limit.at - one.start >= 2 * self.ahead_s
            if is_long and one.state(now) is State.ACTIVE and limit.at - self.ahead_s <= now:
                yield one, limit
