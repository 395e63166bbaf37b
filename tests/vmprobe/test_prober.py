"""All probes of a cloud: beats, pauses, limits, back-off, reload and stop. Hours pass in a moment."""

import asyncio
import gc
import weakref
from collections.abc import Mapping
from itertools import pairwise

import pytest

from stratoscope.clouds.lifecycle import RunReason
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.entries import Rotation
from stratoscope.vmprobe.history import History
from stratoscope.vmprobe.limits import CeilingSettings
from stratoscope.vmprobe.record import Outcome, Run
from stratoscope.vmprobe.tally import Skip, SkippedError
from stratoscope.vmprobe.view import State
from support.fake_ledger import FakeLedger
from support.probe_cloud import ProbeLifecycle
from support.probers import Bench, Described, on_bench, probe
from support.virtual_time import EPOCH


def test_a_probe_runs_at_each_beat() -> None:
    async def work(bench: Bench) -> None:
        async with bench.running(probe(interval_s=60)):
            await bench.until(200)
            assert bench.shared.running == set(), "or sweeps would leave alone what a run has left"
        assert bench.began() == [0, 60, 120, 180]
        assert {one.outcome for one in bench.runs()} == {Outcome.SUCCESS}
        assert bench.skipped() == {}

    on_bench(work)


def test_500_probes_are_spread_over_their_interval() -> None:
    async def work(bench: Bench) -> None:
        names = [f"p{number}" for number in range(500)]
        probes = [probe(name, 300, share=number / 500) for number, name in enumerate(names)]
        async with bench.running(*probes):
            await bench.until(330)
        first = sorted(bench.began(name)[0] for name in names)
        assert {round(after - before, 2) for before, after in pairwise(first)} == {0.6}
        assert bench.cloud.most_vms < 20

    on_bench(work)


def test_beats_during_a_run_are_skipped_and_counted() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.built_s = 130.0
        async with bench.running(probe(interval_s=60)):
            await bench.until(340)
        assert bench.began() == [0, 180]
        assert bench.skipped() == {"overlap": 4}

    on_bench(work)


def test_probes_wait_for_their_turn_among_the_vms_at_once() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.built_s = 100.0
        async with bench.running(probe("first", 600), probe("second", 60)):
            await bench.until(50)
            states = {view.name: view.state for view in bench.prober.views()}
            assert sorted(states.values()) == [State.RUNNING, State.WAITING]
            await bench.until(220)
        assert bench.cloud.most_vms == 1
        assert bench.skipped("second") == {"waiting": 1, "overlap": 2}

    on_bench(work, limits=CeilingSettings(vms_at_once=1))


def test_repeated_failures_are_asked_for_less_until_the_first_success() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails("authenticate", RunReason.API_UNREACHABLE, times=8)
        async with bench.running(probe(interval_s=60)):
            await bench.until(700)
            view = bench.prober.view("boot")
            assert (view.state, view.why) == (State.BACKING_OFF, "failed 5 times in a row")
            assert view.until == view.next_run == EPOCH + 960
            await bench.until(3200)
            assert bench.prober.view("boot").state is State.IDLE
        began = bench.began()
        assert began[:8] == [0, 60, 120, 240, 480, 960, 1680, 2400]
        assert began[8:] == [3120, 3180]

    on_bench(work)


def test_back_off_goes_on_after_a_restart() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails("authenticate", RunReason.API_UNREACHABLE, times=99)
        async with bench.running(probe(interval_s=60)):
            await bench.until(130)
        again = Bench(ledger=bench.ledger)
        again.cloud.fails("authenticate", RunReason.API_UNREACHABLE, times=99)
        async with again.running(probe(interval_s=60)):
            await asyncio.sleep(1)
            view = again.prober.view("boot")
            assert (view.state, len(view.runs)) == (State.BACKING_OFF, 4)
            assert view.next_run == EPOCH + 130 + 240

    on_bench(work)


def test_a_pause_by_hand_is_persisted_and_ends_by_itself() -> None:
    async def work(bench: Bench) -> None:
        async with bench.running(probe(interval_s=60)):
            await bench.until(30)
            await bench.prober.pause("boot", EPOCH + 170)
            view = bench.prober.view("boot")
            assert (view.state, view.until, view.why) == (State.PAUSED, EPOCH + 170, "by hand")
            assert view.next_run == EPOCH + 180
            assert bench.ledger.its_pauses == {"boot": EPOCH + 170}
            await bench.until(200)
        assert bench.began() == [0, 180]
        assert bench.skipped() == {"paused": 2}

    on_bench(work)


