"""What a plug-in answers: an exit status and one line."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from stratoscope.core.errors import one_line

OK, WARNING, CRITICAL, UNKNOWN = range(4)
_WORDS: Final = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_LONGEST: Final = 500


class Answer(NamedTuple):
    """The exit status, and the line of output."""

    status: int
    line: str


def answer(service: str, status: int, text: str, perfdata: Iterable[str] = ()) -> Answer:
    """The answer, its line bounded, printable, and with no `|` but the one before the performance data.

    Args:
        service: What is checked, the first word of the line.
        text: For a person.
        perfdata: Such as `run_age=60.000s;;;0`.
    """
    text = one_line(text).replace("|", "/")
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}..."
    measured = " ".join(perfdata)
    return Answer(status, f"{service} {_WORDS[status]} - {text}" + (f"|{measured}" if measured else ""))
