"""Applying plans: what is stored when, what a failure costs, and when the next round comes."""

import asyncio

import pytest
from msgspec.structs import replace

from stratoscope.downtime.silences.apply import BATCH, MOST_FAILED, Tried
from stratoscope.downtime.silences.errors import AlertmanagerError, Reason
from stratoscope.downtime.silences.reconciler import AGAIN_S, APART_S, EVERY_S, POLL_S, Reconciler
from stratoscope.downtime.silences.record import Standing
from stratoscope.downtime.silences.silence import Written
from support.fake_alertmanager import downtime, on
from support.reconciled import House
from support.virtual_time import loop_clock, simulated


def test_records_are_stored_before_requests_and_their_outcome_after() -> None:
    async def work() -> None:
        house = House(BATCH + 1)
        write, seen = house.am.write, set()

        async def look(silence: Written) -> str:
            seen.add(tuple(house.standings))
            return await write(silence)

        house.am.write = look  # type: ignore[method-assign]  # looks on
        await house.reconcile()
        assert (Standing.WRITING,) in seen
        assert house.standings == {Standing.WRITTEN}
        assert {one.silence_id for one in house.records.all} == {*house.am.by_id}
        report = house.reconciler.report
        assert (report.wanted, report.present, report.is_in_step) == (BATCH + 1, BATCH + 1, True)
        assert report.last_success is not None

    simulated(work)


def test_an_expiry_is_stored_before_its_request_and_forgotten_after() -> None:
    async def work() -> None:
        house = House()
        await house.reconcile()
        house.records.change("d0", cancelled_at=1)
        house.am.end, end = (lambda silence_id: seen.append(house.standings) or end(silence_id)), house.am.end  # type: ignore[method-assign,func-returns-value]  # looks on
        seen: list[set[Standing]] = []
        await house.reconcile()
        assert seen == [{Standing.EXPIRING}]
        assert house.records.all == []

    simulated(work)


def test_a_rejected_write_costs_its_own_downtime_and_keeps_its_old_silence() -> None:
    async def work() -> None:
        house = House(2)
        await house.reconcile()
        write = house.am.write

        async def reject(silence: Written) -> str:
            if silence.matchers == on(host="bad"):
                raise AlertmanagerError(Reason.REJECTED, "400 no")
            return await write(silence)

        house.am.write = reject  # type: ignore[method-assign]  # refuses one
        house.records.change("d0", matcher_sets=(on(host="bad"), on(host="good")))
        house.records.change("d1", matcher_sets=(on(host="n2"),))
        await house.reconcile()
        assert {one.matchers for one in house.am.live()} == {on(host="n1"), on(host="good"), on(host="n2")}
        report = house.reconciler.report
        assert (report.errors[Reason.REJECTED], report.writes, report.expiries) == (1, 1, 1)
        assert (report.trouble, report.refused, report.is_in_step) == ("", {"d0": "400 no"}, False)

    simulated(work)


@pytest.mark.parametrize("ahead_s", [0, 100], ids=["same clock", "its clock is ahead"])
def test_a_write_that_waited_until_its_downtime_was_over_is_not_sent(ahead_s: float) -> None:
    async def work() -> None:
        house = House()
        house.am.ahead_s = ahead_s
        house.records.downtimes["d0"] = downtime("d0", int(house.am.now), int(house.am.now) + 3)
        store = house.records.store_silence_records

        async def slow(records: object) -> None:
            await asyncio.sleep(5)
            await store(records)  # type: ignore[arg-type]  # what it was given

        house.records.store_silence_records = slow  # type: ignore[method-assign]
        await house.reconcile()
        assert "write" not in house.am.requests

    simulated(work)


def test_at_the_limit_nothing_is_created_and_the_rest_goes_on() -> None:
    async def work() -> None:
        house = House(30)
        house.am.most = 3
        await house.reconcile()
        report = house.reconciler.report
        assert report.trouble == "exceeded maximum number of silences"
        assert (report.present, report.errors[Reason.LIMIT]) == (3, 27)
        assert house.am.requests.count("write") < 15

    simulated(work)


def test_at_the_limit_what_is_there_is_updated() -> None:
    async def work() -> None:
        house = House(1)
        await house.reconcile()
        house.am.most = 1
        begin = int(house.am.now)
        house.records.downtimes["new"] = downtime("new", begin - 60, begin + 3600)
        house.records.change("d0", end=begin + 7200)
        await house.reconcile()
        assert [one.ends_at for one in house.am.live()] == [begin + 7200]
        assert house.reconciler.report.errors[Reason.LIMIT] == 1

    simulated(work)