def test_a_pause_without_an_end_outlives_a_restart_until_it_is_resumed() -> None:
    async def work(bench: Bench) -> None:
        bench.ledger.its_pauses["boot"] = None
        async with bench.running(probe(interval_s=60)):
            await bench.until(100)
            view = bench.prober.view("boot")
            assert (view.state, view.next_run) == (State.PAUSED, None)
            await bench.prober.resume("boot")
            assert bench.ledger.its_pauses == {}
            await bench.until(150)
        assert bench.began() == [120]

    on_bench(work)


def test_a_pause_until_after_the_years_that_pages_can_show_has_no_end() -> None:
    async def work(bench: Bench) -> None:
        bench.ledger.its_pauses["boot"] = 253_402_300_790.0  # the last ten seconds of the year 9999
        async with bench.running(probe(interval_s=60)):
            await bench.until(100)
            view = bench.prober.view("boot")
            assert (view.state, view.until, view.next_run) == (State.PAUSED, None, None)

    on_bench(work)


def test_a_pause_that_cannot_be_recorded_is_none() -> None:
    async def work(bench: Bench) -> None:
        async with bench.running(probe(interval_s=60)):
            await bench.until(30)
            bench.ledger.failing.add("pause")
            with pytest.raises(LedgerError):
                await bench.prober.pause("boot", None)
            assert bench.prober.view("boot").state is State.IDLE
            with pytest.raises(KeyError):
                await bench.prober.pause("other", None)

    on_bench(work)


def test_pause_url_pauses_all_probes_of_the_cloud() -> None:
    async def work(bench: Bench) -> None:
        bench.shared.pause_url.change("http://127.0.0.1/active", "")
        bench.http.answers(active=True, until=EPOCH + 100)
        async with bench.running(probe(interval_s=60), probe("other", 60)):
            await bench.until(50)
            view = bench.prober.view("boot")
            assert (view.state, view.until, view.why) == (State.PAUSED, EPOCH + 100, "by pause_url")
            assert len(bench.http.sent) == 1
            bench.http.answers(active=False)
            await bench.until(70)
        assert (bench.began(), bench.began("other")) == ([60], [60])

    on_bench(work)


def test_run_now_joins_the_run_in_progress_and_its_caller_may_go_away() -> None:
    async def work(bench: Bench) -> None:
        async with bench.running(probe(interval_s=600)):
            await bench.until(2)
            joined, left = bench.prober.run_now("boot"), bench.prober.run_now("boot")
            left.cancel()
            assert (await joined).began == EPOCH
            ended = await bench.prober.run_now("boot")
            assert ended.outcome is Outcome.SUCCESS
            await bench.until(610)
        assert bench.began() == [0, 5, 600]

    on_bench(work)


def test_run_now_in_a_back_off_ends_it_by_its_success() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails("authenticate", RunReason.API_UNREACHABLE, times=5)
        async with bench.running(probe(interval_s=60)):
            await bench.until(490)
            assert bench.prober.view("boot").next_run == EPOCH + 960
            assert (await bench.prober.run_now("boot")).outcome is Outcome.SUCCESS
            assert bench.prober.view("boot").next_run == EPOCH + 540
            await bench.until(550)
        assert bench.began()[5:] == [490, 540]
        assert bench.skipped() == {}

    on_bench(work)


def test_run_now_runs_although_the_probe_is_paused() -> None:
    async def work(bench: Bench) -> None:
        bench.ledger.its_pauses["boot"] = None
        async with bench.running(probe(interval_s=60)):
            await bench.until(10)
            assert (await bench.prober.run_now("boot")).outcome is Outcome.SUCCESS

    on_bench(work)


def test_a_limit_skips_runs_and_is_shown() -> None:
    async def work(bench: Bench) -> None:
        bench.ledger.spent_s = 24.5 * 3600
        async with bench.running(probe(interval_s=60)):
            await bench.until(70)
            view = bench.prober.view("boot")
            assert view.state is State.LIMITED
            assert view.why.startswith("24.5 VM-hours were spent in the last 24 hours")
            with pytest.raises(SkippedError) as refused:
                await bench.prober.run_now("boot")
            assert refused.value.reason is Skip.LIMITED
            bench.ledger.spent_s = 0.0
            await bench.until(130)
            assert bench.prober.view("boot").state is State.IDLE
        assert bench.skipped() == {"limited": 2}
        assert bench.began() == [120]

    on_bench(work, limits=CeilingSettings())


