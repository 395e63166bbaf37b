"""What is left of runs is found by name alone and removed; what oned holds of a VM that is done is said."""

from pathlib import Path

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.lifecycle import BusyError, Mark, Object, Phase, RunReason, StepError
from stratoscope.clouds.opennebula.lifecycle.names import mark_in, name_of
from stratoscope.vmprobe.sweep import GRACE_S, Sweep
from support.fake_oned import (
    BOOT,
    BOOT_FAILURE,
    DONE,
    EPILOG,
    HOLD,
    PENDING,
    RUNNING,
    UNKNOWN,
    failed,
    fake_oned,
)
from support.ledgers import a_run, open_ledger
from support.one_run import verdict
from support.opennebula_vms import MARK, NAME, TAG, Probe, booted, looks, opened, vms
from support.replayed_oned import SESSION, enveloped, refused

VM = Object("vm", "260", MARK.name, Mark(TAG, "", MARK.run, MARK.deadline))


def test_the_name_says_tag_run_and_deadline() -> None:
    assert name_of(MARK) == NAME
    assert mark_in(NAME) == VM.mark


def test_the_longest_name_is_shorter_than_oned_takes() -> None:
    assert len(name_of(Mark("t" * 64, "p" * 255, "0" * 16, 1e10))) <= 128


@pytest.mark.parametrize(
    "name",
    [
        "", "stratoscope", "stratoscope-", f"stratoscope-{MARK.run}", f"stratoscope-{MARK.run}-2000000000",
        f"stratoscope-{MARK.run}-soon-tag", f"x{NAME}", f"{NAME} 2", f"stratoscope--2000000000-{TAG}",
        f"stratoscope-{MARK.run}--5-{TAG}",
    ],
)  # fmt: skip
def test_any_other_name_is_no_mark(name: str) -> None:
    assert mark_in(name) is None


@pytest.mark.parametrize("tag", ["a", "our-tag", "v1.2_x", "9-9"])
def test_each_tag_is_read_as_it_was_written(tag: str) -> None:
    assert mark_in(name_of(Mark(tag, "boot", MARK.run, 5.0))) == Mark(tag, "", MARK.run, 5.0)


async def test_vms_are_found_by_name_among_the_users_own() -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        for name in ("web-1", NAME, NAME.replace(TAG, "theirs"), f"stratoscope-{MARK.run}"):
            oned.add(name, RUNNING, user_id=2)
        oned.add(NAME, RUNNING, user_id=0)
        oned.add(NAME, DONE, user_id=2)
        (one,) = (await vms(zone).owned(TAG)).objects
        assert one == Object("vm", "261", MARK.name, VM.mark)
        assert oned.params["vmpool.info"] == (-3, -1, -1, -1)


async def test_what_one_lifecycle_made_another_of_the_same_credential_finds_and_deletes() -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        vm_id = await booted(vms(zone))
        (one,) = (await vms(zone, stop_start=True).owned(TAG)).objects
        assert one == VM
        await vms(zone, stop_start=True).delete(one)
        assert await vms(zone).see(vm_id) is None


@pytest.mark.parametrize("state", [PENDING, HOLD, RUNNING, UNKNOWN, BOOT_FAILURE])
async def test_vm_is_terminated_in_any_state_in_which_it_stays(state: tuple[int, int]) -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        oned.boot = [state]
        lifecycle = vms(zone)
        vm_id = await booted(lifecycle)
        await lifecycle.delete(VM)
        assert (await looks(lifecycle, vm_id, 3))[-1] is None
        assert await lifecycle.left(vm_id) == []


async def test_held_vm_that_is_deleted_is_not_deployed_any_more() -> None:
    async with fake_oned() as oned, opened(oned, SESSION) as zone:
        lifecycle = vms(zone, host="1")
        vm_id = await booted(lifecycle)
        oned.fail("vm.action", refused("action_wrong_state"))
        with pytest.raises(BusyError):
            await lifecycle.delete(VM)
        await lifecycle.see(vm_id)
        assert oned.calls["vm.deploy"] == 0


