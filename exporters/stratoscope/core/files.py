"""Reads files of the configuration: at most a given size, regular files only."""

import errno
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


def read(path: Path, key: str = "", *, largest: int = LARGEST) -> bytes:
    """A file's content, `largest` bytes at most; `key` is the key or flag that names the file.

    Raises:
        ConfigError: It cannot be read, is no regular file (a FIFO would keep its reader waiting) or is too
            large; it names key and file.
    """
    where = f"{key}: {path}" if key else path
    try:
        with open(path, "rb", opener=regular) as file:
            content = file.read(largest + 1)
    except OSError as error:
        raise ConfigError(f"{where}: {error.strerror or 'cannot be read'}") from error
    if len(content) > largest:
        raise ConfigError(f"{where}: too large; allowed: {largest} bytes")
    return content


def regular(path: str, flags: int) -> int:
    """An `opener` for regular files: others, such as a FIFO, are OSError, without waiting."""
    handle = os.open(path, flags | os.O_NONBLOCK)
    kind = stat.S_IFMT(os.fstat(handle).st_mode)
    if kind != stat.S_IFREG:
        os.close(handle)
        raise OSError(errno.EINVAL, f"{_KINDS[kind]}; allowed: a regular file")
    return handle


def itself(path: str, flags: int) -> int:
    """The same, and no link."""
    return regular(path, flags | os.O_NOFOLLOW)
