"""The request for a VM: what it says, how it is refused, and that it is never carried out twice."""

from pathlib import Path
from typing import Any

import pytest

from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.lifecycle import Mark, RunReason, StepError, Underway
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.core.config import Duration
from stratoscope.demo.openstack.http_errors import BOOT_ERRORS
from stratoscope.demo.openstack.nova.service import Nova
from stratoscope.demo.world.models import VM
from stratoscope.demo.world.seed.identity import PASSWORD
from support.demo_cloud import DemoCloud
from support.openstack_vms import MARK, TAG, booted, opened, project, seen_after, vms
from support.wheel import Wheel

REFUSED = {
    "quota_instances": RunReason.QUOTA,
    "quota_cores": RunReason.QUOTA,
    "quota_ram": RunReason.QUOTA,
    "quota_ports": RunReason.QUOTA,
    "policy": RunReason.POLICY,
    "image_not_found": RunReason.IMAGE,
    "flavor_not_found": RunReason.FLAVOR,
    "network_not_found": RunReason.NETWORK,
    "zone_not_available": RunReason.NO_VALID_HOST,
    "flavor_memory_too_small": RunReason.IMAGE,
    "flavor_disk_too_small": RunReason.IMAGE,
    "key_not_found": RunReason.PROBE_MISCONFIGURED,
    "networks_ambiguous": RunReason.PROBE_MISCONFIGURED,
}
DOOMED = {
    "no_valid_host": RunReason.NO_VALID_HOST,
    "build_aborted": RunReason.HYPERVISOR,
    "retries_exceeded": RunReason.HYPERVISOR,
    "network_failed": RunReason.NETWORK,
    "port_binding_failed": RunReason.NETWORK,
    "volume_failed": RunReason.VOLUME,
    "image_unacceptable": RunReason.IMAGE,
    "image_download_failed": RunReason.IMAGE,
    "image_lost": RunReason.IMAGE,
    "messaging_timeout": RunReason.MESSAGING,
}


def made(demo: DemoCloud) -> list[VM]:
    return [vm for vm in demo.world.vms if vm.metadata.get("stratoscope_tag") == TAG]


def posts(demo: DemoCloud) -> dict[int, int]:
    """How many requests for a VM, by the status of their answers."""
    counts = demo.cloud.request_counts.items()
    return {call[3]: number for call, number in counts if call[:3] == ("compute", "POST", "/v2.1/servers")}


async def refusal(cloud: OpenStack, **described: Any) -> StepError:
    with pytest.raises(StepError) as caught:
        await booted(vms(cloud, **described))
    return caught.value


# -- What it says ----------------------------------------------------------------------------------


async def test_vm_carries_the_mark(demo: DemoCloud, cloud: OpenStack) -> None:
    vm_id = await booted(vms(cloud, zone="north"))
    (vm,) = made(demo)
    assert (vm.id, vm.name, vm.zone) == (vm_id, "stratoscope-0123456789abcdef", "north")
    assert vm.metadata == {
        "stratoscope_tag": TAG,
        "stratoscope_probe": "boot",
        "stratoscope_run": "0123456789abcdef",
        "stratoscope_deadline": "2000000000",
    }
    assert (vm.tags, vm.description) == ((TAG,), "Created by the probe boot; it deletes it.")
    assert (vm.requested_host, vm.key_name) == (None, None)


@pytest.mark.parametrize(("newest", "expected"), [(51, ((), True)), (18, ((), False)), (74, ((TAG,), True))])
async def test_older_nova_gets_what_it_understands(
    newest: int, expected: tuple[Any, bool], demo: DemoCloud, cloud: OpenStack
) -> None:
    (nova,) = (one for one in demo.cloud.services if isinstance(one, Nova))
    nova.newest = newest
    vm_id = await booted(vms(cloud))
    (vm,) = made(demo)
    assert (vm.id, vm.tags, vm.description is not None) == (vm_id, *expected)


