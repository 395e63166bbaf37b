"""A moment with two series where a join needs one makes no query of rules and dashboards fail."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Final

import promql_parser
import pytest

from support import board_parts
from support.grafana_boards import files
from support.joins import Joins, Labels
from support.rules_known import KNOWN, RULES

NEVER_TWO: Final = {
    "day:stratoscope_availability:parity": "a day is even or odd, and both are recorded at all times",
}
OF_RECORDS: Final = Joins(lambda name: frozenset({"cloud", "host"}) if name == "host:up:max" else None)


def _of_record(name: str) -> Labels | None:
    """In one Prometheus a record has the labels that its rules give it, and no other."""
    fixed = [rule.labels.items() for rule in RULES.values() if rule.record == name]
    same = {label for label, _ in set.intersection(*map(set, fixed))} if fixed else set()
    return KNOWN.records[name] - same if name in KNOWN.records else None


@cache
def _told_apart(name: str) -> Labels | None:
    rules = [rule for rule in RULES.values() if rule.record == name]
    if len(rules) != 1:
        return None
    return Joins(_of_record).kept_apart(name, promql_parser.parse(rules[0].expr))


def _of_rules() -> Iterator[tuple[str, str]]:
    joins = Joins(_of_record, _told_apart)
    for name, rule in RULES.items():
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


APART: Final = "r and on (a, b) u or on (a) group by (a, b) (topk by (a) (1, timestamp(u) unless on (a) r))"


@pytest.mark.parametrize(
    ("expr", "labels"),
    [
        (APART, {"a"}),
        (APART.replace("group by (a, b)", "label_join(group by (a, b)") + ", 'c', '', 'b')", {"a"}),
        (APART.replace("group by (a, b)", "label_join(group by (a, b)") + ", 'a', '', 'b')", None),
        (APART.replace("group by (a, b)", "group by (b)"), None),
        (APART.replace("or on (a)", "or"), None),
        (APART.replace("or on (a)", "or on (a, b)"), None),
        (APART.replace("unless on (a) r", "unless on (a, b) r"), None),
        (APART.replace("unless on (a) r", "unless on (a) u"), None),
        (APART.replace("unless on (a) r", 'unless on (a) r{b="1"}'), None),
        (APART.replace("unless on (a) r", "unless on (a) r or u"), None),
        (APART.replace("unless", "and"), None),
        (APART.replace("r and", "u and"), None),
        (APART.replace("r and", "r unless"), None),
        (APART.replace("(1, ", "(2, "), None),
        (f"label_join({APART}, 'c', '', 'b')", None),
        ("topk by (a) (1, r)", None),
    ],
)
def test_rule_that_makes_a_series_where_there_is_none_has_one(expr: str, labels: set[str] | None) -> None:
    assert Joins(lambda _: None).kept_apart("r", promql_parser.parse(expr)) == labels


@pytest.mark.parametrize(
    ("on", "sides"), [("cloud, host", 0), ("cloud, host, zone", 0), ("cloud", 1), ("host", 1)]
)
def test_join_needs_all_labels_that_tell_a_record_apart(on: str, sides: int) -> None:
    joins = Joins(lambda _: None, lambda name: frozenset({"cloud", "host"}) if name == "r" else None)
    assert len(list(joins.unsafe(promql_parser.parse(f"a * on ({on}) group_left (x) r")))) == sides


def test_joins_say_on() -> None:
    with pytest.raises(ValueError, match="say `on`"):
        list(OF_RECORDS.unsafe(promql_parser.parse("a / ignoring (x) b")))
