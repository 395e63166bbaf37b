"""What a description stands for, what does not exist, and the project's quotas."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from stratoscope.clouds.lifecycle import Resolved, RunReason, StepError
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.lifecycle.description import Description
from stratoscope.clouds.openstack.lifecycle.resolve import Flavor, Plan
from stratoscope.core.config import decode
from stratoscope.core.errors import ConfigError
from stratoscope.demo.world.models import Image
from support.demo_cloud import DemoCloud
from support.fake_openstack import PROJECT, config, running
from support.openstack_vms import project, vms


async def error_of(cloud: OpenStack, **described: Any) -> tuple[RunReason, str]:
    with pytest.raises(StepError) as caught:
        await vms(cloud, **described).resolve()
    assert not caught.value.is_unknown
    return caught.value.reason, str(caught.value)


def image_id(demo: DemoCloud, name: str) -> str:
    return next(image.id for image in demo.world.images if image.name == name)


def rename(demo: DemoCloud, image: Image, name: str) -> None:
    demo.world.images.remove(image)
    demo.world.images.add(msgspec.structs.replace(image, name=name))


def network_id(demo: DemoCloud, name: str) -> str:
    return next(network.id for network in demo.world.networks if network.name == name)


def plan(resolved: Resolved) -> Plan:
    assert isinstance(resolved.plan, Plan)
    return resolved.plan


async def test_names_and_ids_stand_for_the_same(demo: DemoCloud, cloud: OpenStack) -> None:
    by_name = await vms(cloud).resolve()
    ids = {
        "flavor": plan(by_name).flavor.id,
        "image": image_id(demo, "cirros"),
        "network": network_id(demo, "astronomy-net"),
    }
    assert (by_name.image_id, plan(by_name).network_id) == (ids["image"], ids["network"])
    assert (plan(by_name).flavor.vcpus, plan(by_name).flavor.ram) == (1, 512)
    assert await vms(cloud, **ids).resolve() == by_name


async def test_community_image_is_found_by_its_id(demo: DemoCloud, cloud: OpenStack) -> None:
    identity = image_id(demo, "nixos-unstable")
    assert (await vms(cloud, image=identity).resolve()).image_id == identity


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (
            {"flavor": "t1.nanu"},
            "flavor: the project has no 't1.nanu'; the nearest it has: t1.nano",
        ),
        (
            {"image": "debian-12"},
            "image: the project has no 'debian-12'; the nearest it has: debian-13",
        ),
        (
            {"image": "00000000-0000-4000-8000-000000000000"},
            (
                "image: the project has no '00000000-0000-4000-8000-000000000000'; the nearest it has: "
                "cirros, debian-13, nixos-unstable, rocky-9, ubuntu-24.04"
            ),
        ),
        (
            {"network": "astronomy"},
            "network: the project has no 'astronomy'; the nearest it has: astronomy-net",
        ),
        (
            {"network": "00000000-0000-4000-8000-000000000000"},
            (
                "network: the project has no '00000000-0000-4000-8000-000000000000'; the nearest it has: "
                "astronomy-net, external, shared"
            ),
        ),
        ({"zone": "norths"}, "zone: the project has no 'norths'; the nearest it has: north"),
        (
            {"network": ""},
            "network: the project may use 2 networks (astronomy-net, shared); name one",
        ),
    ],
)
async def test_what_does_not_exist_is_named_with_the_nearest_names(
    described: dict[str, str], message: str, cloud: OpenStack
) -> None:
    reason, text = await error_of(cloud, **described)
    assert reason is RunReason.PROBE_MISCONFIGURED
    assert text.startswith(message)


async def test_nearest_of_very_many_names_is_found_among_those_with_the_same_first_letter(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    flavor = demo.world.flavors[plan(await vms(cloud).resolve()).flavor.id]
    for number in range(1200):
        identity = f"{number}"
        demo.world.flavors[identity] = msgspec.structs.replace(flavor, id=identity, name=f"a{number}")
    reason, text = await error_of(cloud, flavor="t1.nanu")
    assert reason is RunReason.PROBE_MISCONFIGURED
    assert text == "flavor: the project has no 't1.nanu'; the nearest it has: t1.nano"


async def test_only_network_need_not_be_named(demo: DemoCloud, cloud: OpenStack) -> None:
    shared = demo.world.shared
    assert shared is not None
    shared.is_shared = False
    resolved = await vms(cloud, network="").resolve()
    assert plan(resolved).network_id == network_id(demo, "astronomy-net")


async def test_two_of_one_name_are_told_apart_by_their_ids(demo: DemoCloud, cloud: OpenStack) -> None:
    images = [image for image in demo.world.images if image.name in ("rocky-9", "debian-13")]
    networks = [network for network in demo.world.networks if network.name in ("shared", "external")]
    for image in images:
        rename(demo, image, "twice")
    for network in networks:
        network.name = "twice"
    for key, found in (("image", images), ("network", networks)):
        ids = ", ".join(sorted(one.id for one in found))
        reason, text = await error_of(cloud, **{key: "twice"})
        assert reason is RunReason.PROBE_MISCONFIGURED
        assert text == f"{key}: 2 have the name 'twice'; name one by its id: {ids}"
        chosen = await vms(cloud, **{key: found[1].id}).resolve()
        assert found[1].id in (chosen.image_id, plan(chosen).network_id)


async def test_image_that_is_not_active_is_an_image_failure_unless_another_of_its_name_is(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    old = image_id(demo, "centos-7")
    inactive = RunReason.IMAGE, "image 'centos-7' is not active: deactivated"
    assert await error_of(cloud, image="centos-7") == inactive
    assert (await error_of(cloud, image=old))[0] is RunReason.IMAGE
    new = next(image for image in demo.world.images if image.name == "rocky-9")
    rename(demo, new, "centos-7")
    assert (await vms(cloud, image="centos-7").resolve()).image_id == new.id


async def test_zone_without_a_host_that_is_enabled_is_no_mistake_of_the_probe(
    demo: DemoCloud, cloud: OpenStack
) -> None:
    for host in demo.world.hosts.values():
        if host.zone == "edge":
            host.daemon.is_enabled = False
    assert await error_of(cloud, zone="edge") == (RunReason.NO_VALID_HOST, "zone 'edge' is not available")


async def test_zone_is_asked_for_only_if_there_is_one(demo: DemoCloud, cloud: OpenStack) -> None:
    call = ("compute", "GET", "/v2.1/os-availability-zone", 200)
    await vms(cloud).resolve()
    assert demo.cloud.request_counts[call] == 0
    await vms(cloud, zone="north").resolve()
    assert demo.cloud.request_counts[call] == 1


# -- Quotas ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"cores": 0}, "cores: {cores} of 0 used, 1 needed"),
        ({"ram": 511}, "ram: {ram} of 511 used, 512 needed"),
        (
            {"instances": 0, "port": 1},
            "instances: {instances} of 0 used, 1 needed; port: {port} of 1 used, 1 needed",
        ),
    ],
)
async def test_quota_that_has_no_room_is_named_with_its_use_and_its_limit(
    limits: dict[str, int], message: str, demo: DemoCloud, cloud: OpenStack
) -> None:
    lifecycle = vms(cloud)
    resolved = await lifecycle.resolve()
    await lifecycle.check_quota(resolved)
    mine = project(demo)
    mine.limits |= limits
    with pytest.raises(StepError) as caught:
        await lifecycle.check_quota(resolved)
    assert caught.value.reason is RunReason.QUOTA
    expected = message.format(**mine.used)
    assert str(caught.value) == f"no room in the project's quota: {expected}"


async def test_quota_without_a_limit_has_room(demo: DemoCloud, cloud: OpenStack) -> None:
    lifecycle = vms(cloud)
    project(demo).limits |= dict.fromkeys(("cores", "ram", "instances", "port"), -1)
    await lifecycle.check_quota(await lifecycle.resolve())


async def test_vm_without_a_network_needs_no_port(demo: DemoCloud, cloud: OpenStack) -> None:
    lifecycle = vms(cloud, network="none")
    project(demo).limits |= {"port": 0}
    await lifecycle.check_quota(await lifecycle.resolve())


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"flavor": "a"}, "image"),
        ({"flavor": "", "image": "b"}, "flavor"),
        ({"flavor": "a", "image": "b", "nework": "c"}, "nework"),
        ({"flavor": "a", "image": "b", "security_groups": "default"}, "security_groups"),
    ],
)
def test_description_is_read_strictly(described: dict[str, object], words: str) -> None:

    with pytest.raises(ConfigError, match=words):
        decode(Description, described, "vmprobe.probes[0]")


def test_credential_of_a_description_is_the_entrys_own_unless_it_says_otherwise() -> None:
    described = msgspec.convert({"flavor": "a", "image": "b"}, Description)
    assert (described.credential, described.zone) == ("", "")
    assert msgspec.structs.replace(described, os_cloud="user1").credential == "user1"


@pytest.mark.parametrize("status", [403, 404])
async def test_neutron_that_does_not_tell_its_quotas_bounds_nothing(status: int, tmp_path: Path) -> None:
    async with running() as server:
        absolute = {"maxTotalCores": 1, "totalCoresUsed": 0}
        server.says("/compute/v2.1/limits", {"limits": {"absolute": absolute}})
        server.says(f"/network/v2.0/quotas/{PROJECT}/details.json", status)
        cloud = OpenStack(config(tmp_path, server.url))
        resolved = Resolved("i", Plan(Flavor("1", "tiny", 1, 512), "i", "n"))
        await vms(cloud, os_cloud="test").check_quota(resolved)
        assert server.count(f"GET /network/v2.0/quotas/{PROJECT}/details.json") == 1
        await cloud.close()


@pytest.mark.parametrize(
    ("disks", "leaves"),
    [
        ('[{"snapshot_id": "s", "delete_on_termination": false, "boot_index": 0}]', True),
        ('[{"snapshot_id": "s", "delete_on_termination": null}]', True),
        ('[{"snapshot_id": "s", "delete_on_termination": true}]', False),
        ('[{"snapshot_id": null, "source_type": "blank"}]', False),
        ("[]", False),
        ("nonsense", False),
        ('[{"no": ' + "[" * 2_000 + "]" * 2_000 + "}]", False),
    ],
)
async def test_image_whose_vms_leave_volumes_is_refused(
    disks: str, leaves: bool, demo: DemoCloud, cloud: OpenStack
) -> None:
    image = next(image for image in demo.world.images if image.name == "cirros")
    image.properties["block_device_mapping"] = disks
    if leaves:
        reason, text = await error_of(cloud)
        assert reason is RunReason.PROBE_MISCONFIGURED
        assert text.startswith("image 'cirros' is of snapshots")
    else:
        assert (await vms(cloud).resolve()).image_id == image.id
