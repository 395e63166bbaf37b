"""Whole runs on an oned in memory: what a user with USE alone goes through, and what that costs."""

import time
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.lifecycle import Phase, RunReason, Underway
from stratoscope.vmprobe.record import Outcome, Run
from support.fake_oned import (
    BOOT,
    BOOT_FAILURE,
    HOLD,
    PENDING,
    POWEROFF,
    PROLOG,
    PROLOG_FAILURE,
    RUNNING,
    UNKNOWN,
    done,
    fake_oned,
)
from support.little_server import listening
from support.one_run import verdict
from support.opennebula_vms import MARK, NAME, Probe, booted, opened, vms
from support.replayed_oned import SESSION, refused

NO_HOST = "Sat Nov 21 23:48:53 2026: Cannot dispatch VM: No host meets SCHED_REQUIREMENTS"


async def nothing(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response()


def said(ended: Run) -> str:
    assert ended.failure is not None
    return ended.failure.message


async def test_run_of_a_user_with_use_alone_succeeds_and_leaves_nothing() -> None:
    async with fake_oned() as oned:
        probe = Probe(oned)
        ended = await probe.run()
        assert ended.outcome is Outcome.SUCCESS
        assert [*ended.phases] == [
            Phase.AUTHENTICATE, Phase.RESOLVE, Phase.QUOTA_CHECK, Phase.REQUEST, Phase.SCHEDULED,
            Phase.NETWORKED, Phase.BUILT, Phase.DELETED, Phase.GONE,
        ]  # fmt: skip
        assert (ended.host, ended.image_id, ended.vm_id) == ("dummy-a1", "0", "260")
        assert oned.living() == []
        assert probe.ledger.open_objects[MARK.run] == {}
        assert oned.params["template.instantiate"][1].startswith(f"stratoscope-{MARK.run}-")


async def test_a_run_costs_11_requests_besides_its_looks() -> None:
    async with fake_oned() as oned:
        ended = await Probe(oned).run()
        looks = ended.polls
        assert looks == 7
        assert oned.calls.total() - looks == 11
        assert oned.calls == {
            "user.info": 3, "templatepool.info": 1, "imagepool.info": 1, "group.info": 1,
            "template.instantiate": 1, "vm.info": looks + 1, "vm.action": 1, "vn.info": 1, "image.info": 1,
        }  # fmt: skip


async def test_steps_of_a_boot_are_seen_one_by_one() -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        lifecycle: Lifecycle = vms(zone)
        await lifecycle.authenticate()
        resolved = await lifecycle.resolve()
        await lifecycle.check_quota(resolved)
        vm_id = await lifecycle.request(Underway(MARK, resolved))
        seen = [await lifecycle.see(vm_id) for _ in range(4)]
        assert [one and one.state for one in seen] == ["PENDING", "PROLOG", "BOOT", "RUNNING"]
        assert [one and one.host for one in seen] == ["", "dummy-a1", "dummy-a1", "dummy-a1"]
        assert [one and one.is_networked for one in seen] == [False, False, False, True]
        assert [one and one.is_built for one in seen] == [False, False, False, True]
        assert seen[0] is not None
        assert seen[0].addresses == ["10.0.0.70"]
        assert oned.vms[260].name == NAME


@pytest.mark.parametrize(
    ("keys", "is_networked"), [({}, True), ({"reachable": {"tcp": 22}}, False), ({"stop_start": True}, True)]
)
async def test_vm_without_an_address_is_networked_unless_it_has_to_answer(
    keys: dict[str, Any], *, is_networked: bool
) -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        oned.boot = [RUNNING]
        lifecycle = vms(zone, **keys)
        vm_id = await booted(lifecycle)
        oned.vms[int(vm_id)].has_address = False
        seen = await lifecycle.see(vm_id)
        assert seen is not None
        assert (seen.is_built, seen.is_networked, seen.addresses) == (True, is_networked, [])


async def test_vm_that_has_to_answer_is_asked_at_its_address() -> None:
    async with fake_oned() as oned, opened(oned) as zone, listening(nothing) as address:
        port = int(address.rpartition(":")[2])
        oned.boot = [RUNNING]
        lifecycle = vms(zone, reachable={"tcp": port})
        vm_id = await booted(lifecycle)
        seen = await lifecycle.see(vm_id)
        assert seen is not None
        (step,) = lifecycle.steps
        here = Underway(MARK, await lifecycle.resolve(), vm_id, replace(seen, addresses=["127.0.0.1"]))
        await step.begin(here)
        assert await step.has_ended(here)


async def test_a_template_text_is_never_added_and_nothing_is_persistent() -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        await booted(vms(zone))
        assert oned.params["template.instantiate"] == (0, NAME, False, "", False)


async def test_vm_without_a_host_fails_at_the_end_of_its_time_with_the_schedulers_words() -> None:
    async with fake_oned() as oned:
        oned.boot, oned.sched_message = [PENDING], NO_HOST
        ended = await Probe(oned).run()
        assert verdict(ended) == (Phase.SCHEDULED, RunReason.NO_VALID_HOST, "cloud")
        assert said(ended) == "Cannot dispatch VM: No host meets SCHED_REQUIREMENTS"
        assert ended.vm_s > 55
        assert oned.living() == []


async def test_vm_that_gets_a_host_after_all_is_no_failure() -> None:
    async with fake_oned() as oned:
        oned.boot = [*[PENDING] * 20, PROLOG, BOOT, RUNNING]
        oned.sched_message = NO_HOST
        assert (await Probe(oned).run()).outcome is Outcome.SUCCESS


async def test_vm_that_waits_for_its_turn_is_a_time_out() -> None:
    async with fake_oned() as oned:
        oned.boot, oned.sched_message = [PENDING], "Cannot dispatch VM: Dispatch limit reached on hosts: 0,1"
        ended = await Probe(oned).run()
        assert verdict(ended) == (Phase.SCHEDULED, RunReason.TIMEOUT, "cloud")
        assert "Dispatch limit" in said(ended)


async def test_vm_of_which_the_scheduler_says_nothing_is_a_time_out() -> None:
    async with fake_oned() as oned:
        oned.boot = [PENDING]
        ended = await Probe(oned).run()
        assert verdict(ended) == (Phase.SCHEDULED, RunReason.TIMEOUT, "cloud")
        assert "last seen as PENDING" in said(ended)


@pytest.mark.parametrize(
    ("state", "error", "reason"),
    [
        (BOOT_FAILURE, "Sat Nov 21 23:42:46 2026: DEPLOY: dummy-a1:st-bootfail:dummy", RunReason.HYPERVISOR),
        (BOOT_FAILURE, "Error executing network driver: bridge br0", RunReason.NETWORK),
        (PROLOG_FAILURE, "Sat Nov 21 23:42:47 2026: Error executing image transfer script", RunReason.IMAGE),
        (POWEROFF, "", RunReason.HYPERVISOR),
    ],
)
async def test_vm_in_error_fails_with_oneds_words_and_is_removed(
    state: tuple[int, int], error: str, reason: RunReason
) -> None:
    async with fake_oned() as oned:
        oned.boot, oned.error = [PENDING, PROLOG, state], error
        ended = await Probe(oned).run()
        phase = Phase.NETWORKED if reason is RunReason.NETWORK else Phase.BUILT
        assert verdict(ended) == (phase, reason, "cloud")
        assert error.rpartition(" 2026: ")[2] in said(ended)
        assert oned.living() == []


@pytest.mark.parametrize("more_s", [0.02, 0.04, 0.06])
async def test_time_out_just_before_a_look_is_not_the_probes_own_fault(more_s: float) -> None:
    async with fake_oned() as oned:
        oned.boot = [PENDING]
        ended = await Probe(oned).within(scheduled=2 + more_s).run()
        assert verdict(ended) == (Phase.SCHEDULED, RunReason.TIMEOUT, "cloud")


async def test_vm_that_is_unknown_to_its_host_is_waited_for() -> None:
    async with fake_oned() as oned:
        oned.boot = [PENDING, PROLOG, BOOT, UNKNOWN]
        ended = await Probe(oned).within(built=20).run()
        assert verdict(ended) == (Phase.BUILT, RunReason.TIMEOUT, "cloud")
        assert "last seen as UNKNOWN" in said(ended)


async def test_vm_that_disappears_is_said_so() -> None:
    async with fake_oned() as oned:
        oned.boot = [PENDING, PROLOG, (6, 0)]
        ended = await Probe(oned).run()
        assert verdict(ended)[1] == RunReason.UNKNOWN


async def test_vm_on_a_host_of_ones_choice_is_held_and_deployed_there_once() -> None:
    async with fake_oned() as oned:
        ended = await Probe(oned, SESSION).on("dummy-b1").run()
        assert (ended.outcome, ended.host) == (Outcome.SUCCESS, "dummy-b1")
        assert oned.params["template.instantiate"][2:] == (True, "", False)
        assert oned.params["vm.deploy"] == (260, 2, True, -1, "")
        assert (oned.calls["vm.deploy"], oned.calls["hostpool.info"]) == (1, 1)


@pytest.mark.parametrize("host", ["dummy-b1", "2"])
async def test_host_of_the_description_is_a_name_or_an_id(host: str) -> None:
    async with fake_oned() as oned:
        assert (await Probe(oned, SESSION, host=host).run()).host == "dummy-b1"


async def test_user_who_may_not_deploy_fails_with_policy_and_the_held_vm_is_removed() -> None:
    async with fake_oned() as oned:
        ended = await Probe(oned, host="1").run()
        assert verdict(ended) == (Phase.SCHEDULED, RunReason.POLICY, "project")
        assert "ADMIN VM" in said(ended)
        assert oned.living() == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("deploy_no_capacity", RunReason.NO_VALID_HOST),
        ("deploy_offline_host", RunReason.NO_VALID_HOST),
        ("no_such_host_deploy", RunReason.NO_VALID_HOST),
        ("deploy_no_such_ds", RunReason.NO_VALID_HOST),
        ("deploy_wrong_state", RunReason.API_ERROR),
    ],
)
async def test_host_that_takes_no_vm_is_named_by_oneds_words(name: str, reason: RunReason) -> None:
    async with fake_oned() as oned:
        oned.fail("vm.deploy", refused(name))
        ended = await Probe(oned, SESSION, host="1").run()
        assert verdict(ended)[:2] == (Phase.SCHEDULED, reason)
        assert oned.living() == []


