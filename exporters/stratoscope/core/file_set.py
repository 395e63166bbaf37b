"""Writes a set of files into a folder, and keeps what others changed or put there.

A list in the folder, which sha256sum reads, has the digests of what was last written, or offered as NAME.new.
So files that are as they were written are told from all others, and somebody's change is told of only when
there is something new to compare it with.
"""

import errno
import fcntl
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from stratoscope.core import files, folders
from stratoscope.core.all_or_none import change, make_folder
from stratoscope.core.errors import ConfigError

_NOTHING: Final[Mapping[str, bytes]] = MappingProxyType({})
_FLAG: Final = "--output"
_LOCK: Final = ".stratoscope.lock"
_WITHOUT_LOCK: Final = (errno.ENOLCK, errno.EROFS, errno.EACCES)
"""A file system that has no locks, or where nothing can be written: there may be nothing to write."""
_NOT_OURS: Final = (errno.EINVAL, errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM)
_ROW: Final = re.compile(r"([0-9a-f]{64})  (.+)")


class _State(Enum):
    """Of what has no digest: no file, or no regular file, or one that may not be read."""

    MISSING = 1
    OTHER = 2


def write(
    contents: Mapping[str, bytes], folder: Path, command: str, known: Mapping[str, bytes] = _NOTHING
) -> list[str]:
    """Write the files and the list, all or none, and remove what the last list has and the set no longer.

    A file is written where there is none, or one as this command wrote it. Any other stays, and the new one
    is NAME.new beside it. A folder in which another command keeps its list is left to that command.

    Args:
        contents: By path below the folder.
        folder: It is made if it is not there. No other user may write there, or put another in its place.
        command: Whose files they are, such as `rules`.
        known: Contents that are this command's, too, although no list has them.

    Returns:
        What stays, in one line each.

    Raises:
        ConfigError: Something is in the way, or another process writes there; it says what to do.
        OSError: Something cannot be read or written; it names the file. In both cases nothing is changed.
        HalfDoneError: Files were changed, and could not be put back.
    """
    folders.check(folder, _FLAG)
    folder = Path(os.path.realpath(folder))
    with ExitStack() as undo:
        make_folder(folder, undo)
        with _alone(folder):
            plan = _Plan(folder, f"stratoscope-{command}.sha256")
            plan.make(contents, _digests(known))
            change(plan.changes)
        undo.pop_all()
    return plan.notes


class _Plan:
    """What is changed, and what is told."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._list = folder, folder / name
        self._before = _listed(self._list)
        self.changes: dict[Path, bytes | None] = {}
        self.notes: list[str] = []

    def make(self, contents: Mapping[str, bytes], known: Mapping[str, str]) -> None:
        others = {name: other for name in contents if (other := self._other(name))}
        for folder, command in sorted(set(others.values())):
            self.notes.append(
                f"{folder}: `stratoscope {command}` wrote what is there: run that for the new ones"
            )
        ours = {name: content for name, content in contents.items() if name not in others}
        for name, content in ours.items():
            self._put(name, content, {self._before.get(name), known.get(name)})
        for name in self._before.keys() - contents.keys():
            self._drop(name)
        lines = "".join(f"{digest}  {name}\n" for name, digest in _digests(ours).items()).encode()
        if _digest_of(self._list) != _digest(lines):
            self.changes[self._list] = lines

    def _other(self, name: str) -> tuple[Path, str] | None:
        """The folder on the way to the file that another command writes, and its name."""
        for folder in (self._folder / one for one in _folders(name)):
            if os.path.lexists(folder) and not _is_folder(folder):
                raise ConfigError(f"{_FLAG}: {folder}: a file or a link; allowed: a folder")
            folders.check_itself(folder, _FLAG)
            for found in folder.glob("stratoscope-*.sha256"):
                return folder, found.stem.removeprefix("stratoscope-")
        return None

    def _put(self, name: str, content: bytes, ours: set[str | _State | None]) -> None:
        file, before, new = self._folder / name, self._before.get(name), _digest(content)
        found, beside = _digest_of(file), file.with_name(f"{file.name}.new")
        offer = _digest_of(beside)
        if found in {new, _State.MISSING, *ours}:
            if found != new:
                self.changes[file] = content
            if offer in {new, before}:
                self.changes[beside] = None
        elif before != new:
            if offer not in {new, before, _State.MISSING}:
                raise ConfigError(f"{_FLAG}: {beside}: it is in the way of the new {file.name}; move it away")
            self.changes[beside] = content
            self.notes.append(
                f"{file}: changed, or of another origin: it stays, compare it with {beside.name}"
            )

    def _drop(self, name: str) -> None:
        """Remove what was offered or written and is as it was."""
        if all(_is_folder(self._folder / one) for one in _folders(name)) and not self._other(name):
            for file in (self._folder / name, self._folder / f"{name}.new"):
                if _digest_of(file) == self._before[name]:
                    self.changes[file] = None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock that nobody else can hold: that of a file which is there for so long, and ours alone."""
    lock = folder / _LOCK
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in _WITHOUT_LOCK:
            raise
        yield
        return
    try:
        if not _is_held(handle, lock):
            raise ConfigError(f"{_FLAG}: {folder}: another process writes there; run this again")
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _is_held(handle: int, lock: Path) -> bool:
    """Whether we hold the lock now; not that of a file which another process has removed meanwhile."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(handle), lock.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError as error:
        if error.errno not in _WITHOUT_LOCK:
            raise OSError(error.errno, error.strerror, str(lock)) from error
        return True


def _listed(sums: Path) -> Mapping[str, str]:
    """The digests by path; nothing where there is no list. Other lines, and paths out of it, are not ours."""
    if not os.path.lexists(sums):
        return {}
    if not _is_regular(sums):
        raise ConfigError(f"{_FLAG}: {sums}: no regular file; move it away")
    lines = files.read(sums, _FLAG).decode(errors="replace").splitlines()
    rows = (row.groups() for row in map(_ROW.fullmatch, lines) if row)
    return {path: digest for digest, path in rows if _is_below(path)}


def _is_below(path: str) -> bool:
    return path.isprintable() and not Path(path).is_absolute() and ".." not in Path(path).parts


def _folders(name: str) -> list[Path]:
    """Those on the way to a file, from the top."""
    return [*reversed(Path(name).parents)][1:]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_regular(path: Path) -> bool:
    return os.path.lexists(path) and stat.S_ISREG(path.lstat().st_mode)


def _digest_of(file: Path) -> str | _State:
    """The digest of a regular file, or why there is none."""
    try:
        with open(file, "rb", opener=files.itself) as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return _State.MISSING
    except OSError as error:
        if error.errno not in _NOT_OURS:
            raise
        return _State.OTHER


def _digests(contents: Mapping[str, bytes]) -> dict[str, str]:
    return {name: _digest(content) for name, content in contents.items()}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
