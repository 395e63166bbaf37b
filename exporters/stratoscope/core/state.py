"""The folder for an exporter's state, `--storage.path`: created, writable, used by one process at a time."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stratoscope.core.errors import ConfigError

_FLAG: Final = "--storage.path"
_LOCK: Final = "lock"
_PRIVATE: Final = 0o700


@contextmanager
def locked(folder: Path | None) -> Iterator[None]:
    """Create the folder and hold its lock; nothing happens without a folder.

    Raises:
        ConfigError: It cannot be created or written to, or another process holds the lock; it names the flag.
    """
    if folder is None:
        yield
        return
    check(folder)
    try:
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        file = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(file, 20, 0).decode(errors="replace").strip()
            raise ConfigError(f"{_FLAG}: {folder}: in use by process {owner or 'unknown'}") from error
        except OSError as error:  # a file system without locks
            raise ConfigError(f"{_FLAG}: {folder}: cannot be locked: {error.strerror}") from error
        try:
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:  # a full disk
            raise _unusable(folder, error) from error
        yield
    finally:
        os.close(file)


def check(folder: Path) -> None:
    """Reject a folder that `locked` could not create or write to, without creating or locking it.

    Raises:
        ConfigError: It names the flag.
    """
    lock = folder / _LOCK
    try:
        nearest = next(place for place in (folder, *folder.absolute().parents) if _is_there(place))
        is_read_only = nearest.exists() and bool(os.statvfs(nearest).f_flag & os.ST_RDONLY)
        is_other = _is_there(lock) and not stat.S_ISREG(lock.lstat().st_mode)
    except OSError as error:  # too long a name, or a folder that may not be looked into
        raise _unusable(folder, error) from error
    if not nearest.exists():
        raise ConfigError(f"{_FLAG}: {folder}: {nearest} is a link to what does not exist")
    where = f"{_FLAG}: {folder}" + (f": {nearest}" if nearest != folder else "")
    if is_read_only:
        raise ConfigError(f"{where} is on a read-only file system")
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigError(f"{where} is no folder to write to")
    if is_other:
        raise ConfigError(f"{_FLAG}: {lock}: is no regular file; allowed: none, or that of an earlier start")


def _is_there(place: Path) -> bool:
    """Also for a link to nowhere. Raises OSError if it cannot be known, where Path.exists may say False."""
    try:
        place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _unusable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{_FLAG}: {folder}: {error.strerror}; allowed: a folder to write to")
