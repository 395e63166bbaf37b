"""The folder of an exporter's state: made, writable, locked by the one process that serves."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stratoscope.core import state
from stratoscope.core.errors import ConfigError


def test_folder_is_made_private_and_says_whose_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "slurper"
    with state.locked(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (folder / "lock").read_text() == f"{os.getpid()}\n"


def test_nothing_is_made_for_an_exporter_without_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with state.locked(None):
        assert [*tmp_path.iterdir()] == []


def test_second_process_is_refused_while_the_first_serves_and_let_in_after_it(tmp_path: Path) -> None:
    with state.locked(tmp_path):
        for _ in range(2):
            with pytest.raises(ConfigError) as refused, state.locked(tmp_path):
                pass
            said = f"--storage.path: {tmp_path}: in use by process {os.getpid()}"
            assert str(refused.value) == said
    with state.locked(tmp_path):
        assert (tmp_path / "lock").exists()


def test_lock_of_a_process_that_was_killed_is_gone(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from stratoscope.core import state\n"
        "with state.locked(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path], check=False)
    assert (tmp_path / "lock").exists()
    with state.locked(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("take", [lambda folder: state.locked(folder).__enter__(), state.check])
def test_file_in_the_place_of_the_folder_is_refused_with_the_flag(take: object, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for folder in (file, file / "below"):
        with pytest.raises(ConfigError, match=rf"^--storage\.path: {folder}(: | is )"):
            take(folder)  # type: ignore[operator]


def test_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", flock)  # there is no such file system here
    said = "cannot be locked: Function not implemented"
    with pytest.raises(ConfigError, match=said), state.locked(tmp_path):
        pass


def test_link_in_the_place_of_the_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "other")
    with pytest.raises(ConfigError, match=r"--storage\.path"), state.locked(tmp_path):
        pass
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("take", [lambda folder: state.locked(folder).__enter__(), state.check])
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda lock: lock.symlink_to("nowhere")])
def test_lock_that_is_no_file_is_named(
    take: Callable[[Path], object], make: Callable[[Path], object], tmp_path: Path
) -> None:
    make(tmp_path / "lock")
    with pytest.raises(
        ConfigError, match=rf"^--storage\.path: {tmp_path}/lock: is no regular file; allowed: "
    ):
        take(tmp_path)


@pytest.mark.parametrize("take", [lambda folder: state.locked(folder).__enter__(), state.check])
def test_link_to_nowhere_in_the_place_of_the_folder_is_named(
    take: Callable[[Path], object], tmp_path: Path
) -> None:
    link = tmp_path / "data"
    link.symlink_to("nowhere")
    with pytest.raises(ConfigError, match=rf"{link} is a link to what does not exist"):
        take(link)


def test_check_makes_nothing_and_passes_while_another_process_serves(tmp_path: Path) -> None:
    state.check(tmp_path / "data" / "slurper")
    assert [*tmp_path.iterdir()] == []
    with state.locked(tmp_path):
        state.check(tmp_path)


def test_folder_that_nobody_may_write_to_is_refused_by_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    with pytest.raises(ConfigError, match=rf"{tmp_path} is no folder to write to"):
        state.check(tmp_path / "data")


def test_folder_on_a_read_only_file_system_is_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = os.statvfs(tmp_path)
    read_only = os.statvfs_result((*found[:8], os.ST_RDONLY, found[9]))
    monkeypatch.setattr("os.statvfs", lambda _: read_only)
    with pytest.raises(ConfigError) as caught:
        state.check(tmp_path)
    assert str(caught.value) == f"--storage.path: {tmp_path} is on a read-only file system"


def test_folder_that_nobody_may_write_to_any_more_is_refused_though_its_lock_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with state.locked(tmp_path):
        pass
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    with pytest.raises(ConfigError, match=rf"{tmp_path} is no folder to write to"), state.locked(tmp_path):
        pass


def test_full_disk_is_refused_with_the_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pwrite(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.pwrite", pwrite)  # no test fills a disk
    said = r"--storage\.path: .*: No space left on device"
    with pytest.raises(ConfigError, match=said), state.locked(tmp_path):
        pass


def test_check_refuses_a_name_that_is_too_long_with_the_flag(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--storage\.path: .*: File name too long"):
        state.check(tmp_path / ("x" * 300))


def test_folder_that_cannot_be_made_is_refused_with_the_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mkdir(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", mkdir)  # no test mounts one
    said = rf"--storage\.path: {tmp_path}/data: Read-only file system; allowed: a folder to write to"
    with pytest.raises(ConfigError, match=said), state.locked(tmp_path / "data"):
        pass
