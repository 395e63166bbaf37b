"""VM templates as flavors, and how many more VMs of each fit: `templatepool.info`, page by page."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.flavors import Capacity, Flavor, Flavors, Room
from stratoscope.clouds.opennebula.client.access import Access, checked
from stratoscope.clouds.opennebula.client.items import (
    MIB,
    MOST_PRICE,
    Element,
    decimal,
    fields,
    number,
    sensible,
)
from stratoscope.clouds.opennebula.client.oned import Oned
from stratoscope.clouds.opennebula.client.pools import Pools
from stratoscope.clouds.opennebula.hosts import HostRow, Hosts
from stratoscope.clouds.opennebula.storage import Storage
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.collector import Every
from stratoscope.core.errors import CollectError

_YOUNG_S: Final = 75.0
"""A pool that is not older is not read again: by default `templates` and `hosts` read theirs each minute."""
_NARROWS: Final = ("SCHED_REQUIREMENTS", "TOPOLOGY", "PCI", "NUMA_NODE")
"""Attributes that leave a template fewer hosts, or less of them, than its size alone."""
_NUMBERED: Final = re.compile(r"(.*) \(([0-9]+)\)", re.DOTALL)
_PRICES: Final = ("CPU_COST", "MEMORY_COST", "DISK_COST")
_MOST: Final = 1_000
"""Templates that are shown: those that others may use first, then the oldest."""


class Template(msgspec.Struct, frozen=True):
    """One template.

    Attributes:
        cpu: Its share of CPUs, in hundredths of one.
        disks: Sizes that it states itself.
        images: Ids of the images of the other disks.
        is_known: All its disks have a size or an image.
        prices: For an hour, by attribute: of one CPU, of 1 MiB of memory and of disks. oned's default for
            those without is in its configuration, which is not read, since it holds ONE_KEY.
    """

    template_id: str
    name: str
    cpu: int | None
    vcpus: int
    memory: int | None
    disks: tuple[int, ...]
    images: tuple[str, ...]
    is_known: bool
    is_public: bool
    is_narrow: bool
    prices: Mapping[str, float]


class Templates(Reader):
    """The templates of one zone."""

    def __init__(
        self, oned: Oned, pools: Pools, access: TTLCache[Access], hosts: Hosts, storage: Storage
    ) -> None:
        self._pools, self._access, self._hosts, self._storage = pools, access, hosts, storage
        self._templates = TTLCache(self._read, oned.budget.clock)

    async def names(self, seconds: float = _YOUNG_S) -> Mapping[str, str]:
        """The names of templates, by id, not older than that: the last known ones while they cannot be read.

        Raises CollectError if they were never read: flavors would change their names later.
        """
        known = self._templates.last
        try:
            known = await self._templates.not_older_than(seconds)
        except CollectError:
            if known is None:
                raise
        return {} if known is None else unique(known[0])

    @question(
        "templates",
        Every(60, 30, 180),
        cost="1 for each 2,000 templates, 1 for each 2,000 images unless they have just been read",
        role="group oneadmin, or TEMPLATE/* USE; any other sees what it may use",
    )
    async def flavors(self) -> Flavors:
        """The templates that state a size. Raises as Pools, and LeftOutError."""
        templates, malformed = await self._templates.anew()
        is_whole = await self._check(templates, malformed)
        names, sizes = unique(templates), await self._storage.image_sizes()
        return Flavors(tuple(_flavor(one, names, sizes) for one in shown(templates)), malformed, is_whole)

    @question(
        "room",
        Every(60, 30, 180),
        cost="for templates and hosts as much as `templates` and `hosts`, unless these have just read them",
        role="group oneadmin, or HOST/* and TEMPLATE/* USE",
    )
    async def room(self) -> Capacity:
        """How many more VMs of each template fit, by CPU and memory. Raises as Pools, and LeftOutError."""
        templates, malformed = await self._templates.not_older_than(_YOUNG_S)
        await self._check(templates, malformed)
        hosts, odd_hosts = await self._hosts.rows(_YOUNG_S)
        found, most = await asyncio.to_thread(_room, templates, hosts)
        return Capacity(found, most, malformed + odd_hosts)

    async def _check(self, templates: Sequence[Template], malformed: int) -> bool:
        """Whether these are all templates. Raises LeftOutError for none of a user who may not see all."""
        access = await checked(self._access, "TEMPLATE", templates, malformed, "templatepool.info")
        return access.sees_all("TEMPLATE") and not self._pools.is_cut("templatepool.info")

    async def _read(self) -> tuple[list[Template], int]:
        return await self._pools.paged("templatepool.info", "VMTEMPLATE", template)


Free: TypeAlias = Mapping[str, Mapping[tuple[int, int], int]]
"""What hosts have free, by cluster: how many of them have so many hundredths of a CPU and bytes of memory."""


def free(hosts: Iterable[HostRow]) -> Free:
    """What is free; a cluster none of whose hosts takes VMs has nothing."""
    by_zone: dict[str, Counter[tuple[int, int]]] = {}
    for host in hosts:
        of_zone = by_zone.setdefault(host.zone, Counter())
        if host.takes_vms:
            cpu = host.max_cpu - (host.cpu_usage or 0)
            memory = host.max_memory - (host.memory_usage or 0)
            of_zone[max(0, cpu), max(0, memory)] += 1
    return by_zone


def fitting(one: Template, name: str, hosts: Free) -> Sequence[Room]:
    """The room for a template, by cluster: what the scheduler counts: free CPU and memory of its hosts."""
    room = [(zone, _fit(one, of_zone)) for zone, of_zone in sorted(hosts.items())]
    return [Room(name, zone, vms, one.is_narrow and vms > 0) for zone, vms in room]


def _room(
    templates: Sequence[Template], hosts: Sequence[HostRow]
) -> tuple[tuple[Room, ...], Mapping[str, Room]]:
    """The room for each template, and the largest by zone: in a thread, since users may make many."""
    names, good, left = unique(templates), shown(templates), free(hosts)
    found = tuple(one for template in good for one in fitting(template, names[template.template_id], left))
    return found, largest(good, names, found)


def largest(
    templates: Iterable[Template], names: Mapping[str, str], room: Iterable[Room]
) -> Mapping[str, Room]:
    """By zone: exact room before an upper bound, public templates before others, then memory and vCPUs."""
    sizes = {
        names[one.template_id]: (one.is_public, one.memory or 0, one.vcpus, names[one.template_id])
        for one in templates
    }
    found: dict[str, Room] = {}
    for one in sorted(room, key=lambda one: (not one.is_upper_bound, *sizes[one.flavor])):
        if one.vms:
            found[one.zone] = one
    return found


def unique(templates: Iterable[Template]) -> Mapping[str, str]:
    """A name for each template, by id: of several with the same name all but the oldest bear their ids.

    So does one that is called as another of them with its id, which any user may do: no two have one name.
    """
    several = sorted(templates, key=lambda one: int(one.template_id))
    of_ids = {one.template_id: one.name for one in several}
    taken: set[str] = set()
    names = {}
    for one in several:
        is_taken = one.name in taken or _is_anothers(one, of_ids)
        names[one.template_id] = f"{one.name} ({one.template_id})" if is_taken else one.name
        taken.add(one.name)
    return names


def _is_anothers(one: Template, of_ids: Mapping[str, str]) -> bool:
    """Whether its name is that of another template with the other's id."""
    found = _NUMBERED.fullmatch(one.name)
    return found is not None and found[2] != one.template_id and of_ids.get(found[2]) == found[1]


