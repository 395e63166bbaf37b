"""Files of CI: their services take them, what they call is there, and only what publishes may write."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.debian import ROOT

pytestmark = pytest.mark.charts

GITLAB = ROOT / ".gitlab-ci.yml"
GITHUB = sorted((ROOT / ".github/workflows").glob("*.yml"))
CI, RELEASE = (yaml.safe_load(one.read_text()) for one in GITHUB)
FILES = [*GITHUB, GITLAB]
each_file = pytest.mark.parametrize("file", FILES, ids=lambda one: one.name)


def checked(file: Path, like: Path) -> subprocess.CompletedProcess[str]:
    """What the schema of the service of `like` says."""
    schema = (
        ["vendor.gitlab-ci", "--data-transform=gitlab-ci"] if like == GITLAB else ["vendor.github-workflows"]
    )
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *schema, file]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def steps(workflow: Any) -> list[Any]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@each_file
def test_service_takes_it(file: Path, tmp_path: Path) -> None:
    assert (done := checked(file, file)).returncode == 0, done.stdout
    wrong = tmp_path / file.name
    wrong.write_text(file.read_text().replace("script:", "scripts:").replace("runs-on:", "runs:"))
    assert checked(wrong, file).returncode == 1


@each_file
def test_what_it_calls_is_there(file: Path) -> None:
    text = re.sub(r"#.*", "", file.read_text())
    targets = set(re.findall(r"(?<!git )\bmake ([a-z-]+)", text))
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets - known == set()
    scripts = set(re.findall(r"(?:scripts|\.ci)/[\w-]+", text)) - {"scripts/get-go"}
    assert [one for one in scripts if not (ROOT / one).stat().st_mode & 0o111] == []
    assert targets or scripts


def test_both_services_do_the_same() -> None:
    for text in (GITLAB.read_text(), "".join(one.read_text() for one in GITHUB)):
        calls = re.findall(r"\.ci/run\b|make (?:release|images|publish)\b", re.sub(r"#.*", "", text))
        assert calls == [".ci/run", "make release", "make images", "make publish"]


def test_actions_are_pinned_by_digest() -> None:
    for file in GITHUB:
        used = re.findall(r"uses: (.*)", file.read_text())
        assert [
            one for one in used if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)
        ] == []
        assert used


def test_only_the_job_that_publishes_may_write() -> None:
    assert CI["permissions"] == {"contents": "read"}
    assert [job.get("permissions") for job in CI["jobs"].values()] == [None]
    assert RELEASE["permissions"] == {}
    jobs = {name: job["permissions"] for name, job in RELEASE["jobs"].items()}
    assert jobs == {"build": {"contents": "read"}, "publish": {"contents": "write", "packages": "write"}}
    with_secrets = [step["run"].split()[0] for step in steps(RELEASE) if "secrets." in str(step)]
    assert with_secrets == ["skopeo", "gh"]
    assert "secrets." not in str(CI)


def test_what_was_built_is_published_by_a_tag_alone_where_somebody_can_be_asked() -> None:
    assert [(event, *of) for event, of in RELEASE[True].items()] == [("push", "tags")]  # `on` in YAML
    build, publish = (RELEASE["jobs"][name] for name in ("build", "publish"))
    assert (publish["needs"], publish["environment"]) == ("build", "release")
    (kept,) = (step["with"]["path"] for step in build["steps"] if "upload-artifact" in str(step))
    gitlab = yaml.safe_load(GITLAB.read_text())
    assert (
        kept.split()
        == gitlab["build"]["artifacts"]["paths"]
        == ["build/release", "build/images/stratoscope-*"]
    )
    assert gitlab["publish"]["rules"] == gitlab["build"]["rules"]
    assert gitlab["publish"]["environment"]["name"] == "release"


def test_the_chart_is_told_the_registry_into_which_its_images_go() -> None:
    calls = [step["run"].split(maxsplit=2) for step in steps(RELEASE) if "REGISTRY=" in step.get("run", "")]
    (release, publish) = calls
    assert (release[1], publish[1], release[2]) == ("release", "publish", publish[2])


def test_checkout_leaves_no_token_and_has_the_tags() -> None:
    for workflow in (CI, RELEASE):
        for step in steps(workflow):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
    assert yaml.safe_load(GITLAB.read_text())["variables"]["GIT_DEPTH"] == 0


@pytest.mark.parametrize(
    ("tag", "is_release"),
    [("v0.1.0", True), ("v1.20.3", True), ("v0.1", False), ("v0.1.0-rc1", False), ("0.1.0", False)],
)
def test_tags_are_those_that_the_script_takes(tag: str, is_release: bool) -> None:
    (pattern,) = RELEASE[True]["push"]["tags"]  # YAML reads `on` as true
    assert bool(re.fullmatch(pattern.replace(".", r"\."), tag)) is is_release
    (rule,) = yaml.safe_load(GITLAB.read_text())["build"]["rules"]
    (expression,) = re.findall(r"/(.*)/", rule["if"])
    assert bool(re.search(expression, tag)) is is_release


def test_no_expression_stands_in_a_command() -> None:
    """What somebody names a branch or a tag is no part of a script: it comes by the environment."""
    assert [step["run"] for step in [*steps(CI), *steps(RELEASE)] if "${{" in step.get("run", "")] == []


def test_a_release_takes_nothing_from_a_cache() -> None:
    """Each branch, and on GitHub each request, can fill one; what is in it would be run beside the tokens."""
    assert [step for step in steps(RELEASE) if "cache" in step.get("uses", "")] == []
    gitlab = yaml.safe_load(GITLAB.read_text())
    jobs = {name: "cache" in gitlab[name] for name in ("run", "build", "publish")}
    assert jobs == {"run": True, "build": False, "publish": False}
    assert "cache" not in {*gitlab, *gitlab["default"]}
