"""A file is written whole or not at all, and never through what somebody else has put there."""

import errno
import os
from pathlib import Path

import pytest

from stratoscope.core import new_file


def test_file_is_written_and_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for content in (b"one", b"two" * 100_000):
        new_file.put(str(file), content, 0o600)
        assert file.read_bytes() == content
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_half_is_written_on_where_the_kernel_takes_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = os.write
    monkeypatch.setattr(new_file.os, "write", lambda handle, content: written(handle, content[:2]))
    new_file.put(str(tmp_path / "file"), b"five!", 0o600)
    assert (tmp_path / "file").read_bytes() == b"five!"


@pytest.mark.parametrize("call", ["write", "rename"])
def test_failure_names_the_file_and_leaves_it_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = tmp_path / "file"
    file.write_text("before")
    monkeypatch.setattr(new_file.os, call, full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        new_file.put(str(file), b"after", 0o600)
    assert caught.value.filename == str(file)
    assert [one.read_text() for one in tmp_path.iterdir()] == ["before"]


@pytest.mark.parametrize("there", ["link", "file"])
def test_name_that_is_taken_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    victim, half = tmp_path / "victim", tmp_path / ".file.0"
    victim.write_text("whole")
    half.symlink_to(victim) if there == "link" else half.write_text("whole")
    monkeypatch.setattr(new_file.secrets, "token_hex", lambda _: "0")  # nobody can know it
    with pytest.raises(FileExistsError):
        new_file.put(str(tmp_path / "file"), b"content", 0o600)
    assert {one.read_text() for one in tmp_path.iterdir()} == {"whole"}
