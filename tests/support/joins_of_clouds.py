"""Joins and aggregations that take two clouds for one: both can have the same hosts, ids and exporters."""

from collections.abc import Iterator
from typing import Any, Final

import promql_parser

from support.rule_checks import nodes

_OF_ONE_CLOUD: Final = frozenset({
    "aggregate", "alertmanager", "backend", "binary", "cell", "collector", "device", "domain", "flavor",
    "host", "instance", "job", "network", "pool", "probe", "service", "slice", "uri",
    "volume_backend_name", "volume_type", "zone",
})  # fmt: skip
"""Labels whose values are those of one cloud, or of its targets; so are all ids but these:"""
_ID_OF_SEVERAL: Final = "downtime_id"


def mixed(root: Any) -> Iterator[str]:
    """The parts of an expression that name what is in a cloud, and not the cloud."""
    for node in nodes(root):
        if isinstance(node, promql_parser.BinaryExpr) and node.modifier is not None:
            given = node.modifier.matching
            kept = given is not None and str(given.type).endswith("Include")
            if given is not None and _mixes(given.labels, kept=kept):
                yield f"{node.op} {_said('on' if kept else 'ignoring', given.labels)}"
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            kept = node.modifier.type == promql_parser.AggModifierType.By
            if _mixes(node.modifier.labels, kept=kept):
                yield f"{node.op} {_said('by' if kept else 'without', node.modifier.labels)}"


def _mixes(labels: Any, *, kept: bool) -> bool:
    """Args: kept: The labels are those that tell series apart; else all others do."""
    has_cloud = "cloud" in labels
    return not has_cloud and any(map(_is_of_one_cloud, labels)) if kept else has_cloud


def _is_of_one_cloud(label: str) -> bool:
    return label in _OF_ONE_CLOUD or (label.endswith("_id") and label != _ID_OF_SEVERAL)


def _said(word: str, labels: Any) -> str:
    return f"{word} ({', '.join(sorted(labels))})"
