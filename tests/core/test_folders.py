"""A folder is safe where no other user of the machine can write, or put another in its place."""

import grp
import pwd
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from stratoscope.core import folders
from stratoscope.core.errors import ConfigError


def as_user(uid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests run as one user.
    monkeypatch.setattr(folders.os, "geteuid", lambda: uid)


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o555])
def test_folder_to_which_we_alone_may_write_is_safe(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    folders.check(tmp_path, "--x")
    folders.check(tmp_path / "missing" / "too", "--x")


def test_file_on_the_way_is_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folders.check(tmp_path / "file" / "below", "--x")


@pytest.mark.parametrize("mode", [0o757, 0o1757])
def test_folder_to_which_others_may_write_is_not(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(mode)
    said = f"^--x: {folder}: other users may write there; allowed: one of yours or root's to which nobody"
    with pytest.raises(ConfigError, match=said):
        folders.check(folder, "--x")


@pytest.mark.parametrize("is_there", [False, True])
def test_folder_above_must_be_safe_or_sticky(tmp_path: Path, is_there: bool) -> None:
    above, folder = tmp_path / "above", tmp_path / "above" / "folder"
    above.mkdir()
    if is_there:
        folder.mkdir()
    above.chmod(0o1777)
    folders.check(folder, "--x")
    above.chmod(0o757)
    with pytest.raises(ConfigError, match=f"--x: {above}: other users may write there"):
        folders.check(folder, "--x")


def test_way_to_a_link_and_where_it_leads_are_judged(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    (there / "folder").mkdir(parents=True)
    here.mkdir()
    (here / "link").symlink_to(there / "folder")
    folders.check(here / "link", "--x")
    for one in (there / "folder", there, here):
        one.chmod(0o757)
        with pytest.raises(ConfigError, match=f"--x: {one}: other"):
            folders.check(here / "link", "--x")
        one.chmod(0o755)


def test_folder_of_another_user_is_not_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    stat = Path.stat

    def of_another(path: Path) -> object:
        found = stat(path)
        if path != tmp_path:
            return found
        return SimpleNamespace(st_mode=found.st_mode, st_uid=4242, st_gid=4242)

    monkeypatch.setattr(Path, "stat", of_another)  # who is not root gives no folder away
    with pytest.raises(ConfigError, match=f"--x: {tmp_path}: it belongs to another user; allowed: one"):
        folders.check(tmp_path / "folder", "--x")
    folders.check(tmp_path / "folder", "--x", trusted=4242)
    with pytest.raises(ConfigError, match="it belongs to another user"):
        folders.check(tmp_path / "folder", "--x", trusted=4243)
    as_user(4242, monkeypatch)
    folders.check_itself(tmp_path, "--x")


@pytest.mark.parametrize(
    ("uid", "group", "members"),
    [(1000, "me", ["me", "you"]), (1000, "users", []), (0, "me", [])],
    ids=["two", "all", "root"],
)
def test_group_of_several_and_any_of_root_are_others(
    monkeypatch: pytest.MonkeyPatch, uid: int, group: str, members: Sequence[str]
) -> None:
    folder = of_a_group(monkeypatch, uid, group, members)
    with pytest.raises(ConfigError, match="other users may write there"):
        folders.check_itself(folder, "--x")


@pytest.mark.parametrize("members", [[], ["me"]])
def test_group_of_one_user_is_that_user(monkeypatch: pytest.MonkeyPatch, members: Sequence[str]) -> None:
    folder = of_a_group(monkeypatch, 1000, "me", members)
    folders.check_itself(folder, "--x")
    as_user(0, monkeypatch)
    folders.check_itself(folder, "--x", trusted=1000)


def of_a_group(monkeypatch: pytest.MonkeyPatch, uid: int, group: str, members: Sequence[str]) -> Path:
    """A folder to which a group of this name may write; it belongs to this user."""
    found = SimpleNamespace(st_mode=0o40775, st_uid=uid, st_gid=1000)
    # The users and groups of the machine are not ours to choose.
    monkeypatch.setattr(Path, "stat", lambda _: found)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="me"))
    monkeypatch.setattr(grp, "getgrgid", lambda _: SimpleNamespace(gr_name=group, gr_mem=members))
    as_user(uid, monkeypatch)
    return Path("/folder")


def test_group_without_a_name_is_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> None:
        raise KeyError

    folder = of_a_group(monkeypatch, 1000, "me", [])
    # Only root could give a folder to such a group.
    monkeypatch.setattr(grp, "getgrgid", unknown)
    with pytest.raises(ConfigError, match="other users may write there"):
        folders.check_itself(folder, "--x")
