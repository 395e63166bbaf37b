"""What must hold of the world at every moment: all services count the same."""

from collections import Counter

from stratoscope.demo.world.models import NOTHING, VM
from stratoscope.demo.world.world import World

_ON_THE_WAY = ("migrating", "resize_prep", "resize_migrating", "deleting")


def live(world: World) -> list[VM]:
    """VMs that are not deleted."""
    return [vm for vm in world.vms if vm.terminated is None]


def assert_consistent(world: World) -> None:
    """Every sum is the sum of its parts, and nothing is in two places."""
    __tracebackhide__ = True
    _hosts(world)
    _projects(world)
    _networks(world)
    assert len(live(world)) == world.live


def _hosts(world: World) -> None:
    for host in world.hosts.values():
        total = NOTHING
        for held in host.claims.values():
            total = total.plus(held)
        assert total == host.used
        assert min(host.used) >= 0
        assert host.used.memory_mib <= host.has.memory_mib
        assert host.used.pcpus <= host.has.pcpus
        for vm in host.vms.values():
            assert vm.host is host
            assert vm.terminated is None
            assert vm.id in host.claims or vm.task_state in _ON_THE_WAY
    consumers = {consumer for host in world.hosts.values() for consumer in host.claims}
    known = {vm.id for vm in live(world)} | {one.id for one in world.migrations.values()}
    assert consumers <= known


def _projects(world: World) -> None:
    used: dict[str, Counter[str]] = {project.id: Counter() for project in world.projects}
    for vm in live(world):
        used[vm.project.id].update(instances=1, cores=vm.flavor.vcpus, ram=vm.flavor.memory_mib)
    for port in world.ports:
        if port.project is not None:
            used[port.project.id]["port"] += 1
    for volume in world.volumes:
        used[volume.project.id].update(volumes=1, gigabytes=volume.size_gib)
    for snapshot in world.snapshots:
        project = snapshot.project
        used[project.id].update(snapshots=1, gigabytes=snapshot.volume.size_gib)
    for address in world.floating_ips:
        used[address.project.id]["floatingip"] += 1
    for project in world.projects:
        for resource in (
            "instances",
            "cores",
            "ram",
            "port",
            "volumes",
            "gigabytes",
            "snapshots",
            "floatingip",
        ):
            assert project.used[resource] == used[project.id][resource], (project.name, resource)


def _networks(world: World) -> None:
    taken = Counter((port.subnet.id, port.offset) for port in world.ports)
    assert not taken or max(taken.values()) == 1
    for subnet in world.subnets:
        assert len(subnet.taken) == sum(port.subnet is subnet for port in world.ports)
    vms = {vm.id for vm in live(world)}
    assert {port.device_id for port in world.ports if port.device_owner.startswith("compute:")} <= vms
    for address in world.floating_ips:
        assert address.port is None or address.port.floating_ip is address
    for volume in world.volumes:
        assert volume.vm is None or volume in volume.vm.volumes
