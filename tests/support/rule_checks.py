"""What is wrong with an expression of the rules, by its syntax tree: names, labels, rates, aggregations."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import promql_parser

from stratoscope.core.metrics import Family
from support.declared import FAMILIES

OF_TARGETS = frozenset({"job", "instance", "cloud"})
"""Labels that a scrape adds; `cloud` by the configuration that the documentation shows."""
SELF = {
    "up": frozenset({"host"}),
    "scrape_duration_seconds": frozenset({"host"}),
    "stratoscope_build_info": frozenset({"exporter", "version", "pythonversion"}),
    "stratoscope_config_last_reload_successful": frozenset(),
    "stratoscope_web_certificate_expires_timestamp_seconds": frozenset(),
    "stratoscope_web_config_refused": frozenset(),
    "prometheus_tsdb_lowest_timestamp_seconds": frozenset(),
    "prometheus_tsdb_size_retentions_total": frozenset(),
    "prometheus_tsdb_time_retentions_total": frozenset(),
    "ALERTS": frozenset({"alertname", "alertstate", "severity", "scope"})
    | {"flavor", "host", "zone", "pool", "project_id", "vm_id"},
}
"""Series that no Family declares, with their labels."""
_DECLARED: Mapping[str, Family] = {family.name: family for family in FAMILIES}
_PARTS = re.compile("_(bucket|sum|count)$")
_OF_COUNTERS = {"rate", "increase", "irate", "resets"}
_OF_GAUGES = {"deriv", "delta", "idelta", "predict_linear", "holt_winters"}
_KEEPS_SERIES = {"topk", "bottomk"}
_SETS = {"and", "or", "unless"}

_WALKS: Mapping[type, str] = {
    promql_parser.VectorSelector: "_selector",
    promql_parser.MatrixSelector: "_matrix",
    promql_parser.SubqueryExpr: "_inner",
    promql_parser.ParenExpr: "_inner",
    promql_parser.UnaryExpr: "_inner",
    promql_parser.NumberLiteral: "_constant",
    promql_parser.StringLiteral: "_constant",
    promql_parser.AggregateExpr: "_aggregation",
    promql_parser.BinaryExpr: "_binary",
    promql_parser.Call: "_call",
}

Labels = frozenset[str]


@dataclass(frozen=True, slots=True)
class Known:
    """What expressions may name.

    Attributes:
        records: The labels of each record.
        others: Those of what is neither declared nor recorded here.
    """

    records: Mapping[str, Labels]
    others: Mapping[str, Labels] = field(default_factory=lambda: MappingProxyType({}))

    def labels(self, name: str) -> Labels | None:
        """Those of a metric or record; None if there is none of this name."""
        if name in self.records:
            return self.records[name]
        if name in self.others:
            return self.others[name]
        if name in SELF:
            return SELF[name] | OF_TARGETS
        if name in _DECLARED:
            return OF_TARGETS.union(_DECLARED[name].labels)
        family = _DECLARED.get(_PARTS.sub("", name))
        if family is None:
            return None
        return OF_TARGETS.union(family.labels, {"le"} if name.endswith("_bucket") else ())


@dataclass(slots=True)
class Checked:
    """One expression: the labels of its result, and what is wrong with it."""

    known: Known
    problems: list[str]
    kept: list[Labels]
    """What each aggregation keeps."""

    def labels(self, node: Any) -> Labels:
        """The labels that the result of a node can have."""
        walk: Callable[[Any], Labels] = getattr(self, _WALKS[type(node)])
        return walk(node)

    def _selector(self, node: Any) -> Labels:
        matched = {one.name: one for one in node.matchers.matchers}
        if node.name is None:
            return frozenset(matched) - {"__name__"}
        found = self.known.labels(node.name)
        if found is None:
            self.problems.append(f"no metric {node.name}")
            return OF_TARGETS
        self._all_of(found, matched, f"{node.name}{{}}")
        return found

    def _matrix(self, node: Any) -> Labels:
        return self.labels(node.vector_selector)

    def _inner(self, node: Any) -> Labels:
        return self.labels(node.expr)

    def _constant(self, _: Any) -> Labels:
        return frozenset()

    def _aggregation(self, node: Any) -> Labels:
        inner = self.labels(node.expr)
        word = str(node.op)
        given = frozenset(node.modifier.labels) if node.modifier is not None else frozenset()
        self._all_of(inner, given, "by or without")
        without = node.modifier is not None and node.modifier.type == promql_parser.AggModifierType.Without
        kept = inner - given if without else inner & given
        self.kept.append(kept)
        if word in _KEEPS_SERIES:
            return inner
        return kept | {node.param.val} if word == "count_values" else kept

    def _binary(self, node: Any) -> Labels:
        left, right = self.labels(node.lhs), self.labels(node.rhs)
        if is_scalar(node.lhs) or is_scalar(node.rhs):
            return left | right  # a scalar has none
        given = node.modifier.matching if node.modifier is not None else None
        is_on = given is not None and str(given.type).endswith("Include")
        names = frozenset(given.labels) if given is not None else frozenset()
        if is_on:
            self._all_of(left, names, "on, left side,")
            self._all_of(right, names, "on, right side,")
        if str(node.op) in _SETS:
            return left | right if str(node.op) == "or" else left
        card = "" if node.modifier is None else str(node.modifier.card)
        if card.endswith("ToOne") and not card.endswith("OneToOne"):
            return left | self._copied(right, node, "group_left")
        if card.endswith("OneToMany"):
            return right | self._copied(left, node, "group_right")
        return names if is_on else left - names

    def _copied(self, known: Labels, node: Any, word: str) -> Labels:
        copied = frozenset(node.modifier.group_labels or ())
        self._all_of(known, copied, word)
        return copied

    def _call(self, node: Any) -> Labels:
        name = node.func.name
        inner = [self.labels(one) for one in node.args]
        if name in _OF_COUNTERS | _OF_GAUGES:
            self._check_kind(name, node.args[0])
        if name in ("label_replace", "label_join"):
            return inner[0] | {node.args[1].val}
        if name == "histogram_quantile":
            return inner[1] - {"le"}
        if name in ("vector", "time", "scalar"):
            return frozenset()
        return max(inner, key=len, default=frozenset())

    def _check_kind(self, function: str, node: Any) -> None:
        for name in _selected(node):
            kind = "gauge"
            if name in _DECLARED and name not in self.known.records:
                kind = "counter" if _DECLARED[name].kind == "counter" else "gauge"
            elif _PARTS.search(name) or (name in self.known.others and name.endswith("_total")):
                kind = "counter"
            if (kind == "counter") != (function in _OF_COUNTERS):
                self.problems.append(f"{function} of the {kind} {name}")

    def _all_of(self, known: Labels, named: Any, where: str) -> None:
        for label in named:
            if label not in known and label != "__name__":
                self.problems.append(f"{where} has no label {label}")


def checked(expression: str, known: Known) -> tuple[Labels, Checked]:
    """The labels of an expression's result, and what was found."""
    found = Checked(known, [], [])
    return found.labels(promql_parser.parse(expression)), found


