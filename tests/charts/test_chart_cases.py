"""Each case of ci/: Helm takes it without a warning, and each version of Kubernetes takes what it makes."""

from pathlib import Path

import pytest
import yaml

from support.charts import CASES, CHART, VERSIONS, faults, helm, of_case, of_kind, schema_versions

pytestmark = pytest.mark.charts
each_case = pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)


def test_all_supported_versions_are_tried() -> None:
    newest = max(int(one.split(".")[1]) for one in schema_versions())
    assert [f"1.{minor}" for minor in range(29, newest + 1)] == VERSIONS
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["kubeVersion"] == f">={VERSIONS[0]}.0-0"


@each_case
def test_lint(case: Path) -> None:
    done = helm("lint", "--strict", CHART, f"--values={case}", f"--kube-version={VERSIONS[-1]}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


@each_case
def test_kubernetes_takes_each_manifest(case: Path) -> None:
    found = [
        f"{version} {one['kind']} {one['metadata']['name']}: {fault}"
        for version in VERSIONS
        for one in of_case(case)
        for fault in faults(one, version)
    ]
    assert found == []


@each_case
def test_a_misspelt_key_is_found(case: Path) -> None:
    """What the test above stands on: in a pod, and in a custom resource."""
    for one in of_case(case):
        if one["kind"] in ("Deployment", "DaemonSet", "PodMonitor", "PrometheusRule"):
            wrong = {**one, "spec": {**one["spec"], "templat": 1}}
            assert [*faults(wrong, VERSIONS[-1])]


@each_case
def test_names_are_unique_and_short(case: Path) -> None:
    names = [
        (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in of_case(case)
    ]
    assert len(set(names)) == len(names)
    assert [name for name in names if len(name[-1]) > 63] == []


@each_case
def test_config_maps_are_below_the_limit(case: Path) -> None:
    for one in of_kind(of_case(case), "ConfigMap"):
        assert sum(len(text.encode()) for text in one["data"].values()) < 1_000_000
