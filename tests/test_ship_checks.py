"""What may be released: a tag that changelog, chart and rules fit."""

import os
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
    assert [*checks.faults(clone, "0.2.1")] == ["Chart.yaml: appVersion: 0.2.0; allowed: 0.2.1"]
    assert [*checks.faults(clone, "0.3.0")] == [
        "Chart.yaml: appVersion: 0.2.0; allowed: 0.3.0",
        "stratoscope_rules_info: version: 0.2.0; allowed: one that fits 0.3.0",
    ]


def test_from_1_0_on_rules_fit_all_of_their_major_version(clone: Path) -> None:
    for name in ("helm/stratoscope/Chart.yaml", "prometheus/rules/meta.yml"):
        text = (clone / name).read_text()
        (clone / name).write_text(text.replace("0.2.0", "1.4.2" if name.startswith("helm") else "1.2.0"))
    assert [*checks.faults(clone, "1.4.2")] == []


@pytest.mark.parametrize(
    "name", ["", "registry.example.org/stratoscope", "localhost:5000/a/b_c", "ghcr.io/a-b/c"]
)
def test_registry_is_where_an_image_may_be(name: str) -> None:
    assert checks.registry(name) == name


@pytest.mark.parametrize(
    "name", ["https://ghcr.io/a", "ghcr.io/a/", "ghcr.io/A/b", "ghcr.io", "oci://ghcr.io/a", "ghcr.io/a:1"]
)
def test_registry_that_no_image_may_be_in_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=r"^REGISTRY is '.+'; allowed: such as registry\.example\.org/"):
        checks.registry(name)


def published(folder: Path, registry: str) -> subprocess.CompletedProcess[str]:
    """What `scripts/publish` of this folder says; stubs stand for Helm and skopeo."""
    environment = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "REGISTRY": registry}
    command = [folder / "scripts/publish"]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder with what `make release images` leaves, for registry.example.org/stratoscope."""
    helm = tmp_path / "bin/helm"
    values = """values) echo 'registry: "registry.example.org/stratoscope"'"""
    stubs = {
        helm: f"case $2 in {values} ;; chart) echo 'appVersion: 0.1.0' ;; *) echo helm $* ;; esac",
        tmp_path / "bin/skopeo": "echo skopeo $*",
        tmp_path / "scripts/get-go": f"echo {helm}",
    }
    for file, line in stubs.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{line}\n")
        file.chmod(0o755)
    shutil.copy(ROOT / "scripts/publish", tmp_path / "scripts")
    for name in ("release/stratoscope-0.1.0.tgz", *(f"images/stratoscope-{one}.tar" for one in "abcd")):
        (tmp_path / "build" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "build" / name).touch()
    return tmp_path


def test_images_are_published_before_the_chart_that_takes_them(built: Path) -> None:
    done = published(built, "registry.example.org/stratoscope")
    assert done.returncode == 0, done.stderr
    images = [
        f"skopeo copy oci-archive:build/images/stratoscope-{one}.tar"
        f" docker://registry.example.org/stratoscope/stratoscope-{one}:0.1.0"
        for one in "abcd"
    ]
    chart = "helm push build/release/stratoscope-0.1.0.tgz oci://registry.example.org/stratoscope/charts"
    assert done.stdout.splitlines() == [*images, chart]


@pytest.mark.parametrize("name", ["", "https://ghcr.io/a", "ghcr.io/a/", "ghcr.io/A/b", "ghcr.io"])
def test_registry_that_is_none_gets_nothing(built: Path, name: str) -> None:
    done = published(built, name)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"publish: REGISTRY is '{name}'; allowed: a registry and a folder, such as "
    )


def test_chart_that_takes_its_images_from_elsewhere_is_not_published(built: Path) -> None:
    done = published(built, "registry.example.org/stratoscope2")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("run `make release REGISTRY=registry.example.org/stratoscope2`\n")