async def test_tag_that_nova_would_refuse_stands_in_the_metadata_alone(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    lifecycle = vms(cloud)
    await booted(lifecycle, Mark("a/b", "p" * 300, "f", 2e9))
    (vm,) = (vm for vm in demo.world.vms if vm.metadata.get("stratoscope_tag") == "a/b")
    assert (vm.tags, vm.metadata["stratoscope_probe"]) == ((), "p" * 255)
    (one,) = (await lifecycle.owned("a/b")).objects
    assert one.mark is not None
    assert one.mark.run == "f"


@pytest.mark.parametrize("newest", [100, 73])
async def test_administrator_may_choose_the_host(newest: int, demo: DemoCloud, cloud: OpenStack) -> None:
    (nova,) = (one for one in demo.cloud.services if isinstance(one, Nova))
    nova.newest = newest
    lifecycle = vms(cloud, os_cloud="admin", network="shared", zone="edge")
    *_, host = await lifecycle.hosts()
    vm_id = await lifecycle.request(Underway(MARK, await lifecycle.resolve()), host)
    seen = await seen_after(demo, lifecycle, vm_id, 15)
    assert (seen.host, seen.is_built) == (host, True)


async def test_host_is_requested_with_its_zone_as_nova_looks_in_its_default_one(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    lifecycle = vms(cloud, os_cloud="admin", network="shared")
    zones = {host.name: host.zone for host in demo.world.hosts.values()}
    for host in await lifecycle.hosts():
        vm_id = await lifecycle.request(Underway(MARK, await lifecycle.resolve()), host)
        vm = demo.world.vms.get(vm_id)
        assert vm is not None
        assert (vm.zone, vm.requested_host) == (zones[host], demo.world.hosts[host])


async def test_vm_that_gets_no_port_on_its_network_says_so(demo: DemoCloud, cloud: OpenStack) -> None:
    lifecycle = vms(cloud, network="external")
    fault = (await seen_after(demo, lifecycle, await booted(lifecycle), 15)).fault
    assert fault is not None
    assert fault.reason is RunReason.NETWORK


async def test_host_that_is_no_more_is_no_mistake_of_the_probe(cloud: OpenStack) -> None:
    lifecycle = vms(cloud, os_cloud="admin", network="shared")
    with pytest.raises(StepError, match="Compute host cn99 could not be found") as caught:
        await lifecycle.request(Underway(MARK, await lifecycle.resolve()), "cn99")
    assert caught.value.reason is RunReason.NO_VALID_HOST


async def test_plain_user_may_not_choose_the_host(cloud: OpenStack) -> None:
    lifecycle = vms(cloud)
    with pytest.raises(StepError, match="requested_destination") as caught:
        await lifecycle.request(Underway(MARK, await lifecycle.resolve()), "cn01")
    assert caught.value.reason is RunReason.POLICY


# -- How it is refused -----------------------------------------------------------------------------


def test_each_error_of_a_boot_has_its_reason() -> None:
    assert REFUSED.keys() | DOOMED.keys() | {"stuck"} == BOOT_ERRORS.keys()


def test_each_reason_is_reached_by_a_test_of_this_folder_but_that_of_a_cleanup() -> None:
    by_other_steps = {RunReason.AUTH, RunReason.API_ERROR, RunReason.API_UNREACHABLE, RunReason.INTERNAL}
    by_fault = {RunReason.TIMEOUT, RunReason.UNKNOWN}
    reached = {*REFUSED.values(), *DOOMED.values(), *by_other_steps, *by_fault}
    assert reached == {*RunReason} - {RunReason.CLEANUP}  # the prober's word on what is left


@pytest.mark.parametrize("name", REFUSED)
async def test_refusal_has_the_reason_and_novas_words(name: str, demo: DemoCloud, cloud: OpenStack) -> None:
    demo.cloud.faults.add({"fault": "refuse_boot", "refusal": name, "count": 1})
    error = await refusal(cloud)
    assert (error.reason, error.is_unknown) == (REFUSED[name], False)
    assert BOOT_ERRORS[name].text.partition("{")[0] in str(error)
    assert made(demo) == []


@pytest.mark.parametrize(
    ("described", "reason", "words"),
    [
        ({"security_groups": ["nobody"]}, RunReason.PROBE_MISCONFIGURED, "nobody"),
        ({"key_name": "nobody"}, RunReason.PROBE_MISCONFIGURED, "Invalid key_name"),
        ({"image": "windows-2022"}, RunReason.IMAGE, "too small for requested image"),
    ],
)
async def test_what_does_not_fit_together_is_refused_by_nova(
    described: dict[str, Any], reason: RunReason, words: str, cloud: OpenStack
) -> None:
    error = await refusal(cloud, **described)
    assert (error.reason, error.is_unknown) == (reason, False)
    assert words in str(error)


async def test_quota_that_filled_up_meanwhile_is_a_quota(demo: DemoCloud, cloud: OpenStack) -> None:
    project(demo).limits["instances"] = 0
    error = await refusal(cloud)
    assert error.reason is RunReason.QUOTA
    assert "Quota exceeded for instances: Requested 1" in str(error)


async def test_user_who_may_only_read_is_refused_by_policy(cloud: OpenStack) -> None:
    error = await refusal(cloud, os_cloud="reader", network="shared")
    assert error.reason is RunReason.POLICY


@pytest.mark.parametrize("name", DOOMED)
async def test_vm_in_error_has_the_reason_and_novas_words(
    name: str, demo: DemoCloud, cloud: OpenStack
) -> None:
    demo.cloud.faults.add({"fault": "refuse_boot", "refusal": name, "count": 1})
    lifecycle = vms(cloud)
    vm_id = await booted(lifecycle)
    fault = (await seen_after(demo, lifecycle, vm_id, 15)).fault
    assert fault is not None
    assert (fault.reason, fault.is_unknown) == (DOOMED[name], False)
    assert str(fault).startswith(BOOT_ERRORS[name].text.partition("{")[0])
    (server,) = await lifecycle.left(vm_id)
    await lifecycle.delete(server)
    demo.after(5)
    assert await lifecycle.left(vm_id) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Timed out during operation: cannot acquire state change lock", RunReason.TIMEOUT),
        ("KeyError", RunReason.UNKNOWN),
    ],
)
async def test_other_words_of_nova_have_their_reason(
    text: str, reason: RunReason, demo: DemoCloud, cloud: OpenStack
) -> None:
    demo.cloud.faults.add({"fault": "refuse_boot", "refusal": "build_aborted", "text": text})
    lifecycle = vms(cloud)
    fault = (await seen_after(demo, lifecycle, await booted(lifecycle), 15)).fault
    assert fault is not None
    assert (fault.reason, str(fault)) == (reason, text)


