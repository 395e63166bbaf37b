"""Hosts, zones, aggregates and daemons; the hosts are large enough for the planned VMs."""

import math
from collections.abc import Sequence
from typing import Final

from stratoscope.demo.world.models import (
    CPU_RATIO,
    RESERVED_MIB,
    VM,
    Aggregate,
    Daemon,
    Host,
    Resources,
    Zone,
)
from stratoscope.demo.world.seed.catalog import SSD_TRAIT, TRAITS
from stratoscope.demo.world.world import World

CONTROLLER: Final = "control1"
NETWORK_NODES: Final = 2
_PINNED: Final = 6
_SSD: Final = 3
"""One of so many hosts of a zone has CPUs for pinning, or solid-state disks."""
_GIB: Final = 1024
_SERVICES: Final = {
    "nova": ("compute", 10.0, 60.0), "neutron": ("network", 30.0, 75.0),
    "cinder": ("block-storage", 10.0, 60.0),
}  # fmt: skip
"""How often daemons report, and how old the last report may be: report_interval, service_down_time."""
_AGENTS: Final = {
    "neutron-openvswitch-agent": "Open vSwitch agent", "neutron-l3-agent": "L3 agent",
    "neutron-dhcp-agent": "DHCP agent", "neutron-metadata-agent": "Metadata agent",
}  # fmt: skip
"""Neutron's agents with their types: all on network nodes, the first one on other hosts."""


def zones(hosts: int) -> list[Zone]:
    """North and south, and a small edge, nearly full, if there are enough hosts."""
    if hosts == 1:
        return [Zone("north", 1, 0.6)]
    north, edge = (hosts + 1) // 2, hosts // 6
    parts = [Zone("north", north, 0.62), Zone("south", hosts - north - edge, 0.7)]
    return [*parts, Zone("edge", edge, 0.93)] if edge else parts


def hosts(world: World, vms: Sequence[VM]) -> None:
    """Add all hosts, the aggregates that make the zones, and two others."""
    for binary in ("nova-scheduler", "nova-conductor"):
        daemon(world, binary, CONTROLLER, "internal")
    width = max(2, len(str(sum(zone.hosts for zone in world.zones))))
    for zone in world.zones:
        size = _size([vm.claim for vm in vms if vm.zone == zone.name], zone)
        members = [_host(world, zone, position, size, width) for position in range(zone.hosts)]
        world.aggregates.append(Aggregate(zone.name, zone.name, {"availability_zone": zone.name}, members))
    every = world.hosts.values()
    pinned, fast = [one for one in every if one.has.pcpus], [one for one in every if SSD_TRAIT in one.traits]
    world.aggregates.append(Aggregate("pinned-cpus", "", {"pinned": "true"}, pinned))
    world.aggregates.append(Aggregate("ssd", "", {"ssd": "true"}, fast))
    for position, host in enumerate(every):
        for binary, agent_type in [*_AGENTS.items()][: None if position < NETWORK_NODES else 1]:
            daemon(world, binary, host.name, "nova").agent_type = agent_type


def failures(world: World) -> None:
    """Disable a host and let another one be down from the beginning; more than one of 400 and more hosts."""
    all_hosts = list(world.hosts.values())
    number = math.ceil(len(all_hosts) / 400)
    if len(all_hosts) >= 4:  # noqa: PLR2004 - the others must have room for new VMs
        for host in all_hosts[1::97][:number]:
            host.daemon.is_enabled = False
            host.daemon.disabled_reason = f"planned: memory of {host.name} is replaced"
    if len(all_hosts) >= 6:  # noqa: PLR2004 - as above
        down = {host.name for host in all_hosts[-2::-89][:number]}
        for one in world.daemons:
            one.silent_since = world.now - 7200.0 if one.host in down else None


def daemon(world: World, binary: str, host: str, zone: str) -> Daemon:
    """Add a daemon."""
    service, period_s, patience_s = _SERVICES[binary.partition("-")[0]]
    made = Daemon(
        number=len(world.daemons) + 1, id=world.dice.uuid(), service=service, binary=binary, host=host,
        zone=zone, period_s=period_s, patience_s=patience_s, phase_s=world.dice.random() * period_s,
    )  # fmt: skip
    world.daemons.append(made)
    return made


def _host(world: World, zone: Zone, position: int, size: Resources, width: int) -> Host:
    number = len(world.hosts) + 1
    name = f"cn{number:0{width}d}"
    is_pinned = zone.name == "north" and position % _PINNED == 0
    has_ssd = (zone.name == "south" or zone.hosts == 1) and position % _SSD == 0
    world.hosts[name] = Host(
        number=number, name=name, id=world.dice.uuid(), zone=zone.name,
        daemon=daemon(world, "nova-compute", name, zone.name),
        has=size if is_pinned else size._replace(pcpus=0), claims={}, vms={},
        traits=TRAITS | {SSD_TRAIT} if has_ssd else TRAITS,
    )  # fmt: skip
    return world.hosts[name]


def _size(claims: Sequence[Resources], zone: Zone) -> Resources:
    """The size of each host of a zone, for the claims of the VMs that are to be there."""
    sums = (sum(parts) / zone.hosts / zone.fill for parts in zip(Resources(), *claims, strict=True))
    vcpus, pcpus, memory_mib, disk_gib = sums
    return Resources(
        _rounded(vcpus / CPU_RATIO * 1.2, 8, 16),
        _rounded(pcpus * zone.hosts / math.ceil(zone.hosts / _PINNED), 8, 16),
        _rounded(memory_mib + RESERVED_MIB, 4 * _GIB, 32 * _GIB),
        _rounded(disk_gib * 1.3, 100, 800),
    )


def _rounded(number: float, step: int, least: int) -> int:
    return max(least, math.ceil(number / step) * step)
