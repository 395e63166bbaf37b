"""Sites that are not as they should be: a database that runs twice, a load balancer, a clock that is set."""

import asyncio
import logging
from contextlib import suppress
from copy import deepcopy

import pytest
from msgspec.structs import replace

from stratoscope.clouds.client.clock import Clock
from stratoscope.downtime.model import Action
from stratoscope.downtime.silences import disputes, processes
from stratoscope.downtime.silences.alertmanager import Status
from stratoscope.downtime.silences.disputes import Disputes
from stratoscope.downtime.silences.errors import AlertmanagerError, Reason
from stratoscope.downtime.silences.processes import LATELY_S, Processes
from stratoscope.downtime.silences.reconciler import AGAIN_S, EVERY_S, POLL_S, Reconciler
from stratoscope.downtime.silences.record import Standing
from support.balancer import Balancer
from support.fake_alertmanager import FakeAlertmanager, Records, downtime, on
from support.virtual_time import EPOCH, loop_clock, simulated

HOUR_S = 3600
FIRST, SECOND = (Status(name, "0", frozenset({name})) for name in ("a", "b"))


async def run_for(seconds: float, *reconcilers: Reconciler) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for one in reconcilers:
                group.create_task(one.task().run())


def records_of(count: int = 1) -> Records:
    begin = int(EPOCH)
    return Records(downtime(f"d{n}", begin - 60, begin + 24 * HOUR_S) for n in range(count))


class Copied:
    """An exporter whose database was copied, and one with the copy. In a simulated loop."""

    def __init__(self) -> None:
        self.am = FakeAlertmanager(clock=loop_clock())
        self.records = records_of(2)
        self.first = self._reconciler(self.records)

    async def copy(self) -> None:
        await self.first.reconcile()
        self.copied = deepcopy(self.records)
        self.second = self._reconciler(self.copied)

    def leave(self, downtime_id: str) -> None:
        """The first has set its silences right as often as it does."""
        for _ in range(disputes.MOST):
            self.first._disputes.add([downtime_id], loop_clock().monotonic())

    def _reconciler(self, records: Records) -> Reconciler:
        return Reconciler(self.am, records, records, clock=loop_clock())


