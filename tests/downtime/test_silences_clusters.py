"""Two entries of the configuration that are one cluster: only the first writes."""

import asyncio

import pytest
from msgspec.structs import replace

from stratoscope.downtime.model import Action
from stratoscope.downtime.silences.apply import BATCH
from stratoscope.downtime.silences.clusters import WAIT_S, Clusters
from stratoscope.downtime.silences.errors import AlertmanagerError, Reason
from stratoscope.downtime.silences.reconciler import AGAIN_S, EVERY_S, POLL_S, Reconciler
from stratoscope.downtime.silences.silence import Written
from support.fake_alertmanager import FakeAlertmanager, Records, downtime
from support.virtual_time import loop_clock, simulated


class Pair:
    """Two entries of the configuration for one Alertmanager. In a simulated loop."""

    def __init__(self) -> None:
        clock = loop_clock()
        self.begin = begin = int(clock.now())
        self.first, self.second = (
            FakeAlertmanager("first", clock=clock),
            FakeAlertmanager("second", clock=clock),
        )
        self.second.by_id = self.first.by_id
        self.records = Records([downtime("d0", begin, begin + 3600)])
        self.start()

    def start(self) -> None:
        """The service is started, and knows what is stored alone."""
        self.clusters = Clusters(["first", "second", "third"])
        self.reconcilers = [
            Reconciler(one, self.records, self.records, clusters=self.clusters, clock=loop_clock())
            for one in (self.first, self.second)
        ]

    def join(self) -> None:
        """Both see that they are of one cluster."""
        self.first.members = self.second.members = frozenset({"first", "second"})

    def run(self) -> asyncio.Task[None]:
        """Both, as long as the task is not cancelled."""

        async def work() -> None:
            async with asyncio.TaskGroup() as group:
                for one in self.reconcilers:
                    group.create_task(one.run())

        return asyncio.create_task(work())

    @property
    def writes(self) -> tuple[int, int]:
        first, second = (one.requests.count("write") for one in (self.first, self.second))
        return first, second

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
        clusters.failed("first")
        await clusters.wait("second")
        await clusters.wait("first")
        answered = Clusters(["first", "second"])
        answered.see("first", frozenset({"first"}))
        await answered.wait("second")
        assert loop_clock().monotonic() - begin == pytest.approx(WAIT_S)

    simulated(work)


def test_while_the_first_does_not_answer_the_second_takes_over_and_gives_back_without_a_fight() -> None:
    async def work() -> None:
        pair = Pair()
        pair.join()
        running = pair.run()
        await asyncio.sleep(1)
        assert pair.writes == (1, 0)
        pair.first.failure = AlertmanagerError(Reason.UNREACHABLE, "away")
        pair.records.downtimes["d1"] = downtime("d1", pair.begin, pair.begin + 3600)
        await asyncio.sleep(POLL_S + AGAIN_S + 1)
        assert (pair.writes, len(pair.first.live())) == ((1, 1), 2)
        first, second = (one.report for one in pair.reconcilers)
        assert (first.trouble, second.is_in_step, second.trouble) == ("away", True, "")
        assert {one.alertmanager for one in pair.records.all} == {"first"}
        for name in ("d0", "d1"):
            pair.records.change(name, start=pair.begin - 60, title="moved")
        pair.first.failure = None
        for _ in range(3 * int(EVERY_S)):
            for one in pair.reconcilers:
                one.wake()
            await asyncio.sleep(1)
            assert len(pair.first.live()) == 2
        assert pair.writes[1] == 1
        first, second = (one.report for one in pair.reconcilers)
        assert (first.is_in_step, second.trouble[:36]) == (True, "it is of the same cluster as the ent")
        assert pair.records.noted == []
        running.cancel()

    simulated(work)


def test_what_a_person_took_over_is_said_by_the_entry_that_keeps_the_silences_alone() -> None:
    async def work() -> None:
        pair = Pair()
        pair.join()
        await pair.reconcile()
        pair.first.failure = AlertmanagerError(Reason.TIMEOUT, "slow")
        await pair.reconcile()
        (ours,) = pair.first.live()
        pair.first.by_id[ours.id] = replace(ours, created_by="eve")
        pair.records.change("d0", cancelled_at=pair.begin)
        await pair.reconcile()
        second = pair.reconcilers[1]
        assert ([one.owner for one in second.report.left], second.report.taken_over) == (["eve"], 1)
        pair.first.failure = None
        await pair.reconcile()
        await pair.reconcile()
        first, second = pair.reconcilers
        assert ([one.owner for one in first.report.left], first.report.taken_over) == (["eve"], 1)
        assert ([*second.report.left], second.report.taken_over) == ([], 0)

    simulated(work)


