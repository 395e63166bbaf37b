"""Text of others, made fit to be shown: in a line, in a document."""

from typing import Final

_NO_CHARACTER: Final = "\N{REPLACEMENT CHARACTER}"


def clean(text: str) -> str:
    """The text with `\\n` between its lines, and without characters that cannot be printed.

    What is left is allowed in XML, and a line cannot end within it unseen.
    """
    if text.isprintable():
        return text
    return "\n".join(line if line.isprintable() else _printable(line) for line in text.splitlines())


def clean_line(text: str) -> str:
    """The text as one line of characters that can be printed."""
    return clean(text).replace("\n", " ")


def _printable(line: str) -> str:
    return "".join(one if one.isprintable() else " " if one.isspace() else _NO_CHARACTER for one in line)