async def test_vm_that_boots_is_terminated_as_soon_as_it_runs() -> None:
    async with fake_oned() as oned:
        oned.boot = [PENDING, BOOT, *[BOOT] * 4, RUNNING]
        probe = Probe(oned).within(built=0.4)
        ended = await probe.run()
        assert verdict(ended)[:2] == (Phase.BUILT, RunReason.TIMEOUT)
        assert oned.calls["vm.action"] > 1
        assert oned.living() == []
        assert probe.ledger.open_objects[MARK.run] == {}


async def test_vm_that_never_boots_is_deleted_after_a_minute_by_who_may() -> None:
    now = 1000.0
    async with fake_oned() as oned, opened(oned, SESSION, clock=Clock(monotonic=lambda: now)) as zone:
        oned.boot = [BOOT]
        lifecycle = vms(zone)
        vm_id = await booted(lifecycle)
        for _ in range(2):
            with pytest.raises(BusyError, match=r"the VM is in BOOT: .*wrong state BOOT"):
                await lifecycle.delete(VM)
        now += 61
        await lifecycle.delete(VM)
        assert oned.params["vm.recover"] == (int(vm_id), 3)
        assert await lifecycle.see(vm_id) is None


async def test_vm_that_never_boots_stays_for_who_may_not_and_that_is_said() -> None:
    now = 1000.0
    async with fake_oned() as oned, opened(oned, clock=Clock(monotonic=lambda: now)) as zone:
        oned.boot = [BOOT]
        lifecycle = vms(zone)
        await booted(lifecycle)
        with pytest.raises(BusyError):
            await lifecycle.delete(VM)
        now += 61
        with pytest.raises(BusyError, match=r"stays in BOOT, and the user may not delete it.*ADMIN VM"):
            await lifecycle.delete(VM)


@pytest.mark.parametrize("state", [EPILOG, DONE])
async def test_vm_that_ends_already_is_deleted(state: tuple[int, int]) -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        oned.boot = [state]
        await booted(vms(zone))
        oned.fail("vm.action", refused("action_wrong_state"))
        await vms(zone).delete(VM)


async def test_vm_that_oned_does_not_know_is_gone() -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        lifecycle = vms(zone)
        await lifecycle.delete(VM)
        assert await lifecycle.see("260") is None
        assert await lifecycle.left("260") == []
        assert await lifecycle.left("") == []


async def test_termination_that_fails_for_another_reason_is_no_patience() -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        await booted(vms(zone))
        oned.fail("vm.action", failed(0x2000, "Cannot store VM"))
        with pytest.raises(StepError, match="Cannot store VM") as caught:
            await vms(zone).delete(VM)
        assert (caught.value.reason, type(caught.value)) == (RunReason.API_ERROR, StepError)


async def test_answer_that_is_no_id_is_unknown() -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        oned.fail("template.instantiate", enveloped("yes"))
        with pytest.raises(StepError, match="the answer is no id: 'yes'") as caught:
            await booted(vms(zone))
        assert caught.value.is_unknown


async def test_vm_of_another_user_is_refused_and_not_gone() -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        oned.add(NAME, RUNNING, user_id=0)
        for step in (vms(zone).see("260"), vms(zone).delete(VM), vms(zone).left("260")):
            with pytest.raises(StepError) as caught:
                await step
            assert caught.value.reason is RunReason.POLICY


async def test_answer_about_another_vm_is_not_believed() -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        other = oned.add("other", DONE, user_id=2)
        oned.vms[999] = other
        with pytest.raises(StepError, match="the answer is about another VM"):
            await vms(zone).see("999")


async def test_lease_and_image_of_a_vm_that_is_done_are_left_and_said() -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        oned.boot = [DONE]
        lifecycle = vms(zone)
        vm_id = await booted(lifecycle)
        oned.keeps = True
        left = await lifecycle.left(vm_id)
        assert left == [Object("lease", "0/10.0.0.70"), Object("image_use", "0/260")]
        for one in left:
            with pytest.raises(StepError, match="oned has not freed it") as caught:
                await lifecycle.delete(one)
            assert caught.value.reason is RunReason.CLEANUP
        assert oned.calls["vm.action"] == 0


