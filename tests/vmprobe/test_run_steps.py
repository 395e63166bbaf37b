"""The optional steps of a run: their order, how they fail, what is left out, and how they are cleaned up."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest

from stratoscope.clouds.lifecycle import BusyError, Phase, RunReason, StepError, StepLeftOutError
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.entries import TIMEOUTS
from stratoscope.vmprobe.log import log_end
from stratoscope.vmprobe.phases import OPTIONAL
from stratoscope.vmprobe.record import Outcome, Run
from support import one_run
from support.one_run import ID, verdict
from support.probe_cloud import PORT, SERVER, VOLUME, ProbeLifecycle, ProbeStep
from support.virtual_time import simulated

CREATES = {Phase.FLOATING_IP: "floatingip", Phase.VOLUME_CREATED: VOLUME, Phase.SNAPSHOT: "image"}


class Bench(one_run.Bench):
    """With all optional steps."""

    def __init__(self, *, boots_from_volume: bool = False, **order: Any) -> None:
        super().__init__(credential="", **order)
        self.steps = {
            phase: ProbeStep(
                self.cloud,
                phase,
                CREATES.get(phase, ""),
                is_before_request=boots_from_volume and phase is Phase.VOLUME_CREATED,
            )
            for phase in OPTIONAL
        }
        self.cloud.steps = [*self.steps.values()]


def on(work: Callable[[Bench], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def main() -> None:
        await work(Bench(**options))

    simulated(main)


def test_steps_are_done_in_order_each_timed_and_its_object_is_recorded_before_it_begins() -> None:
    async def work(bench: Bench) -> None:
        ended = await bench.run()
        assert ended.outcome is Outcome.SUCCESS
        assert list(ended.phases) == list(Phase)
        assert [ended.phases[phase] for phase in OPTIONAL] == [1.0] * len(OPTIONAL)
        assert bench.ledger.calls[2:10] == [
            "intend floatingip", "created floatingip", "intend volume", "created volume",
            "intend image", "created image", "gone server", "gone floatingip",
        ]  # fmt: skip
        bench.check_clean()

    on(work)


def test_what_a_boot_volume_needs_comes_before_the_request_which_sees_it() -> None:
    async def work(bench: Bench) -> None:
        ended = await bench.run()
        phases = list(ended.phases)
        assert phases.index(Phase.VOLUME_CREATED) == phases.index(Phase.REQUEST) - 1
        assert bench.ledger.calls[:4] == [
            "intend volume", "created volume", "intend", "created server",
        ]  # fmt: skip
        assert bench.steps[Phase.VOLUME_CREATED].underway[0].vm_id == ""
        last = bench.steps[Phase.SNAPSHOT].underway[-1]
        assert list(last.objects) == [Phase.VOLUME_CREATED, Phase.FLOATING_IP, Phase.SNAPSHOT]
        bench.check_clean()

    on(work, boots_from_volume=True)


def test_a_step_that_uses_addresses_sees_the_vm_again() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.networked_s = 0.0
        ended = await bench.run()
        requests = bench.cloud.requests
        first, after = requests.index("begin reachable") - 1, requests.index("begin console")
        assert requests[first : first + 3] == ["see", "begin reachable", "look reachable"]
        assert requests[first + 3 : after] == ["see", "look reachable"] * ((after - first - 3) // 2) != []
        looks = sum(one.startswith("look ") for one in requests) - len(bench.steps)
        assert ended.polls == requests.count("see") + looks + requests.count("left") - 1
        seen = bench.steps[Phase.REACHABLE].underway[-1].seen
        assert seen is not None
        assert seen.addresses == ("192.0.2.7",)

    on(work)


@pytest.mark.parametrize("request_", ["begin", "look"])
@pytest.mark.parametrize("phase", OPTIONAL)
def test_the_first_step_that_fails_is_the_verdict_and_all_is_cleaned_up(phase: Phase, request_: str) -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails(f"{request_} {phase}", RunReason.API_ERROR)
        ended = await bench.run()
        assert verdict(ended) == (phase, "api_error", "cloud")
        place = [*OPTIONAL].index(phase)
        assert [one for one in ended.phases if one in OPTIONAL] == [*OPTIONAL][:place]
        bench.check_clean()

    on(work)


@pytest.mark.parametrize("phase", OPTIONAL)
def test_a_step_that_never_ends_is_a_time_out_of_its_phase(phase: Phase) -> None:
    async def work(bench: Bench) -> None:
        with bench.cloud.hangs(f"look {phase}"):
            ended = await bench.run()
        assert verdict(ended) == (phase, "timeout", "cloud")
        assert ended.failure is not None
        assert ended.failure.message == f"{phase} has not ended within {TIMEOUTS[phase]:g} s"
        bench.check_clean()

    on(work)


def test_a_step_that_ends_too_late_says_what_was_seen_last() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.step_s = math.inf
        ended = await bench.run()
        assert ended.failure is not None
        phase = ended.failure.phase
        said = f"{phase} has not ended within {TIMEOUTS[phase]:g} s; {phase} is underway"
        assert (ended.failure.reason, ended.failure.message) == ("timeout", said)
        bench.check_clean()

    on(work)


@pytest.mark.parametrize("phase", CREATES)
def test_a_beginning_without_an_answer_stays_open_in_the_ledger(phase: Phase) -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails(f"begin {phase}", RunReason.API_UNREACHABLE, is_carried_out=True)
        assert verdict(await bench.run()) == (phase, "api_unreachable", "cloud")
        assert [(one.kind, one.id) for one in bench.ledger.open_objects[ID].values()] == [
            (CREATES[phase], "")
        ]
        assert bench.cloud.ids() == [f"{CREATES[phase]}-{ID}"]

    on(work)


@pytest.mark.parametrize("request_", ["begin", "look"])
@pytest.mark.parametrize("phase", OPTIONAL)
def test_a_step_that_is_not_possible_is_left_out_and_the_run_goes_on(
    phase: Phase, request_: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails(f"{request_} {phase}", StepLeftOutError("no such service"))
        ended = await bench.run()
        assert ended.outcome is Outcome.SUCCESS
        assert ended.left_out == {phase: "no such service"}
        assert [one for one in Phase if one not in ended.phases] == [phase]
        bench.check_clean()
        log_end(ended, None, "uni")
        log_end(ended, ended, "uni")
        lines = [one.getMessage() for one in caplog.records if "left out" in one.getMessage()]
        assert lines == [f"step left out cloud=uni probe=boot phase={phase} error='no such service'"]

    on(work)


def test_a_run_that_was_saved_before_there_were_steps_can_be_read() -> None:
    saved = msgspec.json.decode(
        b'{"id": "1", "probe": "boot", "began": 1.0, "phases": {"built": 2.0}}', type=Run
    )
    assert (saved.left_out, saved.phases) == ({}, {Phase.BUILT: 2.0})


def test_a_mandatory_step_is_never_left_out() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails("resolve", StepLeftOutError("no such service"))
        assert verdict(await bench.run()) == ("resolve", "internal", "probe")

    on(work)


def test_a_cancelled_beginning_waits_for_its_answer_and_deletes_what_it_created() -> None:
    async def work(bench: Bench) -> None:
        with bench.cloud.hangs("begin volume_created"):
            task = asyncio.create_task(bench.aborted(20.0))
            await asyncio.sleep(25)
            assert bench.ledger.calls[-1] == "intend volume"
        ended = await task
        assert ended.outcome is Outcome.INTERRUPTED
        assert bench.cloud.deleted[-2].kind == VOLUME
        bench.check_clean()

    on(work)


def test_the_vm_is_deleted_first_and_then_the_objects_in_reverse_order() -> None:
    async def work(bench: Bench) -> None:
        await bench.run()
        assert [one.kind for one in bench.cloud.deleted] == [SERVER, "image", VOLUME, "floatingip"]

    on(work)


def test_a_deletion_that_fails_does_not_hold_up_the_others() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails(f"delete volume-{ID}", RunReason.API_ERROR)
        ended = await bench.run()
        assert verdict(ended) == ("gone", "cleanup", "cloud")
        assert [one.kind for one in bench.cloud.deleted] == [SERVER, "image", "floatingip"]
        assert VOLUME in bench.ledger.open_objects[ID]

    on(work)


def test_the_first_deletion_that_fails_is_told() -> None:
    async def work(bench: Bench) -> None:
        for kind in ("volume", "image"):
            bench.cloud.fails(f"delete {kind}-{ID}", RunReason.API_ERROR)
        ended = await bench.run()
        assert ended.failure is not None
        assert ended.failure.message == f"delete image-{ID}: it fails"

    on(work)


def test_a_run_whose_only_object_is_a_volume_cleans_it_up() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails("request", RunReason.NO_VALID_HOST)
        ended = await bench.run()
        assert verdict(ended) == ("request", "no_valid_host", "cloud")
        assert Phase.DELETED not in ended.phases
        assert [one.kind for one in bench.cloud.deleted] == [VOLUME]
        bench.check_clean()

    on(work, boots_from_volume=True)


def test_the_volume_of_a_vm_whose_request_had_no_answer_is_left_to_the_sweep() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails("request", RunReason.API_UNREACHABLE, is_carried_out=True)
        assert verdict(await bench.run())[0] == "request"
        assert bench.cloud.deleted == []
        assert sorted(bench.ledger.open_objects[ID]) == [SERVER, VOLUME]

    on(work, boots_from_volume=True)


def test_the_vm_of_a_failed_step_is_kept_with_what_the_steps_created() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails("begin snapshot", RunReason.API_ERROR)
        await bench.run()
        assert {kind for kind, _ in bench.cloud.now_there()} == {SERVER, PORT, VOLUME, "floatingip"}
        assert list(bench.ledger.kept) == [ID]

    on(work, boots_from_volume=True, keep_failed_s=1800.0)


def test_without_a_vm_there_is_nothing_to_keep() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails("request", RunReason.NO_VALID_HOST)
        await bench.run()
        assert bench.ledger.kept == {}
        bench.check_clean()

    on(work, boots_from_volume=True, keep_failed_s=1800.0)


def test_a_ledger_that_fails_before_the_request_leaves_no_volume() -> None:
    async def work(bench: Bench) -> None:
        bench.ledger.failing.add("intend ")
        ended = await bench.run()
        assert (ended.outcome, bench.cloud.ids()) == (Outcome.INTERRUPTED, [])
        assert "request" not in bench.cloud.requests

    on(work, boots_from_volume=True)


def test_a_ledger_that_fails_before_a_step_interrupts_the_run_which_is_cleaned_up() -> None:
    async def work(bench: Bench) -> None:
        bench.ledger.failing.add("intend volume")
        ended = await bench.run()
        assert (ended.outcome, ended.failure) == (Outcome.INTERRUPTED, None)
        assert bench.cloud.ids() == []
        assert bench.records.errors == 1

    on(work)


def test_a_ledger_that_fails_before_anything_is_created_is_raised() -> None:
    async def work(bench: Bench) -> None:
        bench.ledger.failing.add("intend volume")
        with pytest.raises(LedgerError):
            await bench.run()
        assert "begin volume_created" not in bench.cloud.requests

    on(work, boots_from_volume=True)


def test_a_vm_that_disappears_before_a_step_is_the_failure_of_that_step() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.step_s = 10.0
        task = asyncio.create_task(bench.run())
        await asyncio.sleep(8)
        bench.cloud.things = {key: one for key, one in bench.cloud.things.items() if key[0] == "floatingip"}
        assert verdict(await task) == ("reachable", "unknown", "cloud")
        bench.check_clean()

    on(work)


def test_a_bug_in_a_request_leaves_its_object_to_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    async def request(*_: object) -> str:
        raise TypeError("no such thing")

    async def work(bench: Bench) -> None:
        monkeypatch.setattr(ProbeLifecycle, "request", request)
        assert verdict(await bench.run()) == ("request", "internal", "probe")
        assert [*bench.ledger.open_objects[ID]] == [SERVER]

    on(work)


def test_a_vm_in_error_is_the_failure_of_the_step_that_sees_it() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.step_s = 10.0
        task = asyncio.create_task(bench.run())
        await asyncio.sleep(8)
        bench.cloud.build_fault = StepError(RunReason.HYPERVISOR, "it has crashed")
        assert verdict(await task) == ("reachable", "hypervisor", "cloud")
        bench.check_clean()

    on(work)


def test_an_object_that_is_busy_is_deleted_as_soon_as_it_can_be() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails(f"delete volume-{ID}", BusyError(RunReason.VOLUME, "it is detached"), times=4)
        ended = await bench.run()
        assert ended.outcome is Outcome.SUCCESS
        assert 2.0 <= ended.phases[Phase.GONE] <= 2.25
        assert [one.kind for one in bench.cloud.deleted] == [SERVER, "image", "floatingip", VOLUME]
        bench.check_clean()

    on(work)


def test_a_vm_that_is_busy_is_deleted_as_soon_as_it_can_be() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails(f"delete vm-{ID}-1", BusyError(RunReason.CLEANUP, "it boots"), times=4)
        ended = await bench.run()
        assert ended.outcome is Outcome.SUCCESS
        assert 2.0 <= ended.phases[Phase.DELETED] <= 2.25
        bench.check_clean()

    on(work)


def test_a_vm_that_stays_busy_is_left_and_why_is_said() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails(f"delete vm-{ID}-1", BusyError(RunReason.CLEANUP, "it boots"), times=999)
        ended = await bench.run()
        assert verdict(ended) == ("gone", "cleanup", "cloud")
        assert ended.failure is not None
        assert ended.failure.message == "it boots"
        assert SERVER in bench.ledger.open_objects[ID]

    on(work)


def test_an_object_that_stays_busy_is_left_and_why_is_said() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails(f"delete volume-{ID}", BusyError(RunReason.VOLUME, "it is detached"), times=99)
        ended = await bench.run()
        assert verdict(ended) == ("gone", "cleanup", "cloud")
        assert ended.failure is not None
        assert ended.failure.message == "it is detached"
        assert bench.cloud.ids() == [f"volume-{ID}"]
        assert VOLUME in bench.ledger.open_objects[ID]

    on(work)
