"""`stratoscope files`: what it writes, what it leaves alone, and what it says of mistakes."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stratoscope.__main__ import main
from stratoscope.core.all_or_none import HalfDoneError
from stratoscope.files import shipped

ROOT = Path(__file__).parents[2]
LIST = "stratoscope-files.sha256"


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
    assert found.pop(LIST)
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
        ["/usr/bin/sha256sum", "--check", "--strict", "--quiet", LIST],
        cwd=tmp_path,
        check=True,
    )


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What is shipped: two little files."""
    contents = {"grafana/a.json": b"1\n", "prometheus/b.yml": b"2\n"}
    monkeypatch.setattr("stratoscope.files.command.shipped", lambda: contents)
    return contents


def test_changed_file_is_told_of_and_the_others_are_written(
    tmp_path: Path, two: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert written(tmp_path) == 0
    (tmp_path / "prometheus" / "b.yml").write_text("changed")
    two |= {"grafana/a.json": b"3\n", "prometheus/b.yml": b"4\n"}
    capsys.readouterr()
    assert written(tmp_path) == 0
    said = capsys.readouterr()
    assert said.out == f"2 files in {tmp_path}\n"
    (line,) = said.err.splitlines()
    assert line.startswith(f"stratoscope files: {tmp_path}/prometheus/b.yml: changed, or of another origin")
    found = tree(tmp_path)
    assert [found[name] for name in ("grafana/a.json", "prometheus/b.yml")] == [b"3\n", b"changed"]


def test_rules_with_values_outlast_an_update(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert written(tmp_path) == 0
    values, rules = tmp_path / "values.yml", tmp_path / "prometheus" / "rules"
    values.write_text("thresholds: {budget_wait_ratio: 0.25}\nalerts: {StratoscopeWatchdog: false}\n")
    assert main(["rules", f"--values={values}", f"--output={rules}"]) == 0
    assert capsys.readouterr().err == ""
    assert "vector(0.25)" in (rules / "thresholds.yml").read_text()
    assert "StratoscopeWatchdog" not in (rules / "meta.yml").read_text()
    before = tree(rules)
    assert written(tmp_path) == 0
    assert capsys.readouterr().err.startswith(f"stratoscope files: {rules}: `stratoscope rules` wrote")
    assert tree(rules) == before


def test_two_at_once_leave_one_set_whole(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stratoscope", "files", f"--output={tmp_path}"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = {one.communicate()[1] for one in both}
    refused = f"stratoscope files: --output: {tmp_path}: another process writes there; run this again\n"
    assert said <= {"", refused}
    assert {one.returncode for one in both} <= {0, 2}
    assert 0 in [one.returncode for one in both]
    assert {name for name in tree(tmp_path) if name != LIST} == set(shipped.shipped())


@pytest.mark.usefixtures("two")
def test_folder_that_is_a_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("")
    assert written(tmp_path / "out") == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_failure_is_one_line_that_says_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failed(_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/a/b")

    monkeypatch.setattr("stratoscope.core.file_set.change", failed)
    assert written(tmp_path) == 1
    said = "stratoscope files: /a/b: No space left on device; nothing was changed\n"
    assert capsys.readouterr().err == said

    def half_done(_: object) -> None:
        raise HalfDoneError("/a/b: No space left on device, and\nmore")

    monkeypatch.setattr("stratoscope.core.file_set.change", half_done)
    assert written(tmp_path) == 1
    assert capsys.readouterr().err == "stratoscope files: /a/b: No space left on device, and\\nmore\n"


@pytest.mark.parametrize("arguments", [[], ["--output="], ["--out=x"]])
def test_wrong_flag_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(["files", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_all_that_is_shipped_is_small() -> None:
    assert sum(map(len, shipped.shipped().values())) < 2_000_000
