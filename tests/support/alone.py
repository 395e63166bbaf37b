"""What queries can find where one exporter is alone, or none, by the names of the metrics that they read.

So it is told whether a panel says that there is nothing though nobody looked: the part of its query that
finds `none`, or 0, does so where the part that finds what there is can find nothing at all.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import promql_parser

from stratoscope.rules.bundle import Rule
from support import board_parts
from support.board_parts import Json
from support.rule_checks import nodes
from support.rules_known import RULES

NO_EXPORTER: Final = ""
"""Rules are alone."""
EXPORTERS: Final = ("downtime", "hypervisor", "management", "vmprobe")
_NOTHING: Final = {0, board_parts.NOTHING}
"""Times these, what somebody looked at says that there is nothing."""
_SETS: Final = {"or", "unless"}
_ALWAYS: Final = "vector(1)"
"""The expression of the alert that fires where rules are alone; others are not expected there."""
_COLLECTORS: Final = {"hosts_off": "downtime"}
"""Whose they are."""
_OF_ALL_EXPORTERS: Final = {"stratoscope-exporters", "stratoscope-now"}
"""Boards on which any exporter proves that somebody looked; others tell of what one exporter measures."""
_LISTED: Final = "global:watched_"
"""Records of the values file, which are there if an operator named something."""


def lies(board: Json, exporter: str) -> Iterator[str]:
    """Queries of panels that say none, or 0, of what this exporter alone does not show."""
    of_all = board["uid"] in _OF_ALL_EXPORTERS
    for panel in board_parts.drawn(board):
        for target in panel.get("targets") or ():
            tree = board_parts.tree(target["expr"])
            if lies_in(tree, exporter) or (not of_all and exporter and any_exporter_proves(tree)):
                yield f"{board_parts.name_of(panel)}, target {target['refId']}"


def lies_in(tree: Any, exporter: str) -> bool:
    """Whether this query does. Where there is no exporter, none is said of anything."""
    return any(
        can_find(said, exporter) and (exporter == NO_EXPORTER or not can_find(wanted, exporter))
        for said, wanted in _of_nothing(tree)
    )


def any_exporter_proves(tree: Any) -> bool:
    """Whether a query says that there is nothing wherever there is an exporter, of whatever it is."""
    return any(all(can_find(said, one) for one in EXPORTERS) for said, _ in _of_nothing(tree))


def _of_nothing(tree: Any) -> Iterator[tuple[Any, Any]]:
    """The parts of a query that say that there is nothing, each with the part that finds what there is."""
    for node in nodes(tree):
        if isinstance(node, promql_parser.BinaryExpr) and str(node.op) in _SETS:
            said, asked = (node.rhs, node.lhs) if str(node.op) == "or" else (node.lhs, node.rhs)
            if _is_nothing(said):
                yield said, asked


def _is_nothing(node: Any) -> bool:
    """Whether it is 0, or what panels show as `none`, of each series."""
    if isinstance(node, promql_parser.ParenExpr):
        return _is_nothing(node.expr)
    if isinstance(node, promql_parser.Call):
        return node.func.name == "label_replace" and _is_nothing(node.args[0])
    if not isinstance(node, promql_parser.BinaryExpr):
        return False
    if str(node.op) in ("and", "unless"):
        return _is_nothing(node.lhs)
    number = node.lhs.val if isinstance(node.lhs, promql_parser.NumberLiteral) else None
    return str(node.op) == "*" and number in _NOTHING


def can_find(node: Any, exporter: str) -> bool:
    """Whether a part of a query finds anything in what this exporter can show, with the rules on it."""
    return _can_find(node, exporter, frozenset())


def _can_find(node: Any, exporter: str, above: frozenset[str]) -> bool:
    """Args: above: The records that are made of this one: one that reads itself adds nothing."""
    if isinstance(node, promql_parser.VectorSelector):
        return _is_shown(node, exporter, above)
    if isinstance(node, promql_parser.BinaryExpr):
        found = [_can_find(one, exporter, above) for one in (node.lhs, node.rhs)]
        return {"or": any(found), "unless": found[0]}.get(str(node.op), all(found))
    below = [getattr(node, name, None) for name in ("expr", "vector_selector")]
    return all(
        _can_find(one, exporter, above) for one in (*below, *getattr(node, "args", ())) if one is not None
    )


def _is_shown(selector: Any, exporter: str, above: frozenset[str]) -> bool:
    name = selector.name or ""
    if name.startswith("global:"):
        return not name.startswith(_LISTED)
    if made := [rule for rule in RULES.values() if name in (rule.record, "ALERTS" if rule.alert else "")]:
        fitting = [rule for rule in made if _fits(rule, selector)]
        if name == "ALERTS" and exporter == NO_EXPORTER:
            return any(rule.expr == _ALWAYS for rule in fitting)
        return any(_is_made(rule.expr, exporter, above) for rule in fitting)
    if of := re.match(f"stratoscope_({'|'.join(EXPORTERS)})_", name):
        return of[1] == exporter
    if whose := [_COLLECTORS[one.value] for one in selector.matchers.matchers if one.value in _COLLECTORS]:
        return whose == [exporter]
    return exporter != NO_EXPORTER and not name.startswith("prometheus_")


@cache
def _is_made(expr: str, exporter: str, above: frozenset[str]) -> bool:
    return expr not in above and _can_find(promql_parser.parse(expr), exporter, above | {expr})


def _fits(rule: Rule, selector: Any) -> bool:
    """Whether the labels that the rule itself sets are those that are asked for."""
    labels = {**rule.labels, **({"alertname": rule.alert} if rule.alert else {})}
    return all(
        _matches(one, labels[one.name])
        for one in selector.matchers.matchers
        if one.name in labels and "$" not in one.value
    )


def _matches(matcher: Any, value: str) -> bool:
    """Of `=` and `=~`; others let everything through."""
    if matcher.op == promql_parser.MatchOp.Equal:
        return bool(matcher.value == value)
    return matcher.op != promql_parser.MatchOp.Re or bool(re.fullmatch(matcher.value, value))
