"""All that a user gets of each case of ci/, to the letter: no value and no line of a template goes unseen."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.charts import CASES, CHART, Manifest, of_case, of_kind, rendered
from support.golden import assert_golden

pytestmark = pytest.mark.charts
each_case = pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)

PARTED = {
    *("image", "serviceAccount", "service", "probes", "persistence", "podDisruptionBudget"),
    *("networkPolicy", "monitor", "ingress", "httpRoute"),
}
"""Keys whose parts are keys of ours; Kubernetes decides what is below the others."""
_MAKE = "chart-readme"


def shortened(manifests: list[Manifest]) -> Iterator[Manifest]:
    """One object with rules and one with a dashboard is enough: test_chart_rules.py has what is in them."""
    rules = of_kind(manifests, "PrometheusRule")
    dashboards = [one for one in manifests if "-dashboard-" in one["metadata"]["name"]]
    for one in manifests:
        if one in rules[:1]:
            yield {**one, "spec": {}}
        elif one in dashboards[:1]:
            yield {**one, "data": dict.fromkeys(one["data"], "")}
        elif one not in (*rules, *dashboards):
            yield one


def test_cases_change_each_key_of_workloads() -> None:
    """What this module stands on. `hostNetwork` is in no case: namespaces that are restricted refuse it."""
    keys: set[str] = set()
    for case in CASES:
        for entry in (yaml.safe_load(case.read_text()) or {}).get("exporters", {}).values():
            keys |= entry.keys() | {f"{key}.{one}" for key in PARTED & entry.keys() for one in entry[key]}
    of_all = yaml.safe_load((CHART / "values.yaml").read_text())["defaults"]["all"]
    parts = {f"{key}.{one}" for key in PARTED for one in of_all[key]}
    assert (of_all.keys() | parts) - keys == {"hostNetwork"}


@each_case
def test_manifests(case: Path) -> None:
    text = yaml.safe_dump_all(shortened(of_case(case)), width=110, sort_keys=False)
    assert_golden(f"chart_{case.stem}.yaml", text, _MAKE)


@pytest.fixture(scope="module")
def chart_of_notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart whose only manifest has the notes: Helm shows them to who installs, which needs a cluster."""
    copy = tmp_path_factory.mktemp("chart") / "stratoscope"
    shutil.copytree(CHART, copy)
    templates = copy / "templates"
    notes = (templates / "NOTES.txt").read_text()
    shutil.rmtree(templates / "tests")
    for file in (*templates.glob("*.yaml"), templates / "NOTES.txt"):
        file.unlink()
    (templates / "_notes.tpl").write_text(f'{{{{ define "notes" }}}}{notes}{{{{ end }}}}')
    (templates / "notes.yaml").write_text('notes: {{ include "notes" . | toJson }}\n')
    return copy


@each_case
def test_notes(case: Path, chart_of_notes: Path) -> None:
    (said,) = rendered(case, chart=chart_of_notes)
    assert_golden(f"chart_{case.stem}.notes", said["notes"], _MAKE)
