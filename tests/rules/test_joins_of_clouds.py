"""What rules and dashboards match or add up is of one cloud: two can have the same hosts, ids, exporters."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import promql_parser
import pytest

from support import board_parts
from support.grafana_boards import files
from support.joins_of_clouds import mixed
from support.rules_known import RULES

OF_ALL_CLOUDS: Final = {
    ("management instance:stratoscope_cloud_budget_concurrency:gone", "and on (instance, job)"): (
        "`up` of an exporter of several clouds has no cloud"
    ),
    ("meta clock:stratoscope_timestamp_seconds:ahead", "- on (instance, job)"): (
        "the scrape of an exporter of several clouds has no cloud"
    ),
    ("watched vm:stratoscope_vm_info:watched", "and on (project_id)"): "those that are named without a cloud",
    ("watched vm:stratoscope_vm_info:watched", "and on (flavor)"): "a flavor is named without a cloud",
}


def _of_rules() -> Iterator[tuple[str, str]]:
    for name, rule in RULES.items():
        yield from ((name, part) for part in mixed(promql_parser.parse(rule.expr)))


def test_rules_match_and_add_up_within_a_cloud() -> None:
    assert [one for one in _of_rules() if one not in OF_ALL_CLOUDS] == []


def test_each_exception_for_all_clouds_is_needed() -> None:
    assert OF_ALL_CLOUDS.keys() - {*_of_rules()} == set()


@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
def test_dashboards_match_and_add_up_within_a_cloud(file: Path) -> None:
    """Variables offer what is in any of the chosen clouds."""
    board = json.loads(file.read_text())
    found = [
        f"{query.where}: {part}"
        for query in board_parts.queries(board)
        if query.expr and not query.where.startswith("variable ")
        for part in mixed(board_parts.tree(query.expr))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("expr", "parts"),
    [
        ("up == 0 and on (job, instance) x", ["and on (instance, job)"]),
        ("a * on (vm_id) group_left (project_id) b", ["* on (vm_id)"]),
        ("a or on (host) b", ["or on (host)"]),
        ("a unless ignoring (cloud) b", ["unless ignoring (cloud)"]),
        ("sum by (host, vm_id) (a)", ["sum by (host, vm_id)"]),
        ("topk by (vm_id) (1, a)", ["topk by (vm_id)"]),
        ("max without (cloud, job) (a)", ["max without (cloud, job)"]),
        ("sum(rate(a[5m]) * on (zone) b)", ["* on (zone)"]),
        ("max_over_time(sum by (probe) (a)[1h:1m])", ["sum by (probe)"]),
        ("a * on (router_id) b", ["* on (router_id)"]),
        ("max by (alertmanager) (a)", ["max by (alertmanager)"]),
        ("a * on (downtime_id) b", []),
        ("a and on (cloud, host) b", []),
        ("a and ignoring (check) b", []),
        ("a * on () group_left () b", []),
        ("a and b", []),
        ("sum by (version) (a)", []),
        ("sum by (cloud, host) (a)", []),
        ("sum without (host) (a)", []),
        ("topk(3, a)", []),
    ],
)
def test_part_that_names_no_cloud_is_found(expr: str, parts: list[str]) -> None:
    assert list(mixed(promql_parser.parse(expr))) == parts
