"""Back-off of one service: after 429 and 503 it gets no request for a while, then one request at a time."""

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from stratoscope.clouds.client.clock import CLOCK, Clock

REFUSALS: Final = frozenset({429, 503})

_LEAST_S: Final = 1.0
_MOST_S: Final = 60.0
_LONGEST_S: Final = 3600.0
"""The longest Retry-After that is followed."""
_NO_DATE: Final = (ValueError, TypeError, IndexError, OverflowError)
"""Errors of Python's parser for a malformed or impossible date."""
_BELIEVED: Final = 2
"""From the third refusal in a row the pause may be longer than Retry-After, which has proved too short."""


@dataclass(slots=True, eq=False)
class Backoff:
    """The state of one service, shared by all sessions of its cloud.

    A pause lasts as long as Retry-After says. Without it, and from the third refusal in a row at least, it
    lasts 1, 2, 4 ... 60 s and up to a quarter more.

    Attributes:
        until: The end of the last pause, on the monotonic clock.
        status: The answer that started it: 429 or 503.
        refusals: How many in a row, since the last other answer.
        is_silent: The last request that ended was not answered in time.
    """

    clock: Clock = CLOCK
    until: float = 0.0
    status: int = 0
    refusals: int = 0
    is_silent: bool = False

    @property
    def left_s(self) -> float:
        """Seconds until a request may be sent; 0 if it may be sent now."""
        return max(0.0, self.until - self.clock.monotonic())

    @property
    def is_in_doubt(self) -> bool:
        """Whether it gets one request at a time: others would only wait for the same answer."""
        return self.is_silent or self.refusals > 0

    def answered(self, status: int, retry_after: str | None) -> None:
        """Record an answer: its status, and its header Retry-After."""
        if status in REFUSALS:
            self.refused(status, retry_after)
            return
        self.is_silent = False
        if not self.left_s:
            self.refusals = 0

    def refused(self, status: int, retry_after: str | None) -> None:
        """Record a 429 or 503, and its header Retry-After."""
        wanted_s, is_over = self._seconds(retry_after), not self.left_s
        self.is_silent = False
        self.refusals += is_over  # else the request was sent before the pause began
        lasts_s = wanted_s or 0.0
        if wanted_s is None or self.refusals > _BELIEVED:
            own_s = min(_MOST_S, _LEAST_S * 2.0 ** min(self.refusals - 1, 10))
            lasts_s = max(lasts_s, own_s * (1 + self.clock.chance() / 4))
        if is_over or wanted_s is not None:
            self.until, self.status = max(self.until, self.clock.monotonic() + lasts_s), status

    def _seconds(self, retry_after: str | None) -> float | None:
        """The seconds of Retry-After; None if it is absent or malformed."""
        if retry_after is None:
            return None
        if retry_after.strip().isdecimal():
            seconds = float(retry_after)
        else:
            try:
                date = parsedate_to_datetime(retry_after)
                seconds = date.replace(tzinfo=date.tzinfo or UTC).timestamp() - self.clock.now()
            except _NO_DATE:
                return None
        return min(max(seconds, _LEAST_S), _LONGEST_S)
