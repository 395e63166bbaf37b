"""Rows of several queries are merged where all that they share is equal, the name of a record, too."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import promql_parser
import pytest

FOLDER: Final = Path(__file__).parents[2] / "grafana" / "dashboards"
SETS: Final = ("and", "or", "unless")
COMPARISONS: Final = ("==", "!=", ">", "<", ">=", "<=")
RANKED: Final = ("topk", "bottomk")


def keeps_name(node: Any) -> bool:
    """Whether the result of a node has the name of a metric."""
    if isinstance(node, promql_parser.ParenExpr):
        return keeps_name(node.expr)
    if isinstance(node, promql_parser.AggregateExpr):
        return str(node.op) in RANKED and keeps_name(node.expr)
    if isinstance(node, promql_parser.BinaryExpr):
        kept = str(node.op) in (*SETS, *COMPARISONS) and not (node.modifier and node.modifier.return_bool)
        return kept and (keeps_name(node.lhs) or (str(node.op) == "or" and keeps_name(node.rhs)))
    return isinstance(node, promql_parser.VectorSelector)


def merged() -> Iterator[Any]:
    """Each table with several queries."""
    for file in sorted(FOLDER.glob("*.json")):
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]:
            if panel["type"] == "table" and len(panel["targets"]) > 1:
                yield pytest.param(
                    [one["expr"] for one in panel["targets"]], id=f"{file.stem}: {panel['title']}"
                )


@pytest.mark.parametrize("queries", [*merged()])
def test_at_most_one_query_of_a_merged_table_keeps_its_name(queries: list[str]) -> None:
    kept = [one for one in queries if keeps_name(promql_parser.parse(re.sub(r"\$__\w+", "1d", one)))]
    assert len(kept) <= 1, "aggregate them: `max by (...)`"


@pytest.mark.parametrize(
    ("expr", "keeps"),
    [
        ("a:b:c", True),
        ("topk(3, (a > 1))", True),
        ("a and on (x) b", True),
        ("1 * a or b", True),
        ("a > bool 1", False),
        ("max by (x) (a)", False),
        ("a / b", False),
        ("rate(a_total[5m])", False),
    ],
)
def test_what_keeps_a_name(expr: str, *, keeps: bool) -> None:
    assert keeps_name(promql_parser.parse(expr)) == keeps
