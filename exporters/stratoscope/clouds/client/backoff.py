"""Pauses that a service is given after it answered 429 or 503, shared by all who ask it.

One that did not answer in time gets none, but one request at a time: others would only wait for the same.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from stratoscope.clouds.client.clock import CLOCK, Clock

REFUSALS: Final = frozenset({429, 503})

_LEAST_S: Final = 1.0
_MOST_S: Final = 60.0
_LONGEST_S: Final = 3600.0
"""What is believed of Retry-After at most."""
_NO_DATE: Final = (ValueError, TypeError, IndexError, OverflowError)
"""What Python's own parser raises where a date is none, or absurd."""
_BELIEVED: Final = 2
"""So many times in a row Retry-After is taken at its word; who goes on to refuse does not know."""


@dataclass(slots=True)
class _Pause:
    """What is known of one service.

    Attributes:
        in_a_row: Refusals since the last other answer; so long only one at a time asks.
        is_silent: A request was not answered in time, and none since; so long likewise.
    """

    until: float = 0.0
    status: int = 0
    in_a_row: int = 0
    is_silent: bool = False
    gate: asyncio.Lock = field(default_factory=asyncio.Lock)


class Pauses:
    """The pauses of one cloud's services.

    Without Retry-After they last 1, 2, 4 ... 60 s and up to a quarter more; so they do at least from the
    third refusal in a row, whatever it says. After one a single request finds out whether the service answers
    again; the others wait for what comes of it.
    """

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._of: dict[str, _Pause] = {}

    def refused(self, service: str, status: int, retry_after: str | None) -> None:
        """Take note of a 429 or 503, and of its header Retry-After."""
        pause, now = self._of.setdefault(service, _Pause()), self._clock.monotonic()
        asked_for_s, pause.is_silent = self._seconds(retry_after), False
        if pause.until <= now:  # else it was sent before the pause began
            pause.in_a_row += 1
        lasts_s = asked_for_s or 0.0
        if asked_for_s is None or pause.in_a_row > _BELIEVED:
            lasts_s = max(lasts_s, self._own_s(pause.in_a_row))
        if pause.until <= now or asked_for_s is not None:
            pause.until, pause.status = max(pause.until, now + lasts_s), status

    def answered(self, service: str) -> None:
        """Take note of any other answer."""
        pause = self._of.get(service)
        if pause is None:
            return
        pause.is_silent = False
        if pause.until <= self._clock.monotonic():
            pause.in_a_row = 0

    def hung(self, service: str) -> None:
        """Take note of a request that was not answered in time."""
        self._of.setdefault(service, _Pause()).is_silent = True

    def is_silent(self, service: str) -> bool:
        """Whether a request was not answered in time, and none since."""
        pause = self._of.get(service)
        return pause is not None and pause.is_silent

    def left_s(self, service: str) -> float:
        """Seconds until the service may be asked; 0 if it may be now."""
        pause = self._of.get(service)
        return 0.0 if pause is None else max(0.0, pause.until - self._clock.monotonic())

    def status(self, service: str) -> int:
        """The status that led to the service's last pause."""
        return self._of[service].status

    def gate(self, service: str) -> asyncio.Lock | None:
        """What lets through one at a time while it is not known whether the service answers again."""
        pause = self._of.get(service)
        return pause.gate if pause is not None and (pause.in_a_row or pause.is_silent) else None

    def until(self) -> Mapping[str, float]:
        """When the pauses in force will end, as Unix seconds, by service."""
        left = {service: self.left_s(service) for service in self._of}
        return {service: self._clock.now() + left_s for service, left_s in left.items() if left_s}

    def _own_s(self, in_a_row: int) -> float:
        return min(_MOST_S, _LEAST_S * 2.0 ** min(in_a_row - 1, 10)) * (1 + self._clock.chance() / 4)

    def _seconds(self, retry_after: str | None) -> float | None:
        """What the header says; None where it says nothing, or nothing that can be read."""
        if retry_after is None:
            return None
        if retry_after.strip().isdecimal():
            seconds = float(retry_after)
        else:
            try:
                date = parsedate_to_datetime(retry_after)
                seconds = date.replace(tzinfo=date.tzinfo or UTC).timestamp() - self._clock.now()
            except _NO_DATE:
                return None
        return min(max(seconds, _LEAST_S), _LONGEST_S)
