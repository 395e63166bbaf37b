"""The front page: every check is on it once, and what its queries find in a small site, asked by promtool."""

import re
from pathlib import Path
from typing import Final

import pytest

from support import board_parts
from support.board_values import board, check, query
from support.cells import CELL, cells

CELLS: Final = {
    f'{CELL}{{cloud="lab",check="hosts down",alert="StratoscopeHostDown"}}': 0,
    f'{CELL}{{cloud="uni",check="hosts down",alert="StratoscopeHostDown"}}': 1,
    f'{CELL}{{cloud="lab",check="memory of hosts",alert="StratoscopeHostMemoryLow"}}': 0.8,
    f'{CELL}{{cloud="uni",check="memory of hosts",alert="StratoscopeHostMemoryLow"}}': 0.1,
    f'{CELL}{{check="silences not in step",alert="StratoscopeSilencesNotInStep"}}': 0.9,
}


def test_each_check_is_on_one_panel() -> None:
    texts = [
        target["expr"]
        for panel in board_parts.drawn(board("now"))
        for target in panel.get("targets", ())
        if "alert=~" in target["expr"]
    ]
    shown = [alert for text in texts for alert in {*re.findall(r"Stratoscope\w+", text)}]
    assert sorted(shown) == sorted({rule.labels["alert"] for rule in cells()})


DOWN: Final = '{cloud="%s",check="hosts down",alert="StratoscopeHostDown"}'
PLANNED: Final = "cloud:stratoscope_glance:in_downtime"


def test_cell_of_what_is_down_on_purpose_is_one_of_its_own_and_hides_no_other(tmp_path: Path) -> None:
    in_downtime = '{cloud="uni",check="hosts down, in downtime",alert="StratoscopeHostDown"}'
    series = CELLS | {PLANNED + DOWN % "uni": 1}
    memory = f'{CELL}{{cloud="lab",check="memory of hosts",alert="StratoscopeHostMemoryLow"}}'
    of_lab_too = {f"{CELL}{DOWN % 'lab'}": 0, PLANNED + in_downtime: 1, memory: 0.8}
    check(tmp_path, query("now", "Hosts"), series, of_lab_too)
    series[f"{CELL}{DOWN % 'lab'}"] = 1
    red_too = of_lab_too | {f"{CELL}{DOWN % 'lab'}": 1}
    check(tmp_path, query("now", "Hosts"), series, red_too)


def test_table_of_clouds_says_which_are_in_a_downtime(tmp_path: Path) -> None:
    series = CELLS | {PLANNED + DOWN % "uni": 2, f"{CELL}{DOWN % 'lab'}": 1}
    found = {name: value for name, value in series.items() if name.startswith(CELL) and value >= 0.8}
    found.pop(f"{CELL}{DOWN % 'uni'}")
    check(tmp_path, query("now", "Which cloud"), series, found | {DOWN % "uni": -1})


def test_table_of_alerts_has_those_that_are_critical_however_many_warn(tmp_path: Path) -> None:
    firing = 'ALERTS{alertname="%s",alertstate="firing",severity="%s",cloud="lab",vm_name="%s"}'
    series = {firing % ("W", "warning", f"v{number}"): 1 for number in range(200)}
    series |= {firing % ("C", "critical", f"v{number}"): 1 for number in range(20)}
    asked = query("now", "Alerts that fire")
    rows = {'{severity="critical"}': 20, '{severity="warning"}': 30}
    check(tmp_path, f"count by (severity) ({asked})", series, rows)
    for ref, count in (("A", 20), ("B", 200)):
        asked = query("now", "How many alerts fire", ref)
        check(tmp_path, asked, series, {"{}": count})


OF_ALERT: Final = 'ALERTS{alertname="%s",alertstate="firing",severity="%s",%s}'
SCOPES: Final = {
    "cloud": ('cloud="lab"', 'cloud="uni"', 'cloud="lab2"'),
    "zone": ('cloud="lab",zone="a"', 'cloud="uni",zone="a"', 'cloud="lab",zone="b"'),
    "host": ('cloud="lab",host="n1"', 'cloud="uni",host="n1"', 'cloud="lab",zone="n1"'),
    "project": ('cloud="lab",project_id="p"', 'cloud="uni",project_id="p"', 'cloud="lab"'),
    "vm": ('cloud="lab",vm_id="1"', 'cloud="uni",vm_id="1"', 'cloud="lab",vm_id="2"'),
}
"""Of a downtime; labels that it covers, and some that it does not."""


@pytest.mark.parametrize("scope", SCOPES)
def test_alert_that_a_downtime_covers_is_told_from_those_that_none_does(scope: str, tmp_path: Path) -> None:
    covered, elsewhere, beside = SCOPES[scope]
    active = f'{covered},scope="{scope}"'
    series = {
        OF_ALERT % ("StratoscopeDowntimeActive", "info", active): 1,
        OF_ALERT % ("A", "critical", f'{covered},service="s"'): 1,
        OF_ALERT % ("A", "critical", elsewhere): 1,
        OF_ALERT % ("A", "warning", beside): 1,
    }
    labels = '{severity="%s",cloud="%s",alertname="A"}'
    clouds = [re.findall('cloud="([^"]+)"', one)[0] for one in (covered, elsewhere, beside)]
    ranks = zip(("critical", "critical", "warning"), clouds, (0, 2, 1), strict=True)
    rows = {labels % (severity, cloud): rank for severity, cloud, rank in ranks}
    asked = f"sum by (severity, cloud, alertname) ({query('now', 'Alerts that fire')})"
    check(tmp_path, asked, series, rows)
    for ref in "ABC":
        asked = query("now", "How many alerts fire", ref)
        check(tmp_path, asked, series, {"{}": 1})


def test_table_of_alerts_has_those_that_no_downtime_covers_first(tmp_path: Path) -> None:
    active = OF_ALERT % ("StratoscopeDowntimeActive", "info", 'cloud="lab",host="n1",scope="host"')
    series = {OF_ALERT % ("A", "critical", f'cloud="lab",host="n1",vm_name="{one}"'): 1 for one in range(99)}
    series |= {OF_ALERT % ("A", "warning", f'cloud="lab",vm_name="{one}"'): 1 for one in range(40)}
    asked = f"count by (severity) ({query('now', 'Alerts that fire')})"
    rows = {'{severity="critical"}': 10, '{severity="warning"}': 40}
    check(tmp_path, asked, {active: 1, **series}, rows)


def test_alerts_of_one_row_are_in_a_downtime_only_together(tmp_path: Path) -> None:
    active = OF_ALERT % ("StratoscopeDowntimeActive", "info", 'cloud="lab",vm_id="1",scope="vm"')
    series = {OF_ALERT % ("A", "critical", f'cloud="lab",vm_id="{one}",vm_name="v"'): 1 for one in "12"}
    asked = f'count_values by (severity) ("rank", {query("now", "Alerts that fire")})'
    check(tmp_path, asked, {active: 1, **series}, {'{severity="critical",rank="2"}': 1})
