"""CI draws the dashboards where they changed, and where it cannot know that."""

import ast
import shutil
import subprocess
from collections.abc import Iterator
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


def used_by(*files: Path) -> set[Path]:
    """The modules of tests/support that these import, and what those import."""
    found: set[Path] = set()
    new = set(files)
    while new:
        new = {one for file in new for one in _imported(file)} - found
        found |= new
    return found


def _imported(file: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "support":
            named = [f"{node.module}.{one.name}" for one in node.names] + [str(node.module)]
            modules = (ROOT / "tests" / f"{name.replace('.', '/')}.py" for name in named)
            yield from (one for one in modules if one.is_file())


DRAWING = sorted(
    str(one.relative_to(ROOT))
    for one in used_by(ROOT / "scripts/dashboards-draw", *(ROOT / "tests/drawn").glob("*.py"))
)


def test_what_draws_is_known() -> None:
    assert {"tests/support/drawn_board.py", "tests/support/chromium.py"} <= set(DRAWING)


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("grafana/boards/colours.py", True),
        ("grafana/check/package-lock.json", True),
        ("grafana/check/page/kinds.tsx", True),
        ("scripts/dashboards", True),
        ("scripts/dashboards-draw", True),
        ("scripts/boards-changed", True),
        ("tests/drawn/test_types.py", True),
        ("tests/conftest.py", True),
        ("tests/support/board_look_checks.py", True),
        ("requirements/browser.txt", True),
        ("requirements/dev.txt", True),
        ("pyproject.toml", True),
        ("Makefile", True),
        (".ci/run", True),
        *((file, True) for file in DRAWING),
        ("tests/support/vms.py", False),
        ("scripts/newcomer", False),
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


def test_on_main_a_landing_may_have_changed_them_in_an_earlier_commit(repository: Repository) -> None:
    repository.commit("grafana/boards/vm.py")
    repository.commit("docs/other.md")
    assert repository.changed()


def test_main_is_that_of_the_origin_where_there_is_one(repository: Repository) -> None:
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    repository.commit("docs/other.md")
    assert not repository.changed()
    repository.commit("grafana/boards/vm.py")
    repository.commit("docs/other.md")
    assert repository.changed()


def test_what_is_not_known_counts_as_changed(repository: Repository) -> None:
    repository.git("branch", "--move", "other")
    assert repository.changed()


def test_folder_that_is_no_repository_counts_as_changed(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(ROOT / "scripts/boards-changed", tmp_path / "scripts")
    assert subprocess.run([script], check=False, cwd=tmp_path, capture_output=True).returncode == 0
