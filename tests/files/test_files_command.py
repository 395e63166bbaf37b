"""`stratoscope files`: what it writes, what it leaves alone, and what it says of mistakes."""

import errno
import os
import subprocess
from pathlib import Path

import pytest

from stratoscope.__main__ import main
from stratoscope.files import folder, shipped

ROOT = Path(__file__).parents[2]


def written(target: Path) -> int:
    return main(["files", f"--output={target}"])


def tree(target: Path) -> dict[str, bytes]:
    """Contents by path."""
    files = (one for one in target.rglob("*") if one.is_file())
    return {str(one.relative_to(target)): one.read_bytes() for one in files}


def test_what_the_repository_has_is_written_without_its_tests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert written(tmp_path / "out") == 0
    found = tree(tmp_path / "out")
    assert found.pop("stratoscope.sha256")
    assert capsys.readouterr().out == f"{len(found)} files in {tmp_path / 'out'}\n"
    listed = subprocess.check_output(
        [
            "/usr/bin/git",
            "ls-files",
            "alertmanager",
            "prometheus",
            "grafana/dashboards",
            "grafana/provisioning",
        ],
        cwd=ROOT,
        text=True,
    )
    names = {name for name in listed.splitlines() if "/tests/" not in name}
    assert found == {name: (ROOT / name).read_bytes() for name in names}
    assert {
        "alertmanager/alertmanager.yml",
        "prometheus/rules/meta.yml",
        "grafana/dashboards/create.json",
    } <= names


def test_digests_are_those_that_sha256sum_knows(tmp_path: Path) -> None:
    assert written(tmp_path) == 0
    subprocess.run(
        ["/usr/bin/sha256sum", "--check", "--strict", "--quiet", "stratoscope.sha256"],
        cwd=tmp_path,
        check=True,
    )


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What is shipped: two little files."""
    contents = {"grafana/a.json": b"1\n", "prometheus/b.yml": b"2\n"}
    monkeypatch.setattr("stratoscope.files.command.shipped", lambda: contents)
    return contents


def test_next_version_replaces_files_and_removes_those_that_it_lacks(
    tmp_path: Path, two: dict[str, bytes]
) -> None:
    assert written(tmp_path) == 0
    (tmp_path / "grafana" / "mine.json").write_text("mine")
    del two["prometheus/b.yml"]
    two["grafana/a.json"] = b"3\n"
    assert written(tmp_path) == 0
    found = tree(tmp_path)
    del found["stratoscope.sha256"]
    assert found == {"grafana/a.json": b"3\n", "grafana/mine.json": b"mine"}


def test_file_that_somebody_changed_is_kept_when_it_is_shipped_no_longer(
    tmp_path: Path, two: dict[str, bytes]
) -> None:
    assert written(tmp_path) == 0
    (tmp_path / "prometheus" / "b.yml").write_text("changed")
    del two["prometheus/b.yml"]
    assert written(tmp_path) == 0
    assert (tmp_path / "prometheus" / "b.yml").read_text() == "changed"


def test_file_that_somebody_changed_is_not_replaced_and_nothing_is_written(
    tmp_path: Path, two: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert written(tmp_path) == 0
    (tmp_path / "prometheus" / "b.yml").write_text("changed")
    before = tree(tmp_path)
    two["grafana/a.json"] = b"3\n"
    capsys.readouterr()
    assert written(tmp_path) == 2
    said = f"--output: {tmp_path}/prometheus/b.yml is not one of this command; allowed: another folder"
    assert capsys.readouterr().err == f"stratoscope files: {said}\n"
    assert tree(tmp_path) == before


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling"])
def test_what_is_of_another_origin_is_left_alone(tmp_path: Path, kind: str) -> None:
    file, elsewhere = tmp_path / "out" / "grafana" / "a.json", tmp_path / "elsewhere"
    file.parent.mkdir(parents=True)
    elsewhere.write_text("1\n")  # the same content
    {
        "file": lambda: file.write_text("mine"),
        "folder": file.mkdir,
        "link": lambda: file.symlink_to(elsewhere),
        "dangling": lambda: file.symlink_to(tmp_path / "nothing"),
    }[kind]()
    assert written(tmp_path / "out") == 2
    assert not (tmp_path / "out" / "prometheus").exists()


@pytest.mark.usefixtures("two")
def test_same_file_of_another_origin_is_taken_as_ours(tmp_path: Path) -> None:
    (tmp_path / "grafana").mkdir()
    (tmp_path / "grafana" / "a.json").write_text("1\n")
    assert written(tmp_path) == 0


@pytest.mark.usefixtures("two")
def test_list_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    out, mine = tmp_path / "out", tmp_path / "mine"
    mine.write_text("1\n")
    digest = "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865"
    out.mkdir()
    (out / "stratoscope.sha256").write_text(f"{digest}  ../mine\n{digest}  {mine}\nnonsense\n")
    assert written(out) == 0
    assert mine.exists()


@pytest.mark.usefixtures("two")
def test_full_disk_is_one_line_and_leaves_no_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: Path, __: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert written(tmp_path) == 1
    said = f"{tmp_path}/grafana/a.json.new: No space left on device"
    assert capsys.readouterr().err == f"stratoscope files: {said}\n"
    assert tree(tmp_path) == {}


@pytest.mark.usefixtures("two")
def test_folder_that_is_a_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("")
    assert written(tmp_path / "out") == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_unreadable_file_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "a").write_text("")
    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(Exception, match="a is not one of this command"):
        folder.write({"a": b""}, tmp_path)


@pytest.mark.parametrize("arguments", [[], ["--output="], ["--out=x"]])
def test_wrong_flag_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(["files", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_all_that_is_shipped_is_small() -> None:
    assert sum(map(len, shipped.shipped().values())) < 2_000_000
