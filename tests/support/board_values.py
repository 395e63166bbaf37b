"""What queries of dashboards find in series that a test makes up: promtool asks them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from support.board_parts import panels
from support.debian import ROOT
from support.promql import promtool_says

FOLDER: Final = ROOT / "grafana" / "dashboards"
AT: Final = "90m"


def board(name: str) -> Any:
    """A dashboard as Grafana reads it."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def query(name: str, title: str, ref: str = "A", **chosen: str) -> str:
    """A query of a panel, for all clouds and hosts if nothing else is chosen."""
    return filled(expression([*panels(board(name))], title, ref), **chosen)


def expression(panels: Sequence[Mapping[str, Any]], title: str, ref: str) -> str:
    """A query of a panel, as it stands in the dashboard."""
    (panel,) = [one for one in panels if one["title"] == title]
    (target,) = [one for one in panel["targets"] if one["refId"] == ref]
    expr: str = target["expr"]
    return expr


def filled(expr: str, **chosen: str) -> str:
    """With all clouds and hosts, the project `p` and its VM `1`, nothing searched, or with what is chosen."""
    values = {"cloud": ".*", "host": ".*", "project": "p", "vm": "1", "search": "", "__rate_interval": "5m"}
    for variable, value in {**values, **chosen}.items():
        expr = expr.replace(f"${variable}", value)
    return expr


def check(
    folder: Path,
    expr: str,
    series: Mapping[str, str],
    found: Mapping[str, float],
    rules: Sequence[str] = (),
) -> None:
    """The query finds these values, by their labels, in these series.

    Args:
        folder: For promtool's file.
        expr: The query.
        series: Their values each minute, as promtool writes them.
        found: What the query finds after 90 min.
        rules: The names of files of rules that are evaluated, one after the other.
    """
    samples = [{"labels": labels, "value": value} for labels, value in found.items()]
    files = [str(ROOT / "prometheus" / "rules" / f"{name}.yml") for name in rules]
    test: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": expr, "eval_time": AT, "exp_samples": samples}],
    }
    file = folder / "test.yml"
    file.write_text(json.dumps({"rule_files": files, "tests": [test]}))
    assert promtool_says(file) == ""
