"""Changes several files at once: all of them, or none."""

import errno
import os
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from stratoscope.core import files, new_file

_FOLDER: Final = 0o755
"""Nobody else may write there, whatever the umask."""
_MODE: Final = 0o777
"""What a file keeps of its mode: no setuid, setgid or sticky bit."""


class HalfDoneError(Exception):
    """Some files are changed, and cannot be changed back; `str()` of it names one."""


def change(changes: Mapping[Path, bytes | None]) -> None:
    """Write these files, and remove those that have no content.

    All is written under other names first, then renamed: nobody reads half of a file. What replaces a file
    gets its mode, and its owner if that is allowed. None may be a link, and no other user may write to their
    folders.

    Raises:
        OSError: It names the file. Nothing is changed.
        HalfDoneError: A file could not be changed, and one that was changed could not be put back.
    """
    with ExitStack() as folders, ExitStack() as halves, ExitStack() as undo:
        ready = []
        for file, content in changes.items():
            with new_file.named(str(file)):
                make_folder(file.parent, folders)
                was, like = _read(file)
                old = None if was is None else _beside(file, was, like, halves)
                new = None if content is None else _beside(file, content, like, halves)
                ready.append((file, new, old))
        for file, new, old in ready:
            with new_file.named(str(file)):
                file.unlink(missing_ok=True) if new is None else new.replace(file)
            undo.callback(_put_back, file, old)
        undo.pop_all()
        folders.pop_all()


def make_folder(folder: Path, undo: ExitStack) -> None:
    """Make a folder, and those above it, where they are missing; `undo` removes these again."""
    if folder.is_dir():
        return
    if os.path.lexists(folder):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    make_folder(folder.parent, undo)
    folder.mkdir(_FOLDER)
    undo.callback(folder.rmdir)


def _read(file: Path) -> tuple[bytes | None, os.stat_result | None]:
    """Content and state of a file, of one and the same; None if there is none."""
    try:
        with open(file, "rb", opener=files.itself) as opened:
            return opened.read(), os.fstat(opened.fileno())
    except FileNotFoundError:
        return None, None


def _beside(file: Path, content: bytes, like: os.stat_result | None, halves: ExitStack) -> Path:
    """A new file with this content in the same folder, whose owner and mode are those of another."""
    name, handle = new_file.create(str(file), 0o666)
    half = Path(name)
    halves.callback(half.unlink, missing_ok=True)
    with os.fdopen(handle, "wb") as opened:
        if like is not None:
            with suppress(PermissionError):  # of another user
                os.fchown(handle, like.st_uid, like.st_gid)
            os.fchmod(handle, like.st_mode & _MODE)
        opened.write(content)
    return half


def _put_back(file: Path, old: Path | None) -> None:
    try:
        file.unlink(missing_ok=True) if old is None else old.replace(file)
    except OSError as error:
        raise HalfDoneError(f"{file}: {error.strerror}, and what was there cannot be put back") from error