def matchers(expression: str) -> Iterator[tuple[str, str, str]]:
    """Metric, label and value of each matcher of an expression."""
    for node in nodes(promql_parser.parse(expression)):
        if isinstance(node, promql_parser.VectorSelector):
            for one in node.matchers.matchers:
                yield node.name or "", one.name, one.value


def is_scalar(node: Any) -> bool:
    if isinstance(node, promql_parser.ParenExpr):
        return is_scalar(node.expr)
    if isinstance(node, promql_parser.BinaryExpr):
        return is_scalar(node.lhs) and is_scalar(node.rhs)
    return isinstance(node, promql_parser.NumberLiteral) or (
        isinstance(node, promql_parser.Call) and node.func.name in ("scalar", "time")
    )


def _selected(node: Any) -> Iterator[str]:
    return (one.name or "" for one in nodes(node) if isinstance(one, promql_parser.VectorSelector))


def nodes(node: Any) -> Iterator[Any]:
    """A syntax tree, from its root on."""
    yield node
    for one in below(node):
        yield from nodes(one)


def below(node: Any) -> Iterator[Any]:
    """The parts of a node."""
    parts = (getattr(node, name, None) for name in ("lhs", "rhs", "expr", "vector_selector"))
    yield from (one for one in parts if one is not None)
    yield from getattr(node, "args", ())


def card(node: Any) -> str:
    """How many series of an operation's sides are joined: `OneToOne`, `ManyToOne`, `OneToMany`."""
    return "OneToOne" if node.modifier is None else str(node.modifier.card).rpartition(".")[2]


def passing(node: Any) -> Iterator[str]:
    """The metrics whose labels, all of them, are those of what an expression results in."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node.name or ""
    elif isinstance(node, promql_parser.BinaryExpr):
        for side in _sides_that_pass(node):
            yield from passing(side)
    elif isinstance(node, promql_parser.AggregateExpr):
        if str(node.op) in ("topk", "bottomk"):
            yield from passing(node.expr)
    elif isinstance(node, promql_parser.Call):
        for argument in node.args if node.func.name not in ("absent", "scalar", "vector") else ():
            yield from passing(argument)
    else:
        for inner in below(node):
            yield from passing(inner)


def _sides_that_pass(node: Any) -> tuple[Any, ...]:
    """Of an operation: with `on` the result has those labels alone, unless one side is of many."""
    operation, modifier = str(node.op), node.modifier
    if operation in ("and", "unless"):
        return (node.lhs,)
    if operation == "or" or modifier is None or modifier.matching is None:
        return (node.lhs, node.rhs)
    return {"OneToOne": (), "ManyToOne": (node.lhs,), "OneToMany": (node.rhs,)}[card(node)]
