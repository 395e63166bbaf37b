"""The rules mean the same in the oldest Prometheus that is supported and in the newest that runs here."""

import subprocess
from pathlib import Path

import pytest

from support.debian import ROOT, unpacked

pytestmark = pytest.mark.integration

RULES = sorted((ROOT / "prometheus" / "rules").rglob("*.yml"))
TESTS = sorted((ROOT / "prometheus" / "tests").glob("*.yml"))


@pytest.fixture(
    scope="module",
    params=["sid", *(pytest.param(one, marks=pytest.mark.full) for one in ("bookworm", "trixie"))],
)
def promtool(request: pytest.FixtureRequest) -> Path:
    return unpacked("prometheus", request.param) / "usr/bin/promtool"


def test_rules_are_valid(promtool: Path) -> None:
    said = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", *RULES],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.count("SUCCESS") == len(RULES)


@pytest.mark.parametrize("test", TESTS, ids=lambda path: path.stem)
def test_rules_do_as_their_tests_say(test: Path, promtool: Path) -> None:
    said = subprocess.run([promtool, "test", "rules", test], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


def test_example_for_kubernetes_is_valid() -> None:
    """Not asked of Debian's 2.42, which is built without Kubernetes."""
    promtool = unpacked("prometheus", "sid") / "usr/bin/promtool"
    example = str(ROOT / "prometheus" / "kubernetes.example.yml")
    command = [str(promtool), "check", "config", example]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, "")
