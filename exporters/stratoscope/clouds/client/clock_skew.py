"""By how much the clocks of a cloud's services are ahead of ours: what they say at the end of a request."""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from stratoscope.clouds.client.clock import CLOCK, Clock

_NO_DATE: Final = (ValueError, TypeError, IndexError, OverflowError)
"""What Python's own parser raises for a date that is malformed or absurd."""
_HALF_S: Final = 0.5
"""Services say in which second they answered: on average it was in the middle of it."""


_SET_S: Final = 1.0
"""If our clock was set by as much since a service answered, it says nothing of now: at the start of a machine
that happens, and Keystone says no other moment before the token expires."""


class ClockSkew:
    """What the last answer of each service said, unless our own clock was set since then."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._noted: dict[str, tuple[float, float]] = {}

    def note(self, service: str, second: float, sent: float, received: float) -> None:
        """Take note of an answer.

        Args:
            service: Its type.
            second: By its clock; the answer was made within the second that begins then.
            sent, received: By our clock; all are Unix seconds.
        """
        self._noted[service] = second + _HALF_S - (sent + received) / 2, self._clock.unix(0)

    @property
    def by_service(self) -> Mapping[str, float]:
        """By how many seconds each is ahead, as `of`."""
        origin = self._clock.unix(0)
        return {one: ahead_s for one, (ahead_s, then) in self._noted.items() if abs(origin - then) < _SET_S}

    def of(self, *services: str) -> float | None:
        """By how many seconds the first of these services that said something is ahead; None for none.

        It is right to half a second and half of the time that the answer took.
        """
        ahead_s = self.by_service
        return next((ahead_s[one] for one in services if one in ahead_s), None)


def second_of(date: str | None) -> float | None:
    """Unix seconds of the header `Date`; None if it is absent or unreadable."""
    if date is None:
        return None
    try:
        moment = parsedate_to_datetime(date)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except _NO_DATE:
        return None
