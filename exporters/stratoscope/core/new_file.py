"""Writes a file under a new, unknown name beside it, then renames: nobody reads half of it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def put(file: str, content: bytes, mode: int) -> None:
    """Write a file, or replace it; no half of it remains.

    Plain descriptors and texts: the embedded cloud calls this some 300 times in a row, and file objects and
    Path cost twice as much.

    Raises:
        OSError: It names the file, which is as it was.
    """
    with named(file):
        half, handle = create(file, mode)
        try:
            _write(handle, content)
            os.rename(half, file)  # noqa: PTH104 - Path costs twice as much
        except BaseException:
            os.unlink(half)  # noqa: PTH108 - Path costs twice as much
            raise


def create(file: str, mode: int) -> tuple[str, int]:
    """A new file in the same folder, named as nothing that Prometheus or Grafana reads; and its descriptor.

    It is never one that somebody has put there, or a link.
    """
    folder, name = os.path.split(file)
    half = os.path.join(folder, f".{name}.{secrets.token_hex(4)}")  # noqa: PTH118 - Path costs more
    return half, os.open(half, _FLAGS, mode)


@contextmanager
def named(file: str) -> Iterator[None]:
    """Errors have the name of the file: a full disk does not tell it, and the other name helps nobody."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, file) from error


def _write(handle: int, content: bytes) -> None:
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(handle, rest) :]
    finally:
        os.close(handle)
