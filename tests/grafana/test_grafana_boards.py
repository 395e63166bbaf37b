"""Dashboards are read as Grafana reads them."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from support import grafana_boards as boards

BOARD: dict[str, Any] = {
    "uid": "stratoscope-vm",
    "title": "One VM",
    "time": {"from": "now-6h", "to": "now"},
    "panels": [
        {"type": "row", "id": 1, "panels": [], "gridPos": {"w": 24}},
        {
            "type": "timeseries",
            "id": 2,
            "title": "CPU",
            "gridPos": {"w": 12},
            "targets": [{"refId": "A", "expr": "up", "range": True, "legendFormat": "{{job}}"}],
        },
        {
            "type": "row",
            "id": 3,
            "gridPos": {"w": 24},
            "panels": [
                {
                    "type": "table",
                    "id": 4,
                    "title": "Alerts",
                    "gridPos": {"w": 24},
                    "timeFrom": "7d",
                    "interval": "1m",
                    "fieldConfig": {"defaults": {"noValue": "none"}},
                    "targets": [
                        {
                            "refId": "A",
                            "expr": "ALERTS",
                            "instant": True,
                            "format": "table",
                            "interval": "2m",
                        },
                        {"refId": "B", "expr": "up", "hide": True},
                    ],
                }
            ],
        },
    ],
    "templating": {
        "list": [
            {
                "name": "cloud",
                "type": "query",
                "query": {"query": "label_values(up, cloud)", "refId": "cloud"},
                "includeAll": True,
                "multi": True,
                "allValue": ".*",
                "current": {"value": "$__all"},
            }
        ]
    },
    "annotations": {"list": [{"name": "Downtimes", "expr": "ALERTS"}]},
}


def test_panels_of_rows_are_read_and_hidden_targets_are_not() -> None:
    board = boards.parsed(BOARD)
    assert [panel.title for panel in board.panels] == ["CPU", "Alerts"]
    assert board.panels[0].targets == (boards.Target("A", "up", "{{job}}"),)
    assert board.panels[1].targets == (boards.Target("A", "ALERTS", now=True, table=True, least_step_s=120),)


def test_panel_says_its_points_its_step_its_window_and_whether_it_may_be_empty() -> None:
    lines, table = boards.parsed(BOARD).panels
    assert (lines.points, lines.least_step_s, lines.last_s, lines.says) == (936, 0, 0, "")
    assert (table.points, table.least_step_s, table.last_s, table.says) == (1872, 60, 604_800, "none")
    assert (lines.may_be_empty, table.may_be_empty) == (False, True)


def test_variables_annotations_and_window_are_read() -> None:
    board = boards.parsed(BOARD)
    (variable,) = board.variables
    assert (variable.query, variable.all_value, variable.current) == (
        "label_values(up, cloud)",
        ".*",
        ("$__all",),
    )
    assert board.annotations == (boards.Annotation("Downtimes", "ALERTS"),)
    assert board.since == "now-6h"


def test_panel_that_repeats_is_refused() -> None:
    repeating = deepcopy(BOARD)
    repeating["panels"][1]["repeat"] = "cloud"
    with pytest.raises(ValueError, match="panel 'CPU' repeats"):
        boards.parsed(repeating)


@pytest.mark.parametrize(
    ("text", "length_s"), [("6h", 21_600), ("1d12h", 129_600), ("500ms", 0.5), ("1M", 2_592_000)]
)
def test_durations_are_seconds(text: str, length_s: float) -> None:
    assert boards.seconds(text) == length_s


def test_other_texts_are_no_duration() -> None:
    with pytest.raises(ValueError, match="no duration: 6 hours"):
        boards.seconds("6 hours")


@pytest.mark.parametrize(
    ("since", "begins"),
    [
        ("now-6h", "2025-10-09T02:53:20"),
        ("now-1d/d", "2025-10-08T00:00:00"),
        ("now/M", "2025-10-01T00:00:00"),
    ],
)
def test_window_begins_so_long_ago_or_with_the_day_or_the_month(since: str, begins: str) -> None:
    now = 1_760_000_000  # 2025-10-09T08:53:20Z
    assert boards.start(since, now) == datetime.fromisoformat(begins).replace(tzinfo=UTC).timestamp()


def test_all_dashboards_can_be_read() -> None:
    assert [board.uid for board in map(boards.load, boards.files())] == [
        f"stratoscope-{file.stem}" for file in boards.files()
    ]
    assert boards.files()