def test_a_copy_of_the_database_is_seen_and_costs_few_writes(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        at = Copied()
        await at.copy()
        at.am.requests.clear()
        at.records.change("d0", end=int(EPOCH) + 12 * HOUR_S)
        await run_for(HOUR_S - 60, at.first, at.second)
        assert at.am.requests.count("write") <= 1 + 2 * disputes.MOST
        reports = at.first.report, at.second.report
        assert any(one.errors[Reason.DISPUTED] and not one.is_in_step for one in reports)
        assert any(
            "does another exporter run with a copy of this database?" in one.failure for one in reports
        )
        assert all(one.errors[Reason.DISPUTED] <= HOUR_S / EVERY_S for one in reports)
        notes = [*at.records.noted, *at.copied.noted]
        assert {one.action for one in notes} == {Action.RESTORED}
        assert len(notes) <= 2 * disputes.MOST
        assert len(at.am.live()) == 2
        await run_for(3 * HOUR_S, at.first, at.second)
        assert at.am.requests.count("write") <= 1 + 4 * 2 * disputes.MOST

    with caplog.at_level(logging.ERROR):
        simulated(work)
    assert 1 <= caplog.text.count("downtime d0: something else keeps changing its silences") <= 10


def test_a_downtime_of_many_silences_is_set_right_as_often_as_another() -> None:
    tried = Disputes()
    for moment in range(disputes.MOST):
        assert not tried.held(moment)
        tried.add(["d0"] * disputes.MOST, moment)
    assert tried.held(disputes.MOST) == {"d0"}


def test_what_a_copy_does_not_know_it_expires_a_few_times_and_then_leaves() -> None:
    async def work() -> None:
        at = Copied()
        await at.copy()
        for number in range(disputes.MOST + 2):
            at.records.change("d0", matcher_sets=(on(host=f"new{number}"),))
            await at.first.reconcile()
            await at.second.reconcile()
        assert sorted(one.matchers for one in at.am.live()) == [on(host="n1"), on(host=f"new{number}")]
        report = at.second.report
        assert (report.errors[Reason.DISPUTED], report.is_in_step) == (2, False)
        assert (report.trouble, report.refused) == ("", {"d0": disputes.DISPUTED})
        assert report.expiries > 0
        at.am.process = "2"
        await at.second.reconcile()
        assert at.second.report.failure == ""

    simulated(work)


def test_an_override_that_is_undone_elsewhere_is_expired_a_few_times() -> None:
    async def work() -> None:
        at = Copied()
        await at.copy()
        for _ in range(disputes.MOST + 2):
            for one in at.am.live():
                if one.key and one.key.downtime_id == "d0":
                    at.am.end(one.id)
            await at.second.reconcile()
            at.records.change("d0")
            await at.first.reconcile()
            await at.second.reconcile()
        assert len(at.am.live()) == 2
        assert at.second.report.errors[Reason.DISPUTED] >= 1

    simulated(work)


def test_what_is_left_alone_costs_no_other_downtime_and_no_edit() -> None:
    async def work() -> None:
        at = Copied()
        await at.copy()
        silence_id = next(one.silence_id for one in at.records.all if one.downtime_id == "d0")
        for _ in range(disputes.MOST + 1):
            await asyncio.sleep(10)
            one = at.am.by_id[silence_id]
            at.am.by_id[silence_id] = replace(one, ends_at=one.ends_at + 60, updated_at=at.am.now)
            await at.first.reconcile()
        assert round(at.am.by_id[silence_id].ends_at) == at.records.downtimes["d0"].end + 60
        assert len(at.records.noted) == disputes.MOST
        at.records.change("d1", end=int(EPOCH) + HOUR_S)
        await at.first.reconcile()
        assert int(EPOCH) + HOUR_S in {round(one.ends_at) for one in at.am.live()}
        at.records.change("d0", end=int(EPOCH) + 2 * HOUR_S)
        await at.first.reconcile()
        assert (round(at.am.by_id[silence_id].ends_at), at.first.report.failure) == (
            int(EPOCH) + 2 * HOUR_S,
            "",
        )

    simulated(work)


def test_what_is_left_alone_is_not_looked_at_more_often_than_all() -> None:
    async def work() -> None:
        at = Copied()
        await at.copy()
        at.leave("d0")
        one = next(one for one in at.am.live() if one.key and one.key.downtime_id == "d0")
        at.am.by_id[one.id] = replace(one, ends_at=one.ends_at + 60)
        at.am.requests.clear()
        await run_for(2 * EVERY_S + 1, at.first)
        assert at.am.requests.count("list") == 3
        assert at.first.report.refused == {"d0": disputes.DISPUTED}
        assert disputes.DISPUTED.endswith(" They are left alone for up to 60 minutes")

    simulated(work)


@pytest.mark.parametrize("is_away", [False, True])
def test_what_is_left_alone_is_expired_when_its_downtime_ends(is_away: bool) -> None:
    async def work() -> None:
        at = Copied()
        await at.copy()
        end = int(EPOCH) + 3 * int(EVERY_S) + 8
        at.records.change("d0", end=end)
        await at.first.reconcile()
        for name in ("d0", "d1"):
            at.leave(name)
            one = next(one for one in at.am.live() if one.key and one.key.downtime_id == name)
            at.am.by_id[one.id] = replace(one, ends_at=one.ends_at + HOUR_S, updated_at=at.am.now)
        running = asyncio.create_task(run_for(end - loop_clock().now() + AGAIN_S, at.first))
        await asyncio.sleep(end - loop_clock().now() - 0.1)
        assert at.first.report.refused.keys() == {"d0", "d1"}
        if is_away:
            at.am.failure = AlertmanagerError(Reason.TIMEOUT, "slow")
        await asyncio.sleep(0.2)
        assert len(at.am.live()) == (2 if is_away else 1)
        assert at.first.report.trouble == ("slow" if is_away else "")
        await running
        assert at.first.report.errors[Reason.TIMEOUT] <= 2

    simulated(work)


def test_times_older_than_an_hour_are_forgotten() -> None:
    found = Disputes()
    found.add(["a", "b"], 0)
    found.add(["a"], 0)
    found.add(["a"], 60)
    assert found.held(disputes.WITHIN_S - 1) == {"a"}
    assert found.held(disputes.WITHIN_S) == frozenset()
    assert [*found._moments] == ["a"]
    found.add(["a"], disputes.WITHIN_S)
    assert found.held(disputes.WITHIN_S) == frozenset()
    found.add(["a"], disputes.WITHIN_S)
    assert found.held(disputes.WITHIN_S) == {"a"}
    assert found.held(disputes.WITHIN_S + 59) == {"a"}
    found.clear()
    assert found.held(disputes.WITHIN_S) == frozenset()


def test_a_balancer_over_alertmanagers_that_do_not_gossip_is_seen_and_nothing_more_is_written(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> None:
        members = [FakeAlertmanager(name, clock=loop_clock()) for name in ("a", "b")]
        for one in members:
            one.process = one.name
        at, records = Balancer(members), records_of(3)
        reconciler = Reconciler(at, records, records, clock=loop_clock())
        running = asyncio.create_task(run_for(HOUR_S, reconciler))
        await asyncio.sleep(60)
        written = at.requests.count("write")
        assert written <= 3 * 4
        await running
        assert at.requests.count("write") == written
        report = reconciler.report
        assert (report.is_in_step, report.present, report.wanted) == (False, None, 3)
        assert report.errors[Reason.SPLIT] > 0
        assert report.trouble.startswith("one of its urls leads to several Alertmanagers that do not gossip")
        members[1].members = members[0].members
        await run_for(LATELY_S + 10, reconciler)
        assert reconciler.report.trouble == ""

    with caplog.at_level(logging.ERROR):
        simulated(work)
    assert caplog.text.count("do not gossip: make them one cluster") == 1


def test_a_balancer_whose_status_is_always_of_one_member_makes_no_silences_without_bound() -> None:
    async def work() -> None:
        members = [FakeAlertmanager("am", clock=loop_clock()) for _ in range(2)]
        at, records = Balancer(members), records_of(1)
        reconciler = Reconciler(at, records, records, clock=loop_clock())
        with at.only(0):
            await run_for(4 * HOUR_S, reconciler)
        assert at.requests.count("write") <= 1 + 4 * (disputes.MOST + 1)

    simulated(work)


def test_a_balanced_cluster_is_listed_once_for_each_member_and_then_as_often_as_any() -> None:
    async def work() -> None:
        members = [FakeAlertmanager(name, clock=loop_clock()) for name in ("a", "b", "c")]
        for one in members:
            one.process, one.members, one.by_id = one.name, frozenset("abc"), members[0].by_id
        at, records = Balancer(members), records_of(1)
        reconciler = Reconciler(at, records, records, clock=loop_clock())
        await run_for(10 * EVERY_S, reconciler)
        assert at.requests.count("list") <= len(members) + 10
        assert at.requests.count("write") == 1
        assert not any(reconciler.report.errors.values())

    simulated(work)


def test_a_restart_is_anew_and_a_return_is_not() -> None:
    found = Processes()
    assert [found.see(one, 0) for one in (FIRST, FIRST, SECOND, FIRST)] == [True, False, True, False]
    assert found.see(replace(FIRST, members=frozenset({"a", "b"})), 0)


def test_two_returns_within_a_while_are_several() -> None:
    found = Processes()
    for one in (FIRST, SECOND, FIRST):
        found.see(one, 10)
    assert not found.are_several(10)
    found.see(SECOND, 20)
    assert found.are_several(20 + LATELY_S - 1)
    assert not found.are_several(20 + LATELY_S)


def test_members_that_gossip_are_one() -> None:
    found = Processes()
    for _ in range(5):
        found.see(replace(FIRST, members=frozenset({"a", "b"})), 0)
        found.see(replace(SECOND, members=frozenset({"a", "b"})), 0)
    assert not found.are_several(0)


def test_what_has_answered_is_remembered_within_bounds() -> None:
    found = Processes()
    for number in range(processes._REMEMBERED + 1):
        assert found.see(replace(FIRST, process=str(number)), 0)
        assert not found.see(replace(FIRST, process="1" if number else "0"), 0)
    assert len(found._seen) == processes._REMEMBERED
    assert not found.see(replace(FIRST, process="1"), 0)
    assert found.see(replace(FIRST, process="0"), 0)


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S])
def test_a_clock_that_is_set_and_set_back_leaves_silences_as_they_should_be(step_s: int) -> None:
    """One is active, one ends soon, one begins soon, one begins later."""

    async def work() -> None:
        loop, ahead = loop_clock(), [0]
        clock = Clock(loop.monotonic, lambda: loop.now() + ahead[0], loop.sleep)
        begin = int(EPOCH)
        spans = {"now": (-60, 9), "ends": (-60, 0.5), "soon": (0.5, 9), "late": (5, 9)}
        records = Records(
            downtime(
                name, begin + int(start * HOUR_S), begin + int(end * HOUR_S), matcher_sets=(on(host=name),)
            )
            for name, (start, end) in spans.items()
        )
        am = FakeAlertmanager(clock=loop)
        client = Skewed(am, ahead)
        reconciler = Reconciler(client, records, records, clock=clock)
        running = asyncio.create_task(run_for(20 * 60, reconciler))
        for seconds in (0, step_s, 0, step_s, 0):
            ahead[0] = seconds
            await asyncio.sleep(2 * EVERY_S + POLL_S)
            by_name = {one.key.downtime_id: one for one in am.live() if one.key}
            assert {"now", "ends", "late"} <= by_name.keys()
            assert {round(by_name[name].ends_at) for name in ("now", "late")} == {begin + 9 * HOUR_S}
            assert by_name["late"].state == "pending"
        for name, one in records.downtimes.items():
            assert (round(by_name[name].ends_at), name) == (one.end, name)
        assert (len(am.live()), by_name["soon"].state) == (4, "pending")
        assert reconciler.report.is_in_step
        assert not any(reconciler.report.errors.values())
        assert records.noted == []
        assert {one.standing for one in records.all} == {Standing.WRITTEN}
        await running

    simulated(work)


class Skewed:
    """Implements Client: an Alertmanager whose clock is right, asked by one whose clock is ahead."""

    def __init__(self, am: FakeAlertmanager, ahead: list[int]) -> None:
        self.name, self.status, self.write, self.expire = am.name, am.status, am.write, am.expire
        self._am, self._ahead = am, ahead

    async def silences(self) -> object:
        return replace(await self._am.silences(), ahead_s=-self._ahead[0])
