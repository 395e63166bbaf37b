"""Rounds of the reconciler: no wake-up is lost, and what it says of itself is true."""

import asyncio

from stratoscope.clouds.client.clock import Clock
from stratoscope.downtime.silences.errors import AlertmanagerError, Reason
from stratoscope.downtime.silences.plan import AHEAD_S
from stratoscope.downtime.silences.reconciler import POLL_S, Reconciler
from stratoscope.downtime.silences.silence import Written
from support.fake_alertmanager import downtime
from support.reconciled import House
from support.virtual_time import EPOCH, loop_clock, simulated


def filed(house: House, name: str) -> None:
    """A downtime, as the API files it."""
    house.records.downtimes[name] = downtime(name, int(house.am.now), int(house.am.now) + 60)
    house.reconciler.wake()


def test_what_is_filed_during_a_round_does_not_wait_for_its_time() -> None:
    async def work() -> None:
        house = House()
        write = house.am.write

        async def meanwhile(silence: Written) -> str:
            if "meanwhile" not in house.records.downtimes:
                filed(house, "meanwhile")
            return await write(silence)

        house.am.write = meanwhile  # type: ignore[method-assign]  # somebody files one meanwhile
        await house.run_for(POLL_S)
        assert len(house.am.live()) == 2

    simulated(work)


def test_after_it_was_away_changes_are_written_at_once_again() -> None:
    async def work() -> None:
        house = House()
        house.am.failure = AlertmanagerError(Reason.UNREACHABLE, "away")
        running = asyncio.create_task(house.run_for(20))
        await asyncio.sleep(1)
        house.am.failure = None
        await asyncio.sleep(POLL_S)
        lists = house.am.requests.count("list")
        await asyncio.sleep(2 * POLL_S + 0.1)
        assert house.am.requests.count("list") == lists
        filed(house, "new")
        await asyncio.sleep(0.01)
        assert len(house.am.live()) == 2
        await running

    simulated(work)


def test_a_clock_that_is_set_back_expires_nothing_that_was_written_ahead() -> None:
    async def work() -> None:
        house, loop, ahead = House(0), loop_clock(), [0]
        start = int(EPOCH + AHEAD_S) - 60
        house.records.downtimes["late"] = downtime("late", start, start + 3600)
        clock = Clock(loop.monotonic, lambda: loop.now() + ahead[0], loop.sleep)
        house.am.clock = clock
        reconciler = Reconciler(house.am, house.records, house.records, clock=clock)
        for seconds in (0, -1800):
            ahead[0] = seconds
            await reconciler.reconcile()
        assert [one.state for one in house.am.live()] == ["pending"]
        assert "expire" not in house.am.requests

    simulated(work)


def test_while_it_is_away_what_begins_later_is_wanted_too() -> None:
    async def work() -> None:
        house = House(0)
        start = int(EPOCH + AHEAD_S) - 60
        house.records.downtimes["late"] = downtime("late", start, start + 3600)
        house.am.failure = AlertmanagerError(Reason.UNREACHABLE, "away")
        await house.reconcile()
        assert house.reconciler.report.wanted == 1

    simulated(work)


def test_a_round_in_which_a_request_fails_is_no_success() -> None:
    async def work() -> None:
        house = House()
        house.am.most = 0
        await house.reconcile()
        assert house.reconciler.report.last_success is None
        house.am.most = 1
        await house.reconcile()
        assert house.reconciler.report.last_success == EPOCH

    simulated(work)
