"""A secret that every user of the machine can read is said once, with the file and how to mend it."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stratoscope.clouds.client.files import login
from stratoscope.core import secret_files
from stratoscope.core.secret_files import is_shared, read_secret, warn_if_shared

SAID = "every user of this machine can read a secret key=k file={}: chmod o-r"


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that all may enter; nobody else may enter those of pytest."""
    with TemporaryDirectory(dir="/tmp") as found:
        Path(found).chmod(0o755)
        yield Path(found)


def secret(folder: Path, mode: int) -> Path:
    file = folder / "one_auth"
    file.write_text("user:password")
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("mode", "is_for_all"), [(0o644, True), (0o640, False), (0o600, False), (0o604, True)]
)
def test_what_others_may_read_is_shared(folder: Path, mode: int, *, is_for_all: bool) -> None:
    assert is_shared(secret(folder, mode)) is is_for_all


def test_what_lies_in_a_folder_that_others_may_not_enter_is_not(folder: Path) -> None:
    file = secret(folder, 0o644)
    folder.chmod(0o750)
    assert not is_shared(file)
    with TemporaryDirectory(dir="/tmp") as other:
        Path(other).chmod(0o755)
        (Path(other) / "link").symlink_to(file)
        assert not is_shared(Path(other) / "link")


def test_what_is_not_there_is_not(folder: Path) -> None:
    (folder / "loop").symlink_to(folder / "loop")
    for name in ("none", "loop"):
        assert not is_shared(folder / name)
        warn_if_shared(folder / name, "k")


def test_a_file_that_vanishes_meanwhile_is_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = secret(folder, 0o644)

    def vanishes(path: Path) -> bool:
        path.unlink()
        return True

    # Another process removes it between two looks, which no test can time.
    monkeypatch.setattr(secret_files, "is_shared", vanishes)
    warn_if_shared(file, "k")
    assert caplog.messages == []


def test_what_a_container_was_given_is_not(folder: Path) -> None:
    """A volume of Kubernetes: files for all, behind links, beside one that is called `..data`."""
    data = folder / "..2026_01_01"
    data.mkdir(mode=0o755)
    file = secret(data, 0o644)
    (folder / "one_auth").symlink_to(file)
    assert is_shared(folder / "one_auth")
    (folder / "..data").symlink_to(data)
    assert not is_shared(folder / "one_auth")
    (data / "sub").mkdir(mode=0o755)
    below = secret(data / "sub", 0o644)
    (folder / "sub").symlink_to(Path("..data") / "sub")
    assert not is_shared(folder / "sub" / below.name)
    assert not is_shared(Path("/run/secrets/one_auth"))


def test_it_is_said_once_until_the_file_changes(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = secret(folder, 0o644)
    for _ in range(3):
        assert read_secret(file, "k") == b"user:password"
    assert caplog.messages == [SAID.format(file)]
    file.chmod(0o640)
    os.utime(file, (1, 1))
    read_secret(file, "k")
    assert len(caplog.messages) == 1
    file.chmod(0o644)
    read_secret(file, "k")
    assert len(caplog.messages) == 2


def test_a_credential_of_a_cloud_is_looked_at(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = secret(folder, 0o644)
    assert login(str(file)) == "user:password"
    assert caplog.messages == [SAID.format(file).replace("key=k", "key=credentials_file")]
    assert "user:password" not in caplog.text