def test_many_refusals_between_writes_that_succeed_end_no_round() -> None:
    async def work() -> None:
        house = House()
        begin = int(house.am.now)
        for number in range(3 * MOST_FAILED):
            one = downtime(f"d{number}", begin, begin + 3600, matcher_sets=(on(host=f"n{number % 2}"),))
            house.records.downtimes[one.id] = one
        write = house.am.write

        async def refuse(silence: Written) -> str:
            if silence.matchers == on(host="n1"):
                raise AlertmanagerError(Reason.REJECTED, "400 no")
            return await write(silence)

        house.am.write = refuse  # type: ignore[method-assign]  # refuses every other one
        await house.reconcile()
        report = house.reconciler.report
        assert (len(house.am.live()), len(report.refused)) == (1.5 * MOST_FAILED, 1.5 * MOST_FAILED)
        assert report.trouble == ""

    simulated(work)


def test_what_is_given_up_stays_so() -> None:
    tried = Tried()
    for reason in (Reason.TIMEOUT, Reason.REJECTED):
        tried.failed(AlertmanagerError(reason, "no"))
        assert tried.is_given_up


def test_an_alertmanager_that_is_away_ends_the_round() -> None:
    async def work() -> None:
        house = House(3 * BATCH)
        write = house.am.write

        async def leave(silence: Written) -> str:
            if len(house.am.by_id) > 50:
                raise AlertmanagerError(Reason.UNREACHABLE, "away")
            return await write(silence)

        house.am.write = leave  # type: ignore[method-assign]  # it is killed
        await house.reconcile()
        assert house.reconciler.report.errors[Reason.UNREACHABLE] <= 8
        assert len(house.records.all) == BATCH
        house.am.write = write  # type: ignore[method-assign]
        await house.reconcile()
        assert len(house.am.live()) == 3 * BATCH

    simulated(work)


@pytest.mark.parametrize(
    ("reason", "is_of_one"),
    [
        (Reason.UNAUTHORIZED, False), (Reason.FAILED, True), (Reason.MALFORMED, True),
        (Reason.REJECTED, True),
    ],
)  # fmt: skip
def test_a_silence_that_a_proxy_refuses_costs_no_other_write_and_no_expiry(
    reason: Reason, is_of_one: bool
) -> None:
    async def work() -> None:
        house = House(4)
        house.records.downtimes["d0"] = downtime("d0", title="poison")
        house.records.change("d0", matcher_sets=(on(host="bad"),), start=0)
        write = house.am.write

        async def refuse(silence: Written) -> str:
            if silence.matchers == on(host="bad"):
                raise AlertmanagerError(reason, "no")
            return await write(silence)

        house.am.write = refuse  # type: ignore[method-assign]  # a proxy that does not like one
        await house.reconcile()
        assert len(house.am.live()) == 3
        house.records.change("d1", cancelled_at=1)
        house.records.change("d2", matcher_sets=(on(host="n2"),))
        await house.reconcile()
        assert {one.matchers for one in house.am.live()} == {on(host="n1"), on(host="n2")}
        assert len(house.am.live()) == 2
        report = house.reconciler.report
        assert (report.errors[reason], report.writes, report.expiries) == (2, 1, 0)
        assert (report.failure, report.is_in_step) == ("downtime d0: no" if is_of_one else "no", False)
        assert [report.trouble_of(one) for one in ("d0", "d3")] == ["no", "" if is_of_one else "no"]

    simulated(work)


@pytest.mark.parametrize(
    ("reason", "most"), [(Reason.FAILED, MOST_FAILED + 7), (Reason.TIMEOUT, 8), (Reason.UNREACHABLE, 8)]
)
def test_where_all_writes_fail_they_are_given_up_and_what_is_over_is_expired(
    reason: Reason, most: int
) -> None:
    async def work() -> None:
        house = House(2 * BATCH)
        await house.reconcile()
        for number in range(2 * BATCH - 3):
            house.records.change(f"d{number}", matcher_sets=(on(host="n2"), on(host="n3")))
        for number in range(2 * BATCH - 3, 2 * BATCH):
            house.records.change(f"d{number}", cancelled_at=1)

        async def refuse(_: Written) -> str:
            await asyncio.sleep(0)
            raise AlertmanagerError(reason, "no")

        house.am.write = refuse  # type: ignore[method-assign]  # reads and expires alone
        await house.reconcile()
        assert len(house.am.live()) == 2 * BATCH - 3
        assert house.reconciler.report.errors[reason] <= most
        assert house.reconciler.report.trouble == "no"

    simulated(work)


