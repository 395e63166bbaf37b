"""Ages in PromQL, by the syntax tree: what is subtracted from time(), or from the moment of a sample."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import promql_parser

from support.rule_checks import below

COMPARED: Final = "clock:stratoscope_timestamp_seconds:since_scrape"
"""The record that compares times with Prometheus's clock, for the alert on clocks."""
_MOMENTS: Final = {"time", "timestamp"}
_ONLY_CHOOSE: Final = {"and", "unless"}


class Age(NamedTuple):
    """A difference of a time that a metric gives and now.

    Attributes:
        metrics: Which give the time; "" for a selector without a name.
        is_clamped: Whether it is never below 0.
    """

    metrics: frozenset[str]
    is_clamped: bool


def ages(node: Any, *, is_clamped: bool = False) -> Iterator[Age]:
    """All in a tree."""
    if _is(node, "-"):
        for now, given in ((node.lhs, node.rhs), (node.rhs, node.lhs)):
            metrics = frozenset(_metrics(given))
            if metrics and _is_now(now):
                yield Age(metrics, is_clamped)
    for part in below(node):
        yield from ages(part, is_clamped=is_clamped or _clamps(node))


def _is(node: Any, *operators: str) -> bool:
    return isinstance(node, promql_parser.BinaryExpr) and str(node.op) in operators


def _is_call(node: Any, *functions: str) -> bool:
    return isinstance(node, promql_parser.Call) and node.func.name in functions


def _clamps(node: Any) -> bool:
    if not _is_call(node, "clamp_min"):
        return False
    least = node.args[1]
    return isinstance(least, promql_parser.NumberLiteral) and least.val == 0


def _is_now(node: Any) -> bool:
    """Whether a tree is about now; the time of day, `time() % 86400`, is not."""
    return _is_call(node, *_MOMENTS) or (not _is(node, "%") and any(map(_is_now, below(node))))


def _metrics(node: Any) -> Iterator[str]:
    """Those that a tree has values of; timestamp() takes the moment of the sample."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node.name or ""
    elif not _is_call(node, *_MOMENTS):
        for part in [node.lhs] if _is(node, *_ONLY_CHOOSE) else below(node):
            yield from _metrics(part)
