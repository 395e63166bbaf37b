"""The key `console` of a VM's description, the same for all kinds."""

from typing import Final

_LONGEST: Final = 256


def check_console(text: str) -> None:
    """Raise ValueError for a text that cannot be a part of one line of a console."""
    if len(text) > _LONGEST or not text.isprintable():
        raise ValueError(f"console: no part of a line; allowed: up to {_LONGEST} printable characters")
