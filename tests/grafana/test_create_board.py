"""What the board on VM creation says: its queries, asked by promtool, and the windows of its alerts."""

import re
from pathlib import Path
from typing import Final

import pytest

from support.board_values import board, check, query
from support.rules_known import RULES

BURNS: Final = (
    "Within 30 min and 2 h",
    "Within 30 min and 6 h",
    "Within 2 h and 1 day",
    "Within 6 h and 3 days",
)
PAIR: Final = re.compile(
    r"slo:burn_rate:ratio_rate(\w+) > scalar\(global:(\w+):threshold\)\s+and on \(cloud, sloth_id\)\s+"
    r"slo:burn_rate:ratio_rate(\w+) > scalar\(global:(\w+):threshold\)"
)


def test_each_pair_of_windows_of_an_alert_has_a_panel_with_its_threshold() -> None:
    of_alerts = {
        (rule.alert, short, long, threshold, again)
        for rule in RULES.values()
        if rule.alert.startswith("StratoscopeErrorBudgetBurns")
        for short, threshold, long, again in PAIR.findall(rule.expr)
    }
    panels = {one["title"]: one for one in board("create")["panels"]}
    shown = set()
    for title in BURNS:
        short, long, threshold = (target["expr"] for target in panels[title]["targets"])
        alert = re.findall(r"Stratoscope\w+", panels[title]["description"])[0]
        windows = [one.partition("ratio_rate")[2].partition("{")[0] for one in (short, long)]
        bound = threshold.partition("global:")[2].partition(":threshold")[0]
        shown.add((alert, *windows, bound, bound))
    assert shown == of_alerts
    assert len(of_alerts) == len(BURNS)


@pytest.mark.parametrize("ref", "ABC")
def test_burn_rates_of_both_windows_stand_beside_the_threshold(ref: str, tmp_path: Path) -> None:
    of = '{cloud="lab", sloth_slo="success", sloth_id="vm-creation-lab-success"}'
    short, long = (f"slo:burn_rate:ratio_rate{window}{of}" for window in ("30m", "2h"))
    series = {short: "20x90", long: "15x90", "global:burn_rate_fast_ratio:threshold": "14x90"}
    found = {"A": {short: 20}, "B": {long: 15}, "C": {"{}": 14}}
    check(tmp_path, query("create", BURNS[0], ref), series, found[ref])


@pytest.mark.parametrize(("ref", "value"), [("A", 4), ("B", 0.8)])
def test_failures_in_a_row_are_judged_by_the_threshold_of_their_alert(
    ref: str, value: float, tmp_path: Path
) -> None:
    why = 'cloud="lab", probe="a", phase="build", reason="timeout", blame="cloud"'
    series = {
        f"stratoscope_vmprobe_last_failure{{{why}}}": "1x90",
        'probe:stratoscope_vmprobe_consecutive_failures:max{cloud="lab", probe="a"}': "4x90",
        "global:vm_creation_failures:threshold": "5x90",
    }
    check(tmp_path, query("create", "What fails, and why", ref), series, {f"{{{why}}}": value})


def test_phases_of_several_probes_are_not_stacked(tmp_path: Path) -> None:
    (panel,) = [one for one in board("create")["panels"] if one["title"] == "Phases"]
    assert "stacking" not in panel["fieldConfig"]["defaults"]["custom"]
    of = "stratoscope_vmprobe_phase_last_duration_seconds"
    series = {
        f'{of}{{cloud="lab", probe="a", phase="build"}}': "20x90",
        f'{of}{{cloud="uni", probe="a", phase="build"}}': "30x90",
        f'{of}{{cloud="uni", probe="a", phase="boot"}}': "5x90",
    }
    check(tmp_path, query("create", "Phases"), series, {'{phase="build"}': 30, '{phase="boot"}': 5})
