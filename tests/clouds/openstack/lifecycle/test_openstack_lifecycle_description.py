"""The keys of a description that want optional steps: mistakes, and names that do not exist."""

from typing import Any

import pytest

from stratoscope.clouds.lifecycle import Phase, RunReason, StepError
from stratoscope.clouds.nearest_names import unknown
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.lifecycle.description import Description
from stratoscope.core.config import decode
from stratoscope.core.errors import ConfigError
from stratoscope.vmprobe.phases import OPTIONAL, wanted_phases
from support.demo_cloud import DemoCloud
from support.openstack_vms import DESCRIBED, vms

VALUES: dict[str, Any] = {
    "floating_ip": "external",
    "reachable": {"icmp": True},
    "console": "login:",
    "boot_volume": 1,
    "volume": 1,
    "stop_start": True,
    "resize": "m1.small",
    "snapshot": True,
}


def described(**more: Any) -> Description:
    return decode(Description, {**DESCRIBED, **more}, "vmprobe.probes[0]")


@pytest.mark.parametrize("key", VALUES)
def test_each_key_wants_its_phases(key: str) -> None:
    assert wanted_phases(described()) == []
    assert wanted_phases(described(**{key: VALUES[key]})) == [
        phase for phase in Phase if key in OPTIONAL.get(phase, ())
    ]


def test_each_optional_phase_has_a_key() -> None:
    assert {key for keys in OPTIONAL.values() for key in keys} == {*VALUES}


@pytest.mark.parametrize("key", VALUES)
async def test_each_phase_has_a_step(key: str, cloud: OpenStack) -> None:
    lifecycle = vms(cloud, **{key: VALUES[key]})
    assert [step.phase for step in lifecycle.steps] == wanted_phases(described(**{key: VALUES[key]}))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"network": "none", "floating_ip": "external"}, "floating_ip: the VM would have no address"),
        ({"network": "none", "reachable": {"icmp": True}}, "reachable: the VM would have no address"),
        ({"volume": 1, "boot_volume": 1}, "volume: stands beside boot_volume; allowed: one of both"),
        ({"volume_type": "ssd"}, "volume_type: there is no volume"),
        ({"boot_volume": 1, "snapshot": True}, "snapshot: Cinder would keep a snapshot"),
        ({"console": "two\nlines"}, "console: no part of a line"),
        ({"console": "x" * 257}, "console: no part of a line"),
        ({"volume": 0}, "volume"),
        ({"boot_volume": "large"}, "boot_volume"),
        ({"reachable": {}}, "no way to reach the VM"),
    ],
)
def test_mistake_names_the_key(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        described(**more)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"resize": "m1.smal"}, "resize: the project has no 'm1.smal'; the nearest it has: m1.small"),
        ({"resize": "t1.nano"}, "resize: 't1.nano' is the flavor that the VM has; name another"),
        (
            {"floating_ip": "extern"},
            "floating_ip: the project has no 'extern'; the nearest it has: external",
        ),
        ({"floating_ip": "shared"}, "floating_ip: the project has no 'shared'; the nearest it has: external"),
        (
            {"volume": 1, "volume_type": "x"},
            "volume_type: the project has no 'x'; the nearest it has:",
        ),
    ],
)
async def test_what_does_not_exist_is_named_with_the_nearest_names(
    more: dict[str, Any], message: str, cloud: OpenStack
) -> None:
    with pytest.raises(StepError) as caught:
        await vms(cloud, **more).resolve()
    assert caught.value.reason is RunReason.PROBE_MISCONFIGURED
    assert str(caught.value).startswith(message)


async def test_names_and_ids_stand_for_the_same(demo: DemoCloud, cloud: OpenStack) -> None:
    external = demo.world.external
    assert external is not None
    kind = demo.world.pools[0]
    flavor = next(one for one in demo.world.flavors.values() if one.name == "m1.small")
    by_name = {"floating_ip": "external", "volume_type": kind.type_name, "resize": "m1.small", "volume": 1}
    by_id = {**by_name, "floating_ip": external.id, "volume_type": kind.type_id, "resize": flavor.id}
    assert await vms(cloud, **by_name).resolve() == await vms(cloud, **by_id).resolve()


def test_nearest_names_are_near_where_some_are() -> None:
    known = ["c1.large", "d1.ssd", "m1.large", "m1.medium", "t1.micro", "t1.nano"]
    assert str(unknown("flavor", "t1.tiny", known)).endswith("the nearest it has: t1.nano, t1.micro")
