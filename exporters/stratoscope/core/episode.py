"""Logs a repeated event twice: when it begins, and when it has stopped."""

import logging
import time
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

_QUIET_S: Final = 60.0


class Episode:
    """A repeated event: one line in the log when it begins, one when it has stopped."""

    def __init__(self, what: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._what, self._monotonic = what, monotonic
        self._times, self._last = 0, 0.0

    def happened(self) -> None:
        if not self._times:
            log.warning("%s", self._what)
        self._times, self._last = self._times + 1, self._monotonic()

    def check(self) -> None:
        if self._times and self._monotonic() - self._last > _QUIET_S:
            log.info("over: %s times=%d", self._what, self._times)
            self._times = 0
