"""Networks: an external one, a shared one, and one of each project behind its router."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from stratoscope.demo.world.models import VM, Network, Port, Project, Router, Subnet
from stratoscope.demo.world.seed.hosts import NETWORK_NODES
from stratoscope.demo.world.world import World

_EXTERNAL: Final = "external"
_SHARED: Final = "shared"
_OUTSIDE: Final = 0xC6120000  # 198.18.0.0
_INSIDE: Final = 0xAC100000  # 172.16.0.0
_THEIRS: Final = 0x0A000000  # 10.0.0.0
_FEWEST_BITS: Final = 8
_LOOSE: Final = 5
"""One of so many projects has a disabled port without a device."""
_SHUT: Final = 8
"""One of so many projects has its network and its router disabled; their status stays."""


def networks(world: World, vms: Sequence[VM]) -> None:
    """Add all networks; they have room for twice the VMs that are to be there."""
    admin = next(project for project in world.projects if project.name == "admin")
    planned = Counter(vm.project.id for vm in vms)
    outside = _network(world, _EXTERNAL, admin, _OUTSIDE, len(vms) // 2 + 2 * len(world.homes))
    world.external, world.shared = outside, _network(world, _SHARED, admin, _INSIDE, len(vms))
    for project in world.projects:
        project.used.update(security_group=1, security_group_rule=4)
    for number, project in enumerate(world.homes):
        first = _THEIRS + (number % 256 << 16)
        network = _network(world, f"{project.name}-net", project, first, planned[project.id])
        project.network = network
        router = _router(world, project, network, outside)
        if number % _LOOSE == 0:
            port = world.plug(network.subnets[0], "", device="", project=project)
            if port is not None:
                port.is_enabled = False
        if number % _SHUT == 3:  # noqa: PLR2004 - not the first project, which demonstrations show
            network.is_enabled = router.is_enabled = False


def floating_ips(world: World) -> None:
    """Add a floating address for about one of seven VMs, and an unbound one for each five of them."""
    routers = {router.project.id: router for router in world.routers}
    if world.external is None:
        return
    outside = world.external.subnets[0]
    inside = [vm for vm in world.vms if vm.ports and vm.network is vm.project.network]
    reachable = [vm for vm in inside if world.dice.random() < 1 / 7]
    for number, vm in enumerate(reversed(reachable)):
        bound = world.add_floating_ip(vm.project, outside)
        if bound is not None:
            bound.router = routers[vm.project.id]
            world.associate(bound, vm.ports[0])
        if number % 5 == 0:
            world.add_floating_ip(vm.project, outside)


def _network(world: World, name: str, project: Project, first: int, vms: int) -> Network:
    """Add a network with a subnet that begins at an address and has room for twice as many VMs."""
    network = Network(
        id=world.dice.uuid(), name=name, project=project, is_shared=name == _SHARED,
        is_external=name == _EXTERNAL, segment=100 + len(world.networks), subnets=[],
    )  # fmt: skip
    bits = max(_FEWEST_BITS, (2 * vms + 16).bit_length())
    subnet = Subnet(
        id=world.dice.uuid(),
        name=f"{name}-subnet",
        network=network,
        first=first,
        prefix=32 - bits,
        taken=set(),
    )
    network.subnets.append(subnet)
    world.subnets.add(subnet)
    project.used.update(network=1, subnet=1)
    if not network.is_external:
        device = f"dhcp{world.dice.uuid()}-{network.id}"
        _serve(world.plug(subnet, "network:dhcp", device=device, project=project), next(iter(world.hosts)))
    return world.networks.add(network)


def _router(world: World, project: Project, network: Network, outside: Network) -> Router:
    router_id, nodes = world.dice.uuid(), list(world.hosts)[:NETWORK_NODES]
    node, inside = nodes[len(world.routers) % len(nodes)], network.subnets[0]
    gateway = _serve(
        world.plug(outside.subnets[0], "network:router_gateway", device=router_id, project=None), node
    )
    owner = "network:router_interface"
    _serve(world.plug(inside, owner, device=router_id, project=project, is_gateway=True), node)
    project.used["router"] += 1
    return world.routers.add(Router(router_id, f"{project.name}-router", project, gateway))


def _serve(port: Port | None, node: str) -> Port:
    """Let a network node serve a port; a new network has room for it."""
    assert port is not None  # noqa: S101 - see above
    port.status, port.host = "ACTIVE", node
    return port
