"""The front page: each check is on it once, and alerts that are critical are, however many others fire."""

import re
from pathlib import Path

from support import board_parts
from support.board_values import board, check, query
from support.cells import cells


def test_each_check_is_on_one_panel() -> None:
    texts = [
        target["expr"]
        for panel in board_parts.drawn(board("now"))
        for target in panel.get("targets", ())
        if "alert=~" in target["expr"]
    ]
    shown = [alert for text in texts for alert in re.findall(r"Stratoscope\w+", text)]
    assert sorted(shown) == sorted({rule.labels["alert"] for rule in cells()})


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
