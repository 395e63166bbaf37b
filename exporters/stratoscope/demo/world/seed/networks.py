"""Networks: an external one, a shared one, and one of each project behind its router."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from stratoscope.demo.world.models import Network, Project, Router, SecurityGroup, Subnet
from stratoscope.demo.world.seed.hosts import NETWORK_NODES
from stratoscope.demo.world.seed.plan import Plan
from stratoscope.demo.world.world import World

_EXTERNAL: Final = "external"
_SHARED: Final = "shared"
_OUTSIDE: Final = 0xC6120000  # 198.18.0.0
_INSIDE: Final = 0xAC100000  # 172.16.0.0
_THEIRS: Final = 0x0A000000  # 10.0.0.0
_FEWEST_BITS: Final = 8
_LOOSE: Final = 5
"""One of so many projects has a port without a device."""
_SHUT: Final = 8
"""One of so many projects has its network and its router disabled."""
_DAY_S: Final = 86400.0


def networks(world: World, plans: Sequence[Plan], projects: Sequence[Project]) -> None:
    """Add all networks; they have room for twice the planned VMs."""
    admin = next(project for project in world.projects if project.name == "admin")
    planned = Counter(plan.project.id for plan in plans)
    outside = _network(world, _EXTERNAL, admin, _OUTSIDE, len(plans) // 2 + 2 * len(projects))
    world.external = outside
    world.shared = _network(world, _SHARED, admin, _INSIDE, len(plans))
    for project in world.projects:
        project.default_group = _group(world, project)
    for number, project in enumerate(projects):
        needed = planned[project.id]
        project.network = _network(
            world, f"{project.name}-net", project, _THEIRS + (number % 256 << 16), needed
        )
        _router(world, project, project.network, outside)
        if number % _LOOSE == 0:
            _loose_port(world, project, project.network)
        if number % _SHUT == 3:  # noqa: PLR2004 - not the first project, which demonstrations show
            _shut(world, project, project.network)


def floating_ips(world: World) -> None:
    """Add a floating address for about one of seven VMs, and an unbound one for each five of them."""
    routers = {router.project.id: router for router in world.routers}
    if world.external is None:
        return
    outside = world.external.subnets[0]
    reachable = [
        vm
        for vm in world.vms
        if vm.ports and vm.network is vm.project.network and world.dice.random() < 1 / 7
    ]
    for number, vm in enumerate(reversed(reachable)):
        bound = world.add_floating_ip(vm.project, outside)
        if bound is not None:
            bound.router = routers[vm.project.id]
            world.associate(bound, vm.ports[0])
        if number % 5 == 0:
            world.add_floating_ip(vm.project, outside)


def _network(world: World, name: str, project: Project, first: int, vms: int) -> Network:
    """Add a network with a subnet that begins at an address and has room for twice as many VMs."""
    born = world.now - 300 * _DAY_S
    is_external = name == _EXTERNAL
    network = Network(
        id=world.dice.uuid(), name=name, project=project, created=born, is_shared=name == _SHARED,
        is_external=is_external, segment=100 + len(world.networks), subnets=[],
    )  # fmt: skip
    bits = max(_FEWEST_BITS, (2 * vms + 16).bit_length())
    subnet = Subnet(
        id=world.dice.uuid(), name=f"{name}-subnet", network=network, first=first, prefix=32 - bits,
        created=born, taken=set(), has_dhcp=not is_external,
    )  # fmt: skip
    network.subnets.append(subnet)
    world.subnets.add(subnet)
    for resource in ("network", "subnet"):
        project.used[resource] += 1
    if subnet.has_dhcp:
        _dhcp_port(world, subnet, project)
    return world.networks.add(network)


def _dhcp_port(world: World, subnet: Subnet, project: Project) -> None:
    device = f"dhcp{world.dice.uuid()}-{subnet.network.id}"
    port = world.plug(subnet, "network:dhcp", device=device, project=project)
    if port is not None:
        port.status, port.host = "ACTIVE", next(iter(world.hosts))


def _router(world: World, project: Project, network: Network, outside: Network) -> None:
    router_id = world.dice.uuid()
    gateway = world.plug(outside.subnets[0], "network:router_gateway", device=router_id, project=None)
    inner = world.plug(
        network.subnets[0], "network:router_interface", device=router_id, project=project, is_gateway=True
    )
    if gateway is None or inner is None:
        return
    nodes = list(world.hosts)[:NETWORK_NODES]
    for port in (gateway, inner):
        port.status, port.host = "ACTIVE", nodes[len(world.routers) % len(nodes)]
    world.routers.add(Router(router_id, f"{project.name}-router", project, network.created, gateway))
    project.used["router"] += 1


def _loose_port(world: World, project: Project, network: Network) -> None:
    """Add a port without a device that its owner has disabled."""
    port = world.plug(network.subnets[0], "", device="", project=project)
    if port is not None:
        port.is_enabled = False


def _shut(world: World, project: Project, network: Network) -> None:
    """Disable a project's network and its router; their status stays."""
    network.is_enabled = False
    for router in world.routers:
        router.is_enabled = router.is_enabled and router.project is not project


def _group(world: World, project: Project) -> SecurityGroup:
    dice = world.dice
    rules = (dice.uuid(), dice.uuid(), dice.uuid(), dice.uuid())
    born = world.now - 300 * _DAY_S
    project.used["security_group"] += 1
    project.used["security_group_rule"] += len(rules)
    return world.groups.add(SecurityGroup(dice.uuid(), project, born, rules, 5 * len(world.groups)))