def test_without_a_ledger_nothing_runs_and_one_line_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def work(bench: Bench) -> None:
        bench.ledger.failing.add("open")
        async with bench.running(probe(interval_s=60)):
            await bench.until(100)
            assert bench.prober.view("boot").state is State.LIMITED
            assert "No space left on device" in bench.prober.view("boot").why
            with pytest.raises(SkippedError):
                await bench.prober.run_now("boot")
            assert bench.cloud.requests == []
            bench.ledger.failing.clear()
            await bench.until(130)
        assert bench.skipped() == {"ledger": 2}
        assert bench.began() == [120]
        assert [one.levelname for one in caplog.records if "ledger" in one.message] == ["ERROR", "INFO"]

    caplog.set_level("INFO", "stratoscope")
    on_bench(work)


def test_a_ledger_that_cannot_take_an_intent_skips_the_run() -> None:
    async def work(bench: Bench) -> None:
        bench.ledger.failing.add("intend")
        async with bench.running(probe(interval_s=60)):
            await bench.until(70)
        assert bench.skipped() == {"ledger": 2}
        assert "request" not in bench.cloud.requests
        assert (bench.runs(), bench.shared.records.errors) == ([], 2)

    on_bench(work)


def test_the_sweep_comes_before_the_first_run_and_then_every_minute() -> None:
    async def work(bench: Bench) -> None:
        async with bench.running(probe(interval_s=600)):
            await bench.until(130)
        assert bench.cloud.requests[0] == "owned"
        assert bench.cloud.requests.count("owned") == 3

    on_bench(work)


def test_why_a_sweep_is_incomplete_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails("owned", RunReason.POLICY, times=3)
        async with bench.running(probe(interval_s=600)):
            await bench.until(250)
        lines = [(one.levelname, one.message) for one in caplog.records if "sweep" in one.message]
        assert lines == [
            ("WARNING", "sweep incomplete cloud=uni credential= error='policy: owned: it fails'"),
            ("INFO", "sweep complete again cloud=uni credential="),
        ]

    caplog.set_level("INFO", "stratoscope")
    on_bench(work)


