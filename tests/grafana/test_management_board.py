"""What the dashboard on the management layer says: its queries, asked by promtool."""

from pathlib import Path

from support.board_values import check, query


def test_age_is_that_of_the_alert_on_stale_collectors_of_the_replica_that_is_worst(tmp_path: Path) -> None:
    record = "collector:stratoscope_collector_last_success_age:intervals"
    of = 'cloud="uni", collector="servers", job="m", instance="%s"'
    series = {f"{record}{{{of % 'a'}}}": "2x100", f"{record}{{{of % 'b'}}}": "6x100"}
    series["global:collector_stale_intervals:threshold"] = "4x100"
    found = {'{cloud="uni", collector="servers"}': 1.5}
    check(tmp_path, query("management", "Age of what is shown, over threshold"), series, found)
