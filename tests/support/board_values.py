"""What queries of dashboards find in series that a test makes up: promtool asks them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from support import board_parts
from support.debian import ROOT
from support.grafana_values import as_regex
from support.promql import promtool_says

FOLDER: Final = ROOT / "grafana" / "dashboards"
HOUR: Final = 1.5
"""When queries are asked, unless a test says another hour: that long after midnight, UTC."""
_CHOSEN: Final = {"cloud": ".*", "host": ".*", "project": "p", "vm": "1", "its_cloud": "lab", "search": ""}
"""Unless a test says otherwise."""
Series = Mapping[str, float | str]
"""Their value, or the values of each minute as promtool writes them."""
Found = Mapping[str, float]
"""What a query finds: values by labels. Braces may be left out where the name of the metric is lost."""


@dataclass(frozen=True)
class Site:
    """Series that begin at midnight, and the hour at which they are asked about."""

    series: Series
    hour: float = HOUR

    def test(self, expr: str, found: Found) -> dict[str, Any]:
        """For promtool. Args: found: What the query finds."""
        minutes = round(self.hour * 60)
        return {
            "interval": "1m",
            "input_series": [
                {"series": one, "values": values if isinstance(values, str) else f"{values}+0x{minutes}"}
                for one, values in self.series.items()
            ],
            "promql_expr_test": [
                {"expr": expr, "eval_time": f"{minutes}m", "exp_samples": _samples(found)},
            ],
        }


def board(name: str) -> Any:
    """A dashboard as Grafana reads it."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def expression(name: str, title: str, ref: str = "A") -> str:
    """A query of a panel, as it stands in the dashboard."""
    (panel,) = [one for one in board_parts.drawn(board(name)) if one["title"] == title]
    (target,) = [one for one in panel["targets"] if one["refId"] == ref]
    expr: str = target["expr"]
    return expr


def query(name: str, title: str, ref: str = "A", **chosen: str) -> str:
    """A query of a panel, for project `p` and its VM `1` on all clouds and hosts, or for what is chosen."""
    return filled(expression(name, title, ref), HOUR, **chosen)


def filled(expr: str, hour: float = HOUR, **chosen: str) -> str:
    """A query without variables. Args: hour: All until then is shown. chosen: As Grafana writes it."""
    windows = {"__rate_interval": "4m", "__interval": "1m", "__range": f"{round(hour * 60)}m"}
    for name, value in {**windows, **_CHOSEN, **chosen}.items():
        expr = expr.replace(f"${{{name}:regex}}", as_regex(value)).replace(f"${name}", value)
    return expr


def check(folder: Path, expr: str, series: Series, found: Found, rules: Sequence[str] = ()) -> None:
    """The query finds these values in these series. Args: as those of `what_differs`."""
    assert what_differs(folder, [Site(series).test(expr, found)], rules) == ""


def what_differs(folder: Path, tests: Sequence[Mapping[str, Any]], rules: Sequence[str] = ()) -> str:
    """What promtool says of tests of sites; "" if all queries find what they should.

    Args:
        folder: For promtool's file.
        tests: Of sites.
        rules: The names of files of rules that are evaluated, one after the other.
    """
    files = [str(ROOT / "prometheus" / "rules" / f"{name}.yml") for name in rules]
    file = folder / "test.yml"
    file.write_text(json.dumps({"rule_files": files, "tests": _of_each_site(tests)}))
    return promtool_says(file)


def _of_each_site(tests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One test for each site, with all that is asked there: promtool reads its series once."""
    found: dict[str, dict[str, Any]] = {}
    for test in tests:
        site = found.setdefault(json.dumps(test["input_series"]), {**test, "promql_expr_test": []})
        site["promql_expr_test"] += test["promql_expr_test"]
    return [*found.values()]


def _samples(found: Found) -> list[dict[str, Any]]:
    return [
        {"labels": labels if "{" in labels else f"{{{labels}}}", "value": value}
        for labels, value in found.items()
    ]
