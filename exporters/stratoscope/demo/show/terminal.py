"""What the demo says, line by line."""

import sys
from collections.abc import Sequence


def say(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def table(rows: Sequence[tuple[str, str]]) -> None:
    """Say what is to be seen, and where."""
    width = max(len(what) for what, _ in rows)
    for what, where in rows:
        say(f"{what:{width}}  {where}")