@pytest.mark.parametrize("error", [KeyError("port"), asyncio.CancelledError()])
@pytest.mark.parametrize("step", ["owned", "hosts"])
def test_a_bug_beside_the_runs_ends_neither_them_nor_the_sweeps(
    step: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = 0

    async def broken(*_: object) -> None:
        nonlocal times
        times += 1
        raise error

    async def work(bench: Bench) -> None:
        monkeypatch.setattr(ProbeLifecycle, step, broken)
        async with bench.running(probe(interval_s=60, rotation=Rotation())):
            await bench.until(130)
        assert bench.began() == [0, 60, 120]
        assert times == 3

    on_bench(work)


def test_a_sweep_that_hangs_does_not_keep_the_probes_for_ever() -> None:
    async def work(bench: Bench) -> None:
        with bench.cloud.hangs("owned"):
            async with bench.running(probe(interval_s=60)):
                await bench.until(150)
                assert bench.began()[-1:] == [120]

    on_bench(work)


def test_hosts_of_a_rotation_take_turns_also_after_a_restart() -> None:
    async def work(bench: Bench) -> None:
        rotating = probe(interval_s=60, rotation=Rotation())
        bench.cloud.host_names = ["host-3", "host-1", "host-2"]
        async with bench.running(rotating):
            await bench.until(100)
        again = Bench(ledger=bench.ledger)
        again.cloud.host_names = bench.cloud.host_names
        async with again.running(rotating):
            await asyncio.sleep(130)
        assert [one.host for one in again.runs()] == ["host-1", "host-2", "host-3", "host-1", "host-2"]
        assert sorted(again.prober.view("boot").hosts) == ["host-1", "host-2", "host-3"]

    on_bench(work)


def test_all_hosts_have_a_run_within_the_time_of_a_round() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.host_names = [f"host-{number:02}" for number in range(20)]
        async with bench.running(probe(interval_s=300, rotation=Rotation(within_s=600.0))):
            await bench.until(590)
            assert bench.prober.view("boot").interval_s == 30
        assert [one.host for one in bench.runs()] == bench.cloud.host_names
        assert bench.began() == [30 * number for number in range(20)]

    on_bench(work)


def test_hosts_are_listed_anew_and_those_that_are_gone_are_forgotten() -> None:
    async def work(bench: Bench) -> None:
        async with bench.running(probe(interval_s=60, rotation=Rotation())):
            await bench.until(200)
            assert bench.cloud.requests.count("hosts") == 1
            bench.cloud.host_names = ["host-2", "host-9"]
            await bench.until(800)
            assert sorted(bench.prober.view("boot").hosts) == ["host-2", "host-9"]
            bench.cloud.fails("hosts", RunReason.API_ERROR, times=99)
            await bench.until(1500)
            assert bench.runs()[-1].host in bench.cloud.host_names

    on_bench(work)


def test_a_rotation_without_known_hosts_runs_anywhere() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails("hosts", RunReason.POLICY)
        async with bench.running(probe(interval_s=60, rotation=Rotation(within_s=600.0))):
            await bench.until(50)
            bench.cloud.fails("authenticate", RunReason.AUTH)
            bench.cloud.fails("hosts", RunReason.POLICY)
            await bench.until(110)
        assert [one.outcome for one in bench.runs()] == [Outcome.SUCCESS, Outcome.FAILED]
        view = bench.prober.view("boot")
        assert [(one.host, one.asked_host) for one in bench.runs()] == [("host-1", ""), ("", "")]
        assert (view.rotates, view.hosts) == (
            True,
            {},
        )  # the scheduler chose: no host was tested by the rotation

    on_bench(work)


def test_a_reload_keeps_what_did_not_change() -> None:
    async def work(bench: Bench) -> None:
        kept, changed, removed = probe("kept", 60), probe("changed", 60), probe("removed", 60)
        async with bench.running(kept, changed, removed):
            await bench.until(62)  # all three run
            new = probe("new", 60, share=0.5)
            other = probe("changed", 100, vm=Described(flavor="large"), share=0.1)
            bench.prober.change([probe("kept", 60, share=0.7), other, new])
            assert bench.prober.view("changed").interval_s == 60
            assert [view.name for view in bench.prober.views()] == ["kept", "changed", "new"]
            await bench.until(130)
            assert bench.cloud.ids() == [] or len(bench.cloud.ids()) == 2
            await bench.until(200)
        assert bench.began("kept") == [0, 60, 120, 180]
        assert bench.began("changed") == [0, 60, 75, 175]
        assert bench.prober.view("changed").vm == {"flavor": "large"}
        assert bench.prober.probings["kept"].tally.runs == 4
        assert bench.prober.probings["changed"].tally.runs == 2
        assert bench.began("new") == [92, 152]
        assert bench.cloud.requests.count("request") == 3 + 3 + 2 + 2 + 2

    on_bench(work)


def test_a_probe_that_is_changed_between_its_runs_begins_anew_at_once() -> None:
    async def work(bench: Bench) -> None:
        async with bench.running(probe(interval_s=600)):
            await bench.until(100)
            bench.prober.change([probe(interval_s=60)])
            assert bench.prober.view("boot").interval_s == 60
            await bench.until(170)
        assert bench.began() == [0, 100, 160]

    on_bench(work)


def test_a_probe_that_is_removed_and_comes_back_goes_on_with_its_history() -> None:
    async def work(bench: Bench) -> None:
        async with bench.running(probe("kept", 600), probe(interval_s=60)):
            await bench.until(61)
            bench.prober.change([probe("kept", 600)])
            bench.prober.change([probe("kept", 600), probe(interval_s=60)])
            await bench.until(100)
            assert bench.began() == [0, 60]
            bench.prober.change([probe("kept", 600)])
            await bench.until(150)
            bench.prober.change([probe("kept", 600), probe(interval_s=60)])
            await bench.until(160)
            assert bench.began() == [0, 60, 150]

    on_bench(work)


class OldLedger(FakeLedger):
    """A ledger with 3 runs from before. Attributes: given: What it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[weakref.ref[History]] = []

    async def runs(self, newest: int = 200) -> Mapping[str, History]:
        assert newest == 50
        old = History(
            Run(id=str(number), probe="boot", began=EPOCH - 90 + number, outcome=Outcome.SUCCESS)
            for number in range(3)
        )
        self.given.append(weakref.ref(old))
        return {"boot": old}


def test_runs_from_before_are_held_by_their_probe_alone_which_forgets_the_oldest() -> None:
    async def work(bench: Bench) -> None:
        assert isinstance(bench.ledger, OldLedger)
        async with bench.running(probe(interval_s=60)):
            await bench.until(50)
            assert bench.began() == [-90, -89, -88, 0]
            gc.collect()
            assert [one() for one in bench.ledger.given] == [None]

    on_bench(work, ledger=OldLedger())


def test_it_can_run_again_after_an_error_of_its_own() -> None:
    async def work(bench: Bench) -> None:
        async with bench.running(probe()):
            await bench.until(30)
        async with bench.running(probe()):
            await bench.until(100)
        assert bench.began() == [0, 60]
        assert [str(view.state) for view in bench.prober.views()] == ["idle"]

    on_bench(work, ledger=FakeLedger())


def test_nothing_runs_before_the_prober_does() -> None:
    async def work(bench: Bench) -> None:
        bench.prober.change([probe()])
        with pytest.raises(SkippedError, match="the ledger is not open yet"):
            await bench.prober.run_now("boot")
        with pytest.raises(KeyError):
            bench.prober.view("other")

    on_bench(work)
