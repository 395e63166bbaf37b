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
_EACH_S: Final = 20 * 86400.0
"""Between the creation of two images."""


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
    for row in FLAVORS:
        flavor = Flavor(world.dice.uuid(), *row)
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
        is_public = row.get("visibility", "public") == "public"
        owner = admin if is_public else world.homes[number % len(world.homes)]
        image = Image(id=world.dice.uuid(), owner=owner, created=world.now - (number + 1) * _EACH_S, **row)
        world.first_images.append(world.images.add(image))


def _limit(world: World, project: Project) -> None:
    """Set quotas: they leave some projects room, and others hardly any; a tenth have unlimited cores."""
    factor = world.dice.choice((1.05, 1.2, 1.5, 2.5))
    for resource in _COUNTED:
        needed = round(project.used[resource] * factor)
        project.limits[resource] = max(project.limits[resource], -(-needed // 10) * 10)
    if world.dice.random() < 0.1:  # noqa: PLR2004 - one of ten
        project.limits["cores"] = -1
