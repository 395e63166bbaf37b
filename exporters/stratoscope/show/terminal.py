"""What the demo says, line by line, and how it ends."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from stratoscope.core.errors import one_line


class DemoError(Exception):
    """Why the demo cannot be shown, in words for its user."""


class Stopped(BaseException):
    """A signal came. No Exception, so that nobody takes it for a failure of what was under way."""


class Stop:
    """Set once a signal came, by the handler that interrupts whatever waits for it.

    A threading.Event must not be set there: its lock may be held by the very wait that is interrupted.
    """

    def __init__(self) -> None:
        self._signals: SimpleQueue[None] = SimpleQueue()
        self._came = False

    def set(self) -> None:
        self._came = True
        self._signals.put(None)

    def is_set(self) -> bool:
        return self._came

    def wait(self, seconds: float) -> bool:
        """Wait for a signal, at most so long. Returns whether one came."""
        if not self._came:
            with suppress(Empty):
                self._signals.get(timeout=seconds)
        return self._came


def say(text: str = "") -> None:
    sys.stdout.write(f"{printable(text)}\n")
    sys.stdout.flush()


def printable(text: str) -> str:
    """The lines of a text; escapes replace what a terminal obeys, as in names and logs of others."""
    return "\n".join(map(one_line, text.split("\n")))


def table(rows: Sequence[tuple[str, str]]) -> None:
    """Say what is to be seen, and where."""
    width = max(len(what) for what, _ in rows)
    for what, where in rows:
        say(f"{what:{width}}  {where}")