async def test_vm_in_error_without_a_word_is_unknown(demo: DemoCloud, cloud: OpenStack) -> None:
    lifecycle = vms(cloud)
    vm_id = await booted(lifecycle)
    (vm,) = made(demo)
    vm.vm_state = "error"
    fault = (await seen_after(demo, lifecycle, vm_id, 0)).fault
    assert fault is not None
    assert (fault.reason, str(fault)) == (RunReason.UNKNOWN, "in ERROR, and Nova does not say why")


async def test_vm_that_is_never_built_is_in_no_error(demo: DemoCloud, cloud: OpenStack) -> None:
    demo.cloud.faults.add({"fault": "refuse_boot", "refusal": "stuck"})
    lifecycle = vms(cloud)
    seen = await seen_after(demo, lifecycle, await booted(lifecycle), 600)
    assert (seen.state, seen.is_built, seen.is_networked, seen.fault) == ("BUILD", False, True, None)


# -- Never twice -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "reason", "is_made"),
    [
        ({"fault": "503"}, RunReason.API_ERROR, False),
        ({"fault": "500"}, RunReason.API_ERROR, False),
        ({"fault": "garbage"}, RunReason.API_ERROR, True),
        ({"fault": "cut"}, RunReason.API_UNREACHABLE, True),
    ],
)
async def test_request_without_a_usable_answer_is_of_unknown_outcome_and_is_not_repeated(
    fault: dict[str, str], reason: RunReason, *, is_made: bool, demo: DemoCloud, cloud: OpenStack
) -> None:
    demo.cloud.faults.add({**fault, "path": "/servers", "method": "POST"})
    error = await refusal(cloud)
    assert (error.reason, error.is_unknown) == (reason, True)
    assert sum(posts(demo).values()) == 1
    assert len(made(demo)) == is_made
    demo.cloud.faults.clear()
    assert [one.id for one in (await vms(cloud).owned(TAG)).objects] == [vm.id for vm in made(demo)]


