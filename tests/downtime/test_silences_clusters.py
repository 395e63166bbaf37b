"""Two entries of the configuration that are one cluster: only the first writes."""

import asyncio

import pytest

from stratoscope.downtime.silences.clusters import WAIT_S, Clusters
from stratoscope.downtime.silences.errors import Reason
from stratoscope.downtime.silences.reconciler import POLL_S, Reconciler
from support.fake_alertmanager import FakeAlertmanager, Records, downtime
from support.virtual_time import loop_clock, simulated


class Pair:
    """Two entries of the configuration for one Alertmanager. In a simulated loop."""

    def __init__(self) -> None:
        clock = loop_clock()
        begin = int(clock.now())
        self.first, self.second = (
            FakeAlertmanager("first", clock=clock),
            FakeAlertmanager("second", clock=clock),
        )
        self.second.by_id = self.first.by_id
        self.records = Records([downtime("d0", begin, begin + 3600)])
        clusters = Clusters(["first", "second"])
        self.reconcilers = [
            Reconciler(one, self.records, self.records, clusters=clusters, clock=clock)
            for one in (self.first, self.second)
        ]

    async def reconcile(self) -> None:
        """Both at the same time."""
        async with asyncio.TaskGroup() as group:
            for one in reversed(self.reconcilers):
                group.create_task(one.reconcile())


def test_of_two_members_of_one_cluster_the_second_writes_nothing_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> None:
        pair = Pair()
        pair.second.members = frozenset({"first", "second"})
        await pair.reconcile()
        await pair.reconcile()
        first, second = (one.report for one in pair.reconcilers)
        assert (first.is_in_step, first.wanted, first.present) == (True, 1, 1)
        assert pair.second.requests == ["status", "status"]
        assert (second.is_in_step, second.wanted, second.present) == (False, 1, None)
        assert second.errors[Reason.CLUSTER] == 2
        assert second.trouble == (
            "it is of the same cluster as the entry first; members of one cluster are one entry: put"
            " both under urls"
        )

    simulated(work)
    assert caplog.text.count("members of one cluster are one entry: put both under urls") == 1


def test_one_that_joins_the_cluster_of_another_is_seen_at_the_next_look() -> None:
    async def work() -> None:
        pair = Pair()
        await pair.reconcile()
        assert pair.reconcilers[1].report.trouble == ""
        pair.first.members = pair.second.members = frozenset({"first", "second"})
        begin = loop_clock().monotonic()
        await pair.reconcilers[0]._pause()
        assert loop_clock().monotonic() - begin == pytest.approx(POLL_S)
        await pair.reconcile()
        assert pair.reconcilers[1].report.errors[Reason.CLUSTER] == 1

    simulated(work)


def test_an_entry_waits_a_moment_for_one_before_it_that_does_not_answer() -> None:
    async def work() -> None:
        clusters = Clusters(["first", "second"])
        begin = loop_clock().monotonic()
        await clusters.wait("second")
        assert loop_clock().monotonic() - begin == pytest.approx(WAIT_S)
        clusters.asked("first")
        await clusters.wait("second")
        await clusters.wait("first")
        assert loop_clock().monotonic() - begin == pytest.approx(WAIT_S)

    simulated(work)
