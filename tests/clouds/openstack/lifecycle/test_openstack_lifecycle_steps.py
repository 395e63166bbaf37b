"""The optional steps on the embedded cloud: each does what it says, with the run's mark, and is undone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from demo.worlds import assert_consistent
from stratoscope.clouds.lifecycle import Object, Phase, RunReason, Seen, StepError, StepLeftOutError
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.lifecycle.steps import floating_ip
from stratoscope.demo.openstack.http_request import HttpError
from stratoscope.demo.openstack.nova import server_actions, view
from stratoscope.demo.openstack.nova.service import Nova
from stratoscope.demo.openstack.texts import ipv4
from stratoscope.demo.world.models import VM, Port
from support.demo_cloud import DemoCloud, demo_cloud
from support.openstack_steps import Steps
from support.openstack_vms import MARK, opened

METADATA = {
    "stratoscope_tag": MARK.tag,
    "stratoscope_probe": MARK.probe,
    "stratoscope_run": MARK.run,
    "stratoscope_deadline": "2000000000",
}
ALL: dict[str, Any] = {
    "floating_ip": "external",
    "console": "login:",
    "volume": 2,
    "stop_start": True,
    "resize": "m1.small",
    "snapshot": True,
}


def vm_of(steps: Steps) -> VM:
    vm = steps.demo.world.vms.get(steps.run.vm_id)
    assert vm is not None
    return vm


async def failure(steps: Steps, phase: Phase) -> tuple[RunReason, str]:
    with pytest.raises(StepError) as caught:
        await steps.do(phase)
    return caught.value.reason, str(caught.value)


async def test_all_steps_are_done_in_the_order_of_their_phases_and_nothing_is_left(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    steps = Steps(demo, cloud, **ALL)
    wanted = [step.phase for step in steps.lifecycle.steps]
    assert wanted == [phase for phase in Phase if phase in wanted]
    assert len(wanted) == 8
    await steps.request()
    for phase in wanted:
        assert await steps.do(phase) > 0 or phase is Phase.CONSOLE
    assert {one.kind for one in steps.objects} == {"floatingip", "volume", "image"}
    left = await steps.lifecycle.left(steps.run.vm_id, steps.objects)
    assert [one.kind for one in left] == ["server", "port", "floatingip", "volume", "image"]
    assert {one.mark for one in left if one.kind != "port"} == {MARK}
    assert {one.name for one in left if one.kind != "port"} == {MARK.name}
    await steps.end()
    assert_consistent(demo.world)


def test_without_a_key_there_is_no_step(cloud: OpenStack, demo: DemoCloud) -> None:
    assert Steps(demo, cloud).lifecycle.steps == []


# -- Volumes ---------------------------------------------------------------------------------------


async def test_volume_is_created_with_the_mark_attached_and_left_to_the_run_to_delete(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    steps = Steps(demo, cloud, volume=3, volume_type="ssd")
    await steps.request()
    await steps.do(Phase.VOLUME_CREATED)
    (one,) = steps.objects
    assert one == Object("volume", one.id, MARK.name, MARK)
    volume = demo.world.volumes.get(one.id)
    assert volume is not None
    assert (volume.size_gib, volume.name, volume.metadata) == (3, MARK.name, METADATA)
    assert (volume.pool.type_name, volume.image) == ("ssd", None)
    await steps.do(Phase.VOLUME_ATTACHED)
    assert (volume.vm, volume.status) == (vm_of(steps), "in-use")
    assert not volume.is_deleted_with_vm
    with pytest.raises(StepError, match="status must be available"):
        await steps.lifecycle.delete(one)
    await steps.end()


async def test_vm_boots_from_a_volume_with_the_image(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, boot_volume=4)
    await steps.request()
    vm, (one,) = vm_of(steps), steps.objects
    assert vm.image is None
    assert [volume.id for volume in vm.volumes] == [one.id]
    assert (vm.volumes[0].image is not None, vm.volumes[0].is_deleted_with_vm) == (True, False)
    assert (vm.volumes[0].size_gib, vm.volumes[0].metadata) == (4, METADATA)
    await steps.end()


async def test_volume_that_ends_in_error_fails_and_can_be_deleted(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, volume=1)
    await steps.request()
    await steps.begin(Phase.VOLUME_CREATED)
    demo.after(2)
    volume = demo.world.volumes.get(steps.objects[0].id)
    assert volume is not None
    volume.status = "error"
    with pytest.raises(StepError, match="in the state error") as caught:
        await steps.look(Phase.VOLUME_CREATED)
    assert caught.value.reason is RunReason.VOLUME
    await steps.end()


async def test_volume_that_is_available_again_was_not_attached(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, volume=1)
    await steps.request()
    await steps.do(Phase.VOLUME_CREATED)
    with pytest.raises(StepError, match="could not be attached") as caught:
        await steps.look(Phase.VOLUME_ATTACHED)
    assert caught.value.reason is RunReason.VOLUME


async def test_volume_that_disappears_is_a_failure(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, volume=1)
    await steps.request()
    await steps.do(Phase.VOLUME_CREATED)
    await steps.lifecycle.delete(steps.objects[0])
    demo.after(3)
    with pytest.raises(StepError, match="disappeared") as caught:
        await steps.look(Phase.VOLUME_CREATED)
    assert caught.value.reason is RunReason.VOLUME


async def test_image_that_does_not_fit_the_volume_is_the_probes_mistake(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    steps = Steps(demo, cloud, boot_volume=1, image="windows-2022")
    await steps.resolve()
    reason, text = await failure(steps, Phase.VOLUME_CREATED)
    assert reason is RunReason.PROBE_MISCONFIGURED
    assert "volume size" in text.lower()


# -- Floating IPs ----------------------------------------------------------------------------------


async def test_floating_ip_comes_first_among_the_addresses(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, floating_ip="external")
    await steps.request()
    assert steps.run.seen is not None
    (fixed,) = steps.run.seen.addresses
    await steps.do(Phase.FLOATING_IP)
    (one,) = steps.objects
    assert one == Object("floatingip", one.id, MARK.name, MARK)
    await steps.see()
    first, second = steps.run.seen.addresses
    assert (first != fixed, second) == (True, fixed)
    await steps.end()


async def test_floating_ip_is_the_address_also_before_nova_shows_it(
    demo: DemoCloud, cloud: OpenStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(port: Port, _: float) -> list[Any]:
        return shown(port, 0.0)

    shown = view._addresses
    monkeypatch.setattr(view, "_addresses", late)
    steps = Steps(demo, cloud, floating_ip="external")
    await steps.request()
    await steps.do(Phase.FLOATING_IP)
    address = demo.world.floating_ips.get(steps.objects[0].id)
    assert address is not None
    await steps.see()
    assert steps.run.seen is not None
    first, _ = steps.run.seen.addresses
    assert first == ipv4(address.own.subnet.first + address.own.offset)
    await steps.end()
    assert await steps.lifecycle.see(steps.run.vm_id) is None


async def test_network_without_a_router_to_the_external_one_is_the_probes_mistake(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    steps = Steps(demo, cloud, floating_ip="external", network="shared")
    await steps.request()
    reason, text = await failure(steps, Phase.FLOATING_IP)
    assert reason is RunReason.PROBE_MISCONFIGURED
    assert "not reachable from subnet" in text


async def test_vm_without_a_port_gets_no_floating_ip(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, floating_ip="external")
    await steps.request()
    vm_of(steps).ports = ()
    for port in [port for port in demo.world.ports if port.device_id == steps.run.vm_id]:
        demo.world.unplug(port)
    assert await failure(steps, Phase.FLOATING_IP) == (RunReason.NETWORK, "the VM has no port")


@pytest.mark.parametrize("is_there", [True, False])
async def test_floating_ip_in_error_or_gone_is_a_network_failure(
    *, is_there: bool, demo: DemoCloud, cloud: OpenStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps(demo, cloud, floating_ip="external")
    await steps.request()
    one = await steps.begin(Phase.FLOATING_IP)
    assert one is not None
    if is_there:
        broken = floating_ip.FloatingIPAnswer(floating_ip.FloatingIP(one.id, "ERROR"))

        async def found(*_: object) -> floating_ip.FloatingIPAnswer:
            return broken

        monkeypatch.setattr(floating_ip, "found", found)
    else:
        await steps.lifecycle.delete(one)
    with pytest.raises(StepError) as caught:
        await steps.look(Phase.FLOATING_IP)
    assert caught.value.reason is RunReason.NETWORK


# -- The VM itself ---------------------------------------------------------------------------------


async def test_console_is_read_until_it_has_the_text(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, console="cloud-init: -----END SSH HOST KEY FINGERPRINTS-----")
    await steps.request()
    vm_of(steps).booted = demo.world.now
    assert not await steps.look(Phase.CONSOLE)
    demo.after(5)
    assert await steps.look(Phase.CONSOLE)


async def test_ssh_server_at_the_address_is_compared_with_the_console(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    async with asyncssh.listen("127.0.0.1", 0, server_host_keys=[key]) as server:
        steps = Steps(demo, cloud, reachable={"ssh": server.get_port()})
        await steps.request()
        demo.after(60)
        steps.run = replace(steps.run, seen=Seen("ACTIVE", addresses=["127.0.0.1"]))
        with pytest.raises(StepError, match="is not on the VM's console") as caught:
            await steps.look(Phase.REACHABLE)
    assert caught.value.reason is RunReason.NETWORK


async def test_console_that_is_not_there_yet_is_asked_for_again(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, console="login:")
    await steps.request()
    vm, launched = vm_of(steps), vm_of(steps).launched
    vm.launched = None
    assert not await steps.look(Phase.CONSOLE)
    vm.launched = launched
    assert await steps.look(Phase.CONSOLE)


async def test_console_is_left_out_where_the_hypervisor_keeps_no_log_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise HttpError(501, "Unable to get console log, functionality not implemented")

    monkeypatch.setattr(server_actions, "console_output", refuse)
    async with demo_cloud() as demo, opened(demo, tmp_path) as cloud:
        steps = Steps(demo, cloud, console="login:")
        await steps.request()
        with pytest.raises(StepLeftOutError, match="functionality not implemented"):
            await steps.look(Phase.CONSOLE)


@pytest.mark.parametrize(
    ("fault", "reason"), [("503", RunReason.API_ERROR), ("cut", RunReason.API_UNREACHABLE)]
)
async def test_console_without_an_answer_is_the_services_failure(
    fault: str, reason: RunReason, demo: DemoCloud, cloud: OpenStack
) -> None:
    steps = Steps(demo, cloud, console="login:")
    await steps.request()
    demo.cloud.faults.add({"fault": fault, "service": "compute"})
    with pytest.raises(StepError) as caught:
        await steps.look(Phase.CONSOLE)
    assert caught.value.reason is reason


async def test_vm_is_shut_off_and_runs_again(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, stop_start=True)
    await steps.request()
    await steps.do(Phase.STOPPED)
    assert vm_of(steps).vm_state == "stopped"
    await steps.do(Phase.STARTED)
    assert vm_of(steps).vm_state == "active"


async def test_vm_that_ends_in_error_or_disappears_meanwhile_is_a_failure(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    steps = Steps(demo, cloud, stop_start=True)
    await steps.request()
    await steps.begin(Phase.STOPPED)
    demo.after(5)
    vm_of(steps).vm_state = "error"
    with pytest.raises(StepError, match="in ERROR") as caught:
        await steps.look(Phase.STOPPED)
    assert caught.value.reason is RunReason.UNKNOWN
    await steps.lifecycle.delete(Object("server", steps.run.vm_id))
    demo.after(5)
    with pytest.raises(StepError, match="disappeared") as caught:
        await steps.look(Phase.STOPPED)
    assert caught.value.reason is RunReason.UNKNOWN


async def test_resize_is_confirmed_once_and_the_vm_runs_with_its_new_flavor(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    steps = Steps(demo, cloud, resize="m1.small")
    await steps.request()
    await steps.do(Phase.RESIZED)
    assert (vm_of(steps).flavor.name, vm_of(steps).vm_state) == ("m1.small", "active")
    call = ("compute", "POST", "/v2.1/servers/{server}/action")
    assert {key[3]: number for key, number in demo.cloud.request_counts.items() if key[:3] == call} == {
        202: 1,
        204: 1,
    }


async def test_resize_for_which_no_host_has_room_is_a_failure(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, resize="m1.small")
    await steps.request()
    for host in demo.world.hosts.values():
        host.daemon.is_enabled = False
    reason, text = await failure(steps, Phase.RESIZED)
    assert reason is RunReason.UNKNOWN
    assert "old flavor" in text


async def test_vm_in_another_state_refuses_a_step(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, stop_start=True, resize="m1.small")
    await steps.request()
    await steps.begin(Phase.RESIZED)
    reason, text = await failure(steps, Phase.STOPPED)
    assert reason is RunReason.HYPERVISOR
    assert "Cannot 'stop' instance" in text


# -- Snapshots -------------------------------------------------------------------------------------


@pytest.mark.parametrize("newest", [100, 44])
async def test_snapshot_carries_the_mark_whether_nova_names_it_in_the_body_or_in_a_header(
    newest: int, demo: DemoCloud, cloud: OpenStack
) -> None:
    (nova,) = (one for one in demo.cloud.services if isinstance(one, Nova))
    nova.newest = newest
    steps = Steps(demo, cloud, snapshot=True)
    await steps.request()
    await steps.do(Phase.SNAPSHOT)
    (one,) = steps.objects
    assert one == Object("image", one.id, MARK.name, MARK)
    image = demo.world.images.get(one.id)
    assert image is not None
    assert (image.name, image.status) == (MARK.name, "active")
    assert METADATA.items() <= image.properties.items()
    await steps.end()


async def test_snapshot_that_nova_gives_up_is_an_image_failure(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, snapshot=True)
    await steps.request()
    one = await steps.begin(Phase.SNAPSHOT)
    assert one is not None
    image = demo.world.images.get(one.id)
    assert image is not None
    image.status = "killed"
    with pytest.raises(StepError, match="in the state killed") as caught:
        await steps.look(Phase.SNAPSHOT)
    assert caught.value.reason is RunReason.IMAGE
    demo.world.images.remove(image)
    with pytest.raises(StepError, match="disappeared") as caught:
        await steps.look(Phase.SNAPSHOT)
    assert caught.value.reason is RunReason.IMAGE