async def test_deployment_without_an_answer_is_not_sent_again_and_its_vm_seen() -> None:
    async with fake_oned() as oned:
        oned.lost.add("vm.deploy")
        ended = await Probe(oned, SESSION, host="1").run()
        assert (ended.outcome, ended.host, oned.calls["vm.deploy"]) == (Outcome.SUCCESS, "dummy-a2", 1)


async def test_deployment_that_was_lost_on_its_way_is_not_sent_again_either() -> None:
    async with fake_oned() as oned:
        oned.fail("vm.deploy", refused("deploy_wrong_state")[:-40])
        ended = await Probe(oned, SESSION, host="1").run()
        assert verdict(ended)[:2] == (Phase.SCHEDULED, RunReason.TIMEOUT)
        assert (oned.calls["vm.deploy"], oned.living()) == (1, [])


async def test_vm_that_its_template_holds_is_misconfigured_at_once() -> None:
    async with fake_oned() as oned:
        oned.boot = [HOLD]
        ended = await Probe(oned).run()
        assert verdict(ended) == (Phase.SCHEDULED, RunReason.PROBE_MISCONFIGURED, "probe")
        assert ended.vm_s < 5


async def test_clock_of_oned_is_read_from_the_second_in_which_it_created_a_vm() -> None:
    async with fake_oned() as oned, opened(oned) as zone:
        lifecycle = vms(zone)
        assert lifecycle.clock_skew_s is None
        vm_id = await booted(lifecycle)
        oned.vms[int(vm_id)].created = int(time.time()) + 100
        await lifecycle.see(vm_id)
        assert lifecycle.clock_skew_s == pytest.approx(100, abs=2)


