"""The first page never disagrees with alerts: each has its cell, which is 1 while its condition holds."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml

from stratoscope.rules import bundle
from support.board_values import check
from support.cells import CELL, SEVERITIES, cells, what_differs

TESTS: Final = sorted((Path(__file__).parents[2] / "prometheus" / "tests").glob("*.yml"))
WITHOUT: Final[Mapping[str, str]] = {}
"""Alerts that make no sense as a value, with the reason; so far there is none."""
SEVERITY: Final = {
    rule.alert: rule.labels["severity"]
    for groups in bundle.sources().values()
    for group in groups
    for rule in group.rules
    if rule.alert
}
MOST: Final = 74
"""Cells of a cloud."""
INHIBIT: Final = yaml.safe_load(
    (Path(__file__).parents[2] / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
)["inhibit_rules"]
OF_NO_CLOUD: Final = {
    alert for alert in SEVERITY if alert.startswith(("StratoscopeDowntime", "StratoscopeSilences"))
} | {"StratoscopeThresholdMissing"}


@pytest.mark.parametrize("file", TESTS, ids=lambda path: path.stem)
def test_a_cell_is_1_or_more_exactly_while_its_alert_is_pending_or_fires(file: Path, tmp_path: Path) -> None:
    assert what_differs(file, tmp_path) == ""


@pytest.mark.parametrize(
    ("alert", "expression"),
    [
        # It is exactly at the threshold, and must exceed it.
        (
            "StratoscopeHostVCPUsOvercommitted",
            "max by (cloud) (host:stratoscope_hypervisor_host_vcpus_promised:ratio) / 8",
        ),
        # Another threshold.
        (
            "StratoscopeHostMemoryLow",
            "0.01 / min by (cloud) (host:stratoscope_hypervisor_host_memory_available_bytes:ratio)",
        ),
    ],
)
def test_a_cell_that_is_wrong_is_found(alert: str, expression: str, tmp_path: Path) -> None:
    file = next(one for one in TESTS if one.stem == "glance")
    assert alert in what_differs(file, tmp_path, {alert: expression})


def test_every_alert_that_someone_must_act_on_has_a_cell() -> None:
    has = {rule.labels["alert"] for rule in cells()}
    wanted = {alert for alert, severity in SEVERITY.items() if severity in SEVERITIES}
    assert wanted - has == WITHOUT.keys()
    assert has - wanted == set()


def test_a_cell_is_as_quick_as_its_alert() -> None:
    groups = [group for of_file in bundle.sources().values() for group in of_file]
    quick = {rule.alert for group in groups if group.interval == "20s" for rule in group.rules}
    of_cells = {
        group.interval: [rule for rule in group.rules if rule.record == CELL]
        for group in bundle.sources()["glance"]
    }
    assert of_cells.keys() == {"20s", "1m"}
    assert all(rule.labels["alert"] in quick for rule in of_cells["20s"])
    assert not any(rule.labels["alert"] in quick for rule in of_cells["1m"])


def test_a_check_has_one_name_which_bounds_the_number_of_cells() -> None:
    found = list(cells())
    assert len({rule.labels["check"] for rule in found}) == len(found)
    assert len([rule for rule in found if rule.labels["alert"] not in OF_NO_CLOUD]) <= MOST


def test_cells_are_in_a_downtime_by_the_labels_by_which_alertmanager_inhibits() -> None:
    (rule,) = (rule for group in bundle.sources()["glance"] for rule in group.rules if rule.record != CELL)
    pattern = r'unless on \(([^)]+)\)\s+ALERTS\{alertname="StratoscopeDowntimeActive".*scope="(\w+)"'
    covered = {scope: labels.split(", ") for labels, scope in re.findall(pattern, rule.expr)}
    inhibited = {
        scope: one["equal"]
        for one in INHIBIT
        for scope in re.findall(r'StratoscopeDowntimeActive.*scope="(\w+)"', " ".join(one["source_matchers"]))
    }
    assert covered == inhibited
    assert len(covered) == 5


def test_cell_whose_alert_is_still_to_come_is_in_no_downtime(tmp_path: Path) -> None:
    of_cloud = 'alertstate="firing", cloud="lab"'
    series = {
        f'{CELL}{{cloud="lab", check="1", alert="A"}}': "1x90",
        f'ALERTS{{alertname="B", severity="critical", {of_cloud}}}': "1x90",
        f'ALERTS{{alertname="StratoscopeDowntimeActive", scope="cloud", {of_cloud}}}': "1x90",
    }
    check(tmp_path, "cloud:stratoscope_glance:in_downtime", series, {}, ["glance"])
    late = f'{CELL}{{cloud="lab", check="2", alert="B"}}'
    found = {'cloud:stratoscope_glance:in_downtime{cloud="lab", check="2", alert="B"}': 1}
    check(tmp_path, "cloud:stratoscope_glance:in_downtime", series | {late: "1x90"}, found, ["glance"])
