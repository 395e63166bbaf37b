"""What is left of VMs, whose it is, and how it goes; the hosts of a rotation."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from demo.worlds import assert_consistent
from stratoscope.clouds.lifecycle import Mark, Object, RunReason, StepError, Underway
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.demo.openstack.collection import Collection
from stratoscope.demo.openstack.http_request import Response
from support.demo_cloud import DemoCloud
from support.openstack_vms import MARK, TAG, booted, vms


async def test_vm_is_left_until_it_is_gone_with_its_port(demo: DemoCloud, cloud: OpenStack) -> None:
    lifecycle = vms(cloud)
    vm_id = await booted(lifecycle)
    demo.after(15)
    (port,) = (port for port in demo.world.ports if port.device_id == vm_id)
    server = Object("server", vm_id, MARK.name, MARK)
    assert await lifecycle.left(vm_id) == [server, Object("port", port.id)]
    await lifecycle.delete(server)
    assert await lifecycle.left(vm_id) == [server, Object("port", port.id)]
    seen = await lifecycle.see(vm_id)
    assert seen is not None
    assert seen.state == "ACTIVE"
    demo.after(5)
    assert await lifecycle.left(vm_id) == []
    assert_consistent(demo.world)


async def test_port_that_outlives_its_vm_is_left_and_can_be_deleted(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    lifecycle = vms(cloud)
    vm_id = await booted(lifecycle)
    demo.after(15)
    vm = demo.world.vms.get(vm_id)
    assert vm is not None
    (port,) = vm.ports
    vm.ports = ()
    await lifecycle.delete(Object("server", vm_id))
    demo.after(5)
    assert await lifecycle.see(vm_id) is None
    (one,) = await lifecycle.left(vm_id)
    assert one == Object("port", port.id)
    await lifecycle.delete(one)
    assert await lifecycle.left(vm_id) == []
    assert demo.world.ports.get(port.id) is None


async def test_ports_of_others_are_not_a_vms_where_the_query_is_lost(
    demo: DemoCloud, cloud: OpenStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifecycle = vms(cloud)
    vm_id = await booted(lifecycle)
    demo.after(15)
    (port,) = (port for port in demo.world.ports if port.device_id == vm_id)
    assert [one for one in demo.world.ports if one.project is port.project and one is not port]
    monkeypatch.setattr(Collection, "_test", lambda *_: lambda _: True)
    assert await lifecycle.left(vm_id) == [Object("server", vm_id, MARK.name, MARK), Object("port", port.id)]


async def test_port_of_another_project_that_names_the_vm_is_not_the_vms(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    lifecycle = vms(cloud, os_cloud="admin", network="shared")
    vm_id = await booted(lifecycle)
    demo.after(15)
    (port,) = (port for port in demo.world.ports if port.device_id == vm_id)
    project = next(one.project for one in demo.world.ports if one.project not in (None, port.project))
    assert demo.world.plug(port.subnet, "", device=vm_id, project=project)
    assert [one.id for one in await lifecycle.left(vm_id)] == [vm_id, port.id]


async def test_answer_about_another_vm_says_nothing_of_the_own_one(
    demo: DemoCloud, cloud: OpenStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifecycle = vms(cloud)
    own, another = await booted(lifecycle), await booted(lifecycle)
    vm = demo.world.vms.get(another)
    monkeypatch.setattr(demo.world.vms, "get", lambda _: vm)
    for step in (lifecycle.see, lifecycle.left):
        with pytest.raises(StepError, match=f"server {own}: the answer is about another, '{another}'"):
            await step(own)


@pytest.mark.parametrize("kind", ["server", "port"])
async def test_what_is_gone_already_is_no_error(kind: str, cloud: OpenStack) -> None:
    lifecycle = vms(cloud)
    gone = "00000000-0000-4000-8000-000000000000"
    await lifecycle.delete(Object(kind, gone))
    assert (await lifecycle.see(gone), await lifecycle.left(gone)) == (None, [])


async def test_404_of_a_gateway_does_not_mean_that_a_vm_is_gone(demo: DemoCloud, cloud: OpenStack) -> None:
    lifecycle = vms(cloud)
    vm_id = await booted(lifecycle)
    (nova,) = (one for one in demo.cloud.services if one.kind == "compute")
    its_own = nova.error
    nova.error = lambda _: Response({"message": "page not found"}, 404)  # type: ignore[method-assign]
    vm = demo.world.vms.get(vm_id)
    assert vm is not None
    demo.world.bury(vm)
    server = Object("server", vm_id)
    steps: Sequence[Callable[[], Awaitable[object]]] = (
        lambda: lifecycle.see(vm_id),
        lambda: lifecycle.left(vm_id),
        lambda: lifecycle.delete(server),
    )
    for step in steps:
        with pytest.raises(StepError, match="answered 404") as caught:
            await step()
        assert caught.value.reason is RunReason.API_ERROR
    nova.error = its_own  # type: ignore[method-assign]
    assert await lifecycle.see(vm_id) is None


async def test_deletion_is_sent_again_until_it_is_answered(demo: DemoCloud, cloud: OpenStack) -> None:
    lifecycle = vms(cloud)
    vm_id = await booted(lifecycle)
    demo.cloud.faults.add({"fault": "cut", "method": "DELETE", "count": 2})  # aiohttp, too, repeats it
    with pytest.raises(StepError) as caught:
        await lifecycle.delete(Object("server", vm_id))
    assert (caught.value.reason, caught.value.is_unknown) == (RunReason.API_UNREACHABLE, False)
    await lifecycle.delete(Object("server", vm_id))
    demo.after(5)
    await lifecycle.delete(Object("server", vm_id))
    assert await lifecycle.left(vm_id) == []


# -- Whose it is -----------------------------------------------------------------------------------


async def test_only_what_carries_the_tag_is_owned(demo: DemoCloud, cloud: OpenStack) -> None:
    lifecycle = vms(cloud)
    own = await booted(lifecycle)
    another = Mark("another", "boot", "f", 2e9)
    others = await booted(lifecycle, another)
    resolved = await lifecycle.resolve()
    named = await lifecycle.request(Underway(Mark(TAG, "boot", "e", 2e9), resolved))
    vm = demo.world.vms.get(named)
    assert vm is not None
    vm.metadata = {}  # a user's, which happens to be called so
    assert [one.id for one in (await lifecycle.owned(TAG)).objects] == [own]
    assert (await lifecycle.owned("another")).objects == [Object("server", others, another.name, another)]
    assert (await lifecycle.owned("")).objects == []


async def test_what_another_project_has_is_not_owned(cloud: OpenStack) -> None:
    await booted(vms(cloud, os_cloud="admin", network="shared"))
    assert (await vms(cloud).owned(TAG)).objects == []
    assert len((await vms(cloud, os_cloud="admin").owned(TAG)).objects) == 1


@pytest.mark.parametrize("deadline", ["", "soon", "-1"])
async def test_deadline_that_makes_no_sense_never_passes(
    deadline: str, demo: DemoCloud, cloud: OpenStack
) -> None:
    lifecycle = vms(cloud)
    vm_id = await booted(lifecycle)
    vm = demo.world.vms.get(vm_id)
    assert vm is not None
    vm.metadata = {**vm.metadata, "stratoscope_deadline": deadline}
    (one,) = (await lifecycle.owned(TAG)).objects
    assert one.mark == Mark(TAG, "boot", MARK.run, float("inf"))


async def test_many_owned_vms_are_all_found_however_short_the_pages(
    cloud: OpenStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratoscope.demo.openstack.collection.MOST", 2)
    lifecycle = vms(cloud)
    made = {await booted(lifecycle, Mark(TAG, "boot", f"{number}", 2e9)) for number in range(3)}
    assert {one.id for one in (await lifecycle.owned(TAG)).objects} == made


# -- Hosts -----------------------------------------------------------------------------------------


async def test_hosts_are_those_that_are_up_and_enabled(demo: DemoCloud, cloud: OpenStack) -> None:
    lifecycle = vms(cloud, os_cloud="admin", network="shared")
    computes = {host.name: host.daemon for host in demo.world.hosts.values()}
    assert not all(daemon.is_enabled and daemon.is_up(demo.world.now) for daemon in computes.values())
    first, second, *rest = await lifecycle.hosts()
    assert [first, second, *rest] == sorted(
        name for name, daemon in computes.items() if daemon.is_enabled and daemon.is_up(demo.world.now)
    )
    demo.world.hosts[first].daemon.is_enabled = False
    demo.cloud.faults.add({"fault": "down", "service": "compute", "host": second, "seconds": 0})
    demo.clock.goes_on(100)
    assert await lifecycle.hosts() == rest


async def test_hosts_of_a_zone_alone_are_named(demo: DemoCloud, cloud: OpenStack) -> None:
    lifecycle = vms(cloud, os_cloud="admin", network="shared", zone="edge")
    expected = {host.name for host in demo.world.hosts.values() if host.zone == "edge"}
    assert {*await lifecycle.hosts()} == expected & {*await vms(cloud, os_cloud="admin").hosts()} != set()


async def test_plain_user_knows_no_hosts(cloud: OpenStack) -> None:
    assert list(await vms(cloud).hosts()) == []
