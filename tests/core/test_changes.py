"""What the log says of several collectors of a part whose state changes: one line for what they share."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from stratoscope.core.changes import GATHER_S, LATER_S, Change, Changes
from support.virtual_time import simulated

DOWN = Change(logging.ERROR, "failed", "uni", " reason=%s error=%r", ("unavailable", "refused"))
SLOW = Change(logging.ERROR, "failed", "uni", " reason=%s error=%r", ("timeout", "no answer"))
UP = Change(logging.INFO, "recovered", "uni")


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The messages since it was last called."""
    caplog.set_level(logging.DEBUG, "stratoscope.core")

    def messages() -> list[str]:
        found = [record.message for record in caplog.records]
        caplog.clear()
        return found

    return messages


def test_one_alone_is_named_and_waits_for_others_no_longer_than_a_second(
    said: Callable[[], list[str]],
) -> None:
    async def alone() -> None:
        changes = Changes(GATHER_S)
        changes.add(DOWN, "hosts")
        await asyncio.sleep(GATHER_S / 2)
        assert said() == []
        await asyncio.sleep(GATHER_S)
        assert said() == ["failed collector=hosts cloud=uni reason=unavailable error='refused'"]

    simulated(alone)


def test_who_fails_by_and_by_is_said_once_a_minute(said: Callable[[], list[str]]) -> None:
    async def by_and_by() -> None:
        changes = Changes(GATHER_S)
        for number in range(7):
            changes.add(DOWN, f"c{number}")
            await asyncio.sleep(10)
        assert said() == [
            "failed collector=c0 cloud=uni reason=unavailable error='refused'",
            "failed collectors=6 cloud=uni reason=unavailable error='refused' names=c1,c2,c3,c4,c5,c6",
        ]
        await asyncio.sleep(2 * LATER_S)
        changes.add(DOWN, "hosts")
        await asyncio.sleep(2 * GATHER_S)
        assert len(said()) == 1  # after a minute without one it is said soon again

    simulated(by_and_by)


def test_other_reasons_and_texts_are_lines_of_their_own(said: Callable[[], list[str]]) -> None:
    async def two_reasons() -> None:
        changes = Changes(GATHER_S)
        for name, change in (("a", DOWN), ("b", SLOW), ("c", DOWN), ("d", SLOW)):
            changes.add(change, name)
        changes.write()
        assert said() == [
            "failed collectors=2 cloud=uni reason=unavailable error='refused' names=a,c",
            "failed collectors=2 cloud=uni reason=timeout error='no answer' names=b,d",
        ]
        await asyncio.sleep(2 * LATER_S)
        assert said() == []

    simulated(two_reasons)


def test_last_line_on_a_collector_is_how_it_is_now(said: Callable[[], list[str]]) -> None:
    async def to_and_fro() -> None:
        changes = Changes(GATHER_S)
        for change in (DOWN, UP, SLOW, UP, DOWN):
            changes.add(change, "hosts")
            await asyncio.sleep(GATHER_S / 10)
        changes.add(UP, "vms")
        await asyncio.sleep(2 * LATER_S)
        assert [line.partition(" cloud")[0] for line in said()] == [
            *("failed collector=hosts", "recovered collector=hosts") * 2,
            *("failed collector=hosts", "recovered collector=vms"),
        ]

    simulated(to_and_fro)


def test_recovery_comes_after_the_failures_before_it(said: Callable[[], list[str]]) -> None:
    async def late() -> None:
        changes = Changes(GATHER_S)
        for name, change in (("a", DOWN), ("b", DOWN), ("c", UP), ("d", DOWN)):
            changes.add(change, name)
            await asyncio.sleep(2 * GATHER_S)  # b and d wait for others of which the same is to be said
        await asyncio.sleep(2 * LATER_S)
        assert [line.partition(" cloud")[0] for line in said()] == [
            *("failed collector=a", "failed collector=b", "recovered collector=c", "failed collector=d"),
        ]

    simulated(late)


def test_bug_is_written_at_once_after_what_waits_of_the_same_collector(
    said: Callable[[], list[str]],
) -> None:
    async def bug() -> None:
        changes = Changes(GATHER_S)
        changes.add(UP, "hosts")
        changes.add(DOWN, "vms")
        changes.add(SLOW._replace(values=("internal", "KeyError")), "hosts", KeyError("vcpus"))
        assert said() == [
            "recovered collector=hosts cloud=uni",
            "failed collector=hosts cloud=uni reason=internal error='KeyError'",
        ]
        changes.write()

    simulated(bug)
