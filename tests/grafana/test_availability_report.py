"""The board of availability adds up whole days of UTC, those of its time range alone."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from support import grafana_boards, promql
from support.debian import ROOT
from support.grafana_values import Filled, Window

DAY_S: Final = 86_400
BEFORE: Final = (0, 0, 86_400)
"""A day of the month before, as up, down and unknown seconds: it does not count."""
DAYS: Final = ((86_400, 0, 0), (43_200, 43_200, 0), (0, 0, 43_200))
NAMES: Final = ("up", "down", "unknown")
LABELS: Final = '{scope="cloud", cloud="lab"}'


BOUNDS: Final = {"availability": 0.8, "reliability": 0.85, "unknown": 0.1}


def series() -> Sequence[Mapping[str, str]]:
    """The bounds, and of each day what is recorded of it every 5 min of the next day."""
    bounds = [
        {"series": f"global:ola_{name}_ratio:threshold", "values": f"{value}x1200"}
        for name, value in BOUNDS.items()
    ]
    return bounds + [
        {
            "series": f"scope:stratoscope_availability_{name}_seconds:yesterday{LABELS}",
            "values": " ".join(f"{day[number]}x287" for day in (BEFORE, *DAYS)),
        }
        for number, name in enumerate(NAMES)
    ]


def queries(length_s: int) -> Sequence[str]:
    """Those of the table, as Grafana asks them of a range of this length, without that of images' names."""
    board = grafana_boards.load(ROOT / "grafana/dashboards/availability.json")
    (panel,) = (one for one in board.panels if one.title == "Availability")
    text = [one.expr.replace("$cloud", ".*") for one in panel.targets[:-1]]
    return [Filled(Window(0, length_s), 60).fill(one) for one in text]


def said(length_s: int, expected: Sequence[float], folder: Path) -> str:
    """What promtool says if the queries do not have these values at the end of a range that began at 0."""
    expressions: list[Mapping[str, Any]] = [
        {
            "expr": expr,
            "eval_time": f"{length_s}s",
            "exp_samples": [{"labels": LABELS, "value": value}],
        }
        for expr, value in zip(queries(length_s), expected, strict=True)
    ]
    return promtool_says(expressions, folder)


def promtool_says(expressions: Sequence[Mapping[str, Any]], folder: Path) -> str:
    """Nothing if the expressions have their values."""
    test = {"interval": "5m", "input_series": series(), "promql_expr_test": expressions}
    file = folder / "test.yml"
    file.write_text(json.dumps({"tests": [test]}))
    return promql.promtool_says(file)


@pytest.mark.parametrize("hour", [1.5, 6, 12, 23.9])
def test_month_so_far_is_that_of_its_whole_days(hour: float, tmp_path: Path) -> None:
    up, down, unknown = (sum(day[number] for day in DAYS) for number in range(3))
    known = len(DAYS) * DAY_S - unknown
    is_within = 0  # the availability is 0.6
    expected = [up / known, up / (known - down), unknown / (len(DAYS) * DAY_S), len(DAYS), is_within]
    assert said(int((len(DAYS) + hour / 24) * DAY_S), expected, tmp_path) == ""


def test_day_that_ended_just_now_is_not_there_yet(tmp_path: Path) -> None:
    assert said(2 * DAY_S + 600, [1, 1, 0, 1, 1], tmp_path) == ""


def test_range_that_ends_at_midnight_has_the_days_before(tmp_path: Path) -> None:
    assert said(2 * DAY_S, [1, 1, 0, 1, 1], tmp_path) == ""


@pytest.mark.parametrize("title", ["Availability", "Day by day"])
def test_what_is_empty_on_the_first_of_a_month_says_how_last_month_is_chosen(title: str) -> None:
    board = json.loads((ROOT / "grafana/dashboards/availability.json").read_text())
    (panel,) = [one for one in board["panels"] if one["title"] == title]
    assert "`now-1M/M` to `now-1M/M`" in panel["description"]


def test_first_of_a_month_has_no_whole_day(tmp_path: Path) -> None:
    expressions = [{"expr": one, "eval_time": "11h", "exp_samples": []} for one in queries(11 * 3_600)]
    assert promtool_says(expressions, tmp_path) == ""


def test_scopes_with_broken_days_come_before_those_of_whose_days_nothing_is_known(tmp_path: Path) -> None:
    """Of sixty zones one broke a bound on all days, the others have days of which nothing is known."""
    of = 'cloud="lab", scope="zone", zone="%02d"'
    within, ratio = (f"scope:stratoscope_{name}:" for name in ("availability_within_ola", "availability"))
    input_series = []
    for place in range(60):
        is_bad = place == 59
        days = "0+0x863" if is_bad else "1x863"
        known = "0.9x863" if is_bad else "0.9x575 -1+0x287"
        input_series.append({"series": f"{within}yesterday{{{of % place}}}", "values": days})
        input_series.append({"series": f"{ratio}ratio_yesterday{{{of % place}}}", "values": known})
    board = grafana_boards.load(ROOT / "grafana/dashboards/availability.json")
    (panel,) = (one for one in board.panels if one.title == "Day by day")
    asked = Filled(Window(0, 3 * DAY_S), 3_600).fill(panel.targets[0].expr.replace("$cloud", ".*"))
    first_noon = f"last_over_time(({asked})[2h:1h] @ {DAY_S // 2})"
    bad = f'{first_noon} and on (zone) group by (zone) ({within}yesterday{{zone="59"}})'
    end = f"{3 * DAY_S}s"
    tests = [
        {"expr": f"count({first_noon})", "eval_time": end, "exp_samples": [{"labels": "{}", "value": 50}]},
        {"expr": bad, "eval_time": end, "exp_samples": [{"labels": f"{{{of % 59}}}", "value": 0}]},
    ]
    test = {"interval": "5m", "input_series": input_series, "promql_expr_test": tests}
    file = tmp_path / "test.yml"
    file.write_text(json.dumps({"tests": [test]}))
    assert promql.promtool_says(file) == ""
