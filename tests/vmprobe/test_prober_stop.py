"""A stop of the prober: what becomes of its runs."""

import pytest

from stratoscope.vmprobe.limits import CeilingSettings
from stratoscope.vmprobe.record import Outcome
from support.probers import Bench, on_bench, probe


def test_a_stop_aborts_runs_which_delete_their_vms() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.built_s, bench.cloud.deleted_s = 100.0, 5.0
        async with bench.running(probe(), probe("other")):
            await bench.until(10)
            assert len(bench.cloud.ids()) == 4
        assert bench.now == pytest.approx(15.25, abs=1.0)
        assert bench.cloud.ids() == []
        assert {one.outcome for one in bench.ledger.saved.values()} == {Outcome.INTERRUPTED}
        assert bench.prober.probings["boot"].tally.runs == 0

    on_bench(work)


def test_a_stop_does_not_wait_for_vms_that_are_not_deleted_in_time() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.deleted_s = float("inf")
        bench.cloud.built_s = 100.0
        async with bench.running(probe()):
            await bench.until(10)
        assert bench.now == pytest.approx(35, abs=0.1)
        assert {one.outcome for one in bench.ledger.saved.values()} == {Outcome.INTERRUPTED}
        assert [len(some) for some in bench.ledger.open_objects.values()] == [1]

    on_bench(work)


def test_a_stop_ends_runs_that_wait_for_their_turn() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.built_s = 100.0
        async with bench.running(probe("first"), probe("second")):
            await bench.until(10)
        assert len(bench.ledger.saved) == 1

    on_bench(work, limits=CeilingSettings(vms_at_once=1))