async def test_run_whose_lease_stays_fails_in_gone() -> None:
    async with fake_oned() as oned:
        oned.keeps = True
        probe = Probe(oned).within(gone=0.5)
        assert verdict(await probe.run()) == (Phase.GONE, RunReason.CLEANUP, "cloud")
        assert {*probe.ledger.open_objects[MARK.run]} >= {"lease", "image_use"}


async def test_network_and_image_that_are_not_shown_leave_nothing() -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        oned.boot = [DONE]
        lifecycle = vms(zone)
        vm_id = await booted(lifecycle)
        oned.keeps = True
        oned.fail("vn.info", refused("user_vm_of_other"))
        oned.fail("image.info", refused("no_such_vm"))
        assert await lifecycle.left(vm_id) == []


async def test_request_without_an_answer_is_unknown_never_sent_again_and_found_by_name() -> None:
    async with fake_oned() as oned:
        oned.lost.add("template.instantiate")
        probe = Probe(oned)
        ended = await probe.run()
        assert verdict(ended)[:2] == (Phase.REQUEST, RunReason.API_ERROR)
        assert oned.calls["template.instantiate"] == 1
        assert probe.ledger.open_objects[MARK.run] != {}  # an intent: the VM may be there
        async with opened(oned) as zone:
            (one,) = (await vms(zone).owned(TAG)).objects
            assert one.mark is not None
            assert one.mark.run == MARK.run


@pytest.mark.parametrize(("deadline", "is_left"), [(1000.0, False), (1000.0 + 2 * GRACE_S, True)])
async def test_sweep_removes_a_vm_of_a_lost_ledger_once_its_deadline_is_past(
    tmp_path: Path, deadline: float, *, is_left: bool
) -> None:
    clock = Clock(now=lambda: 1000.0 + GRACE_S + 1)
    async with fake_oned() as oned, opened(oned) as zone, open_ledger(tmp_path, clock) as ledger:
        ours = oned.add(name_of(Mark(TAG, "", MARK.run, deadline)), RUNNING, user_id=2)
        other = oned.add("web-1", RUNNING, user_id=2)
        sweep = Sweep(ledger, TAG, clock)
        await sweep.once({"": vms(zone)}, ())
        assert (ours.state == RUNNING, other.state) == (is_left, RUNNING)


async def test_sweep_removes_the_vm_of_a_run_that_was_killed_at_once_and_closes_its_lines(
    tmp_path: Path,
) -> None:
    async with fake_oned() as oned, opened(oned) as zone, open_ledger(tmp_path) as ledger:
        wanted = Object("vm", "", MARK.name, MARK)
        await ledger.intend(a_run(MARK.run), "", wanted, MARK.deadline)
        vm = oned.add(NAME, RUNNING, user_id=2)
        sweep = Sweep(ledger, TAG)
        for _ in range(5):
            await sweep.once({"": vms(zone)}, ())
        assert (vm.state, sweep.leaks.total, await ledger.remaining()) == (DONE, 0, [])


async def test_sweep_leaves_a_vm_alone_that_somebody_has_named_anew(tmp_path: Path) -> None:
    async with fake_oned() as oned, opened(oned) as zone, open_ledger(tmp_path) as ledger:
        await ledger.intend(a_run(MARK.run), "", Object("vm", "", MARK.name, MARK), MARK.deadline)
        vm = oned.add("adopted", RUNNING, user_id=2)
        await ledger.created(MARK.run, Object("vm", str(vm.id), MARK.name, MARK))
        sweep = Sweep(ledger, TAG)
        await sweep.once({"": vms(zone)}, ())
        assert (vm.state, sweep.leaks.total) == (RUNNING, 1)
        assert "does not carry the mark" in sweep.leaks.failures[""]
