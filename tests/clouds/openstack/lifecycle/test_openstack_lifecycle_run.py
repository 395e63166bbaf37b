"""A whole run on the embedded cloud: what a plain user's VM goes through, and what that costs."""

import asyncio
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest

from demo.worlds import assert_consistent
from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.lifecycle import Object, Seen, Underway
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.lifecycle.scheduling import Scheduling
from stratoscope.clouds.openstack.lifecycle.server import Server
from stratoscope.core.errors import CollectError, Reason
from support.demo_cloud import DemoCloud, demo_cloud
from support.openstack_vms import MARK, TAG, booted, opened, seen_after, vms

STEP_S = 0.25
ACTIONS = "/v2.1/servers/{server}/os-instance-actions"
POLLS = {("compute", "GET", "/v2.1/servers/{server}"), ("network", "GET", "/v2.0/ports")}


async def test_run_ends_as_it_should_with_at_most_16_requests_besides_polls(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    lifecycle: Lifecycle = vms(cloud, zone="north", security_groups=["default"], key_name="user1-key")
    await lifecycle.authenticate()
    resolved = await lifecycle.resolve()
    await lifecycle.check_quota(resolved)
    vm_id = await lifecycle.request(Underway(MARK, resolved))
    seen: list[Seen] = []
    while not seen or not seen[-1].is_built:
        demo.after(STEP_S)
        found = await lifecycle.see(vm_id)
        assert found is not None
        seen.append(found)
    (server, port) = await lifecycle.left(vm_id)
    assert (server, port.kind, port.mark) == (Object("server", vm_id, MARK.name, MARK), "port", None)
    await lifecycle.delete(server)
    while await lifecycle.see(vm_id) is not None:
        demo.after(STEP_S)
    assert await lifecycle.left(vm_id) == []

    scheduled = [bool(one.host) for one in seen].index(True)
    networked = [one.is_networked for one in seen].index(True)
    built = [one.is_built for one in seen].index(True)
    assert 0 < scheduled < networked < built
    assert len({one.host for one in seen if one.host}) == 1
    assert all(one.is_networked for one in seen[networked:])
    assert seen[built].addresses
    assert {one.fault for one in seen} == {None}
    counts = demo.cloud.request_counts
    assert sum(number for call, number in counts.items() if call[:3] not in POLLS) <= 16
    assert_consistent(demo.world)


async def test_host_that_does_not_take_the_vm_is_chosen_nevertheless(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    for host in demo.world.hosts.values():
        host.daemon.silent_since = demo.world.now
    lifecycle = vms(cloud)
    vm_id = await booted(lifecycle)
    looks = [await seen_after(demo, lifecycle, vm_id, STEP_S) for _ in range(12)]
    assert [one.is_scheduled for one in looks] == [False] * 8 + [True] * 4
    assert {(one.host, one.state) for one in looks} == {("", "BUILD")}
    assert demo.cloud.request_counts["compute", "GET", ACTIONS, 200] == 1


async def test_scheduler_that_has_not_answered_is_asked_about_with_each_look(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    lifecycle = vms(cloud)
    vm_id = await booted(lifecycle)
    looks = [await seen_after(demo, lifecycle, vm_id, 0.0) for _ in range(10)]
    assert {one.is_scheduled for one in looks} == {False}
    assert demo.cloud.request_counts["compute", "GET", ACTIONS, 200] == 2


@pytest.mark.parametrize(
    "error",
    [
        ForbiddenError("policy"),
        NotThereError("404"),
        CollectError(Reason.UNAVAILABLE, "answered 500"),
        CollectError(Reason.MALFORMED, "no actions"),
        CollectError(Reason.TIMEOUT, "no answer"),
    ],
)
async def test_actions_that_cannot_be_read_say_nothing_and_are_asked_for_less(error: Exception) -> None:
    api = Mock(Session, get=AsyncMock(side_effect=error))
    scheduling = Scheduling(api)
    assert [await scheduling.is_over(Server("vm", "BUILD")) for _ in range(18)] == [False] * 18
    assert api.get.call_count == 2


async def test_actions_that_do_not_come_in_time_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("stratoscope.clouds.openstack.lifecycle.scheduling._PATIENCE_S", 0.01)
    scheduling = Scheduling(Mock(Session, get=never))
    assert [await scheduling.is_over(Server("vm", "BUILD")) for _ in range(9)] == [False] * 9


async def test_second_run_costs_10_requests_besides_polls(demo: DemoCloud, cloud: OpenStack) -> None:
    lifecycle = vms(cloud)

    async def run() -> int:
        before = demo.cloud.request_counts.total()
        await lifecycle.authenticate()
        resolved = await lifecycle.resolve()
        await lifecycle.check_quota(resolved)
        vm_id = await lifecycle.request(Underway(MARK, resolved))
        await lifecycle.delete(Object("server", vm_id))
        demo.after(5)
        assert await lifecycle.left(vm_id) == []
        return demo.cloud.request_counts.total() - before

    assert (await run(), await run()) == (12, 10)


async def test_ports_are_asked_for_until_they_are_up_and_then_no_more(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    lifecycle = vms(cloud)
    vm_id = await booted(lifecycle)
    asked = []
    while not (await seen_after(demo, lifecycle, vm_id, STEP_S)).is_built:
        asked.append(demo.cloud.request_counts["network", "GET", "/v2.0/ports", 200])
    assert asked[0] == 0
    assert asked[-1] == asked[-3] > 0
    port = next(port for port in demo.world.ports if port.device_id == vm_id)
    port.status = "DOWN"
    assert (await seen_after(demo, lifecycle, vm_id, STEP_S)).is_networked


async def test_address_alone_is_no_network_while_the_port_is_down(demo: DemoCloud, cloud: OpenStack) -> None:
    lifecycle = vms(cloud)
    vm_id = await booted(lifecycle)
    await seen_after(demo, lifecycle, vm_id, 15)
    port = next(port for port in demo.world.ports if port.device_id == vm_id)
    port.status = "DOWN"
    other = vms(cloud)
    seen = await seen_after(demo, other, vm_id, 0)
    assert (seen.is_built, seen.is_networked, len(seen.addresses)) == (True, False, 1)
    port.status = "ACTIVE"
    assert (await seen_after(demo, other, vm_id, 0)).is_networked


async def test_vm_that_wants_no_network_waits_for_none(demo: DemoCloud, cloud: OpenStack) -> None:
    lifecycle = vms(cloud, network="none")
    vm_id = await booted(lifecycle)
    seen = await seen_after(demo, lifecycle, vm_id, 15)
    assert (seen.is_networked, seen.is_built, seen.addresses) == (True, True, ())
    assert demo.cloud.request_counts["network", "GET", "/v2.0/ports", 200] == 0


async def test_plain_user_gets_a_digest_of_the_host_and_an_administrator_its_name(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    lifecycle = vms(cloud)
    vm_id = await booted(lifecycle)
    seen = await seen_after(demo, lifecycle, vm_id, 15)
    vm = demo.world.vms.get(vm_id)
    assert vm is not None
    assert vm.host is not None
    assert (len(seen.host), seen.state) == (56, "ACTIVE")
    assert vm.host.name not in seen.host
    by_admin = await vms(cloud, os_cloud="admin").see(vm_id)
    assert by_admin is not None
    assert by_admin.host == vm.host.name


async def test_what_one_lifecycle_made_another_of_the_same_credential_finds_and_deletes(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    first, second = vms(cloud), vms(cloud, flavor="m1.small", image="debian-13")
    vm_id = await booted(first)
    (one,) = (await second.owned(TAG)).objects
    assert one == Object("server", vm_id, MARK.name, MARK)
    await second.delete(one)
    demo.after(5)
    assert await first.see(vm_id) is None
    assert (await first.owned(TAG)).objects == []


async def test_cloud_that_boots_in_the_same_way_each_time_is_seen_in_the_same_way(tmp_path: Path) -> None:
    async def states() -> list[Seen]:
        async with demo_cloud(now=1.8e9) as demo, opened(demo, tmp_path, os_cloud="user1") as cloud:
            lifecycle = vms(cloud)
            vm_id = await booted(lifecycle)
            return [await seen_after(demo, lifecycle, vm_id, STEP_S) for _ in range(40)]

    assert await states() == await states()
