"""Builds the world, in the order in which its objects need each other."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from stratoscope.demo.world.boot_errors import BootErrors
from stratoscope.demo.world.ids import Dice
from stratoscope.demo.world.models import Flavor, Image, Project
from stratoscope.demo.world.seed import hosts, identity, networks, vms, volumes
from stratoscope.demo.world.seed.catalog import FLAVORS, IMAGES
from stratoscope.demo.world.seed.plan import plans
from stratoscope.demo.world.seed.zones import zones
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
    projects = identity.people(world, size.projects)
    for row in FLAVORS:
        flavor = Flavor(
            id=world.dice.uuid(), name=row.name, vcpus=row.vcpus, memory_mib=row.memory_mib,
            disk_gib=row.disk_gib, is_public=row.is_public, extra_specs=dict(row.extra_specs),
        )  # fmt: skip
        world.flavors[flavor.id] = flavor
    _images(world)
    parts = zones(size.hosts)
    planned = plans(world, size.vms, projects, parts)
    hosts.hosts(world, planned, parts)
    volumes.backends(world)
    networks.networks(world, planned, projects)
    vms.vms(world, planned)
    volumes.volumes(world)
    networks.floating_ips(world)
    for project in projects:
        _limit(world, project)
    hosts.failures(world)
    return world


def _images(world: World) -> None:
    owners = iter(_owners(world))
    apart = Dice(len(IMAGES))  # a new image does not change the rest of a seed's world
    for age, row in enumerate(IMAGES, start=1):
        dice = apart if row.visibility == "community" else world.dice
        properties = {  # as the command-line client sets them at each upload
            "owner_specified.openstack.md5": "",
            "owner_specified.openstack.object": f"images/{row.name}",
            "owner_specified.openstack.sha256": "",
        }
        image = Image(
            id=dice.uuid(), name=row.name, owner=next(owners), created=world.now - age * 20 * _DAY_S,
            size=row.size_mib * _MIB or None, properties=properties, status=row.status,
            visibility=row.visibility, is_hidden=row.is_hidden, min_memory_mib=row.min_memory_mib,
            min_disk_gib=row.min_disk_gib,
        )  # fmt: skip
        world.first_images.append(world.images.add(image))


def _owners(world: World) -> Iterator[Project]:
    """The administrators' project for public images, the projects of users in turn for the others."""
    by_name = {project.name: project for project in world.projects}
    theirs = [project for name, project in by_name.items() if name not in ("admin", "service")]
    for number, row in enumerate(IMAGES):
        yield by_name["admin"] if row.visibility == "public" else theirs[number % len(theirs)]


def _limit(world: World, project: Project) -> None:
    """Set quotas: they leave some projects room, and others hardly any; a tenth have unlimited cores."""
    dice = world.dice
    factor = dice.choice((1.05, 1.2, 1.5, 2.5))
    for resource in _COUNTED:
        needed = round(project.used[resource] * factor)
        project.limits[resource] = max(project.limits[resource], -(-needed // 10) * 10)
    if dice.random() < 0.1:  # noqa: PLR2004 - one of ten
        project.limits["cores"] = -1
