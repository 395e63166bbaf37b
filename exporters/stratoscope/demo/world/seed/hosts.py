"""Hosts, zones, aggregates and daemons; the hosts are large enough for the planned VMs."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from stratoscope.demo.world.models import (
    CPU_RATIO,
    NOTHING,
    RESERVED_MIB,
    Aggregate,
    Daemon,
    Host,
    Resources,
)
from stratoscope.demo.world.seed.catalog import SSD_TRAIT, TRAITS
from stratoscope.demo.world.seed.plan import Plan
from stratoscope.demo.world.seed.zones import Zone
from stratoscope.demo.world.world import World

CONTROLLER: Final = "control1"
NETWORK_NODES: Final = 2
_PINNED: Final = 6
_SSD: Final = 3
"""One of so many hosts of a zone has CPUs for pinning, or solid-state disks."""
_GIB: Final = 1024
_SERVICES: Final = {"nova": "compute", "neutron": "network", "cinder": "block-storage"}


class Beat(NamedTuple):
    """How often a daemon reports, and how old its last report may be: report_interval, service_down_time."""

    period_s: float
    patience_s: float


NOVA: Final = Beat(10.0, 60.0)
NEUTRON: Final = Beat(30.0, 75.0)
_AGENTS: Final = (
    ("neutron-openvswitch-agent", "Open vSwitch agent"),
    ("neutron-l3-agent", "L3 agent"),
    ("neutron-dhcp-agent", "DHCP agent"),
    ("neutron-metadata-agent", "Metadata agent"),
)
"""Neutron's agents with their types: all on network nodes, the first one on other hosts."""


def hosts(world: World, plans: Sequence[Plan], zones: Sequence[Zone]) -> None:
    """Add all hosts, the aggregates that make the zones, and two others."""
    for binary in ("nova-scheduler", "nova-conductor"):
        daemon(world, binary, CONTROLLER, "internal", beat=NOVA)
    width = max(2, len(str(sum(zone.hosts for zone in zones))))
    for zone in zones:
        _zone(world, zone, [plan for plan in plans if plan.zone == zone.name], width)
    for name, metadata in (("pinned-cpus", {"pinned": "true"}), ("ssd", {"ssd": "true"})):
        members = [
            host
            for host in world.hosts.values()
            if (host.has.pcpus if metadata.get("pinned") else SSD_TRAIT in host.traits)
        ]
        _aggregate(world, name, "", metadata, members)
    _agents(world)


def failures(world: World) -> None:
    """Disable a host and let another one be down from the beginning; more than one of 400 and more hosts."""
    all_hosts = list(world.hosts.values())
    number = math.ceil(len(all_hosts) / 400)
    if len(all_hosts) >= 4:  # noqa: PLR2004 - the others must have room for new VMs
        for host in all_hosts[1::97][:number]:
            host.daemon.is_enabled = False
            host.daemon.disabled_reason = f"planned: memory of {host.name} is replaced"
    if len(all_hosts) >= 6:  # noqa: PLR2004 - as above
        for host in all_hosts[-2::-89][:number]:
            for one in world.daemons:
                if one.host == host.name:
                    one.silent_since = world.now - 7200.0


def daemon(world: World, binary: str, host: str, zone: str, *, beat: Beat) -> Daemon:
    """Add a daemon."""
    service = _SERVICES[binary.partition("-")[0]]
    made = Daemon(
        number=len(world.daemons) + 1,
        id=world.dice.uuid(),
        service=service,
        binary=binary,
        host=host,
        zone=zone,
        started=world.now - 30 * 86400.0,
        period_s=beat.period_s,
        patience_s=beat.patience_s,
        phase_s=world.dice.random() * beat.period_s,
    )
    world.daemons.append(made)
    return made


def _zone(world: World, zone: Zone, plans: Sequence[Plan], width: int) -> None:
    members: list[Host] = []
    size = _size(plans, zone)
    for position in range(zone.hosts):
        number = len(world.hosts) + 1
        is_pinned = zone.name == "north" and position % _PINNED == 0
        has_ssd = (zone.name == "south" or zone.hosts == 1) and position % _SSD == 0
        name = f"cn{number:0{width}d}"
        world.hosts[name] = Host(
            number=number,
            name=name,
            id=world.dice.uuid(),
            address=f"192.0.2.{number % 250 + 1}",
            zone=zone.name,
            daemon=daemon(world, "nova-compute", name, zone.name, beat=NOVA),
            has=size if is_pinned else size._replace(pcpus=0),
            traits=TRAITS | ({SSD_TRAIT} if has_ssd else set()),
            aggregates=[],
            claims={},
            vms={},
        )
        members.append(world.hosts[name])
    _aggregate(world, zone.name, zone.name, {"availability_zone": zone.name}, members)


def _size(plans: Sequence[Plan], zone: Zone) -> Resources:
    """The size of each host of a zone, for the VMs that are planned there."""
    claims = [plan.flavor.claim(boots_from_volume=plan.image is None) for plan in plans]
    vcpus, pcpus, memory_mib, disk_gib = (
        sum(parts) / zone.hosts / zone.fill for parts in zip(NOTHING, *claims, strict=True)
    )
    return Resources(
        _rounded(vcpus / CPU_RATIO * 1.2, 8, 16),
        _rounded(pcpus * zone.hosts / math.ceil(zone.hosts / _PINNED), 8, 16),
        _rounded(memory_mib + RESERVED_MIB, 4 * _GIB, 32 * _GIB),
        _rounded(disk_gib * 1.3, 100, 800),
    )


def _rounded(number: float, step: int, least: int) -> int:
    return max(least, math.ceil(number / step) * step)


def _aggregate(world: World, name: str, zone: str, metadata: dict[str, str], members: list[Host]) -> None:
    aggregate = Aggregate(
        number=len(world.aggregates) + 1, id=world.dice.uuid(), name=name, zone=zone, metadata=metadata,
        hosts=members, created=world.now - 90 * 86400.0,
    )  # fmt: skip
    world.aggregates.append(aggregate)
    for host in members:
        host.aggregates.append(aggregate)


def _agents(world: World) -> None:
    for position, host in enumerate(world.hosts.values()):
        for binary, agent_type in _AGENTS if position < NETWORK_NODES else _AGENTS[:1]:
            agent = daemon(world, binary, host.name, "nova", beat=NEUTRON)
            agent.agent_type = agent_type