@pytest.mark.parametrize("is_back", [False, True])
def test_what_a_person_expired_stays_so_whichever_entry_keeps_the_silences(is_back: bool) -> None:
    async def work() -> None:
        pair = Pair()
        pair.join()
        running = pair.run()
        await asyncio.sleep(1)
        if not is_back:
            pair.first.end(*pair.first.by_id)
            await asyncio.sleep(EVERY_S)
        pair.first.failure = AlertmanagerError(Reason.TIMEOUT, "slow")
        await asyncio.sleep(EVERY_S + 2 * AGAIN_S)
        if is_back:
            pair.second.end(*pair.second.by_id)
            await asyncio.sleep(EVERY_S)
            pair.first.failure = None
        await asyncio.sleep(EVERY_S + AGAIN_S)
        assert pair.writes == (1, 0)
        assert [one.action for one in pair.records.noted] == [Action.OVERRIDDEN]
        running.cancel()

    simulated(work)


@pytest.mark.parametrize("is_of_another", [False, True])
def test_after_a_start_the_second_knows_what_is_recorded_of_a_first_that_does_not_answer(
    is_of_another: bool,
) -> None:
    async def work() -> None:
        pair = Pair()
        pair.join()
        await pair.reconcile()
        pair.first.end(*pair.first.by_id)
        await pair.reconcile()
        if is_of_another:
            pair.second.by_id = {}
        pair.first.failure = AlertmanagerError(Reason.TIMEOUT, "slow")
        pair.start()
        await pair.reconcile()
        await pair.reconcile()
        assert len(pair.second.live()) == is_of_another
        assert pair.reconcilers[1].report.recorded_as == ("second" if is_of_another else "first")
        assert [one.action for one in pair.records.noted] == [Action.OVERRIDDEN]

    simulated(work)


def test_who_of_the_others_may_be_of_the_same_cluster_is_asked_until_it_answers() -> None:
    clusters = Clusters(["a", "b", "c"])
    clusters.see("b", frozenset({"b"}))
    clusters.see("c", frozenset({"c"}))
    assert [*clusters.strangers("c")] == ["a"]
    clusters.see("a", frozenset({"a"}))
    assert [*clusters.strangers("c")] == []
    clusters.failed("a")
    clusters.failed("b")
    assert [*clusters.strangers("c")] == ["a", "b"]
    clusters.join("a", "c")
    assert ([*clusters.strangers("c")], clusters.first("c")) == (["b"], "a")


def test_what_the_first_wrote_meanwhile_is_not_taken_for_a_persons_by_the_second() -> None:
    async def work() -> None:
        pair = Pair()
        pair.join()
        pair.first.failure = AlertmanagerError(Reason.UNREACHABLE, "away")
        await pair.reconcilers[0].reconcile()
        await pair.reconcilers[1].reconcile()
        pair.first.failure = None
        for hours in (2, 3):
            (before,) = pair.first.live()
            pair.records.change("d0", end=pair.begin + hours * 3600)
            await asyncio.sleep(0.5)
            await pair.reconcilers[0].reconcile()
            await pair.reconcilers[1].reconcile()
        pair.first.by_id[before.id] = before  # by a crash
        pair.first.failure = AlertmanagerError(Reason.UNREACHABLE, "away")
        for one in pair.reconcilers:
            await one.reconcile()
        assert (pair.writes, pair.first.live()[0].ends_at) == ((2, 2), pair.begin + 3 * 3600)
        assert pair.records.noted == []

    simulated(work)


def test_the_second_stops_in_the_middle_of_a_round_when_the_first_is_back() -> None:
    async def work() -> None:
        pair = Pair()
        pair.join()
        for number in range(2 * BATCH):
            name = f"d{number}"
            pair.records.downtimes[name] = downtime(name, pair.begin, pair.begin + 3600)
        clusters = pair.clusters
        clusters.see("first", pair.first.members)
        clusters.failed("first")
        write = pair.second.write

        async def come_back(silence: Written) -> str:
            clusters.works("first")
            return await write(silence)

        pair.second.write = come_back  # type: ignore[method-assign]  # looks on
        await pair.reconcilers[1].reconcile()
        assert pair.writes == (0, BATCH)

    simulated(work)


def test_an_entry_that_leaves_its_cluster_to_another_has_not_failed() -> None:
    async def work() -> None:
        pair = Pair()
        pair.join()
        pair.clusters.see("third", pair.first.members)
        await pair.reconcile()
        pair.clusters.failed("first")
        assert pair.clusters.twin("third") == "second"

    simulated(work)


def test_the_next_entry_that_works_takes_over() -> None:
    clusters = Clusters(["a", "b", "c", "other"])
    for name in ("a", "b", "c"):
        clusters.see(name, frozenset({name, "c"}))
    clusters.see("other", frozenset({"other"}))

    def twins() -> list[str]:
        return [clusters.twin(name) for name in ("a", "b", "c", "other")]

    assert twins() == ["", "a", "a", ""]
    clusters.failed("a")
    assert twins() == ["", "", "b", ""]
    clusters.failed("b")
    assert twins() == ["", "", "", ""]
    clusters.works("b")
    assert twins() == ["", "", "b", ""]
    assert [clusters.first(name) for name in ("a", "b", "c", "other")] == ["a", "a", "a", "other"]
