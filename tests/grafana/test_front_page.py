"""The front page: every check is on it once, and what its queries find in a small site, asked by promtool."""

import re
from pathlib import Path
from typing import Final

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
    shown = [alert for text in texts for alert in re.findall(r"Stratoscope\w+", text)]
    assert sorted(shown) == sorted({rule.labels["alert"] for rule in cells()})


def test_cells_show_the_worst_of_the_clouds_that_are_chosen(tmp_path: Path) -> None:
    worst = f'{CELL}{{cloud="%s",check="%s",alert="%s"}}'
    down, memory = ("hosts down", "StratoscopeHostDown"), ("memory of hosts", "StratoscopeHostMemoryLow")
    of_all = {worst % ("uni", *down): 1, worst % ("lab", *memory): 0.8}
    check(tmp_path, query("now", "Hosts"), CELLS, of_all)
    of_lab = {worst % ("lab", *down): 0, worst % ("lab", *memory): 0.8}
    check(tmp_path, query("now", "Hosts", cloud="lab"), CELLS, of_lab)


def test_what_is_of_no_cloud_is_shown_for_each(tmp_path: Path) -> None:
    found = {f'{CELL}{{check="silences not in step",alert="StratoscopeSilencesNotInStep"}}': 0.9}
    check(tmp_path, query("now", "Downtimes", cloud="(lab|uni)"), CELLS, found)


def test_table_names_the_clouds_that_are_near_a_threshold_or_over_it(tmp_path: Path) -> None:
    near = {series: value for series, value in CELLS.items() if value >= 0.8}
    check(tmp_path, query("now", "Which cloud"), CELLS, near)


def test_table_of_alerts_says_what_each_is_about(tmp_path: Path) -> None:
    of_host = 'ALERTS{alertname="A",alertstate="%s",severity="%s",cloud="lab",host="n1",zone="z"}'
    series = {
        of_host % ("firing", "critical"): 1,
        of_host % ("pending", "warning"): 1,
        of_host % ("firing", "info"): 1,
    }
    found = {f'{{severity="critical",cloud="lab",alertname="A",what="n1 z{" " * 20}"}}': 1_000_001}
    check(tmp_path, query("now", "Alerts that fire"), series, found)


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


def test_table_of_downtimes_says_from_when_until_when(tmp_path: Path) -> None:
    labels = '{cloud="",downtime_id="d",title="new switch",severity="outage",planned="true"}'
    moments = {
        f"downtime:stratoscope_downtime_{one}_timestamp_seconds:titled{labels}": at
        for one, at in (("start", 60), ("end", 90))
    }
    found = '{downtime_id="d",title="new switch",severity="outage",planned="true"}'
    for ref, moment_ms in (("A", 60_000), ("B", 90_000)):
        asked = query("now", "Downtimes now and planned", ref)
        check(tmp_path, asked, moments, {found: moment_ms})


def test_availability_of_today_is_of_the_minutes_that_are_known(tmp_path: Path) -> None:
    of_cloud = 'scope:stratoscope_availability_%s_seconds:today{scope="cloud",cloud="lab"}'
    noon_s = 43_200
    series = {of_cloud % "up": 30_000, of_cloud % "unknown": noon_s + 60 - 40_000}
    found = {'{scope="cloud",cloud="lab"}': 0.75}
    check(tmp_path, query("now", "Available today", hour=12), series, found, hour=12)
