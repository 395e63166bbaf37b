"""The units in which an answer may be shown, by its dimension, as far as the names of the metrics say it."""

from collections.abc import Mapping
from typing import Any, Final

import promql_parser

from support.rule_checks import nodes

UNITS: Final = frozenset(
    {"none", "short", "percentunit", "s", "bytes", "Bps", "iops", "pps", "reqps", "dateTimeAsIso"}
)
"""All that dashboards use: metrics have base units, so there are neither percents of 100 nor milliseconds."""
_OF: Final[Mapping[str, frozenset[str]]] = {
    "seconds": frozenset({"s"}),
    "bytes": frozenset({"bytes"}),
    "bytes a second": frozenset({"Bps"}),
    "moment": frozenset({"dateTimeAsIso"}),
    "ratio": frozenset({"percentunit", "none"}),
}
_ENDS: Final = {
    "_timestamp_seconds": "moment",
    "_seconds": "seconds",
    "_bytes": "bytes",
    "_ratio": "ratio",
}
_A_SECOND: Final = {"seconds": "ratio", "bytes": "bytes a second"}
_SAME: Final = {
    "abs", "ceil", "clamp_max", "clamp_min", "floor", "increase", "label_join", "label_replace",
    "last_over_time", "max_over_time", "min_over_time", "predict_linear", "round", "scalar", "avg_over_time",
    "sum_over_time",
}  # fmt: skip
"""Functions whose answer is of the dimension of their first argument."""
_KEEPS: Final = ("max", "min", "sum", "mean", "increase", "threshold", "today")
"""Operations of records whose value is of the dimension of what they were made of."""
_FILTERS: Final = {"and", "unless", "or", "==", "!=", ">", "<", ">=", "<="}
_AGGREGATIONS: Final = {"max", "min", "sum", "avg", "topk", "bottomk"}


def fitting(tree: Any) -> frozenset[str]:
    """The units that may be shown for what this query answers."""
    return _OF.get(_dimension(tree), UNITS)


def _dimension(node: Any) -> str:
    """Empty where the names do not say it."""
    if _is_selector(node):
        return _of_name(node.name or "")
    if isinstance(node, promql_parser.AggregateExpr):
        return _dimension(node.expr) if str(node.op) in _AGGREGATIONS else ""
    if isinstance(node, promql_parser.Call):
        return _of_call(node)
    if isinstance(node, promql_parser.BinaryExpr):
        return _of_both(node)
    below = getattr(node, "vector_selector", None) or getattr(node, "expr", None)
    return _dimension(below) if below is not None else ""


def _of_name(name: str) -> str:
    level, *rest = name.split(":")
    stem, operation = (rest[0], rest[-1]) if rest else (level, "")
    stem = stem.removesuffix("_total").removesuffix("_bucket")
    if "ratio" in operation:
        return "ratio"
    found = next((dimension for end, dimension in _ENDS.items() if stem.endswith(end)), "")
    if operation.startswith("rate"):
        return _A_SECOND.get(found, "")
    return found if not operation or operation.startswith(_KEEPS) else ""


def _of_call(node: Any) -> str:
    name = node.func.name
    if name in {"rate", "irate"}:
        return _A_SECOND.get(_dimension(node.args[0]), "")
    if name in {"time", "timestamp"}:
        return "moment"
    if name == "histogram_quantile":
        return next((_of_name(one.name or "") for one in nodes(node.args[1]) if _is_selector(one)), "")
    return _dimension(node.args[0]) if name in _SAME else ""


def _is_selector(node: Any) -> bool:
    return isinstance(node, promql_parser.VectorSelector)


def _of_both(node: Any) -> str:
    left, right, word = _dimension(node.lhs), _dimension(node.rhs), str(node.op)
    if word in _FILTERS:
        is_bool = node.modifier is not None and node.modifier.return_bool
        return "" if is_bool else left
    if word == "-" and left == right == "moment":
        return "seconds"
    if word in "+-":
        return left if left == right else ""
    if word == "/" and left and left == right:
        return "ratio"
    if word == "*" and node.modifier is not None and "ManyToOne" in str(node.modifier.card):
        return left  # labels are joined to it
    is_moment_in_ms = isinstance(node.lhs, promql_parser.NumberLiteral) and right == "moment"
    return right if word == "*" and is_moment_in_ms else ""
