"""What the demo says, line by line, and how it ends."""

import sys
from collections.abc import Sequence

from stratoscope.core.errors import one_line


class DemoError(Exception):
    """Why the demo cannot be shown, in words for its user."""


class Stopped(BaseException):
    """A signal came. No Exception, so that nobody takes it for a failure of what was under way."""


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
