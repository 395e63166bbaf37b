"""Builds the world, in the order in which its objects need each other."""

from dataclasses import dataclass
from typing import Final

from stratoscope.demo.world.boot_errors import BootErrors
from stratoscope.demo.world.models import Flavor, Image, Project
from stratoscope.demo.world.seed import hosts, identity, networks, vms, volumes
from stratoscope.demo.world.seed.catalog import FLAVORS, IMAGES
from stratoscope.demo.world.world import World

_COUNTED: Final = (
    "instances", "cores", "ram", "volumes", "gigabytes", "snapshots", "backups", "backup_gigabytes",
    "port", "floatingip",
)  # fmt: skip
_MIB: Final = 1 << 20
_DAY_S: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Size:
    """Numbers of objects."""

    vms: int = 200
    hosts: int = 12
    projects: int = 20


def build(size: Size, errors: BootErrors, *, seed: int, now: float) -> World:
    """The world at its first moment."""
    world = World(seed, now, errors)
    identity.people(world, size.projects)
    for name, vcpus, memory_mib, disk_gib, _, extra_specs, is_public in FLAVORS:
        flavor = Flavor(
            id=world.dice.uuid(), name=name, vcpus=vcpus, memory_mib=memory_mib, disk_gib=disk_gib,
            is_public=is_public, extra_specs=dict(extra_specs),
        )  # fmt: skip
        world.flavors[flavor.id] = flavor
    _images(world)
    world.zones = hosts.zones(size.hosts)
    first = vms.drawn(world, size.vms)
    hosts.hosts(world, first)
    volumes.backends(world)
    networks.networks(world, first)
    vms.settle(world, first)
    volumes.volumes(world)
    networks.floating_ips(world)
    for project in world.homes:
        _limit(world, project)
    hosts.failures(world)
    return world


def _images(world: World) -> None:
    """Public images are the administrators', the others those of the projects of users in turn."""
    admin = next(project for project in world.projects if project.name == "admin")
    for number, row in enumerate(IMAGES):
        owner = admin if row.visibility == "public" else world.homes[number % len(world.homes)]
        image = Image(
            id=world.dice.uuid(), name=row.name, owner=owner, created=world.now - (number + 1) * 20 * _DAY_S,
            size=row.size_mib * _MIB or None, properties={}, status=row.status, visibility=row.visibility,
            is_hidden=row.is_hidden, min_memory_mib=row.min_memory_mib, min_disk_gib=row.min_disk_gib,
        )  # fmt: skip
        world.first_images.append(world.images.add(image))


def _limit(world: World, project: Project) -> None:
    """Set quotas: they leave some projects room, and others hardly any; a tenth have unlimited cores."""
    factor = world.dice.choice((1.05, 1.2, 1.5, 2.5))
    for resource in _COUNTED:
        needed = round(project.used[resource] * factor)
        project.limits[resource] = max(project.limits[resource], -(-needed // 10) * 10)
    if world.dice.random() < 0.1:  # noqa: PLR2004 - one of ten
        project.limits["cores"] = -1
