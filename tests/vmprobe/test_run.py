"""One run: phases in order, each timed and bounded; the first failure is the verdict; it always cleans up."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from stratoscope.clouds.lifecycle import Phase, RunReason, StepError
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.entries import TIMEOUTS
from stratoscope.vmprobe.phases import OPTIONAL, Blame
from stratoscope.vmprobe.record import Outcome
from stratoscope.vmprobe.run import run
from support.one_run import ID, Bench, verdict
from support.virtual_time import EPOCH, simulated


def on(work: Callable[[Bench], Coroutine[Any, Any, None]], **order: Any) -> None:
    async def main() -> None:
        await work(Bench(**order))

    simulated(main)


def test_success_has_every_phase_timed_and_leaves_nothing() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.scheduled_s, bench.cloud.networked_s, bench.cloud.built_s = 0.6, 1.1, 4.2
        ended = await bench.run()
        assert ended.outcome is Outcome.SUCCESS
        assert list(ended.phases) == [phase for phase in Phase if phase not in OPTIONAL]
        seconds = {phase: round(value, 3) for phase, value in ended.phases.items()}
        assert seconds["scheduled"] == 0.625
        assert (seconds["networked"], seconds["built"]) == (0.5, 4.375)
        assert ended.accepted_s == {Phase.NETWORKED: 1.125, Phase.BUILT: 5.0}
        assert seconds["deleted"] == 1.0
        assert (ended.host, ended.image_id, ended.vm_s) == ("host-1", "image-1", 7.0)
        assert (ended.began, ended.ended) == (EPOCH, EPOCH + 7.0)
        assert bench.ledger.saved == {ID: ended}
        assert bench.ledger.calls == ["intend reader", "created server", "gone server", "save"]
        bench.check_clean()

    on(work)


def test_it_looks_every_quarter_of_a_second_and_after_2_s_every_other_second() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.scheduled_s = bench.cloud.networked_s = bench.cloud.built_s = 10.0
        bench.cloud.deleted_s = 0.0
        ended = await bench.run()
        assert ended.phases[Phase.SCHEDULED] == 9.0
        assert ended.polls == 8 + 4 + 1

    on(work)


@pytest.mark.parametrize("built_s", [0.0, 0.26, 1.9, 2.1, 3.9, 4.1, 9.9])
def test_the_time_until_it_is_built_is_right_to_half_a_step(built_s: float) -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.scheduled_s = bench.cloud.networked_s = bench.cloud.built_s = built_s
        ended = await bench.run()
        step_s = 0.25 if built_s <= 2 else 2.0
        assert abs(ended.accepted_s[Phase.BUILT] - built_s) <= step_s / 2
        assert ended.phases[Phase.BUILT] == 0.0

    on(work)


def test_the_ledger_is_written_before_the_request_and_the_mark_outlives_all_time_outs() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.takes_s = 0.1
        with bench.cloud.hangs("request"):
            task = asyncio.create_task(bench.run())
            await asyncio.sleep(1)
            assert bench.ledger.calls == ["intend reader"]
        await task
        assert bench.ledger.deadlines[ID] == EPOCH + sum(TIMEOUTS.values()) + 60 + 1800

    on(work, keep_failed_s=1800.0)


@pytest.mark.parametrize(
    ("step", "phase"),
    [
        ("authenticate", "authenticate"),
        ("resolve", "resolve"),
        ("check_quota", "quota_check"),
        ("request", "request"),
        ("see", "scheduled"),
    ],
)
def test_a_step_that_fails_is_the_verdict(step: str, phase: str) -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails(step, RunReason.API_ERROR)
        ended = await bench.run()
        assert verdict(ended) == (phase, "api_error", "cloud")
        assert ended.failure is not None
        assert ended.failure.message == f"{step}: it fails"
        assert phase not in ended.phases
        assert bench.cloud.ids() == []
        assert not bench.ledger.open_objects.get(ID)

    on(work)


@pytest.mark.parametrize("step", ["authenticate", "resolve", "check_quota"])
def test_a_step_that_hangs_ends_at_its_time_out(step: str) -> None:
    async def work(bench: Bench) -> None:
        with bench.cloud.hangs(step):
            ended = await bench.run()
        assert verdict(ended)[1:] == ("timeout", "cloud")
        assert ended.ended - ended.began == pytest.approx(30, abs=0.01)

    on(work)


def test_a_request_without_an_answer_stays_open_in_the_ledger() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails("request", RunReason.API_UNREACHABLE, is_carried_out=True)
        assert verdict(await bench.run()) == ("request", "api_unreachable", "cloud")
        assert [one.id for one in bench.ledger.open_objects[ID].values()] == [""]
        assert len(bench.cloud.ids()) == 2

    on(work)


def test_a_request_that_hangs_stays_open_in_the_ledger() -> None:
    async def work(bench: Bench) -> None:
        with bench.cloud.hangs("request"):
            assert verdict(await bench.run()) == ("request", "timeout", "cloud")
        assert list(bench.ledger.open_objects[ID]) == ["server"]

    on(work)


def test_a_vm_whose_host_is_chosen_and_unknown_is_a_time_out_of_the_build() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.host_names = [""]
        bench.cloud.networked_s = bench.cloud.built_s = float("inf")
        ended = await bench.run()
        assert verdict(ended) == ("built", "timeout", "cloud")
        assert ended.host == ""
        bench.check_clean()

    on(work)


@pytest.mark.parametrize(
    ("late", "phase", "after_s"),
    [("scheduled_s", "scheduled", 60.0), ("networked_s", "networked", 121.0), ("built_s", "built", 301.0)],
)
def test_a_vm_that_does_not_get_on_is_a_time_out_of_that_phase(late: str, phase: str, after_s: float) -> None:
    async def work(bench: Bench) -> None:
        setattr(bench.cloud, late, float("inf"))
        bench.cloud.built_s = max(bench.cloud.built_s, bench.cloud.scheduled_s)
        ended = await bench.run()
        assert verdict(ended) == (phase, "timeout", "cloud")
        assert ended.vm_s == pytest.approx(after_s + 1, abs=0.3)
        bench.check_clean()

    on(work)


@pytest.mark.parametrize(
    ("fault", "scheduled_s", "networked_s", "expected"),
    [
        (RunReason.NO_VALID_HOST, 99.0, 99.0, ("scheduled", "no_valid_host", "cloud")),
        (RunReason.HYPERVISOR, 1.0, 2.0, ("built", "hypervisor", "cloud")),
        (RunReason.NETWORK, 1.0, 99.0, ("networked", "network", "cloud")),
        (RunReason.IMAGE, 1.0, 99.0, ("built", "image", "cloud")),
        (RunReason.NETWORK, 1.0, 2.0, ("built", "network", "cloud")),
    ],
)
def test_a_fault_belongs_to_the_phase_it_prevents(
    fault: RunReason, scheduled_s: float, networked_s: float, expected: tuple[str, str, str]
) -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.scheduled_s, bench.cloud.networked_s, bench.cloud.built_s = scheduled_s, networked_s, 3.0
        bench.cloud.build_fault = StepError(fault, "in the cloud's words")
        assert verdict(await bench.run()) == expected
        bench.check_clean()

    on(work)


def test_a_vm_that_somebody_else_deletes_is_seen() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.built_s = 60.0
        task = asyncio.create_task(bench.run())
        await asyncio.sleep(10)
        bench.cloud.things.clear()
        assert verdict(await task) == ("networked", "unknown", "cloud") or verdict(await task)[0] == "built"
        bench.check_clean()

    on(work)


@pytest.mark.parametrize("step", ["delete", "left"])
def test_a_clean_up_that_fails_is_the_failure_of_a_run_that_succeeded(step: str) -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails(step, RunReason.API_ERROR)
        ended = await bench.run()
        assert verdict(ended) == ("gone", "cleanup", "cloud")
        assert list(bench.ledger.open_objects[ID]) == ["server"]

    on(work)


@pytest.mark.parametrize("step", ["delete", "left"])
def test_a_clean_up_without_the_right_to_it_is_the_projects_fault(step: str) -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails(step, RunReason.POLICY)
        assert verdict(await bench.run()) == ("gone", "policy", "project")
        assert list(bench.ledger.open_objects[ID]) == ["server"]

    on(work)


def test_a_clean_up_that_fails_is_not_the_verdict_of_a_run_that_failed_before() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.build_fault = StepError(RunReason.HYPERVISOR, "no KVM")
        bench.cloud.fails("delete", RunReason.API_ERROR)
        assert verdict(await bench.run()) == ("built", "hypervisor", "cloud")
        assert list(bench.ledger.open_objects[ID]) == ["server"]

    on(work)


def test_a_deletion_that_hangs_is_gone_cleanup() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.deleted_s = float("inf")
        ended = await bench.run()
        assert verdict(ended) == ("gone", "cleanup", "cloud")
        assert ended.failure is not None
        assert ended.failure.message == "deleted has not ended within 120 s; the VM was last seen as ACTIVE"

    on(work)


def test_a_port_that_outlives_its_vm_is_recorded_for_the_sweep() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.ports_outlive = True
        assert verdict(await bench.run()) == ("gone", "cleanup", "cloud")
        assert sorted(bench.ledger.open_objects[ID]) == ["port", "server"]

    on(work)


def test_the_vm_of_a_failed_run_is_kept_where_that_is_configured() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.build_fault = StepError(RunReason.HYPERVISOR, "no KVM")
        ended = await bench.run()
        assert verdict(ended) == ("built", "hypervisor", "cloud")
        assert len(bench.cloud.ids()) == 2
        assert bench.ledger.kept == {ID: ended.ended + 1800}

    on(work, keep_failed_s=1800.0)


def test_the_vm_of_a_success_is_not_kept() -> None:
    async def work(bench: Bench) -> None:
        assert (await bench.run()).outcome is Outcome.SUCCESS
        bench.check_clean()

    on(work, keep_failed_s=1800.0)


@pytest.mark.parametrize("after_s", [0.05, 0.25, 0.35, 2.0, 4.0])
def test_a_run_that_is_aborted_is_interrupted_and_cleans_up(after_s: float) -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.takes_s = 0.1
        ended = await bench.aborted(after_s)
        assert (ended.outcome, ended.failure) == (Outcome.INTERRUPTED, None)
        assert bench.ledger.saved == {ID: ended}
        assert bench.cloud.ids() == []
        assert not bench.ledger.open_objects.get(ID)

    on(work, keep_failed_s=1800.0)


def test_an_abort_while_it_deletes_lets_it_delete() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.deleted_s = 20.0
        ended = await bench.aborted(8.0)
        assert ended.outcome is Outcome.INTERRUPTED
        bench.check_clean()

    on(work)


def test_a_second_abort_leaves_the_rest_to_the_sweep() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.deleted_s = float("inf")
        ended = await bench.aborted(2.0, again_s=25.0)
        assert (ended.outcome, ended.vm_s) == (Outcome.INTERRUPTED, 27.0)
        assert bench.ledger.saved == {ID: ended}
        assert list(bench.ledger.open_objects[ID]) == ["server"]

    on(work)


def test_a_second_abort_ends_a_request_that_hangs() -> None:
    async def work(bench: Bench) -> None:
        with bench.cloud.hangs("request"):
            assert (await bench.aborted(1.0, again_s=1.0)).outcome is Outcome.INTERRUPTED
        assert list(bench.ledger.open_objects[ID]) == ["server"]

    on(work)


def test_nothing_is_created_without_a_line_in_the_ledger() -> None:
    async def work(bench: Bench) -> None:
        bench.ledger.failing.add("intend")
        with pytest.raises(LedgerError):
            await bench.run()
        assert "request" not in bench.cloud.requests
        assert bench.ledger.saved == {}

    on(work)


def test_a_ledger_that_fails_later_is_counted_and_the_vm_is_deleted_nevertheless() -> None:
    async def work(bench: Bench) -> None:
        bench.ledger.failing |= {"created", "gone", "save"}
        assert (await bench.run()).outcome is Outcome.SUCCESS
        assert bench.cloud.ids() == []
        assert bench.records.errors == 3

    on(work)


def test_a_ledger_that_works_again_is_told_at_once(caplog: pytest.LogCaptureFixture) -> None:
    async def work(bench: Bench) -> None:
        bench.ledger.failing.add("created")
        assert (await bench.run()).outcome is Outcome.SUCCESS
        assert (bench.records.errors, bench.records.is_failing) == (1, False)
        assert [one.levelname for one in caplog.records if "ledger" in one.message] == ["ERROR", "INFO"]

    caplog.set_level("INFO", "stratoscope")
    on(work)


def test_a_bug_is_internal_and_comes_with_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails("resolve", ZeroDivisionError("oops"))  # type: ignore[arg-type]  # that is the bug
        ended = await bench.run()
        assert ended.failure is not None
        assert (ended.failure.reason, ended.failure.blame) == (RunReason.INTERNAL, Blame.PROBE)
        assert caplog.records[-1].exc_info

    on(work)


def test_a_cancelled_error_of_the_source_is_a_bug_and_no_abort() -> None:
    async def work(bench: Bench) -> None:
        async def cancelled() -> None:
            raise asyncio.CancelledError

        lifecycle = bench.cloud.lifecycle("reader")
        lifecycle.authenticate = cancelled  # type: ignore[method-assign]  # for this test
        ended = await run(bench.order, lifecycle, bench.records, bench.seen.append, bench.clock)
        assert verdict(ended) == ("authenticate", "internal", "probe")

    on(work)


def test_a_host_that_was_requested_is_the_runs_host_even_if_it_fails() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails("request host-3", RunReason.NO_VALID_HOST)
        ended = await bench.run()
        assert (ended.host, verdict(ended)) == ("host-3", ("request", "no_valid_host", "cloud"))

    on(work, host="host-3")


def test_the_host_that_was_requested_stays_the_runs_host_whatever_the_cloud_calls_it() -> None:
    async def work(bench: Bench) -> None:
        task = asyncio.create_task(bench.run())
        await asyncio.sleep(0.5)
        next(iter(bench.cloud.things.values())).host = "compute-3.example.org"
        assert (await task).host == "host-3"

    on(work, host="host-3")


def test_a_vm_that_is_built_was_scheduled_though_the_cloud_does_not_say_so() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.scheduled_s = float("inf")
        ended = await bench.run()
        assert (ended.outcome, ended.host) == (Outcome.SUCCESS, "")
        assert ended.accepted_s[Phase.BUILT] == pytest.approx(3.0, abs=1.0)

    on(work)


def test_a_vm_on_a_host_without_a_name_is_networked_once() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.host_names, bench.cloud.built_s = [""], 30.0
        ended = await bench.run()
        assert ended.accepted_s == {
            Phase.NETWORKED: pytest.approx(2.0, abs=1.0), Phase.BUILT: pytest.approx(30.0, abs=1.0),
        }  # fmt: skip

    on(work)


def test_each_phase_is_reported_while_the_run_goes_on() -> None:
    async def work(bench: Bench) -> None:
        await bench.run()
        assert [len(one.phases) for one in bench.seen] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]
        assert {one.outcome for one in bench.seen[:-1]} == {Outcome.RUNNING}

    on(work)
