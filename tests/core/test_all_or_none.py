"""Several files are changed, or none: whatever fails, and wherever."""

import errno
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import IO, Any, Self

import pytest

from stratoscope.core import all_or_none
from stratoscope.core.all_or_none import HalfDoneError, change


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files that are changed, and one that is removed."""
    for name in ("a", "b", "gone"):
        (tmp_path / name).write_text(f"{name} before")
    return tmp_path


def changes(folder: Path) -> dict[Path, bytes | None]:
    """Two are changed, one is removed, one is made with its folders."""
    made = folder / "new" / "folder" / "c"
    return {folder / "a": b"a after", folder / "gone": None, made: b"c after", folder / "b": b"b after"}


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(one.relative_to(folder)): (one.stat().st_mode, one.read_bytes() if one.is_file() else b"")
        for one in folder.rglob("*")
    }


def failing(do: Callable[..., Any], nth: int, error: BaseException) -> Callable[..., Any]:
    """As `do`, but the nth call fails."""
    calls = count(1)

    def called(*arguments: Any, **more: Any) -> Any:
        if next(calls) == nth:
            raise error
        return do(*arguments, **more)

    return called


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def test_all_is_changed_and_nothing_else_is_left(folder: Path) -> None:
    change(changes(folder))
    assert {name: content for name, (_, content) in everything(folder).items()} == {
        "a": b"a after",
        "b": b"b after",
        "new": b"",
        "new/folder": b"",
        "new/folder/c": b"c after",
    }


class Full:
    """An open file of a disk that gets full: half of what is written arrives."""

    def __init__(self, opened: IO[bytes]) -> None:
        self._opened = opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def write(self, content: bytes) -> None:
        self._opened.write(content[: len(content) // 2])
        raise os_error(errno.ENOSPC)


@pytest.mark.parametrize(("nth", "name"), [(1, "a"), (2, "a"), (3, "gone"), (4, "new/folder/c"), (6, "b")])
def test_full_disk_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, nth: int, name: str
) -> None:
    before, calls, opened = everything(folder), count(1), os.fdopen
    # No disk here is full, and one that is would be so from the first file on.
    monkeypatch.setattr(
        all_or_none.os,
        "fdopen",
        lambda handle, mode: Full(opened(handle, mode)) if next(calls) == nth else opened(handle, mode),
    )
    with pytest.raises(OSError, match="No space left on device") as caught:
        change(changes(folder))
    assert caught.value.filename == str(folder / name)
    assert everything(folder) == before


@pytest.mark.parametrize(("nth", "name"), [(1, "a"), (2, "new/folder/c"), (3, "b")])
@pytest.mark.parametrize("number", [errno.EPERM, errno.EBUSY])
def test_rename_that_fails_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, nth: int, name: str, number: int
) -> None:
    before = everything(folder)
    # Root may rename all files, and none here is mounted over.
    monkeypatch.setattr(Path, "replace", failing(Path.replace, nth, os_error(number)))
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        change(changes(folder))
    assert caught.value.filename == str(folder / name)
    assert everything(folder) == before


def test_removal_that_fails_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(folder)
    # Root may remove all files.
    monkeypatch.setattr(Path, "unlink", failing(Path.unlink, 1, os_error(errno.EPERM)))
    with pytest.raises(PermissionError) as caught:
        change(changes(folder))
    assert caught.value.filename == str(folder / "gone")
    assert everything(folder) == before


def test_interrupt_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything(folder)
    # A signal would come at another moment each time.
    monkeypatch.setattr(Path, "replace", failing(Path.replace, 3, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        change(changes(folder))
    assert everything(folder) == before


def test_what_cannot_be_put_back_is_named_and_the_rest_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = failing(failing(Path.replace, 3, os_error(errno.EIO)), 4, os_error(errno.EBUSY))
    # Of b, then of gone; a device that fails is not to be had.
    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(HalfDoneError, match="gone: Device or resource busy, and what was there cannot be"):
        change(changes(folder))
    monkeypatch.undo()
    assert {name: content for name, (_, content) in everything(folder).items()} == {
        "a": b"a before",
        "b": b"b before",
    }


def test_file_that_goes_meanwhile_is_as_if_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def late(half: Path, file: Path) -> Path:
        (folder / "gone").unlink(missing_ok=True)
        return replace(half, file)

    # Somebody else removes it between two of our steps.
    monkeypatch.setattr(Path, "replace", late)
    change(changes(folder))
    assert sorted(one.name for one in folder.rglob("*") if one.is_file()) == ["a", "b", "c"]


def test_link_is_not_written_through(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    victim = tmp_path_factory.mktemp("elsewhere") / "victim"
    victim.write_text("whole")
    victim.chmod(0o600)
    (folder / "b").unlink()
    (folder / "b").symlink_to(victim)
    before = everything(folder)
    with pytest.raises(OSError, match="symbolic links") as caught:
        change(changes(folder))
    assert caught.value.filename == str(folder / "b")
    assert everything(folder) == before
    assert victim.stat().st_mode & 0o777 == 0o600
