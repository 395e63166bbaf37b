"""The planned VMs: hosts are made large enough for them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stratoscope.demo.world.models import Flavor, Image, Project
from stratoscope.demo.world.seed.catalog import FLAVORS, IMAGES, SSD_TRAIT
from stratoscope.demo.world.seed.zones import Zone, zones
from stratoscope.demo.world.world import World

_OLDEST_S, _YOUNGEST_S, _USUAL_S = 400 * 86400.0, 900.0, 20 * 86400.0
_FROM_VOLUME = 0.08


@dataclass(frozen=True, slots=True)
class Plan:
    """A planned VM. Attributes: image: None for a boot from a volume."""

    created: float
    project: Project
    flavor: Flavor
    image: Image | None
    zone: str

    @property
    def is_picky(self) -> bool:
        """Whether few hosts suit it."""
        return bool(self.flavor.extra_specs)


def plans(world: World, number: int, projects: Sequence[Project], parts: Sequence[Zone]) -> list[Plan]:
    """So many plans, the oldest first."""
    dice = world.dice
    owners = dice.choices(projects, [1 / (rank + 1) ** 0.7 for rank in range(len(projects))], k=number)
    flavors = dice.choices(list(world.flavors.values()), [row.weight for row in FLAVORS], k=number)
    images = dice.choices(world.first_images, [row.weight for row in IMAGES], k=number)
    born = sorted(world.now - age for age in _ages(world, number))
    return [
        Plan(
            created,
            owner,
            flavor,
            None if dice.random() < _FROM_VOLUME else _fitting(image, flavor, images),
            zone_for(world, flavor, parts),
        )
        for created, owner, flavor, image in zip(born, owners, flavors, images, strict=True)
    ]


def draw(world: World) -> Plan:
    """One more plan of the same kind, for now."""
    dice = world.dice
    home = [project for project in world.projects if project.network is not None]
    flavor = dice.choices(list(world.flavors.values()), [row.weight for row in FLAVORS])[0]
    image = dice.choices(world.first_images, [row.weight for row in IMAGES])[0]
    return Plan(
        world.now,
        dice.choice(home),
        flavor,
        None if dice.random() < _FROM_VOLUME else _fitting(image, flavor, world.first_images),
        zone_for(world, flavor, zones(len(world.hosts))),
    )


def zone_for(world: World, flavor: Flavor, parts: Sequence[Zone]) -> str:
    """A zone that suits a flavor: pinned CPUs are in the first zone, SSDs in the last but one."""
    if flavor.extra_specs.get("hw:cpu_policy"):
        return parts[0].name
    if SSD_TRAIT in flavor.traits:
        return parts[max(0, len(parts) - 2)].name
    return world.dice.choices([zone.name for zone in parts], [zone.hosts for zone in parts])[0]


def _fitting(image: Image, flavor: Flavor, others: Sequence[Image]) -> Image:
    return image if image.fits(flavor) else next(other for other in others if other.fits(flavor))


def _ages(world: World, number: int) -> Iterator[float]:
    for _ in range(number):
        yield min(_OLDEST_S, _YOUNGEST_S + world.dice.expovariate(1 / _USUAL_S))
