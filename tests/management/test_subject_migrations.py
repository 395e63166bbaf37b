"""Migrations on the page: under way, ended, and by pair of hosts."""

from typing import Any, Final

from stratoscope.clouds.migrations import (
    DURATION_BOUNDS,
    Durations,
    Ended,
    Migration,
    Outcome,
    Progress,
)
from stratoscope.clouds.migrations import Migrations as Answer
from stratoscope.management.subject import Bounds
from stratoscope.management.subjects.migrations import Migrations
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

PREFIX: Final = "stratoscope_management_migration"
LIVE: Final = Migration(
    "7", "vm1", "live-migration", "running", "cn01", "cn02", 1788264000.0, Progress(4096, 1024, 0, None)
)
STUCK: Final = Migration("3", "vm2", "evacuation", "accepted", 'cn"01', "", 1788200000.0)
NONE: Final = Answer((), (), {}, {})


def ended(source: str, target: str, outcome: Outcome, seconds: float | None = None) -> Ended:
    return Ended("live-migration", outcome, source, target, 1788264000.0, seconds)


def shown(answer: Answer, **bounds: Any) -> str:
    subject = Migrations("uni")
    subject.bounds = Bounds(**bounds)
    return rendered(subject.samples(answer), subject.families)


def lines(page: str, family: str) -> list[str]:
    return [line.removeprefix(f"{PREFIX}_") for line in page.splitlines() if line.startswith(family)]


def test_migrations_are_shown_as_the_golden_page_has_it() -> None:
    answer = Answer(
        running=(STUCK, LIVE),
        ended=(
            ended("cn01", "cn02", Outcome.COMPLETED, 42.0),
            ended("cn01", "cn02", Outcome.FAILED, 3.0),
            ended("cn02", "cn01", Outcome.COMPLETED, None),
        ),
        outcomes={("live-migration", outcome): 1 for outcome in Outcome},
        durations={"live-migration": Durations((0,) * 3 + (1,) * (len(DURATION_BOUNDS) - 2), 42.0)},
    )
    page = shown(answer)
    assert_golden("management_migrations.prom", page)
    assert promtool_findings(page) == ""


def test_none_are_shown_as_none() -> None:
    page = [line for line in shown(NONE).splitlines() if not line.startswith("#")]
    assert page == [
        f'{PREFIX}s_beyond_bound{{cloud="uni"}} 0',
        f'{PREFIX}_pairs_beyond_bound{{cloud="uni"}} 0',
    ]


def test_those_that_began_first_are_shown_and_the_others_counted() -> None:
    page = shown(Answer((STUCK, LIVE), (), {}, {}), migrations=1)
    assert page.count(f"{PREFIX}_info{{") == 1
    assert 'migration_id="3"' in page
    assert f'{PREFIX}s_beyond_bound{{cloud="uni"}} 1\n' in page
    assert f'{PREFIX}s{{cloud="uni",kind="live-migration",state="running"}} 1\n' in page


def test_pairs_with_most_failures_come_first_then_the_slow_ones_and_the_rest_is_one() -> None:
    failed, completed = Outcome.FAILED, Outcome.COMPLETED
    some = (
        ended("a", "b", failed), ended("a", "b", failed), ended("b", "c", failed),
        ended("c", "d", completed, 90.0), ended("d", "e", completed, 7.0), ended("e", "f", completed, 8.0),
    )  # fmt: skip
    page = shown(Answer((), some, {}, {}), migration_pairs=3)
    assert lines(page, f"{PREFIX}_pair_failed{{") == [
        'pair_failed{cloud="uni",source_host="a",target_host="b"} 2',
        'pair_failed{cloud="uni",source_host="b",target_host="c"} 1',
        'pair_failed{cloud="uni",source_host="c",target_host="d"} 0',
        'pair_failed{cloud="uni",source_host="other",target_host="other"} 0',
    ]
    assert lines(page, f"{PREFIX}_pair_longest_seconds{{") == [
        'pair_longest_seconds{cloud="uni",source_host="c",target_host="d"} 90.0',
        'pair_longest_seconds{cloud="uni",source_host="other",target_host="other"} 8.0',
    ]
    assert 'pair_completed{cloud="uni",source_host="other",target_host="other"} 2\n' in page
    assert f'{PREFIX}_pairs_beyond_bound{{cloud="uni"}} 2\n' in page


def test_one_that_was_cancelled_or_found_no_host_is_of_no_pair() -> None:
    some = (ended("a", "b", Outcome.CANCELLED), ended("a", "", Outcome.FAILED))
    assert f"{PREFIX}_pair_failed{{" not in shown(Answer((), some, {}, {}))


def test_the_oldest_of_a_kind_counts_and_of_pairs_without_failures_the_slowest_is_shown() -> None:
    running = tuple(
        Migration(str(number), "vm", "resize", "migrating", "a", "b", started)
        for number, started in enumerate((1788264060.0, 1788264000.0, 1788264030.0))
    )
    some = (ended("a", "b", Outcome.COMPLETED, 0.0), ended("y", "z", Outcome.COMPLETED, 90.0))
    page = shown(Answer(running, some, {}, {}), migration_pairs=1)
    assert f'{PREFIX}s_oldest_timestamp_seconds{{cloud="uni",kind="resize"}} 1788264000.0\n' in page
    assert lines(page, f"{PREFIX}_pair_longest_seconds{{") == [
        'pair_longest_seconds{cloud="uni",source_host="y",target_host="z"} 90.0',
        'pair_longest_seconds{cloud="uni",source_host="other",target_host="other"} 0.0',
    ]
