"""Joins of which one moment with two series makes a query fail: "found duplicate series".

A series can have a twin for five minutes: of the exporter that was, of another shard, of the version or zone
that a host had before a restart of Prometheus. A join is safe if the side that must have one series for each
value of its labels has no more by its own syntax, or by that of the rule that records it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import promql_parser

from support.rule_checks import card, is_scalar, nodes

Labels = frozenset[str]
_SETS: Final = {"and", "or", "unless"}
_LARGEST: Final = {"topk", "bottomk"}
_REPLACES: Final = {"label_replace", "label_join"}
_NONE: Final[Labels] = frozenset()


@dataclass(frozen=True, slots=True)
class Joins:
    """Those of an expression.

    Attributes:
        of_record: The labels that a record has for sure, and no others; None if that is not known.
        told_apart: Labels of which a record has one series each at all times; None if that is not known.
    """

    of_record: Callable[[str], Labels | None]
    told_apart: Callable[[str], Labels | None] = lambda _: None

    def unsafe(self, root: Any) -> Iterator[str]:
        """The sides that may have two series where the join needs one."""
        for node in nodes(root):
            if not isinstance(node, promql_parser.BinaryExpr) or str(node.op) in _SETS:
                continue
            if is_scalar(node.lhs) or is_scalar(node.rhs) or (on := _on(node)) is None:
                continue
            for side in _ones(node):
                if not self._is_one(side, on):
                    yield f"on ({', '.join(sorted(on))}): {side.prettify()}"

    def _is_one(self, node: Any, on: Labels) -> bool:
        """Whether a node has at most one series for each value of these labels."""
        if not any(isinstance(one, promql_parser.VectorSelector) for one in nodes(node)):
            return True  # the same at all times
        if isinstance(node, promql_parser.BinaryExpr):
            return self._is_one_of_both(node, on)
        if isinstance(node, promql_parser.AggregateExpr):
            return self._is_one_of_aggregation(node, on)
        if isinstance(node, promql_parser.Call):
            return self._is_one_of_call(node, on)
        if isinstance(node, promql_parser.ParenExpr | promql_parser.UnaryExpr):
            return self._is_one(node.expr, on)
        is_record = isinstance(node, promql_parser.VectorSelector)
        labels = (self.told_apart(node.name or "") if is_record else None) or self._labels(node)
        return labels is not None and labels <= on

    def kept_apart(self, record: str, root: Any) -> Labels | None:
        """Labels of which a record has one series each, as its rule makes a new one only where there is none.

        Args:
            record: Its name.
            root: What its rule evaluates: `record and ... or on (labels) ... unless on (labels) record`.
        """
        if not isinstance(root, promql_parser.BinaryExpr) or str(root.op) != "or":
            return None
        on, kept = _on(root), root.lhs
        if on is None or not isinstance(kept, promql_parser.BinaryExpr) or str(kept.op) != "and":
            return None
        is_new = _is_record(kept.lhs, record) and _is_where_none_is(root.rhs, record, on)
        return on if is_new and self._is_one(root.rhs, on) else None

    def _is_one_of_aggregation(self, node: Any, on: Labels) -> bool:
        by = _by(node)
        is_kept = by is not None and by - _fixed(node.expr) <= on
        if str(node.op) in _LARGEST:
            return (is_kept and getattr(node.param, "val", None) == 1) or self._is_one(node.expr, on)
        # A series for each value of the labels stays one where it is grouped by more labels.
        return is_kept or (by is not None and on <= by and self._is_one(node.expr, on))

    def _is_one_of_both(self, node: Any, on: Labels) -> bool:
        if is_scalar(node.lhs) or is_scalar(node.rhs):
            return self._is_one(node.rhs if is_scalar(node.lhs) else node.lhs, on)
        matched, word = _on(node), str(node.op)
        if word == "or":
            left, right = self._labels(node.lhs), self._labels(node.rhs)
            is_same = left is not None and left == right and left <= on
            apart = matched is not None and matched <= on
            return is_same or (apart and self._is_one(node.lhs, on) and self._is_one(node.rhs, on))
        if word in _SETS or card(node) == "ManyToOne":
            return self._is_one(node.lhs, on)
        if card(node) == "OneToMany":
            return self._is_one(node.rhs, on)
        return (matched is not None and matched <= on) or (
            matched is None and (self._is_one(node.lhs, on) or self._is_one(node.rhs, on))
        )

    def _is_one_of_call(self, node: Any, on: Labels) -> bool:
        name = node.func.name
        if name in ("absent", "vector"):
            return True
        if name in _REPLACES and node.args[1].val in on:
            return False
        if name == "histogram_quantile":
            return self._is_one(node.args[1], on | {"le"})
        return bool(node.args) and self._is_one(node.args[0], on)

    def _labels(self, node: Any) -> Labels | None:
        """All that a result can have; None if that is not known."""
        if isinstance(node, promql_parser.VectorSelector):
            found = self.of_record(node.name or "")
            return None if found is None else found - _fixed(node)
        if isinstance(node, promql_parser.MatrixSelector):
            return self._labels(node.vector_selector)
        if isinstance(node, promql_parser.AggregateExpr):
            return self._labels(node.expr) if str(node.op) in _LARGEST else _by(node)
        if isinstance(node, promql_parser.BinaryExpr):
            return self._labels_of_both(node)
        if isinstance(node, promql_parser.Call):
            inner = [self._labels(one) for one in node.args[:1]]
            return None if node.func.name in _REPLACES or not inner else inner[0]
        return self._labels(node.expr) if hasattr(node, "expr") else None

    def _labels_of_both(self, node: Any) -> Labels | None:
        if is_scalar(node.lhs) or is_scalar(node.rhs):
            return self._labels(node.rhs if is_scalar(node.lhs) else node.lhs)
        left, right, word = self._labels(node.lhs), self._labels(node.rhs), str(node.op)
        if word == "or":
            return None if left is None or right is None else left | right
        if word in _SETS:
            return left
        if card(node) == "OneToOne":
            return _on(node) if _on(node) is not None else left
        many = left if card(node) == "ManyToOne" else right
        return None if many is None else many | frozenset(node.modifier.group_labels or ())


def _is_record(node: Any, record: str) -> bool:
    return (
        isinstance(node, promql_parser.VectorSelector) and node.name == record and not node.matchers.matchers
    )


def _is_where_none_is(node: Any, record: str, on: Labels) -> bool:
    """Whether a node has only what the record has not."""
    if isinstance(node, promql_parser.AggregateExpr):
        return on <= (_by(node) or _NONE) and _is_where_none_is(node.expr, record, on)
    if isinstance(node, promql_parser.Call) and node.func.name in _REPLACES:
        return _is_where_none_is(node.args[0], record, on)
    is_unless = isinstance(node, promql_parser.BinaryExpr) and str(node.op) == "unless"
    return is_unless and _on(node) == on and _is_record(node.rhs, record)


def _by(node: Any) -> Labels | None:
    if node.modifier is None:
        return _NONE
    is_without = node.modifier.type == promql_parser.AggModifierType.Without
    return None if is_without else frozenset(node.modifier.labels)


def _fixed(node: Any) -> Labels:
    """Labels of which a selector chooses one value."""
    if isinstance(node, promql_parser.ParenExpr | promql_parser.AggregateExpr):
        return _fixed(node.expr)
    if isinstance(node, promql_parser.VectorSelector):
        return frozenset(one.name for one in node.matchers.matchers if one.op == promql_parser.MatchOp.Equal)
    return _NONE


def _on(node: Any) -> Labels | None:
    """The labels by which it joins; None without `on`: all of them, which tell series apart."""
    given = node.modifier.matching if node.modifier is not None else None
    if given is None:
        return None
    if not str(given.type).endswith("Include"):
        raise ValueError(f"{node.prettify()}: say `on`, not `ignoring`")
    return frozenset(given.labels)


def _ones(node: Any) -> tuple[Any, ...]:
    """The sides that need one series for each value of the labels."""
    return {"OneToOne": (node.lhs, node.rhs), "ManyToOne": (node.rhs,), "OneToMany": (node.lhs,)}[card(node)]
