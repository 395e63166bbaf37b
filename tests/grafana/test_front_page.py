"""The front page: every check is on it once, and what its queries find in a small site, asked by promtool."""

import re
from pathlib import Path
from typing import Final

import pytest

from support.board_at_noon import NOON_S, BoardAtNoon
from support.cells import CELL, cells

PAGE: Final = BoardAtNoon("now")
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
        for panel in PAGE.panels
        for target in panel.get("targets", ())
        if "alert=~" in target["expr"]
    ]
    shown = [alert for text in texts for alert in {*re.findall(r"Stratoscope\w+", text)}]
    assert sorted(shown) == sorted({rule.labels["alert"] for rule in cells()})


def test_cells_show_the_worst_of_the_clouds_that_are_chosen(tmp_path: Path) -> None:
    worst = f'{CELL}{{cloud="%s",check="%s",alert="%s"}}'
    down, memory = ("hosts down", "StratoscopeHostDown"), ("memory of hosts", "StratoscopeHostMemoryLow")
    of_all = {worst % ("uni", *down): 1, worst % ("lab", *memory): 0.8}
    assert PAGE.differs(tmp_path, PAGE.query("Hosts"), CELLS, of_all) == ""
    of_lab = {worst % ("lab", *down): 0, worst % ("lab", *memory): 0.8}
    assert PAGE.differs(tmp_path, PAGE.query("Hosts", "lab"), CELLS, of_lab) == ""


def test_what_is_of_no_cloud_is_shown_for_each(tmp_path: Path) -> None:
    found = {f'{CELL}{{check="silences not in step",alert="StratoscopeSilencesNotInStep"}}': 0.9}
    assert PAGE.differs(tmp_path, PAGE.query("Downtimes", "(lab|uni)"), CELLS, found) == ""


DOWN: Final = '{cloud="%s",check="hosts down",alert="StratoscopeHostDown"}'
PLANNED: Final = "cloud:stratoscope_glance:in_downtime"


def test_cell_of_what_is_down_on_purpose_is_one_of_its_own_and_hides_no_other(tmp_path: Path) -> None:
    in_downtime = '{cloud="uni",check="hosts down, in downtime",alert="StratoscopeHostDown"}'
    series = CELLS | {PLANNED + DOWN % "uni": 1}
    memory = f'{CELL}{{cloud="lab",check="memory of hosts",alert="StratoscopeHostMemoryLow"}}'
    of_lab_too = {f"{CELL}{DOWN % 'lab'}": 0, PLANNED + in_downtime: 1, memory: 0.8}
    assert PAGE.differs(tmp_path, PAGE.query("Hosts"), series, of_lab_too) == ""
    series[f"{CELL}{DOWN % 'lab'}"] = 1
    red_too = of_lab_too | {f"{CELL}{DOWN % 'lab'}": 1}
    assert PAGE.differs(tmp_path, PAGE.query("Hosts"), series, red_too) == ""


def test_table_names_the_clouds_that_are_near_a_threshold_or_over_it(tmp_path: Path) -> None:
    near = {series: value for series, value in CELLS.items() if value >= 0.8}
    assert PAGE.differs(tmp_path, PAGE.query("Which cloud"), CELLS, near) == ""


def test_table_of_clouds_says_which_are_in_a_downtime(tmp_path: Path) -> None:
    series = CELLS | {PLANNED + DOWN % "uni": 2, f"{CELL}{DOWN % 'lab'}": 1}
    found = {name: value for name, value in series.items() if name.startswith(CELL) and value >= 0.8}
    found.pop(f"{CELL}{DOWN % 'uni'}")
    assert PAGE.differs(tmp_path, PAGE.query("Which cloud"), series, found | {DOWN % "uni": -1}) == ""


def test_table_of_alerts_says_what_each_is_about(tmp_path: Path) -> None:
    of_host = 'ALERTS{alertname="A",alertstate="%s",severity="%s",cloud="lab",host="n1",zone="z"}'
    series = {
        of_host % ("firing", "critical"): 1,
        of_host % ("pending", "warning"): 1,
        of_host % ("firing", "info"): 1,
    }
    found = {f'{{severity="critical",cloud="lab",alertname="A",what="n1 z{" " * 20}"}}': 2}
    assert PAGE.differs(tmp_path, PAGE.query("Alerts that fire"), series, found) == ""


