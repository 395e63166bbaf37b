"""No panel says `none`, or 0, of what nobody measures: with rules alone, with one exporter, with nothing."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import promql_parser
import pytest

from support import alone, board_parts, steady_cloud
from support.alone import EXPORTERS, NO_EXPORTER
from support.board_cases import names
from support.board_values import Site, board, filled, what_differs
from support.debian import ROOT
from support.rules_known import RULES as RULES_KNOWN

Asked = tuple[str, str, str]
"""A dashboard, a panel and a query of it."""
HOURS: Final = 0.5
"""For so long the exporter has been there."""
RULES: Final = sorted(file.stem for file in (ROOT / "prometheus" / "rules").glob("*.yml"))
OF_THE_RULES: Final[set[Asked]] = {
    ("exporters", "Versions", "A"),
    ("now", "Does the cloud work?", "B"),
    ("now", "The monitoring itself", "A"),
}
ANSWERS: Final[Mapping[str, set[str]]] = {
    "downtime": {"downtimes", "exporters", "now"},
    "hypervisor": {"exporters", "hosts", "now", "project", "technologies", "vm", "vms"},
    "management": {
        *("availability", "capacity", "exporters", "hosts", "management"),
        *("now", "project", "technologies", "vm", "vms"),
    },
    "vmprobe": {"availability", "create", "exporters", "now"},
}
"""Boards on which an exporter is enough for an answer."""
HOSTS_OFF: Final = 'stratoscope_collector_success{collector="hosts_off"}'
NONE: Final = 'label_replace(-1000000000 * group(up), "cloud", "none", "", "")'
DOWN: Final = "service:stratoscope_management_service_up:max == 0"
OF_ANY_EXPORTER: Final = {
    'up{job="j",instance="i",cloud="uni"}': "1+0x30",
    'stratoscope_build_info{job="j",instance="i",cloud="uni",exporter="e",version="1"}': "1+0x30",
    'stratoscope_collector_success{job="j",instance="i",cloud="uni",collector="c"}': "1+0x30",
}


@cache
def queries() -> Mapping[Asked, str]:
    """Those of panels, as they stand in the dashboards."""
    return {
        (name, panel["title"], target["refId"]): target["expr"]
        for name in names()
        for panel in board_parts.drawn(board(name))
        for target in panel["targets"]
    }


@cache
def asked() -> Mapping[Asked, str]:
    """The same of a VM."""
    chosen = {"project": "p0", "vm": "vm0", "its_cloud": "uni"}
    return {one: filled(expr, HOURS, **chosen) for one, expr in queries().items()}


def series(exporter: str) -> Mapping[str, str]:
    """What Prometheus has of one exporter; of none, nothing."""
    found = dict(OF_ANY_EXPORTER) if exporter else {}
    for host in steady_cloud.HOSTS if exporter == "hypervisor" else ("",):
        for one, value, is_rate in steady_cloud.shown(exporter, host) if exporter else ():
            of_target = one.replace("{", f'{{job="j",instance="i{host}",', 1)
            found[of_target] = f"0+{value * 60!r}x30" if is_rate else f"{value!r}+0x30"
    return found


def answered(folder: Path, exporter: str, rules: list[str]) -> set[Asked]:
    """The queries that find something."""
    site = Site(series(exporter), HOURS)
    counted = 'label_replace(count({}), "number", "{}", "", "")'
    tests = [site.test(counted.format(expr, number), {}) for number, expr in enumerate(asked().values())]
    said = what_differs(folder, tests, rules)
    assert ", err: " not in said, said
    return {[*asked()][int(number)] for number in re.findall(r'got: \{number="(\d+)"\}', said)}


def is_threshold(one: Asked) -> bool:
    return asked()[one].startswith("max(global:")


def test_empty_prometheus_answers_nothing(tmp_path: Path) -> None:
    assert answered(tmp_path, NO_EXPORTER, []) == set()


def test_rules_alone_know_themselves_their_thresholds_and_that_no_exporter_is_seen(tmp_path: Path) -> None:
    found = answered(tmp_path, NO_EXPORTER, RULES)
    assert {one for one in found if not is_threshold(one)} == OF_THE_RULES


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_what_is_answered_where_an_exporter_is_alone_can_be(exporter: str, tmp_path: Path) -> None:
    """So what is said to find nothing, by its names, finds nothing in what the exporter shows."""
    found = answered(tmp_path, exporter, RULES)
    assert found > {one for one in asked() if is_threshold(one)}
    assert {one for one in found if not alone.can_find(board_parts.tree(queries()[one]), exporter)} == set()
    of_rules = {one for one in found if is_threshold(one)} | OF_THE_RULES
    assert {board_of for board_of, _, _ in found - of_rules} == ANSWERS[exporter]


def test_each_board_is_answered_by_an_exporter() -> None:
    """Else what is said above of its queries would be said of what nobody can find."""
    assert set().union(*ANSWERS.values()) == {*names()}


@pytest.mark.parametrize("exporter", [NO_EXPORTER, *EXPORTERS])
def test_no_panel_says_none_or_0_of_what_nobody_measures(exporter: str) -> None:
    lying = {name: [*alone.lies(board(name), exporter)] for name in names()}
    assert {name: found for name, found in lying.items() if found} == {}


@pytest.mark.parametrize("exporter", [NO_EXPORTER, *EXPORTERS])
def test_no_cell_of_the_front_page_is_0_where_nobody_measures(exporter: str) -> None:
    cells = {name: rule.expr for name, rule in RULES_KNOWN.items() if "over_threshold" in rule.record}
    assert cells
    assert [name for name, expr in cells.items() if alone.lies_in(promql_parser.parse(expr), exporter)] == []


@pytest.mark.parametrize(
    ("expr", "exporter", "lies"),
    [
        ('count(ALERTS{severity="critical"}) or 0 * group(stratoscope_rules_info)', NO_EXPORTER, True),
        ('count(ALERTS{severity="critical"}) or 0 * group(up)', NO_EXPORTER, False),
        ("stratoscope_downtime_active or 0 * stratoscope_management_host_up", "management", True),
        ("stratoscope_downtime_active or 0 * stratoscope_management_host_up", "downtime", False),
        ("stratoscope_downtime_active or 0 * stratoscope_downtime_leader", "downtime", False),
        ("stratoscope_management_host_up * stratoscope_downtime_active or 0 * up", "management", True),
        ("stratoscope_management_host_up unless stratoscope_downtime_active or 0 * up", "management", False),
        (f"{DOWN} or on () {NONE}", "vmprobe", True),
        (f"{DOWN} or on () {NONE}", "management", False),
        (f"stratoscope_downtime_host_off or 0 * {HOSTS_OFF}", "vmprobe", False),
        ("stratoscope_downtime_host_off or 0 * up", "vmprobe", True),
        (f"0 * group(up) unless on () ({DOWN})", "vmprobe", True),
        (f"0 * group(up) unless on () ({DOWN})", "management", False),
        (f"{DOWN} or (0 * group(up) and on () stratoscope_management_host_up)", "vmprobe", False),
        (f"{DOWN} or 2 * group(up)", "vmprobe", False),
    ],
)  # fmt: skip
def test_query_lies_if_it_says_none_where_it_can_find_nothing(expr: str, exporter: str, lies: bool) -> None:
    assert alone.lies_in(promql_parser.parse(expr), exporter) is lies


@pytest.mark.parametrize(
    ("expr", "proves"),
    [
        ("stratoscope_collector_left_out or 0 * group(stratoscope_collector_success)", True),
        (f"0 * group(stratoscope_cloud_requests_total) unless on () ({DOWN})", True),
        ("stratoscope_collector_left_out or 0 * group(stratoscope_management_vms_whole)", False),
        (f"stratoscope_downtime_host_off or 0 * {HOSTS_OFF}", False),
        ("stratoscope_collector_success or stratoscope_management_host_up", False),
    ],
)
def test_any_exporter_proves_what_all_exporters_show(expr: str, proves: bool) -> None:
    assert alone.any_exporter_proves(promql_parser.parse(expr)) is proves


@pytest.mark.parametrize("name", names())
def test_panel_that_is_empty_does_not_say_that_there_is_nothing(name: str) -> None:
    says = {panel["fieldConfig"]["defaults"].get("noValue") for panel in board_parts.drawn(board(name))}
    assert says <= {None, "not measured", "none, or not measured", "no rules, or no exporter"}
