"""Reads files of the configuration: at most a given size, regular files only."""

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from stratoscope.core.errors import ConfigError

LARGEST: Final = 1 << 20
_MOST_VALUES: Final = 100_000
_DEEPEST: Final = 100
_KINDS: Final = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read(path: Path, *, largest: int = LARGEST) -> bytes:
    """A file's content.

    Raises:
        ConfigError: It cannot be read, is not a regular file (a FIFO would block) or is too large; the
            message does not name the file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            content = _content(handle, largest + 1)
        finally:
            os.close(handle)
    except OSError as error:
        raise ConfigError(error.strerror or "cannot be read") from error
    if len(content) > largest:
        raise ConfigError(f"too large; allowed: {largest} bytes")
    return content


def _content(handle: int, most: int) -> bytes:
    kind = stat.S_IFMT(os.fstat(handle).st_mode)
    if kind != stat.S_IFREG:
        raise ConfigError(f"{_KINDS[kind]}; allowed: a regular file")
    with open(handle, "rb", closefd=False) as file:
        return file.read(most)


def check_texts(document: object) -> None:
    """Reject texts that are no valid file name, label or header: with a NUL, or with half a surrogate pair.

    Args:
        document: As YAML gave it: mappings, lists and values.

    Raises:
        ConfigError: It names the key; or the document holds more than anybody writes, as anchors that hold
            anchors do.
    """
    left, seen = [("", document, 0)], 0
    while left:
        key, value, depth = left.pop()
        seen += 1
        if seen > _MOST_VALUES or depth > _DEEPEST:
            where = re.split(r"[.\[]", key)[0] or "the file"
            raise ConfigError(
                f"{where}: anchors make it too large; allowed: {_MOST_VALUES} values, {_DEEPEST} levels"
            )
        if isinstance(value, str) and not is_text(value):
            raise ConfigError(
                f"{key}: a NUL or half a surrogate pair; allowed: characters that UTF-8 can hold"
            )
        for step, below in reversed(_parts(value)):
            if not is_text(step):
                raise ConfigError(f"{key}: a key with a NUL or half a surrogate pair")
            left.append((f"{key}{step}" if key else step.removeprefix("."), below, depth + 1))


def is_text(value: str) -> bool:
    """Whether there is neither a NUL nor a lone surrogate in it."""
    return "\0" not in value and not any("\ud800" <= one <= "\udfff" for one in value)


def _parts(document: object) -> Sequence[tuple[str, Any]]:
    if isinstance(document, dict):
        return [(f".{key}", value) for key, value in document.items()]
    if isinstance(document, list):
        return [(f"[{number}]", value) for number, value in enumerate(document)]
    return ()