def test_table_of_alerts_has_those_that_are_critical_however_many_warn(tmp_path: Path) -> None:
    firing = 'ALERTS{alertname="%s",alertstate="firing",severity="%s",cloud="lab",vm_name="%s"}'
    series = {firing % ("W", "warning", f"v{number}"): 1 for number in range(200)}
    series |= {firing % ("C", "critical", f"v{number}"): 1 for number in range(20)}
    asked = PAGE.query("Alerts that fire")
    rows = {'{severity="critical"}': 20, '{severity="warning"}': 30}
    assert PAGE.differs(tmp_path, f"count by (severity) ({asked})", series, rows) == ""
    for ref, count in (("A", 20), ("B", 200)):
        asked = PAGE.query("How many alerts fire", ref=ref)
        assert PAGE.differs(tmp_path, asked, series, {"{}": count}) == ""


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
    asked = f"sum by (severity, cloud, alertname) ({PAGE.query('Alerts that fire')})"
    assert PAGE.differs(tmp_path, asked, series, rows) == ""
    for ref in "ABC":
        asked = PAGE.query("How many alerts fire", ref=ref)
        assert PAGE.differs(tmp_path, asked, series, {"{}": 1}) == ""


def test_table_of_alerts_has_those_that_no_downtime_covers_first(tmp_path: Path) -> None:
    active = OF_ALERT % ("StratoscopeDowntimeActive", "info", 'cloud="lab",host="n1",scope="host"')
    series = {OF_ALERT % ("A", "critical", f'cloud="lab",host="n1",vm_name="{one}"'): 1 for one in range(99)}
    series |= {OF_ALERT % ("A", "warning", f'cloud="lab",vm_name="{one}"'): 1 for one in range(40)}
    asked = f"count by (severity) ({PAGE.query('Alerts that fire')})"
    rows = {'{severity="critical"}': 10, '{severity="warning"}': 40}
    assert PAGE.differs(tmp_path, asked, {active: 1, **series}, rows) == ""


def test_alerts_of_one_row_are_in_a_downtime_only_together(tmp_path: Path) -> None:
    active = OF_ALERT % ("StratoscopeDowntimeActive", "info", 'cloud="lab",vm_id="1",scope="vm"')
    series = {OF_ALERT % ("A", "critical", f'cloud="lab",vm_id="{one}",vm_name="v"'): 1 for one in "12"}
    asked = f'count_values by (severity) ("rank", {PAGE.query("Alerts that fire")})'
    assert PAGE.differs(tmp_path, asked, {active: 1, **series}, {'{severity="critical",rank="2"}': 1}) == ""


def test_table_of_downtimes_says_from_when_until_when(tmp_path: Path) -> None:
    labels = '{cloud="",downtime_id="d",title="new switch",severity="outage",planned="true"}'
    moments = {
        f"downtime:stratoscope_downtime_{one}_timestamp_seconds:titled{labels}": at
        for one, at in (("start", 60), ("end", 90))
    }
    found = '{downtime_id="d",title="new switch",severity="outage",planned="true"}'
    for ref, moment_ms in (("A", 60_000), ("B", 90_000)):
        asked = PAGE.query("Downtimes now and planned", ref=ref)
        assert PAGE.differs(tmp_path, asked, moments, {found: moment_ms}) == ""


def test_availability_of_today_is_of_the_minutes_that_are_known(tmp_path: Path) -> None:
    of_cloud = 'scope:stratoscope_availability_%s_seconds:today{scope="cloud",cloud="lab"}'
    series = {of_cloud % "up": 30_000, of_cloud % "unknown": NOON_S + 60 - 40_000}
    share = {'{scope="cloud",cloud="lab"}': 0.75}
    asked = [PAGE.query("Available today", ref=ref) for ref in "AB"]
    assert PAGE.differs(tmp_path, asked[0], series, share) == ""
    for bound, (enough, too_little) in {0.75: (share, {}), 0.76: ({}, share)}.items():
        with_bound = series | {"global:ola_availability_ratio:threshold": bound}
        assert PAGE.differs(tmp_path, asked[0], with_bound, enough) == ""
        assert PAGE.differs(tmp_path, asked[1], with_bound, too_little) == ""
