"""What steps have created: what is left of it, whose it is, how it goes; and what cannot be created."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from stratoscope.clouds.lifecycle import (
    BusyError,
    Mark,
    Object,
    Phase,
    Resolved,
    RunReason,
    StepError,
    StepLeftOutError,
    Underway,
)
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.lifecycle.marks import (
    LONGEST_VALUE,
    description,
    mark_in_description,
    metadata,
)
from stratoscope.clouds.openstack.lifecycle.resolve import Flavor, Plan
from stratoscope.demo.openstack.keystone.service import Keystone
from stratoscope.demo.openstack.nova.service import Nova
from support.demo_cloud import DemoCloud
from support.fake_openstack import PROJECT, config, running
from support.openstack_steps import Steps
from support.openstack_vms import MARK, TAG, vms

CREATING: dict[Phase, dict[str, Any]] = {
    Phase.VOLUME_CREATED: {"volume": 1},
    Phase.FLOATING_IP: {"floating_ip": "external"},
    Phase.SNAPSHOT: {"snapshot": True},
}
SERVICES = {Phase.VOLUME_CREATED: "block-storage", Phase.FLOATING_IP: "network", Phase.SNAPSHOT: "image"}
LISTS = {
    "volumes": ("block-storage", "GET", "/v3/volumes/detail", 200),
    "floatingips": ("network", "GET", "/v2.0/floatingips", 200),
    "images": ("image", "GET", "/v2/images", 200),
}


def without(demo: DemoCloud, kind: str) -> None:
    """The catalogue of the next token lacks a service."""
    (keystone,) = (one for one in demo.cloud.services if isinstance(one, Keystone))
    keystone.entries = [one for one in keystone.entries if one.kind != kind]


def lists(demo: DemoCloud) -> dict[str, int]:
    return {name: demo.cloud.request_counts[call] for name, call in LISTS.items()}


# -- What is left ----------------------------------------------------------------------------------


async def test_without_a_vm_no_port_is_asked_for(demo: DemoCloud, cloud: OpenStack) -> None:
    assert [port for port in demo.world.ports if not port.device_id]
    assert await vms(cloud).left("") == []
    assert demo.cloud.request_counts["network", "GET", "/v2.0/ports", 200] == 0


@pytest.mark.parametrize("phase", CREATING)
async def test_object_is_left_until_it_is_gone_whether_there_was_a_vm_or_not(
    phase: Phase, demo: DemoCloud, cloud: OpenStack
) -> None:
    steps = Steps(demo, cloud, **CREATING[phase])
    await steps.request()
    await steps.do(phase)
    (one,) = steps.objects
    assert await steps.lifecycle.left("", [one]) == [one]
    plain = vms(cloud)
    assert await plain.left("", [one]) == [one]
    await plain.delete(one)
    demo.after(3)
    assert await steps.lifecycle.left("", [one]) == []
    await plain.delete(one)


async def test_answer_about_another_object_is_an_error(
    demo: DemoCloud, cloud: OpenStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps(demo, cloud, volume=1)
    await steps.request()
    await steps.do(Phase.VOLUME_CREATED)
    volume = demo.world.volumes.get(steps.objects[0].id)
    monkeypatch.setattr(demo.world.volumes, "get", lambda _: volume)
    with pytest.raises(StepError, match="volume other: the answer is about another, '"):
        await steps.lifecycle.left("", [Object("volume", "other", MARK.name)])


async def test_volume_that_is_being_deleted_may_be_deleted_again(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, volume=1)
    await steps.request()
    await steps.do(Phase.VOLUME_CREATED)
    (one,) = steps.objects
    for _ in range(2):
        await steps.lifecycle.delete(one)
    assert await steps.lifecycle.left("", [one]) == [one]


async def test_volume_that_could_not_be_deleted_is_left_and_its_deletion_is_tried_again(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    steps = Steps(demo, cloud, volume=1)
    await steps.request()
    await steps.do(Phase.VOLUME_CREATED)
    (one,) = steps.objects
    volume = demo.world.volumes.get(one.id)
    assert volume is not None
    volume.status = "error_deleting"
    assert await steps.lifecycle.left("", [one]) == [one]
    with pytest.raises(StepError, match="status must be"):
        await steps.lifecycle.delete(one)
    volume.status = "error"
    await steps.lifecycle.delete(one)
    demo.after(3)
    assert await steps.lifecycle.left("", [one]) == []


@pytest.mark.parametrize("status", ["detaching", "in-use", "creating"])
async def test_volume_with_which_cinder_still_does_something_is_busy(
    status: str, demo: DemoCloud, cloud: OpenStack
) -> None:
    steps = Steps(demo, cloud, volume=1)
    await steps.request()
    await steps.do(Phase.VOLUME_CREATED)
    (one,) = steps.objects
    volume = demo.world.volumes.get(one.id)
    assert volume is not None
    volume.status = status
    with pytest.raises(BusyError, match=f"the volume is {status}: .*Volume status must be available"):
        await steps.lifecycle.delete(one)
    volume.status = "available"
    await steps.lifecycle.delete(one)


async def test_object_of_a_newer_version_is_left_alone(cloud: OpenStack) -> None:
    one = Object("trunk", "1", MARK.name)
    with pytest.raises(StepError, match="trunk 1: this version knows no such objects"):
        await vms(cloud).delete(one)
    with pytest.raises(StepError, match="trunk 1: this version knows no such objects"):
        await vms(cloud).left("", [one])


@pytest.mark.parametrize(
    ("text", "is_gone"),
    [
        ("No image found with ID {id}", True),
        ("No image found with ID {ID}", True),
        ("GET /v2/images/{id} is not here", False),
        ("page not found", False),
    ],
)
async def test_404_in_plain_text_says_that_an_object_is_gone_if_it_names_it(
    text: str,
    is_gone: bool,
    tmp_path: Path,
) -> None:
    image = "4d6b0a3e-0000-4000-8000-00000000000a"
    body = f"404 Not Found\n\n{text.format(id=image, ID=image.upper())}\n\n   "
    one = Object("image", image, MARK.name)
    async with running() as server:
        server.says(f"/image/v2/images/{image}", web.Response(status=404, text=body))
        cloud = OpenStack(config(tmp_path, server.url))
        lifecycle = vms(cloud, os_cloud="test", network="none")
        if is_gone:
            await lifecycle.delete(one)
            assert await lifecycle.left("", [one]) == []
        else:
            with pytest.raises(StepError, match="answered 404") as caught:
                await lifecycle.left("", [one])
            assert caught.value.reason is RunReason.API_ERROR
        await cloud.close()


# -- Whose it is -----------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", CREATING)
async def test_only_what_carries_the_tag_is_owned(phase: Phase, demo: DemoCloud, cloud: OpenStack) -> None:
    found = {}
    for tag in (TAG, "another"):
        mark = Mark(tag, "a probe, with blanks", "f", 2e9)
        steps = Steps(demo, cloud, mark, **CREATING[phase])
        await steps.request()
        await steps.do(phase)
        found[tag] = Object(steps.objects[0].kind, steps.objects[0].id, mark.name, mark)
    for tag, one in found.items():
        owned = (await steps.lifecycle.owned(tag)).objects
        assert [other for other in owned if other.kind != "server"] == [one]
    assert (await steps.lifecycle.owned("")).objects == []


async def test_service_is_asked_only_if_a_probe_of_the_credential_creates_something_there(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    plain, other = vms(cloud), vms(cloud, os_cloud="user1")
    demo.cloud.faults.add({"fault": "500", "service": "block-storage"})
    assert (await plain.owned(TAG)).objects == []
    assert [*lists(demo).values()] == [0, 0, 0]
    demo.cloud.faults.clear()
    vms(cloud, volume=1, snapshot=True, floating_ip="external")
    await plain.owned(TAG)
    assert [*lists(demo).values()] == [1, 1, 1]
    await other.owned(TAG)
    assert [*lists(demo).values()] == [1, 1, 1]
    await other.owned(TAG, ["server", "volume", "a kind that is not known"])
    assert [*lists(demo).values()] == [2, 1, 1]


async def test_service_that_is_down_hides_nothing_of_others(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, volume=1, floating_ip="external")
    await steps.request()
    await steps.do(Phase.FLOATING_IP)
    demo.cloud.faults.add({"fault": "500", "service": "block-storage"})
    owned = await steps.lifecycle.owned(steps.run.mark.tag)
    assert {one.kind for one in owned.objects} == {"server", "floatingip"}
    assert {kind: error.reason for kind, error in owned.failed.items()} == {"volume": RunReason.API_ERROR}


async def test_service_that_is_absent_has_nothing(demo: DemoCloud, cloud: OpenStack) -> None:
    without(demo, "block-storage")
    assert (await vms(cloud, volume=1).owned(TAG)).objects == []


def test_mark_survives_as_a_description_and_a_long_one_is_cut() -> None:
    assert mark_in_description(description(MARK)) == MARK
    long = replace(MARK, probe="p" * 300)
    text = description(long)
    assert len(text) == LONGEST_VALUE
    read = mark_in_description(text)
    assert read is not None
    assert (read.tag, read.run, read.deadline) == (MARK.tag, MARK.run, MARK.deadline)
    assert read.probe == long.probe[: len(read.probe)]
    for other in ("", "web server", f"{MARK.name} tag={TAG}"):
        assert mark_in_description(other) is None
    assert {*metadata(MARK)} == {f"stratoscope_{one}" for one in ("tag", "probe", "run", "deadline")}


# -- What cannot be created ------------------------------------------------------------------------


async def test_steps_are_left_out_where_cinder_is_absent_and_the_vm_boots_from_its_image(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    without(demo, "block-storage")
    for described in ({"boot_volume": 1, "volume_type": "nope"}, {"volume": 1}):
        steps = Steps(demo, cloud, **described)
        await steps.resolve()
        await steps.lifecycle.check_quota(steps.run.resolved)
        for step in steps.lifecycle.steps:
            with pytest.raises(StepLeftOutError):
                await step.begin(steps.run)
        vm_id = await steps.lifecycle.request(steps.run)
        vm = demo.world.vms.get(vm_id)
        assert vm is not None
        assert vm.image is not None


@pytest.mark.parametrize("phase", [Phase.VOLUME_CREATED, Phase.FLOATING_IP])
async def test_step_is_left_out_where_the_credential_lacks_the_right(
    phase: Phase, demo: DemoCloud, cloud: OpenStack
) -> None:
    steps = Steps(demo, cloud, **CREATING[phase])
    await steps.request()
    user = next(user for user in demo.world.users if user.name == "user1")
    for project in user.roles:
        user.roles[project] = ("reader",)
    await steps.lifecycle.authenticate()
    with pytest.raises(StepLeftOutError, match="403") as caught:
        await steps.begin(phase)
    assert "polic" in str(caught.value).lower()


@pytest.mark.parametrize("status", [403, 500])
async def test_what_the_credential_may_not_know_of_cinder_stops_nothing_but_a_failure_does(
    status: int, tmp_path: Path
) -> None:
    async with running() as server:
        server.says("/compute/v2.1/limits", {"limits": {"absolute": {}}})
        server.says("/compute/v2.1/servers/detail", {"servers": []})
        server.says(f"/volume/v3/{PROJECT}/limits", status)
        server.says(f"/volume/v3/{PROJECT}/volumes/detail", status)
        cloud = OpenStack(config(tmp_path, server.url))
        lifecycle = vms(cloud, os_cloud="test", network="none", volume=1)
        resolved = Resolved("i", Plan(Flavor("1", "tiny", 1, 512), "i", None))
        if status == 403:
            await lifecycle.check_quota(resolved)
            assert (await lifecycle.owned(TAG)).objects == []
        else:
            with pytest.raises(StepError, match="limits"):
                await lifecycle.check_quota(resolved)
            assert "volumes" in str((await lifecycle.owned(TAG)).failed["volume"])
        await cloud.close()


async def test_vm_that_was_not_stopped_is_not_started(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, stop_start=True)
    await steps.request()
    with pytest.raises(StepLeftOutError, match="not stopped"):
        await steps.begin(Phase.STARTED)


@pytest.mark.parametrize(
    ("phase", "resource"),
    [
        (Phase.VOLUME_CREATED, "volumes"),
        (Phase.VOLUME_CREATED, "gigabytes"),
        (Phase.FLOATING_IP, "floatingip"),
    ],
)
async def test_quota_is_checked_before_and_one_that_fills_up_meanwhile_is_said(
    phase: Phase, resource: str, demo: DemoCloud, cloud: OpenStack
) -> None:
    steps = Steps(demo, cloud, **CREATING[phase])
    await steps.request()
    await steps.lifecycle.check_quota(steps.run.resolved)
    project = demo.world.vms.get(steps.run.vm_id).project  # type: ignore[union-attr]  # it is there
    project.limits[resource] = 0
    with pytest.raises(StepError, match=f"{resource}: .* of 0 used, 1 needed") as caught:
        await steps.lifecycle.check_quota(steps.run.resolved)
    assert caught.value.reason is RunReason.QUOTA
    with pytest.raises(StepError) as caught:
        await steps.begin(phase)
    assert (caught.value.reason, caught.value.is_unknown) == (RunReason.QUOTA, False)


async def test_flavor_of_a_resize_counts_if_it_is_the_larger_one(demo: DemoCloud, cloud: OpenStack) -> None:
    steps = Steps(demo, cloud, resize="m1.small")
    await steps.resolve()
    flavor = steps.run.resolved.plan.resize_flavor
    project = next(one for one in demo.world.projects if one.name == "astronomy")
    project.limits["ram"] = project.used["ram"] + flavor.ram - 1
    with pytest.raises(StepError, match=f"ram: .* {flavor.ram} needed"):
        await steps.lifecycle.check_quota(steps.run.resolved)


async def test_image_that_nova_does_not_name_is_of_unknown_outcome(
    demo: DemoCloud, cloud: OpenStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def location(*_: object, **__: object) -> str:
        return ""

    (nova,) = (one for one in demo.cloud.services if isinstance(one, Nova))
    nova.newest = 44
    monkeypatch.setattr(Session, "location", location)
    steps = Steps(demo, cloud, snapshot=True)
    await steps.request()
    with pytest.raises(StepError, match="does not name the image") as caught:
        await steps.begin(Phase.SNAPSHOT)
    assert caught.value.is_unknown


@pytest.mark.parametrize("vm_id", ["", ".", "..", "a\nb", "a b", "x" * 257])
async def test_vm_whose_id_no_path_can_have_is_of_unknown_outcome(vm_id: str, tmp_path: Path) -> None:
    async with running() as server:
        server.says("/compute/v2.1/servers", {"server": {"id": vm_id}})
        cloud = OpenStack(config(tmp_path, server.url))
        resolved = Resolved("i", Plan(Flavor("1", "tiny", 1, 512), "i", None))
        with pytest.raises(StepError, match="server_create: ") as caught:
            await vms(cloud, os_cloud="test", network="none").request(Underway(MARK, resolved))
        assert (caught.value.reason, caught.value.is_unknown) == (RunReason.API_ERROR, True)
        await cloud.close()


async def test_host_with_an_endless_name_is_an_error(tmp_path: Path) -> None:
    async with running() as server:
        shown = {"id": "vm", "status": "ACTIVE", "OS-EXT-SRV-ATTR:host": "h" * 257}
        server.says("/compute/v2.1/servers/vm", {"server": shown})
        cloud = OpenStack(config(tmp_path, server.url))
        with pytest.raises(StepError, match="OS-EXT-SRV-ATTR:host"):
            await vms(cloud, os_cloud="test", network="none").see("vm")
        await cloud.close()


# -- Never twice -----------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", CREATING)
@pytest.mark.parametrize("fault", ["503", "cut"])
async def test_request_without_an_answer_is_of_unknown_outcome_and_is_not_repeated(
    fault: str, phase: Phase, demo: DemoCloud, cloud: OpenStack
) -> None:
    steps = Steps(demo, cloud, **CREATING[phase])
    await steps.request()
    service = "compute" if phase is Phase.SNAPSHOT else SERVICES[phase]
    before = demo.cloud.request_counts.total()
    demo.cloud.faults.add({"fault": fault, "service": service, "method": "POST"})
    with pytest.raises(StepError) as caught:
        await steps.begin(phase)
    assert caught.value.is_unknown
    demo.cloud.faults.clear()
    assert demo.cloud.request_counts.total() - before <= 2  # the ports, and the request itself
    made = [one for one in (await steps.lifecycle.owned(TAG)).objects if one.kind != "server"]
    assert len(made) == (fault == "cut")
