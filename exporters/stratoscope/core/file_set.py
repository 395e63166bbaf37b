"""Writes a set of files into a folder, and keeps what others changed or put there.

A list in the folder, which sha256sum reads, has the digests of what was last written, or offered as NAME.new.
So files that are as they were written are told from all others, and somebody's change is told of only when
there is something new to compare it with.
"""

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

from stratoscope.core.all_or_none import change, make_folder
from stratoscope.core.errors import ConfigError

_NOTHING: Final[Mapping[str, bytes]] = MappingProxyType({})
_MISSING: Final = "missing"
_OTHER: Final = "other"


def write(
    contents: Mapping[str, bytes], folder: Path, command: str, known: Mapping[str, bytes] = _NOTHING
) -> list[str]:
    """Write the files and the list, all or none, and remove what the last list has and the set no longer.

    A file is written where there is none, or one as this command wrote it. Any other stays, and the new one
    is NAME.new beside it. A folder in which another command keeps its list is left to that command.

    Args:
        contents: By path below the folder.
        folder: It is made if it is not there.
        command: Whose files they are, such as `rules`.
        known: Contents that are this command's, too, although no list has them.

    Returns:
        What stays, in one line each.

    Raises:
        ConfigError: Something is in the way, or another process writes there; it says what to do.
        OSError: Something cannot be read or written; it names the file. In both cases nothing is changed.
        HalfDoneError: Files were changed, and could not be put back.
    """
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
                raise ConfigError(f"--output: {folder}: a file or a link; allowed: a folder")
            for found in folder.glob("stratoscope-*.sha256"):
                return folder, found.stem.removeprefix("stratoscope-")
        return None

    def _put(self, name: str, content: bytes, ours: set[str | None]) -> None:
        file, before, new = self._folder / name, self._before.get(name), _digest(content)
        found, beside = _digest_of(file), file.with_name(f"{file.name}.new")
        offer = _digest_of(beside)
        if found in {new, _MISSING, *ours}:
            if found != new:
                self.changes[file] = content
            if offer in {new, before}:
                self.changes[beside] = None
        elif before != new:
            if offer not in {new, before, _MISSING}:
                raise ConfigError(
                    f"--output: {beside}: it is in the way of the new {file.name}; move it away"
                )
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
    """Hold the folder's lock, where its file system has locks for folders; NFS has none."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"--output: {folder}: another process writes there; run this again") from error
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
        yield
    finally:
        os.close(handle)


def _listed(sums: Path) -> Mapping[str, str]:
    """The digests by path; nothing where there is no list. A path out of the folder is not ours."""
    if not os.path.lexists(sums):
        return {}
    if not _is_regular(sums):
        raise ConfigError(f"--output: {sums}: no regular file; move it away")
    rows = (line.split("  ", 1) for line in sums.read_text(encoding="utf-8", errors="replace").splitlines())
    return {row[1]: row[0] for row in rows if len(row) > 1 and _is_below(row[1])}


def _is_below(path: str) -> bool:
    return not Path(path).is_absolute() and ".." not in Path(path).parts


def _folders(name: str) -> list[Path]:
    """Those on the way to a file, from the top."""
    return [*reversed(Path(name).parents)][1:]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_regular(path: Path) -> bool:
    return os.path.lexists(path) and stat.S_ISREG(path.lstat().st_mode)


def _digest_of(file: Path) -> str:
    """Or that it is missing, or other: no regular file, or one that may not be read."""
    if not os.path.lexists(file):
        return _MISSING
    if not _is_regular(file):
        return _OTHER
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except PermissionError:
        return _OTHER


def _digests(contents: Mapping[str, bytes]) -> dict[str, str]:
    return {name: _digest(content) for name, content in contents.items()}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
