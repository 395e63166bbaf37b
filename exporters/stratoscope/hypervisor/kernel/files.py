"""Small files of /proc, /sys and cgroups: one open, one read, one close.

Plain descriptors and strings, since this runs a dozen times per VM and scrape: file objects and Path cost
three times as much.
"""

import errno
import os
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Final, ParamSpec, Protocol, TypeVar

from stratoscope.core.errors import LeftOut

P = ParamSpec("P")
T = TypeVar("T")


class Read(Protocol):
    """A function that reads a file: `read` below, or one with the same contract."""

    def __call__(self, path: str, size: int = 4096, /) -> bytes | None: ...


LONG: Final = 1 << 20
"""Size for files that grow with the number of CPUs or arguments."""
TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
KIB: Final = 1024

_NOT_GIVEN: Final = frozenset(
    {
        errno.ENOENT,
        errno.ESRCH,  # the process ended after the file was opened
        errno.ENODEV,  # the cgroup was removed after the file was opened
        errno.EOPNOTSUPP,  # pressure files when the kernel runs with psi=0
        errno.EINVAL,  # `carrier` of an interface that is down
        errno.ENAMETOOLONG,  # no interface, process or cgroup has a name that is no valid path
        errno.ENODATA,  # an energy counter of a zone that is off
    }
)
_NONSENSE: Final = frozenset({errno.EISDIR, errno.ENOTDIR, errno.EIO})


def read(path: str, size: int = 4096, /) -> bytes | None:
    """Up to `size` bytes of a file in one read, so that the kernel returns a consistent content.

    Returns:
        None if there is no such file or value: the kernel lacks it, or its process or cgroup has ended.

    Raises:
        PermissionError: No right to read it.
        ValueError: It is not a readable file; the message names it.
        OSError: The exporter lacks a resource (file descriptors, memory).
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        _check(path, error)
        return None
    try:
        return os.read(descriptor, size)
    except OSError as error:
        _check(path, error)
        return None
    finally:
        os.close(descriptor)


def listed(path: str) -> list[str]:
    """The names in a directory; empty if it does not exist.

    Raises:
        PermissionError: No right to read it.
        ValueError: It is no directory.
    """
    try:
        return os.listdir(path)  # noqa: PTH208 - names only, and quick
    except OSError as error:
        _check(path, error)
        return []


def integer(path: str, text: bytes | None) -> int:
    """A whole number.

    Raises:
        ValueError: It is not a whole number, or missing; the message names the file.
    """
    try:
        return int(text or b"")
    except ValueError:
        raise ValueError(f"{path}: not a whole number: {(text or b'')[:40]!r}") from None


def read_integer(path: str, reader: Read) -> int | None:
    """The number in a file with one number; None if the file is absent."""
    text = reader(path)
    return None if text is None else integer(path, text)


def pairs(text: bytes) -> dict[bytes, bytes]:
    """Lines of `key value`, as in cpu.stat and memory.events."""
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=False))


def sizes(path: str, text: bytes, keys: Iterable[bytes]) -> list[int | None]:
    """Bytes of each key in a file with lines `[Node N ]Key: number kB`; None for a missing key."""
    found = {}
    for line in text.splitlines():
        key, _, value = line.partition(b":")
        found[key.split()[-1] if key else key] = value.removesuffix(b" kB")
    return [integer(path, found[key]) * KIB if key in found else None for key in keys]


def or_left_out(
    reader: Callable[P, T | None],
) -> Callable[P, T | LeftOut]:
    """Wrap a reader of a group: ABSENT instead of None, UNAUTHORIZED instead of a PermissionError."""

    @wraps(reader)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T | LeftOut:
        try:
            group = reader(*args, **kwargs)
        except PermissionError:
            return LeftOut.UNAUTHORIZED
        return LeftOut.ABSENT if group is None else group

    return wrapped


def _check(path: str, error: OSError) -> None:
    """Raise unless the error means that a value is absent."""
    if error.errno in _NOT_GIVEN:
        return
    if error.errno in _NONSENSE:
        raise ValueError(f"{path}: {error.strerror}") from error
    raise error