def test_expiries_that_all_fail_are_given_up_and_writes_go_on() -> None:
    async def work() -> None:
        house = House(2 * BATCH)
        await house.reconcile()
        for number in range(2 * BATCH):
            house.records.change(f"d{number}", matcher_sets=(on(host="n2"),))

        async def refuse(_: str) -> None:
            await asyncio.sleep(0)
            raise AlertmanagerError(Reason.UNAUTHORIZED, "no DELETE")

        house.am.expire = refuse  # type: ignore[method-assign]  # a proxy that forbids a method
        await house.reconcile()
        assert [one.matchers for one in house.am.live()].count(on(host="n2")) == 2 * BATCH
        assert MOST_FAILED <= house.reconciler.report.errors[Reason.UNAUTHORIZED] < MOST_FAILED + 8

    simulated(work)


def test_what_changes_during_a_long_round_does_not_wait_for_its_end() -> None:
    async def work() -> None:
        house = House(3 * BATCH)
        house.reconciler.wake()
        await house.reconcile()
        assert len(house.am.live()) == BATCH
        assert house.reconciler.report.writes == 2 * BATCH

    simulated(work)


def test_without_downtimes_nothing_is_planned() -> None:
    async def work() -> None:
        house = House()
        await house.reconcile()
        house.records.failure = RuntimeError("locked")
        with pytest.raises(RuntimeError):
            await house.reconcile()
        report = house.reconciler.report
        assert (report.trouble, report.errors[Reason.DOWNTIMES]) == ("RuntimeError: locked", 1)
        assert len(house.am.live()) == 1

    simulated(work)


def test_rounds_follow_their_time_and_looks_lie_between() -> None:
    async def work() -> None:
        house = House()
        await house.run_for(EVERY_S + 1)
        asked = house.am.requests
        assert asked.count("list") == 2
        assert asked.count("status") == 2 + EVERY_S // POLL_S - 1 + 1
        assert house.reconciler.report.version == "0.0"

    simulated(work)


def test_a_change_and_a_restart_bring_the_next_round_at_once() -> None:
    async def work() -> None:
        house = House()
        running = asyncio.create_task(house.run_for(20))
        await asyncio.sleep(1)
        house.records.downtimes["new"] = downtime("new", int(house.am.now), int(house.am.now) + 60)
        house.reconciler.wake()
        await asyncio.sleep(0.01)
        assert len(house.am.live()) == 2
        house.am.by_id, house.am.process = {}, "2"
        await asyncio.sleep(POLL_S + 0.1)
        assert len(house.am.live()) == 2
        assert house.records.noted == []
        await running

    simulated(work)


def test_one_that_was_away_is_in_step_with_its_first_answer() -> None:
    async def work() -> None:
        house = House()
        running = asyncio.create_task(house.run_for(60))
        await asyncio.sleep(1)
        house.am.failure = AlertmanagerError(Reason.UNREACHABLE, "away")
        await asyncio.sleep(40)
        house.am.by_id, house.am.failure = {}, None
        await asyncio.sleep(POLL_S + 0.1)
        assert len(house.am.live()) == 1
        await running

    simulated(work)


def test_one_that_goes_away_is_told_at_the_next_look() -> None:
    async def work() -> None:
        house = House()
        running = asyncio.create_task(house.run_for(60))
        await asyncio.sleep(1)
        house.am.failure = AlertmanagerError(Reason.UNREACHABLE, "away")
        await asyncio.sleep(POLL_S + 0.1)
        assert (house.reconciler.report.is_in_step, house.reconciler.report.trouble) == (False, "away")
        asked = len(house.am.requests)
        await asyncio.sleep(AGAIN_S)
        assert len(house.am.requests) - asked <= 5
        await running

    simulated(work)


@pytest.mark.parametrize(("reason", "within_s"), [(Reason.DISPUTED, EVERY_S), (Reason.FAILED, AGAIN_S)])
def test_what_is_disputed_alone_is_not_tried_again_soon(reason: Reason, within_s: float) -> None:
    async def work() -> None:
        house = House()
        await house.reconcile()
        house.records.change("d0", end=int(house.am.now) + 7200)

        async def refused(_: Written) -> str:
            raise AlertmanagerError(reason, "no")

        house.am.write = refused  # type: ignore[method-assign]  # refuses
        running = asyncio.create_task(house.run_for(100))
        await asyncio.sleep(1)
        reads = house.records.reads
        await asyncio.sleep(within_s - 2)
        assert house.records.reads == reads
        await asyncio.sleep(2)
        assert house.records.reads == reads + 1
        await running

    simulated(work)


