"""Each alert on error budgets has a panel on the board of VM creation."""

import re
from typing import Final

from support.board_values import board
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
