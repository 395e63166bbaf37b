"""A collector that the source says cannot be run: left out, not failed, and tried again."""

import logging
from collections.abc import Iterable

import pytest

from stratoscope.core.collector import Collection, Every, OnScrape
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from stratoscope.core.metrics import Sample
from stratoscope.core.runner import FAMILIES, Runner, Status
from support.pages import promtool_findings, rendered
from support.source import Clock, Source, vcpus

LOG = "stratoscope.core.changes"
SCHEDULE = Every(interval_s=60, timeout_s=50, max_age_s=300)
NO_RIGHT = LeftOutError(LeftOut.UNAUTHORIZED, "403: role admin is needed")
GONE = LeftOutError(LeftOut.ABSENT, "no volume service in the catalogue")
DOWN = CollectError(Reason.UNAVAILABLE, "connection refused")


def kept(source: Source, clock: Clock | None = None) -> Runner:
    clock = clock or Clock()
    return Runner(Collection(source, SCHEDULE), monotonic=clock, now=clock, sleep=clock.sleep)


def scraped(source: Source) -> Runner:
    return Runner(Collection(source, OnScrape()))


def account(runner: Runner, status: Status) -> list[str]:
    """The lines of its account, without the errors and drops that stay 0."""
    page = rendered(runner.account(status), FAMILIES)
    assert promtool_findings(page) == ""
    return [line for line in page.splitlines() if not line.startswith("#") and not line.endswith(" 0")]


async def test_it_is_no_failure_and_no_success() -> None:
    lines, status = await scraped(Source(NO_RIGHT)).lines(5)
    assert lines is None
    assert (status.success, status.reason, status.left_out) == (None, None, LeftOut.UNAUTHORIZED)
    assert (status.message, status.samples) == ("403: role admin is needed", 0)
    assert status.errors == {}


async def test_snapshot_is_withdrawn_at_once_and_comes_back_with_the_service() -> None:
    runner = kept(Source([vcpus("vm-1")], GONE, [vcpus("vm-1")]))
    await runner.first()
    await runner.first()
    lines, status = await runner.lines(1)
    assert (lines, status.left_out, status.samples) == (None, LeftOut.ABSENT, 0)
    await runner.first()
    lines, status = await runner.lines(1)
    assert lines is not None
    assert (status.success, status.left_out, status.message) == (True, None, "")


async def test_verdict_of_an_earlier_failure_is_withdrawn_too_and_none_is_asked_for() -> None:
    class WithVerdict(Source):
        def failure(self) -> Iterable[Sample]:
            return [vcpus("vm-1", 0)]

    runner = kept(WithVerdict(DOWN, GONE))
    await runner.first()
    assert (await runner.lines(1))[0] is not None
    await runner.first()
    assert (await runner.lines(1))[0] is None


async def test_account_says_so_and_shows_nothing_of_a_last_collection() -> None:
    runner = kept(Source([vcpus("vm-1")], DOWN, GONE))
    for _ in range(3):
        await runner.first()
    who = 'cloud="uni",collector="source"'
    assert account(runner, (await runner.lines(1))[1]) == [
        f'stratoscope_collector_errors_total{{{who},reason="unavailable"}} 1',
        f"stratoscope_collector_interval_seconds{{{who}}} 60",
        f"stratoscope_collector_timeout_seconds{{{who}}} 50",
        f"stratoscope_collector_max_age_seconds{{{who}}} 300",
        f'stratoscope_collector_left_out{{{who},reason="absent"}} 1',
    ]


async def test_failure_after_it_is_a_failure() -> None:
    runner = scraped(Source(GONE, DOWN))
    await runner.lines(5)
    _, status = await runner.lines(5)
    assert (status.success, status.reason, status.left_out) == (False, Reason.UNAVAILABLE, None)


async def test_scrape_that_does_not_wait_for_the_end_says_timeout_alone() -> None:
    source = Source(GONE)
    runner = scraped(source)
    await runner.lines(5)
    source.gate.clear()
    _, status = await runner.lines(0)
    assert (status.success, status.reason, status.left_out) == (False, Reason.TIMEOUT, None)
    await runner.stop()


async def test_it_is_tried_again_at_each_scrape() -> None:
    source = Source(GONE)
    runner = scraped(source)
    for _ in range(3):
        await runner.lines(5)
    assert source.calls == 3


async def test_change_is_logged_once_and_so_is_the_recovery(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOG)
    runner = scraped(Source(GONE, GONE, NO_RIGHT, NO_RIGHT, [], [], DOWN, NO_RIGHT, DOWN, []))
    for _ in range(10):
        await runner.lines(5)
    absent = "left out collector=source cloud=uni reason=absent why='no volume service in the catalogue'"
    no_right = "left out collector=source cloud=uni reason=unauthorized why='403: role admin is needed'"
    failed = "failed collector=source cloud=uni reason=unavailable error='connection refused'"
    recovered = "recovered collector=source cloud=uni"
    assert [record.message for record in caplog.records] == [
        *(absent, no_right, recovered),
        *(failed, no_right, failed, recovered),
    ]
    left_out = [record.levelname for record in caplog.records if "left out" in record.message]
    assert left_out == ["INFO", "WARNING", "WARNING"]  # only a missing right asks for something to be done


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([GONE, NO_RIGHT], (None, LeftOut.ABSENT)),
        ([ExceptionGroup("inner", [NO_RIGHT])], (None, LeftOut.UNAUTHORIZED)),
        ([GONE, DOWN], (Reason.UNAVAILABLE, None)),
        ([GONE, ExceptionGroup("inner", [NO_RIGHT, DOWN])], (Reason.UNAVAILABLE, None)),
        ([GONE, DOWN, KeyError("bug")], (Reason.INTERNAL, None)),
    ],
)
async def test_task_group_is_left_out_only_if_all_its_children_are(
    errors: list[Exception], expected: tuple[Reason | None, LeftOut | None]
) -> None:
    _, status = await scraped(Source(ExceptionGroup("in a TaskGroup", errors))).lines(5)
    assert (status.reason, status.left_out) == expected
