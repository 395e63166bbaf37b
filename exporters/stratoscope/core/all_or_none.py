"""Changes several files at once: all of them, or none."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


class HalfDoneError(Exception):
    """Some files are changed, and cannot be changed back; `str()` of it names one."""


def change(changes: Mapping[Path, bytes | None]) -> None:
    """Write these files, and remove those that have no content.

    All is written under other names first, then renamed: nobody reads half of a file. What replaces a file
    gets its mode and attributes, and its owner if that is allowed. None may be a link.

    Raises:
        OSError: It names the file. Nothing is changed.
        HalfDoneError: A file could not be changed, and one that was changed could not be put back.
    """
    with ExitStack() as folders, ExitStack() as halves, ExitStack() as undo:
        ready = []
        for file, content in changes.items():
            with _named(file):
                make_folder(file.parent, folders)
                old = _beside(file, file.read_bytes(), halves) if file.exists() else None
                ready.append((file, content if content is None else _beside(file, content, halves), old))
        for file, new, old in ready:
            with _named(file):
                file.unlink() if new is None else new.replace(file)
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
    folder.mkdir()
    undo.callback(folder.rmdir)


def _beside(file: Path, content: bytes, halves: ExitStack) -> Path:
    """A new file with this content in the same folder, named as nothing that Prometheus or Grafana reads."""
    half = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    halves.callback(half.unlink, missing_ok=True)
    with os.fdopen(handle, "wb") as opened:
        if file.exists():
            with suppress(PermissionError):  # of another user
                os.chown(handle, file.stat().st_uid, file.stat().st_gid)
            shutil.copystat(file, half)
        opened.write(content)
    return half


def _put_back(file: Path, old: Path | None) -> None:
    try:
        file.unlink() if old is None else old.replace(file)
    except OSError as error:
        raise HalfDoneError(f"{file}: {error.strerror}, and what was there cannot be put back") from error


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Errors have the name of the file: a full disk does not tell it, and the other name helps nobody."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error
