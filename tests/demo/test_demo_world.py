"""The world of the embedded OpenStack: of any size, consistent, alive, the same again for the same seed."""

from collections import Counter

import pytest

from demo.worlds import assert_consistent, live
from stratoscope.demo.openstack.seed import Size, build
from stratoscope.demo.world.churn import Churn
from stratoscope.demo.world.operations import Operations
from stratoscope.demo.world.world import World

EPOCH = 1_800_000_000.0


def alive(size: Size, seed: int = 1) -> World:
    world = build(size, seed=seed, now=EPOCH)
    Churn(world, Operations(world))
    return world


def picture(world: World) -> list[object]:
    """What is to be the same for the same seed."""
    vms = [(vm.id, vm.name, vm.status, vm.host and vm.host.name, vm.updated) for vm in world.vms]
    hosts = [(host.name, host.used, host.generation) for host in world.hosts.values()]
    return [
        vms,
        hosts,
        [one.id for one in world.migrations.values()],
        [port.id for port in world.ports],
    ]


@pytest.mark.parametrize(
    "size",
    [Size(0, 1, 1), Size(1, 1, 1), Size(3, 2, 1), Size(200, 12, 20), Size(40, 40, 40), Size(900, 7, 3)],
)
def test_all_services_agree_at_every_moment(size: Size) -> None:
    world = alive(size)
    assert_consistent(world)
    for second in range(0, 1200, 20):
        world.timeline.advance(EPOCH + second)
        assert_consistent(world)


def test_number_of_vms_stays_within_one_percent() -> None:
    world = alive(Size(400, 20, 10))
    seen = set()
    for second in range(7200):
        world.timeline.advance(EPOCH + second)
        seen.add(world.live)
    assert min(seen) >= 396
    assert max(seen) <= 404


def test_vms_live_move_and_die() -> None:
    world = alive(Size(200, 12, 20))
    before = {vm.id for vm in live(world)}
    seen: Counter[str] = Counter()
    for second in range(0, 3600, 2):
        world.timeline.advance(EPOCH + second)
        seen.update(f"{vm.status}/{vm.task_state or ''}" for vm in live(world))
    assert {
        "BUILD/scheduling", "BUILD/", "BUILD/networking", "BUILD/block_device_mapping", "BUILD/spawning",
        "ACTIVE/", "ACTIVE/deleting", "ACTIVE/powering-off", "SHUTOFF/", "SHUTOFF/powering-on",
        "REBOOT/rebooting", "MIGRATING/migrating", "ERROR/",
    } <= set(seen)  # fmt: skip
    after = {vm.id for vm in live(world)}
    assert 20 < len(before - after) < 150  # some percent in a minute


def test_same_seed_is_the_same_life_however_often_time_is_looked_at() -> None:
    one, other = alive(Size(100, 6, 5)), alive(Size(100, 6, 5))
    for second in range(0, 601, 3):
        one.timeline.advance(EPOCH + second)
    other.timeline.advance(EPOCH + 600)
    assert picture(one) == picture(other)
    assert picture(one) != picture(alive(Size(100, 6, 5), seed=2))


def test_there_is_something_to_see_from_the_beginning() -> None:
    world = alive(Size())
    hosts = list(world.hosts.values())
    assert {host.zone for host in hosts} == {"north", "south", "edge"}
    assert [host.daemon.disabled_reason for host in hosts if not host.daemon.is_enabled] != []
    assert sum(not host.daemon.is_up(world.now) for host in hosts) == 1
    stuck = [vm for vm in live(world) if vm.vm_state == "building"]
    assert [vm.task_state for vm in stuck] == ["spawning"]
    assert any(host.has.pcpus for host in hosts)
    assert len({host.traits for host in hosts}) > 1
    specs = [flavor.extra_specs for flavor in world.flavors.values()]
    assert {"hw:cpu_policy": "dedicated"} in specs
    assert {"hw:mem_page_size": "large"} in specs
    assert {image.status for image in world.images} == {"active", "deactivated", "queued"}
    assert {volume.status for volume in world.volumes} >= {"in-use", "available"}
    assert {address.port is None for address in world.floating_ips} == {True, False}
    assert {vm.status for vm in live(world)} >= {"ACTIVE", "SHUTOFF", "ERROR", "BUILD"}


def test_stuck_vm_stays_stuck() -> None:
    world = alive(Size(60, 6, 5))
    (stuck,) = (vm for vm in live(world) if vm.vm_state == "building")
    world.timeline.advance(EPOCH + 3600)
    assert (stuck.vm_state, stuck.task_state, stuck.terminated) == ("building", "spawning", None)


def test_deleted_vms_are_forgotten_in_the_end() -> None:
    world = alive(Size(200, 12, 20))
    world.timeline.advance(EPOCH + 4 * 3600)
    deleted = [vm for vm in world.vms if vm.terminated is not None]
    assert deleted
    # Those of the last half hour, and what has been forgotten at the last burial.
    assert all((vm.terminated or 0) > world.now - 1800 - 300 for vm in deleted)
    assert set(world.actions) <= {vm.id for vm in world.vms}


def test_nothing_happens_on_a_host_that_is_down() -> None:
    world = alive(Size())
    (down,) = (host for host in world.hosts.values() if not host.daemon.is_up(world.now))
    before = dict(down.claims)
    world.timeline.advance(EPOCH + 3600)
    assert down.claims == before
    assert down.daemon.heartbeat(world.now) < EPOCH - 7000
