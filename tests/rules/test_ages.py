"""An age is of a time whose clock is watched: a clock that is ahead would make it green for ever."""

import json
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import promql_parser
import pytest

from stratoscope.show.queries import QUERIES
from support import board_parts
from support.ages import COMPARED, Age, ages
from support.grafana_boards import files
from support.rules_known import RULES

NOT_WATCHED: Final[Mapping[str, str]] = {
    "prometheus_tsdb_lowest_timestamp_seconds": "Prometheus gives it, by the clock that time() has",
    "stratoscope_downtime_end_timestamp_seconds": "it lies ahead as long as the downtime lasts",
    "stratoscope_management_events_last_timestamp_seconds": "collections by the same clock are watched",
    "stratoscope_management_migration_start_timestamp_seconds": "the oldest of each kind is watched",
    "stratoscope_management_orphan_changed_timestamp_seconds": "heartbeats by the same clocks are watched",
    "stratoscope_web_certificate_expires_timestamp_seconds": "it lies ahead as long as it is valid",
    "state:stratoscope_management_vms_in_transition_oldest_timestamp_seconds:min_unless_moved": (
        "what it is made of is watched"
    ),
    "vm:stratoscope_disagreement:since": "Prometheus gives it, by the clock that time() has",
}
"""What gives times that no alert compares with Prometheus's clock, and why."""
LEFT: Final[Mapping[str, str]] = {
    "stratoscope_downtime_end_timestamp_seconds": "the time that is left, not an age",
    "stratoscope_web_certificate_expires_timestamp_seconds": "the time that is left, not an age",
}
"""Differences that may be below 0 where they are shown, and why."""


class Place(NamedTuple):
    """Where an age is. Attributes: where: In words; is_shown: By a dashboard, a cell or another record."""

    where: str
    is_shown: bool
    age: Age


def _places() -> Iterator[Place]:
    for name, rule in RULES.items():
        if rule.record != COMPARED:
            for age in ages(promql_parser.parse(rule.expr)):
                yield Place(name, bool(rule.record), age)
    for file in files():
        for query in board_parts.queries(json.loads(file.read_text(encoding="utf-8"))):
            for age in ages(board_parts.tree(query.expr)) if query.expr else ():
                yield Place(f"{file.stem}, {query.where}", True, age)
    for one in QUERIES:
        for age in ages(promql_parser.parse(one.expr)):
            yield Place(one.title, True, age)


PLACES: Final = list(_places())
WATCHED: Final = {
    metric
    for rule in RULES.values()
    if rule.record == COMPARED
    for age in ages(promql_parser.parse(rule.expr))
    for metric in age.metrics
    if "_timestamp_seconds" in metric
}


@pytest.mark.parametrize("place", PLACES, ids=[one.where for one in PLACES])
def test_clock_of_an_age_is_watched(place: Place) -> None:
    assert place.age.metrics - WATCHED - NOT_WATCHED.keys() == set(), (
        "a rule for clock:stratoscope_timestamp_seconds:since_scrape in meta.yml, or an entry of NOT_WATCHED"
    )


@pytest.mark.parametrize("place", PLACES, ids=[one.where for one in PLACES])
def test_age_that_is_shown_is_not_below_0(place: Place) -> None:
    assert place.age.is_clamped or not place.is_shown or place.age.metrics <= LEFT.keys()


def test_nothing_is_watched_or_exempt_without_an_age() -> None:
    metrics = {metric for place in PLACES for metric in place.age.metrics}
    assert metrics == WATCHED | NOT_WATCHED.keys()
    assert LEFT.keys() <= NOT_WATCHED.keys()


@pytest.mark.parametrize(
    ("expression", "metrics"),
    [
        ("time() - a", {"a"}),
        ("2 * (time() - max by (cloud) (a > 0 or b)) / 3600", {"a", "b"}),
        ("a - time()", {"a"}),
        ("timestamp(a) - a", {"a"}),
        ("a - b - timestamp(a)", {"a", "b"}),
        ("vector(time()) - on () a", {"a"}),
        ("max_over_time((time() - a)[1h:1m])", {"a"}),
        ("-(time() - last_over_time(a[1d]))", {"a"}),
        ("(a and on (cloud) b unless c) - time()", {"a"}),
        ('time() - {job="x"}', {""}),
    ],
)
def test_age_is_found(expression: str, metrics: set[str]) -> None:
    assert [age.metrics for age in ages(promql_parser.parse(expression))] == [metrics]


@pytest.mark.parametrize(
    "expression",
    [
        "a - b",
        "a < time()",
        "1 - floor(vector(time() / 86400)) % 2",
        "60 * floor(vector(time() % 86400 / 60)) - on () a",
        "time() - max_over_time(timestamp(a)[1d:1m])",
    ],
)
def test_what_is_no_age_is_not_found(expression: str) -> None:
    assert list(ages(promql_parser.parse(expression))) == []


@pytest.mark.parametrize(
    ("expression", "is_clamped"),
    [
        ("clamp_min(time() - a, 0)", True),
        ("clamp_min(max by (cloud) (time() - a), 0) / 60", True),
        ("clamp_min(time() - a, -5)", False),
        ("clamp_max(time() - a, 0)", False),
        ("clamp_min(a, 0) + time() - a", False),
    ],
)
def test_age_that_can_be_below_0_is_found(expression: str, *, is_clamped: bool) -> None:
    assert [age.is_clamped for age in ages(promql_parser.parse(expression))] == [is_clamped]