async def test_vm_is_stopped_and_started() -> None:
    async with fake_oned() as oned:
        ended = await Probe(oned, stop_start=True).run()
        assert ended.outcome is Outcome.SUCCESS
        assert {Phase.STOPPED, Phase.STARTED} <= ended.phases.keys()


async def test_vm_whose_driver_does_not_power_it_off_runs_on_and_that_is_said() -> None:
    async with fake_oned() as oned:
        oned.fail("vm.action", done(260))
        ended = await Probe(oned, stop_start=True).within(stopped=2).run()
        assert verdict(ended) == (Phase.STOPPED, RunReason.HYPERVISOR, "cloud")
        assert "runs on" in said(ended)
        assert oned.living() == []


@pytest.mark.parametrize(
    ("state", "reason"), [((6, 0), RunReason.UNKNOWN), (BOOT_FAILURE, RunReason.HYPERVISOR)]
)
async def test_vm_that_ends_while_it_is_switched_is_said_so(
    state: tuple[int, int], reason: RunReason
) -> None:
    async with fake_oned() as oned:
        oned.fail("vm.action", done(260))
        oned.boot = [PENDING, PROLOG, BOOT, RUNNING, state]
        assert verdict(await Probe(oned, stop_start=True).run())[:2] == (Phase.STOPPED, reason)
