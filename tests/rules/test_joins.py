"""A moment with two series where a join needs one makes no query of rules and dashboards fail."""

import json
from collections.abc import Iterator
from typing import Final

import promql_parser
import pytest

from support import board_parts
from support.grafana_boards import files
from support.joins import Joins, Labels
from support.rules_known import KNOWN, RULES

NEVER_TWO: Final = {
    "vm:stratoscope_vm_info:project_id": "no VM changes its project",
    "day:stratoscope_availability:parity": "a day is even or odd, and both are recorded at all times",
}
OF_RECORDS: Final = Joins(lambda name: frozenset({"cloud", "host"}) if name == "host:up:max" else None)


def _of_record(name: str) -> Labels | None:
    """In one Prometheus a record has the labels that its rules give it, and no other."""
    fixed = [rule.labels.items() for rule in RULES.values() if rule.record == name]
    same = {label for label, _ in set.intersection(*map(set, fixed))} if fixed else set()
    return KNOWN.records[name] - same if name in KNOWN.records else None


def _of_rules() -> Iterator[tuple[str, str]]:
    joins = Joins(_of_record)
    for name, rule in RULES.items():
        if not name.startswith("compat/"):  # spells the names of others, for whom moves from them
            yield from ((name, side) for side in joins.unsafe(promql_parser.parse(rule.expr)))


def test_joins_of_rules_need_no_single_series_where_there_can_be_two() -> None:
    left = [(name, side) for name, side in _of_rules() if not any(one in side for one in NEVER_TWO)]
    assert left == []


def test_each_exception_is_needed() -> None:
    sides = [side for _, side in _of_rules()]
    assert [one for one in NEVER_TWO if not any(one in side for side in sides)] == []


@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
def test_joins_of_dashboards_need_no_single_series_where_there_can_be_two(file: object) -> None:
    """A dashboard may read several Prometheus servers at once: a record has a label more then."""
    board = json.loads(file.read_text())  # type: ignore[attr-defined] # a Path
    found = [
        f"{query.where}: {side}"
        for query in board_parts.queries(board)
        if query.expr
        for side in Joins(lambda _: None).unsafe(board_parts.tree(query.expr))
    ]
    assert found == []


@pytest.mark.parametrize(
    "expr",
    [
        "max by (host) (a) / on (host) (sum by (host) (b) > 0)",
        "a * on (host) group_left (v) topk by (host) (1, v_info)",
        "a * on (host) group_left (v) group by (host, v) (topk by (host) (1, v_info))",
        "max by (host) (a) * on (host) group_right () b",
        "a * on (cloud, host) group_left () host:up:max",
        "a * on (cloud) group_left () host:up:max{host='n1'}",
        "a * on (host) group_left () max by (host, kind) (b{kind='x'})",
        "a * on (host) group_left () (max by (host) (b) or on (host) max by (host) (c))",
        "a * on (host) group_left () (max by (host) (b) and c)",
        "a * on (host) group_left () label_replace(max by (host) (b), 'x', 'y', '', '')",
        "a * on (x) group_left () (label_replace(vector(1), 'x', 'y', '', ''))",
        "a + b",
        "a / scalar(b)",
        "a and on (host) b",
        "a * on () group_left () max(b)",
    ],
)
def test_join_is_safe(expr: str) -> None:
    assert list(OF_RECORDS.unsafe(promql_parser.parse(expr))) == []


@pytest.mark.parametrize(
    ("expr", "sides"),
    [
        ("a / on (host) b", 2),
        ("max by (host) (a) / on (host) b", 1),
        ("a * on (host) group_left (v) v_info", 1),
        ("a * on (host) group_left (v) topk by (host) (2, v_info)", 1),
        ("a * on (host) group_left (v) topk by (host, zone) (1, v_info)", 1),
        ("a * on (host) group_left (v) group by (host, v) (v_info)", 1),
        ("a * on (host) group_left () host:up:max", 1),
        ("b * on (host) group_right () max by (host) (a)", 1),
        ("a * on (host) group_left () (max by (host) (b) or max by (host, x) (c))", 1),
        ("a * on (host) group_left () max_over_time(topk by (host) (1, b)[1h:1m])", 1),
        ("a * on (host) group_left () label_replace(max by (x) (b), 'host', '$1', 'x', '(.).*')", 1),
        ("sum(a * on (host) group_left () b)", 1),
    ],
)
def test_join_is_not_safe(expr: str, sides: int) -> None:
    assert len(list(OF_RECORDS.unsafe(promql_parser.parse(expr)))) == sides


def test_joins_say_on() -> None:
    with pytest.raises(ValueError, match="say `on`"):
        list(OF_RECORDS.unsafe(promql_parser.parse("a / ignoring (x) b")))