def shown(templates: Iterable[Template]) -> Sequence[Template]:
    """Those that state a size, up to a bound."""
    sized = [one for one in templates if one.memory is not None and one.cpu is not None]
    sized.sort(key=lambda one: (not one.is_public, int(one.template_id)))
    return sized[:_MOST]


def template(element: Element) -> Template:
    """A template of the pool. Raises ValueError, KeyError if it makes no sense."""
    found, inner = fields(element), element.find("TEMPLATE")
    of_template = fields(inner)
    disks = [] if inner is None else [fields(disk) for disk in inner.iterchildren("DISK")]
    sizes = [sensible(disk, "SIZE", MIB) for disk in disks if disk.get("SIZE")]
    others = [disk for disk in disks if not disk.get("SIZE")]
    rights = fields(element.find("PERMISSIONS"))
    return Template(
        template_id=number(found["ID"]),
        name=found["NAME"],
        cpu=sensible(of_template, "CPU", 100),
        vcpus=sensible(of_template, "VCPU") or 1,
        memory=sensible(of_template, "MEMORY", MIB),
        disks=tuple(size for size in sizes if size is not None),
        images=tuple(disk["IMAGE_ID"] for disk in others if disk.get("IMAGE_ID")),
        is_known=None not in sizes and all(disk.get("IMAGE_ID") for disk in others),
        is_public=rights.get("OTHER_U") == "1",
        is_narrow=any(name in of_template for name in _NARROWS),
        prices={
            name: price for name in _PRICES if (price := decimal(of_template, name, MOST_PRICE)) is not None
        },
    )


def _flavor(one: Template, names: Mapping[str, str], sizes: Mapping[str, int]) -> Flavor:
    is_known = one.is_known and all(image in sizes for image in one.images)
    disk = sum(one.disks) + sum(sizes[image] for image in one.images) if is_known else None
    return Flavor(
        flavor_id=one.template_id,
        name=names[one.template_id],
        vcpus=one.vcpus,
        memory=one.memory or 0,
        disk=disk,
        is_public=one.is_public,
        costs=_costs(one, disk),
    )


def _costs(one: Template, disk: int | None) -> Mapping[str, float]:
    """What an hour of a VM costs, as showback counts it: by CPU (not VCPU), by MiB of memory and of disks."""
    cpu, memory = (one.cpu or 0) / 100, (one.memory or 0) / MIB
    amounts = {"cpu": cpu, "memory": memory, "disk": None if disk is None else disk / MIB}
    prices = zip(amounts.items(), _PRICES, strict=True)
    return {
        resource: amount_of * one.prices[price]
        for (resource, amount_of), price in prices
        if price in one.prices and amount_of is not None
    }


def _fit(one: Template, hosts: Mapping[tuple[int, int], int]) -> int:
    """How many fit; a template without CPU and memory fits nowhere."""
    cpu, memory = one.cpu or 0, one.memory or 0
    if cpu and memory:
        return sum(number * min(cpus // cpu, size // memory) for (cpus, size), number in hosts.items())
    if not cpu and not memory:
        return 0
    return sum(number * (cpus // cpu if cpu else size // memory) for (cpus, size), number in hosts.items())
