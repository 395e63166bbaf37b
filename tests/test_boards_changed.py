"""CI draws the dashboards where they changed, and where it cannot know that."""

import shutil
import subprocess
from pathlib import Path

import pytest

from support.debian import ROOT

GIT = ("git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main")


class Repository:
    """A repository with the script, and a first commit on main."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "scripts/boards-changed", folder / "scripts")
        self.git("init", "--quiet")
        self.commit("README.md")

    def git(self, *arguments: str) -> None:
        subprocess.run([*GIT, *arguments], cwd=self.folder, check=True, capture_output=True)

    def commit(self, file: str) -> None:
        """A commit that changes this file."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.read_text() + "more\n" if path.exists() else "new\n")
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", file)

    def changed(self) -> bool:
        return subprocess.run([self.folder / "scripts/boards-changed"], check=False).returncode == 0


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("grafana/boards/colours.py", True),
        ("grafana/check/package-lock.json", True),
        ("tests/support/grafana_queries.py", True),
        ("tests/support/vms.py", False),
        ("docs/dashboards.md", False),
    ],
)
def test_branch_is_compared_with_where_it_left_main(repository: Repository, file: str, changed: bool) -> None:
    repository.git("checkout", "--quiet", "-b", "work")
    repository.commit(file)
    repository.commit("docs/other.md")
    repository.git("checkout", "--quiet", "main")
    repository.commit("grafana/boards/vm.py")
    repository.git("checkout", "--quiet", "work")
    assert repository.changed() is changed


def test_main_is_compared_with_its_commit_before(repository: Repository) -> None:
    repository.commit("grafana/boards/vm.py")
    assert repository.changed()
    repository.commit("docs/other.md")
    assert not repository.changed()


def test_what_is_not_known_counts_as_changed(repository: Repository) -> None:
    assert repository.changed()
    repository.git("branch", "--move", "other")
    assert repository.changed()


def test_folder_that_is_no_repository_counts_as_changed(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(ROOT / "scripts/boards-changed", tmp_path / "scripts")
    assert subprocess.run([script], check=False, cwd=tmp_path, capture_output=True).returncode == 0