def test_changes_cost_nothing_while_it_is_away() -> None:
    async def work() -> None:
        house = House()
        running = asyncio.create_task(house.run_for(60))
        await asyncio.sleep(1)
        house.am.failure = AlertmanagerError(Reason.UNREACHABLE, "away")
        await asyncio.sleep(EVERY_S)
        reads, asked = house.records.reads, len(house.am.requests)
        for _ in range(100):
            house.reconciler.wake()
            await asyncio.sleep(0.1)
        assert house.records.reads - reads <= 10 // AGAIN_S
        assert len(house.am.requests) - asked <= 2 * (10 // POLL_S)
        reads = house.records.reads
        house.am.failure = None
        await asyncio.sleep(POLL_S + 0.1)
        assert house.records.reads == reads + 1
        await running

    simulated(work)


def test_changes_in_a_row_are_written_together_and_a_single_one_at_once() -> None:
    async def work() -> None:
        house = House()
        running = asyncio.create_task(house.run_for(20))
        await asyncio.sleep(1)
        reads = house.records.reads
        for number in range(100):
            name = f"new{number}"
            house.records.downtimes[name] = downtime(name, int(house.am.now), int(house.am.now) + 60)
            house.reconciler.wake()
            await asyncio.sleep(0.01)
            assert number or len(house.am.live()) == 2
        await asyncio.sleep(APART_S)
        assert len(house.am.live()) == 101
        assert house.records.reads - reads <= 1 + 1 / APART_S + 1
        await running

    simulated(work)


def test_a_round_that_failed_is_repeated_soon() -> None:
    async def work() -> None:
        house = House()
        house.am.most = 0
        await house.run_for(AGAIN_S + 1)
        assert house.am.requests.count("list") == 2

    simulated(work)


def test_an_override_is_noted_once() -> None:
    async def work() -> None:
        house = House()
        await house.reconcile()
        house.am.end(*house.am.by_id)
        for _ in range(3):
            await house.reconcile()
        assert [one.record.standing for one in house.records.noted] == [Standing.OVERRIDDEN]
        assert (house.reconciler.report.overridden, house.reconciler.report.is_in_step) == (1, True)

    simulated(work)


def test_of_two_live_ones_the_other_is_expired_and_the_record_kept() -> None:
    async def work() -> None:
        house = House()
        await house.reconcile()
        ((silence_id, one),) = house.am.by_id.items()
        house.am.by_id["copy"] = replace(one, id="copy")
        await house.reconcile()
        assert [one.id for one in house.am.live()] == [silence_id]
        assert [one.silence_id for one in house.records.all] == [silence_id]

    simulated(work)


def test_a_process_that_does_not_lead_writes_nothing() -> None:
    async def work() -> None:
        house = House()
        house.reconciler = Reconciler(
            house.am, house.records, house.records, leads=lambda: False, clock=loop_clock()
        )
        await house.run_for(2 * EVERY_S)
        assert not house.am.by_id

    simulated(work)


def test_what_another_process_wrote_while_it_led_is_not_taken_for_a_persons() -> None:
    async def work() -> None:
        house, leads = House(), True
        house.reconciler = Reconciler(
            house.am, house.records, house.records, leads=lambda: leads, clock=loop_clock()
        )
        running = asyncio.create_task(house.run_for(200))
        await asyncio.sleep(1)
        leads = False
        await asyncio.sleep(EVERY_S)
        other = Reconciler(house.am, house.records, house.records, clock=loop_clock())
        for hours in (2, 3):
            (before,) = house.am.live()
            house.records.change("d0", end=house.records.downtimes["d0"].start + hours * 3600)
            await asyncio.sleep(0.5)
            await other.reconcile()
        house.am.by_id[before.id] = before  # by a crash
        leads = True
        house.reconciler.wake()
        await asyncio.sleep(1)
        assert house.am.live()[0].ends_at == house.records.downtimes["d0"].end
        assert house.records.noted == []
        await running

    simulated(work)


def test_what_should_be_there_is_known_while_alertmanager_is_away_and_what_is_there_is_not() -> None:
    async def work() -> None:
        house = House(3)
        assert (house.reconciler.report.wanted, house.reconciler.report.present) == (None, None)
        house.am.failure = AlertmanagerError(Reason.UNREACHABLE, "away")
        await house.reconcile()
        report = house.reconciler.report
        assert (report.wanted, report.present, report.is_in_step) == (3, None, False)
        house.am.failure = None
        await house.reconcile()
        assert (house.reconciler.report.wanted, house.reconciler.report.present) == (3, 3)
        house.am.failure = AlertmanagerError(Reason.TIMEOUT, "away")
        house.records.change("d0", cancelled_at=1)
        await house.reconcile()
        assert (house.reconciler.report.wanted, house.reconciler.report.present) == (2, None)

    simulated(work)
