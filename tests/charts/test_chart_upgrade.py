"""The chart takes the values of each earlier one, and an upgrade makes nothing anew that lasts."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.charts import CHART, IMAGES, PACKAGES, Manifest, Values, cases_of, rendered

pytestmark = pytest.mark.charts

CASES = [
    pytest.param(package, values, id=f"{package.stem}-{values.stem}")
    for package in PACKAGES
    for values in cases_of(package)
]
LASTING = ("DaemonSet", "Deployment", "Ingress", "PersistentVolumeClaim", "Service")


def lasting(values: Values, chart: Path = CHART) -> dict[str, Any]:
    """What of each object cannot be changed, by its kind and name."""
    return dict(fixed(rendered(values, chart=chart)))


def fixed(manifests: list[Manifest]) -> Iterator[tuple[str, Any]]:
    for one in manifests:
        kind, spec = one["kind"], one.get("spec", {})
        if kind in LASTING:
            parts = {
                "PersistentVolumeClaim": spec,
                "DaemonSet": spec.get("selector"),
                "Deployment": spec.get("selector"),
            }
            yield f"{kind} {one['metadata']['name']}", parts.get(kind)


@pytest.mark.parametrize(("package", "values"), CASES)
def test_nothing_is_made_anew(package: Path, values: Path) -> None:
    before, after = lasting(values, package), lasting(values)
    assert before.items() <= after.items()


def test_there_is_an_earlier_chart_with_workloads_and_claims() -> None:
    """What the test above stands on."""
    kinds = {
        name.partition(" ")[0]
        for package in PACKAGES
        for values in cases_of(package)
        for name in lasting(values, package)
    }
    assert kinds == {*LASTING}


@pytest.mark.parametrize("keys", [{"nameOverride": "other"}, {"commonLabels": {"team": "cloud"}}])
def test_no_value_for_all_changes_a_selector(keys: Mapping[str, Any]) -> None:
    """As the release is called as the chart is, its objects keep their names."""
    values = {**IMAGES, "fullnameOverride": "strato", "exporters": {"one": {"exporter": "vmprobe"}}}
    assert lasting({**values, **keys}) == lasting(values)
