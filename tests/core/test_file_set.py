"""A set of files in a folder: what is written, what stays, what is told, and what a failure leaves."""

import errno
import fcntl
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from stratoscope.core import all_or_none, file_set, new_file
from stratoscope.core.errors import ConfigError
from stratoscope.core.file_set import write

FIRST = {"grafana/a.json": b"a1\n", "prometheus/b.yml": b"b1\n"}
SECOND = {"grafana/a.json": b"a2\n", "prometheus/b.yml": b"b2\n"}
LIST = "stratoscope-files.sha256"
LOCK = ".stratoscope.lock"


def files(folder: Path) -> dict[str, bytes]:
    """Contents by path, without the list."""
    found = (one for one in folder.rglob("*") if one.is_file())
    return {str(one.relative_to(folder)): one.read_bytes() for one in found if one.name != LIST}


def everything(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that a failure must not change."""
    return {
        str(one.relative_to(folder)): (one.lstat().st_mode, one.read_bytes() if one.is_file() else b"")
        for one in folder.rglob("*")
    }


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder, with the files of the first version."""
    assert write(FIRST, tmp_path / "out", "files") == []
    return tmp_path / "out"


def test_first_write_makes_the_folders(tmp_path: Path) -> None:
    assert write(FIRST, tmp_path / "new" / "out", "files") == []
    assert files(tmp_path / "new" / "out") == FIRST


def test_sha256sum_reads_the_list(out: Path) -> None:
    command = ["/usr/bin/sha256sum", "--check", "--strict", "--quiet", LIST]
    subprocess.run(command, cwd=out, check=True)
    (out / "grafana" / "a.json").write_text("mine")
    assert subprocess.run(command, cwd=out, check=False, capture_output=True).returncode == 1


def test_writing_the_same_again_changes_nothing(out: Path) -> None:
    before = {one: one.stat() for one in out.rglob("*")}
    assert write(FIRST, out, "files") == []
    assert {one: one.stat() for one in out.rglob("*")} == before


def test_next_version_replaces_what_is_as_it_was_written(out: Path) -> None:
    assert write(SECOND, out, "files") == []
    assert files(out) == SECOND
    assert write(FIRST, out, "files") == []
    assert files(out) == FIRST


def test_next_version_removes_files_that_it_lacks(out: Path) -> None:
    (out / "prometheus" / "mine.yml").write_text("mine")
    assert write({"grafana/a.json": b"a2\n"}, out, "files") == []
    assert files(out) == {"grafana/a.json": b"a2\n", "prometheus/mine.yml": b"mine"}


def test_changed_file_stays_and_the_new_one_is_beside_it(out: Path) -> None:
    (out / "grafana" / "a.json").write_text("mine")
    (note,) = write(SECOND, out, "files")
    assert note == (
        f"{out}/grafana/a.json: changed, or of another origin: it stays, compare it with a.json.new"
    )
    assert files(out) == {**SECOND, "grafana/a.json": b"mine", "grafana/a.json.new": b"a2\n"}


def test_change_is_told_of_only_when_there_is_something_new(out: Path) -> None:
    (out / "grafana" / "a.json").write_text("mine")
    assert write(FIRST, out, "files") == []
    assert files(out) == {**FIRST, "grafana/a.json": b"mine"}
    assert len(write(SECOND, out, "files")) == 1
    offered = files(out)
    assert write(SECOND, out, "files") == []
    assert files(out) == offered
    assert len(write({**SECOND, "grafana/a.json": b"a3\n"}, out, "files")) == 1
    assert files(out)["grafana/a.json.new"] == b"a3\n"


@pytest.mark.parametrize(
    "taken",
    [
        lambda file: file.with_name("a.json.new").replace(file),
        lambda file: file.write_bytes(b"a2\n"),
        lambda file: file.unlink(),
        lambda file: file.write_bytes(b"a2\n") and file.with_name("a.json.new").unlink(),
    ],
    ids=["moved", "same", "removed", "same-and-cleaned"],
)
@pytest.mark.parametrize("upgraded", [False, True], ids=["again", "next"])
def test_offer_that_was_taken_is_a_file_as_all_others(
    out: Path, taken: Callable[[Path], object], upgraded: bool
) -> None:
    file, third = out / "grafana" / "a.json", {**SECOND, "grafana/a.json": b"a3\n"}
    file.write_text("mine")
    write(SECOND, out, "files")
    taken(file)
    wanted = third if upgraded else SECOND
    assert write(wanted, out, "files") == []
    assert files(out) == wanted


def test_offer_that_somebody_edits_is_not_replaced(out: Path) -> None:
    (out / "grafana" / "a.json").write_text("mine")
    write(SECOND, out, "files")
    (out / "grafana" / "a.json.new").write_text("mine, too")
    before = everything(out)
    with pytest.raises(ConfigError, match=r"a\.json\.new: it is in the way of the new a\.json; move it away"):
        write({**SECOND, "grafana/a.json": b"a3\n", "prometheus/b.yml": b"b3\n"}, out, "files")
    assert everything(out) == before


def test_files_that_are_named_as_an_offer_stay(out: Path) -> None:
    (out / "grafana" / "a.json.new").write_text("mine")
    assert write(SECOND, out, "files") == []
    assert files(out) == {**SECOND, "grafana/a.json.new": b"mine"}


def test_changed_file_stays_when_the_set_no_longer_has_it(out: Path) -> None:
    (out / "prometheus" / "b.yml").write_text("mine")
    write(SECOND, out, "files")
    write({"grafana/a.json": b"a2\n"}, out, "files")
    assert files(out) == {"grafana/a.json": b"a2\n", "prometheus/b.yml": b"mine"}


def test_file_that_somebody_removed_is_written_again(out: Path) -> None:
    (out / "prometheus" / "b.yml").unlink()
    assert write(FIRST, out, "files") == []
    assert files(out) == FIRST


def test_file_of_another_origin_stays(tmp_path: Path) -> None:
    (tmp_path / "grafana").mkdir()
    (tmp_path / "grafana" / "a.json").write_text("mine")
    assert len(write(FIRST, tmp_path, "files")) == 1
    assert files(tmp_path) == {**FIRST, "grafana/a.json": b"mine", "grafana/a.json.new": b"a1\n"}
    assert write(FIRST, tmp_path, "files") == []


def test_file_of_another_origin_with_the_same_content_is_ours(tmp_path: Path) -> None:
    (tmp_path / "grafana").mkdir()
    (tmp_path / "grafana" / "a.json").write_bytes(FIRST["grafana/a.json"])
    assert write(FIRST, tmp_path, "files") == []
    assert write(SECOND, tmp_path, "files") == []
    assert files(tmp_path) == SECOND


def test_content_that_is_known_is_replaced_without_a_list(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("default")
    assert write({"b.yml": b"chosen"}, tmp_path, "rules", {"b.yml": b"default"}) == []
    assert (tmp_path / "b.yml").read_bytes() == b"chosen"


@pytest.mark.parametrize("kind", ["link", "dangling", "folder", "fifo"])
def test_what_is_no_regular_file_stays(out: Path, kind: str) -> None:
    file, elsewhere = out / "grafana" / "a.json", out.parent / "elsewhere"
    elsewhere.write_bytes(FIRST["grafana/a.json"])
    file.unlink()
    {
        "link": lambda: file.symlink_to(elsewhere),
        "dangling": lambda: file.symlink_to("nothing"),
        "folder": file.mkdir,
        "fifo": lambda: os.mkfifo(file),
    }[kind]()
    before = file.lstat()
    assert len(write(SECOND, out, "files")) == 1
    assert file.lstat().st_ino == before.st_ino
    assert elsewhere.read_bytes() == FIRST["grafana/a.json"]
    assert (out / "grafana" / "a.json.new").read_bytes() == b"a2\n"


@pytest.mark.parametrize("kind", ["link", "fifo", "none"])
@pytest.mark.parametrize("row", ["other  grafana/a.json", "missing  nothere", "x  a\0b", f"{0:064}  a\0b"])
def test_lines_without_a_digest_say_nothing(out: Path, kind: str, row: str) -> None:
    file, elsewhere = out / "grafana" / "a.json", out.parent / "elsewhere"
    elsewhere.write_bytes(b"mine")
    file.unlink()
    {"link": lambda: file.symlink_to(elsewhere), "fifo": lambda: os.mkfifo(file), "none": lambda: None}[
        kind
    ]()
    (out / LIST).write_text(f"{row}\n")
    before = os.path.lexists(file) and file.lstat().st_ino
    assert write({"prometheus/b.yml": b"b1\n"}, out, "files") == []
    assert (os.path.lexists(file) and file.lstat().st_ino) == before
    assert len(write(SECOND, out, "files")) == (kind != "none")
    assert elsewhere.read_bytes() == b"mine"


def test_list_that_is_too_large_is_one_line(out: Path) -> None:
    os.truncate(out / LIST, 3 << 30)
    with pytest.raises(ConfigError, match=f"--output: {out / LIST}: too large; allowed: 1048576 bytes"):
        write(SECOND, out, "files")
    assert files(out) == FIRST


def refusing(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a.json not be opened; root may open all files."""
    itself = file_set.files.itself

    def refused(path: str, flags: int) -> int:
        if Path(path).name == "a.json":
            raise OSError(number, os.strerror(number), path)
        return itself(path, flags)

    # Root may open all files.
    monkeypatch.setattr(file_set.files, "itself", refused)


def test_file_that_may_not_be_read_stays(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(errno.EACCES, monkeypatch)
    assert len(write(SECOND, out, "files")) == 1
    monkeypatch.undo()
    assert files(out)["grafana/a.json"] == b"a1\n"


def test_file_that_cannot_be_read_is_a_failure(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(errno.EIO, monkeypatch)
    with pytest.raises(OSError, match="Input/output error"):
        write(SECOND, out, "files")
    assert files(out) == FIRST


@pytest.mark.parametrize("name", [".", "grafana"])
def test_folder_to_which_others_may_write_is_refused(out: Path, name: str) -> None:
    (out / name).chmod(0o757)
    before = everything(out)
    with pytest.raises(ConfigError, match=f"--output: {(out / name)}: other users may write there; allowed"):
        write(SECOND, out, "files")
    assert everything(out) == before


def test_folders_are_made_for_others_to_read_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write(FIRST, tmp_path / "out", "files")
        assert write(SECOND, tmp_path / "out", "files") == []
    finally:
        os.umask(before)
    assert {(tmp_path / one).stat().st_mode & 0o777 for one in ("out", "out/grafana")} == {0o755}


@pytest.mark.parametrize("kind", ["link", "dangling", "file"])
def test_folder_that_is_none_is_named_and_nothing_is_written(out: Path, tmp_path: Path, kind: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (out / "grafana").rename(elsewhere)
    {
        "link": lambda: (out / "grafana").symlink_to(elsewhere),
        "dangling": lambda: (out / "grafana").symlink_to("nothing"),
        "file": (out / "grafana").touch,
    }[kind]()
    before = everything(tmp_path)
    with pytest.raises(ConfigError, match=f"--output: {out}/grafana: a file or a link; allowed: a folder"):
        write(SECOND, out, "files")
    assert everything(tmp_path) == before


def test_output_may_be_a_link(out: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(out)
    assert write(SECOND, tmp_path / "link", "files") == []
    assert files(out) == SECOND


def test_nothing_is_removed_through_a_link(out: Path, tmp_path: Path) -> None:
    (out / "prometheus").rename(tmp_path / "elsewhere")
    (out / "prometheus").symlink_to(tmp_path / "elsewhere")
    assert write({"grafana/a.json": b"a2\n"}, out, "files") == []
    assert (tmp_path / "elsewhere" / "b.yml").read_bytes() == b"b1\n"


def test_list_cannot_lead_out_of_the_folder(out: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(b"a1\n")
    digest = (out / LIST).read_text().split()[0]
    (out / LIST).write_text(f"{digest}  ../mine\n{digest}  {mine}\nnonsense\n")
    write(FIRST, out, "files")
    assert mine.exists()


@pytest.mark.parametrize("make", [lambda one: one.mkdir(), lambda one: one.symlink_to("a")])
def test_list_that_is_no_file_is_in_the_way(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / LIST)
    with pytest.raises(ConfigError, match=f"{tmp_path / LIST}: no regular file; move it away"):
        write(FIRST, tmp_path, "files")
    assert files(tmp_path) == {}


def test_folder_of_another_command_is_left_to_it(out: Path) -> None:
    rules = out / "prometheus"
    assert write({"b.yml": b"chosen\n"}, rules, "rules", {"b.yml": b"b1\n"}) == []
    assert write({"b.yml": b"chosen, too\n"}, rules, "rules") == []
    before = everything(rules)
    told = [f"{rules}: `stratoscope rules` wrote what is there: run that for the new ones"]
    assert write({**SECOND, "prometheus/c.yml": b"c2\n"}, out, "files") == told
    assert everything(rules) == before
    assert (out / "grafana" / "a.json").read_bytes() == b"a2\n"
    assert write({"grafana/a.json": b"a2\n"}, out, "files") == []
    assert everything(rules) == before


def test_nothing_is_removed_from_a_folder_of_another_command(out: Path) -> None:
    assert write({"b.yml": b"b1\n"}, out / "prometheus", "rules") == []
    assert write({"grafana/a.json": b"a2\n"}, out, "files") == []
    assert (out / "prometheus" / "b.yml").read_bytes() == b"b1\n"


def test_list_has_what_the_command_wrote_alone(out: Path) -> None:
    assert write({"b.yml": b"chosen\n"}, out / "prometheus", "rules", {"b.yml": b"b1\n"}) == []
    assert len(write(SECOND, out, "files")) == 1
    assert [line.split()[1] for line in (out / LIST).read_text().splitlines()] == ["grafana/a.json"]


def test_two_commands_may_write_into_one_folder(out: Path) -> None:
    assert write({"b.yml": b"rule\n"}, out, "rules") == []
    assert write({"c.yml": b"rule\n"}, out, "rules") == []
    assert write(FIRST, out, "files") == []
    found = files(out)
    assert found.pop("stratoscope-rules.sha256")
    assert found == {**FIRST, "c.yml": b"rule\n"}


def test_second_process_is_refused(out: Path) -> None:
    with file_set._alone(out):
        before = everything(out)
        with pytest.raises(
            ConfigError, match=f"--output: {out}: another process writes there; run this again"
        ):
            write(SECOND, out, "files")
        assert everything(out) == before
        assert (out / LOCK).stat().st_mode & 0o777 == 0o600
    assert write(SECOND, out, "files") == []
    assert not (out / LOCK).exists()


def test_reader_of_the_folder_cannot_keep_it(out: Path) -> None:
    handle = os.open(out, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert write(SECOND, out, "files") == []
    os.close(handle)


@pytest.mark.parametrize("is_new", [False, True])
def test_lock_of_a_file_that_was_removed_meanwhile_is_none(
    out: Path, monkeypatch: pytest.MonkeyPatch, is_new: bool
) -> None:
    locked = fcntl.flock

    def late(handle: int, how: int) -> None:
        locked(handle, how)
        (out / LOCK).unlink()
        if is_new:
            (out / LOCK).touch()

    # The other process ends between our open and our lock.
    monkeypatch.setattr(file_set.fcntl, "flock", late)
    with pytest.raises(ConfigError, match="another process writes there"):
        write(SECOND, out, "files")
    assert files(out).keys() - {LOCK} == FIRST.keys()


def without_locks(number: int, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the lock fail in this call."""
    opened = os.open

    def failed(*_: object) -> None:
        raise OSError(number, os.strerror(number), LOCK)

    def failed_lock(path: Path, *more: int) -> int:
        if Path(path).name == LOCK:
            failed()
        return opened(path, *more)

    replaced = {"flock": (file_set.fcntl, failed), "open": (file_set.os, failed_lock)}
    where, how = replaced[call]
    # All file systems here have locks.
    monkeypatch.setattr(where, call, how)


@pytest.mark.parametrize("call", ["flock", "open"])
def test_file_system_without_locks_is_written_to(
    out: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    without_locks(errno.ENOLCK, call, monkeypatch)  # as NFS does without its daemon
    assert write(SECOND, out, "files") == []
    assert files(out) == SECOND


@pytest.mark.parametrize("call", ["flock", "open"])
def test_lock_that_fails_is_named(out: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    without_locks(errno.EIO, call, monkeypatch)
    with pytest.raises(OSError, match="Input/output error") as caught:
        write(SECOND, out, "files")
    assert Path(caught.value.filename).name == LOCK
    monkeypatch.undo()
    assert {name: content for name, content in files(out).items() if name != LOCK} == FIRST


def test_mode_and_owner_of_a_file_stay(out: Path) -> None:
    file = out / "grafana" / "a.json"
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 1234, 5678)
    before = file.stat()
    write(SECOND, out, "files")
    after = file.stat()
    assert file.read_bytes() == b"a2\n"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_mtime > before.st_mtime


def test_no_file_is_setuid(out: Path) -> None:
    file = out / "grafana" / "a.json"
    file.chmod(0o6755)
    write(SECOND, out, "files")
    assert file.stat().st_mode & 0o7777 == 0o755


def test_new_files_have_the_usual_mode(out: Path) -> None:
    (out / "usual").touch()
    assert (out / "grafana" / "a.json").stat().st_mode == (out / "usual").stat().st_mode


def test_owner_that_cannot_be_given_is_no_failure(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(all_or_none.os, "fchown", refused)  # as for an ordinary user
    assert write(SECOND, out, "files") == []
    assert files(out) == SECOND


@pytest.mark.parametrize("folder", [".", "new/out"])
def test_failure_changes_nothing(out: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = everything(out)
    monkeypatch.setattr(new_file.secrets, "token_hex", full)  # no disk here is full
    with pytest.raises(OSError, match="No space left on device"):
        write(SECOND, out / folder, "files")
    assert everything(out) == before


def test_read_only_folder_may_have_all_that_is_new(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    # A mount needs root; the name is asked for before each new file.
    monkeypatch.setattr(new_file.secrets, "token_hex", read_only)
    assert write(FIRST, out, "files") == []
