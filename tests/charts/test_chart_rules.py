"""Rules and dashboards of the chart are those of the repository, changed as `stratoscope rules` does."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from stratoscope.__main__ import main
from support.charts import entry, of_kind, rendered, the
from support.debian import ROOT
from support.promql import promtool_says

pytestmark = pytest.mark.charts

FILES = {path.stem: path for path in (ROOT / "prometheus/rules").glob("*.yml")}
BOARDS = {path.stem: path for path in (ROOT / "grafana/dashboards").glob("*.json")}
CHANGED = {
    "thresholds": {"budget_wait_ratio": 0.8, "steal_ratio": 1, "vm_active_within_seconds": 120},
    "watched": {
        "projects": ["8d2f1c44a1c94d0f8b1f5a7be1b2a9d3", "0123", "lab/0123", "lab/b/0123"],
        "flavors": ["gpu.large"],
    },
    "alerts": {"StratoscopeExporterGone": False, "StratoscopeWatchdog": True},
}


def rules_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The groups by the stem of their file."""
    prefix = "rel-stratoscope-"
    found = of_kind(rendered({"rules": {"enabled": True, **values}}), "PrometheusRule")
    return {one["metadata"]["name"].removeprefix(prefix).replace("-", "_"): one["spec"] for one in found}


def written(folder: Path) -> dict[str, Any]:
    return {path.stem: yaml.safe_load(path.read_text()) for path in folder.glob("*.yml")}


def spelled_alike(bundle: dict[str, Any]) -> dict[str, Any]:
    """The bundle, in which each threshold is spelled as Python does."""
    for one in bundle["thresholds"]["groups"][0]["rules"]:
        one["expr"] = f"vector({float(one['expr'].removeprefix('vector(').removesuffix(')'))})"
    return bundle


def test_rules_are_those_of_the_bundle() -> None:
    assert rules_of({}) == {name: yaml.safe_load(path.read_text()) for name, path in FILES.items()}


def test_values_change_what_the_command_changes(tmp_path: Path) -> None:
    runbooks = "https://wiki.example.org/runbooks/"
    values = {**CHANGED, "labels": {"team": "cloud"}, "runbook_url": runbooks}
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    assert main(["rules", f"--values={tmp_path}/values.yaml", f"--output={tmp_path}/rules"]) == 0
    own = {**CHANGED, "extraLabels": {"team": "cloud"}, "runbookUrl": runbooks}
    assert spelled_alike(rules_of(own)) == spelled_alike(written(tmp_path / "rules"))


def test_promtool_takes_them(tmp_path: Path) -> None:
    for name, spec in rules_of({**CHANGED, "extraLabels": {"namespace": "monitoring"}}).items():
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(spec))
    files = sorted(tmp_path.glob("*.yml"))
    assert len(files) == len(FILES)
    assert promtool_says(*files, command="check") == ""


def test_alerts_have_the_namespace_by_which_the_operator_s_alertmanager_sees_them() -> None:
    def namespaces(**rules: object) -> set[str | None]:
        config = {"enabled": True, "receivers": [{"name": "warning"}]}
        found = rendered({"rules": {"enabled": True, **rules}, "alertmanagerConfig": config})
        alerts = (
            rule["labels"].get("namespace")
            for one in of_kind(found, "PrometheusRule")
            for group in one["spec"]["groups"]
            for rule in group["rules"]
            if "alert" in rule
        )
        return {*alerts}

    assert namespaces() == {"monitoring"}
    assert namespaces(extraLabels={"namespace": "other"}) == {"other"}


def test_dashboards_are_the_files() -> None:
    found = rendered({"dashboards": {"enabled": True}})
    texts = {name: text for one in of_kind(found, "ConfigMap") for name, text in one["data"].items()}
    assert {*texts} == {f"stratoscope-{name}.json" for name in BOARDS}
    for name, path in BOARDS.items():
        assert json.loads(texts[f"stratoscope-{name}.json"]) == json.loads(path.read_text())
    for one in found:
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["metadata"]["annotations"] == {"grafana_folder": "Stratoscope"}


def test_inhibition_is_that_of_the_example() -> None:
    config = {"enabled": True, "receivers": [{"name": "warning"}]}
    spec = the(rendered({"alertmanagerConfig": config}), "AlertmanagerConfig")["spec"]
    example = yaml.safe_load((ROOT / "alertmanager/alertmanager.yml").read_text())

    def texts(matchers: list[dict[str, str]]) -> list[str]:
        return ['{name}{matchType}"{value}"'.format(**one) for one in matchers]

    shown = [
        {
            "source_matchers": texts(one["sourceMatch"]),
            "target_matchers": texts(one["targetMatch"]),
            "equal": one["equal"],
        }
        for one in spec["inhibitRules"]
    ]
    assert shown == example["inhibit_rules"]
    assert spec["route"]["groupBy"] == example["route"]["group_by"]


@pytest.mark.parametrize(
    ("names", "routes"),
    [
        (["warning"], {"StratoscopeWatchdog": "nobody", "info": "nobody"}),
        (
            ["warning", "critical"],
            {"StratoscopeWatchdog": "nobody", "info": "nobody", "critical": "critical"},
        ),
        (["warning", "watchdog"], {"StratoscopeWatchdog": "watchdog", "info": "nobody"}),
    ],
)
def test_routes_go_to_receivers_that_are_there(names: list[str], routes: Mapping[str, str]) -> None:
    config = {"enabled": True, "receivers": [{"name": name} for name in names]}
    spec = the(rendered({"alertmanagerConfig": config}), "AlertmanagerConfig")["spec"]
    assert {one["matchers"][0]["value"]: one["receiver"] for one in spec["route"]["routes"]} == routes
    assert {one["name"] for one in spec["receivers"]} == {"nobody", *names}


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor"])
def test_hosts_show_what_the_example_lets_them_show(kind: str) -> None:
    example = yaml.safe_load((ROOT / "prometheus/prometheus.example.yml").read_text())
    (job,) = (one for one in example["scrape_configs"] if one["job_name"] == "stratoscope-hypervisor")
    (expected,) = job["metric_relabel_configs"]
    spec = the(rendered(entry("hypervisor", monitor={"enabled": True, "kind": kind})), kind)["spec"]
    (endpoint,) = spec["podMetricsEndpoints" if kind == "PodMonitor" else "endpoints"]
    (shown,) = endpoint["metricRelabelings"]
    assert (shown["sourceLabels"], shown["regex"], shown["action"]) == tuple(expected.values())
    assert endpoint["honorLabels"] is True
