"""What may be released: a tag that changelog, chart and rules fit."""

import shutil
import subprocess
from pathlib import Path

import pytest
from ship import checks

ROOT = Path(__file__).parents[1]
CHANGELOG = """# Changelog

Newest first.

## Unreleased

## 0.2.0 - 2026-12-01

- [FEATURE] all: it is new.

## 0.1.0 - 2026-11-01

- [FEATURE] all: it is there.
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with one commit, of what the checks read."""
    for name in ("helm/stratoscope/Chart.yaml", "prometheus/rules/meta.yml"):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=a")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["/usr/bin/git", *arguments], cwd=folder, check=True)


def test_version_is_that_of_the_tag(clone: Path) -> None:
    git(clone, "tag", "nightly")
    git(clone, "tag", "v0.2.0")
    assert checks.version_of(clone) == "0.2.0"


@pytest.mark.parametrize("tags", [[], ["0.2.0"], ["v0.2"], ["v0.2.0", "v0.2.1"]], ids=" ".join)
def test_a_tag_that_names_no_version_is_refused(clone: Path, tags: list[str]) -> None:
    for tag in tags:
        git(clone, "tag", tag)
    with pytest.raises(ValueError, match=f"tags of HEAD: {', '.join(tags) or 'none'}; allowed: one such as"):
        checks.version_of(clone)


def test_a_changed_work_tree_is_refused(clone: Path) -> None:
    git(clone, "tag", "v0.2.0")
    (clone / "more").write_text("")
    with pytest.raises(ValueError, match=r"not that of the tag: \?\? more"):
        checks.version_of(clone)


def test_notes_are_the_section_of_the_version(clone: Path) -> None:
    assert checks.notes(clone, "0.2.0") == "- [FEATURE] all: it is new.\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("## Unreleased\n", "## Unreleased\n\n- [BUGFIX] more\n", "entries stand below Unreleased"),
        ("## 0.2.0 - 2026-12-01", "## 0.2.0", "its newest section is 0.2.0; allowed: 0.2.0 - YEAR"),
        ("## 0.2.0 - 2026", "## 0.3.0 - 2026", "its newest section is 0.3.0"),
        ("- [FEATURE] all: it is new.\n", "", "the section 0.2.0 - 2026-12-01 is empty"),
        (CHANGELOG, "# Changelog\n", "its newest section is none"),
    ],
)
def test_a_changelog_without_the_version_is_refused(clone: Path, old: str, new: str, said: str) -> None:
    (clone / "CHANGELOG.md").write_text(CHANGELOG.replace(old, new))
    with pytest.raises(ValueError, match=said):
        checks.notes(clone, "0.2.0")


def test_chart_and_rules_fit_the_version_that_they_name() -> None:
    assert [*checks.faults(ROOT, checks.rules_version(ROOT))] == []


def test_a_version_that_chart_or_rules_do_not_fit_is_refused(clone: Path) -> None:
    assert [*checks.faults(clone, "0.1.1")] == ["Chart.yaml: appVersion: 0.1.0; allowed: 0.1.1"]
    assert [*checks.faults(clone, "0.2.0")] == [
        "Chart.yaml: appVersion: 0.1.0; allowed: 0.2.0",
        "stratoscope_rules_info: version: 0.1.0; allowed: one that fits 0.2.0",
    ]


def test_from_1_0_on_rules_fit_all_of_their_major_version(clone: Path) -> None:
    for name in ("helm/stratoscope/Chart.yaml", "prometheus/rules/meta.yml"):
        text = (clone / name).read_text()
        (clone / name).write_text(text.replace("0.1.0", "1.4.2" if name.startswith("helm") else "1.2.0"))
    assert [*checks.faults(clone, "1.4.2")] == []
