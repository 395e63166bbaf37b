"""What the log says of an Alertmanager: once when it changes, not in each round."""

import logging

import pytest

from stratoscope.downtime.silences.errors import AlertmanagerError, Reason
from stratoscope.downtime.silences.reconciler import Reconciler
from stratoscope.downtime.silences.silence import Written
from support.fake_alertmanager import Records, downtime
from support.reconciled import House
from support.virtual_time import loop_clock, simulated


def test_a_dry_run_writes_nothing_and_says_what_it_would(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        house = House(is_dry_run=True)
        with caplog.at_level(logging.INFO):
            await house.reconcile()
            await house.reconcile()
        assert house.am.by_id == {}
        assert house.records.all == []
        assert (house.reconciler.report.writes, house.reconciler.report.is_in_step) == (1, False)

    simulated(work)
    assert caplog.text.count("would_write=1 would_expire=0") == 1


def test_trouble_is_logged_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        house = House()
        house.am.failure = AlertmanagerError(Reason.TIMEOUT, "slow")
        for _ in range(2):
            await house.reconcile()
        house.am.failure = None
        await house.reconcile()

    with caplog.at_level(logging.INFO):
        simulated(work)
    assert [one.levelname for one in caplog.records] == ["ERROR", "INFO"]


def test_trouble_with_all_is_logged_also_after_trouble_with_one(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        house = House()

        async def refuse(_: Written) -> str:
            raise AlertmanagerError(Reason.REJECTED, "400 no")

        house.am.write = refuse  # type: ignore[method-assign]  # refuses
        await house.reconcile()
        house.am.failure = AlertmanagerError(Reason.TIMEOUT, "slow")
        for _ in range(2):
            await house.reconcile()
        house.am.failure = None
        await house.reconcile()

    simulated(work)
    errors = [one.args[1] for one in caplog.records if one.levelno == logging.ERROR]
    assert errors == ["downtime d0: 400 no", "slow"]


def test_two_installations_share_an_alertmanager(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        house = House()
        records = Records([downtime("other", int(house.am.now), int(house.am.now) + 3600)])
        other = Reconciler(house.am, records, records, clock=loop_clock())
        for _ in range(3):
            await house.reconcile()
            await other.reconcile()
        assert len(house.am.live()) == 2
        for report in (house.reconciler.report, other.report):
            assert (report.wanted, report.present, report.unknown, report.is_in_step) == (1, 1, 1, True)
        records.change("other", cancelled_at=1)
        await other.reconcile()
        await house.reconcile()
        assert [one.key and one.key.downtime_id for one in house.am.live()] == ["d0"]
        assert house.reconciler.report.unknown == 0

    simulated(work)
    assert caplog.text.count("not in this database are left alone alertmanager=am count=1") == 2