async def test_request_that_hangs_is_of_unknown_outcome_and_is_not_repeated(
    demo: DemoCloud, tmp_path: Path
) -> None:
    limits = Limits(requests_per_second=1000, timeout=Duration(0.5))
    async with opened(demo, tmp_path, limits=limits) as cloud:
        resolved = await vms(cloud).resolve()
        demo.cloud.faults.add({"fault": "hang", "path": "/servers", "method": "POST", "count": 1})
        with pytest.raises(StepError, match="no answer within") as caught:
            await vms(cloud).request(Underway(MARK, resolved))
        assert (caught.value.reason, caught.value.is_unknown) == (RunReason.TIMEOUT, True)
        assert demo.cloud.faults.shown() == []
        assert (posts(demo), made(demo)) == ({}, [])


async def test_token_that_was_revoked_costs_one_log_in_and_makes_one_vm(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    fault = {"fault": "expire_token", "path": "/servers", "method": "POST", "count": 1}
    demo.cloud.faults.add(fault)
    vm_id = await booted(vms(cloud))
    assert (posts(demo), [vm.id for vm in made(demo)]) == ({401: 1, 202: 1}, [vm_id])
    demo.cloud.faults.add({**fault, "path": f"/servers/{vm_id}", "method": "DELETE"})
    (server, *_) = (await vms(cloud).owned(TAG)).objects
    await vms(cloud).delete(server)
    demo.after(5)
    assert await vms(cloud).see(vm_id) is None


async def test_nova_that_is_busy_is_asked_again_when_it_says_so_and_makes_one_vm(
    demo: DemoCloud, tmp_path: Path
) -> None:
    wheel = Wheel()
    async with opened(demo, tmp_path, clock=wheel.clock) as cloud:
        resolved = await vms(cloud).resolve()
        path = {"path": "/servers", "method": "POST"}
        demo.cloud.faults.add({"fault": "429", "retry_after": 7, "count": 1, **path})
        (vm_id,) = await wheel.run(vms(cloud).request(Underway(MARK, resolved)))
        assert (posts(demo), [vm.id for vm in made(demo)]) == ({429: 1, 202: 1}, [vm_id])

        demo.cloud.faults.add({"fault": "429", "retry_after": 3600, **path})
        (error,) = await wheel.run(vms(cloud).request(Underway(MARK, resolved)))
        assert isinstance(error, StepError)
        assert (error.reason, error.is_unknown) == (RunReason.API_ERROR, False)
        assert (posts(demo), len(made(demo))) == ({429: 2, 202: 1}, 1)


async def test_no_message_has_a_token_or_a_password(demo: DemoCloud, cloud: OpenStack) -> None:
    session = cloud.session()
    await session.access()
    token = next(iter(demo.cloud._tokens._tokens))
    demo.cloud.faults.add({"fault": "500", "path": "/servers", "text": f"{token} is {PASSWORD}ed"})
    error = await refusal(cloud)
    assert error.reason is RunReason.API_ERROR
    assert token not in str(error)
    assert token[10:40] not in str(error)
