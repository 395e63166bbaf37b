"""Files that an operator names: read whole, within a bound, and never waited for."""

import os
import stat
from pathlib import Path
from typing import Final

from stratoscope.core.errors import ConfigError

LARGEST: Final = 1 << 20
_KINDS: Final = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read(path: Path, *, largest: int = LARGEST) -> bytes:
    """A file's content.

    Raises:
        ConfigError: It cannot be read, is no regular file (a FIFO would keep its reader waiting) or is too
            large; it says what is wrong, not of which file.
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
