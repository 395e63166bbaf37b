"""Placement's resource providers and their data, cached over refreshes, since they are read one by one.

A provider's generation changes with all its data, including allocations: while it is the same, the cached
data are valid.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.model import Resource, Spread
from stratoscope.clouds.openstack.client.fields import GIB, MIB, Text

VCPU, PCPU, MEMORY, DISK = "VCPU", "PCPU", "MEMORY_MB", "DISK_GB"
NAMES: Final[Mapping[str, tuple[str, int]]] = {
    VCPU: ("vcpus", 1),
    PCPU: ("pcpus", 1),
    MEMORY: ("memory", MIB),
    DISK: ("disk", GIB),
}
"""Resource classes that all kinds of clouds have, with their unit; others keep their own name."""

Uuid = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f-]{32,36}$")]
Size = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Row(msgspec.Struct, frozen=True, gc=False):
    """One of `resource_providers`; parent and root since 1.14.

    Attributes:
        generation: None if malformed: then no cached data are known to be current.
    """

    uuid: Uuid
    name: Text
    generation: int | None = None
    root_provider_uuid: Uuid | None = None

    @property
    def root(self) -> str:
        return self.root_provider_uuid or self.uuid


class Inventory(msgspec.Struct, frozen=True, gc=False):
    total: Size
    reserved: Size = 0
    min_unit: Size = 1
    max_unit: Size = 2**31 - 1
    step_size: Annotated[int, msgspec.Meta(ge=1)] = 1
    allocation_ratio: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 1.0

    @property
    def capacity(self) -> int:
        """The capacity that can be allocated, as Placement counts it."""
        return int((self.total - self.reserved) * self.allocation_ratio)


class Summary(msgspec.Struct, frozen=True, gc=False):
    """A provider in a list of allocation candidates.

    Attributes:
        resources: All its resources, since 1.27; before that only the requested ones.
        traits: None before 1.17.
    """

    class Use(msgspec.Struct, frozen=True, gc=False):
        capacity: Size
        used: Size

    resources: dict[Text, Use]
    traits: list[Text] | None = None


class Part(StrEnum):
    """The parts of one provider, each read by a separate request."""

    USAGES = "usages"
    INVENTORIES = "inventories"
    TRAITS = "traits"
    ALLOCATIONS = "allocations"


class Provider:
    """The known data of one provider.

    Attributes:
        inventories, usages: By resource class; None if not read yet. The use of a malformed class is None.
        unclear: Resource classes whose inventory was malformed.
        traits, consumers: None if not read yet; consumers are the ids of those that have allocations.
        summary: From the last list of allocation candidates; None if it was not on it.
        is_summary_odd: It was on that list, and its summary was malformed.
        is_summed_up: That list has all resources of a provider; else usages are read one by one.
        odd: The parts in which a resource class was malformed.
        moments: When each part was read, or last found unchanged; by the monotonic clock, as all times here.
    """

    def __init__(self, row: Row) -> None:
        self.row = row
        self.inventories: Mapping[str, Inventory] | None = None
        self.usages: Mapping[str, int | None] | None = None
        self.unclear: Collection[str] = ()
        self.traits: frozenset[str] | None = None
        self.consumers: frozenset[str] | None = None
        self.summary: Summary | None = None
        self.is_summary_odd = False
        self.is_summed_up = True
        self.odd: set[Part] = set()
        self.moments: dict[Part, float] = {}
        self._generations: dict[Part, int] = {}
        self._tried: dict[Part, float] = {}

    @property
    def listed(self) -> Mapping[str, Summary.Use]:
        """Its resources on the list of candidates, by resource class."""
        return {} if self.summary is None else self.summary.resources

    @property
    def is_listed_whole(self) -> bool:
        """Whether these are all its resources."""
        return self.summary is not None and self.is_summed_up

    def is_current(self, part: Part) -> bool:
        """Whether the cached data of this part are current."""
        return self.row.generation is not None and self._generations.get(part) == self.row.generation

    def is_known(self, part: Part) -> bool:
        return part in self.moments

    def tried_at(self, part: Part) -> float:
        """When it was last requested; negative if never."""
        return self._tried.get(part, -1.0)

    def tried(self, part: Part, moment: float) -> None:
        self._tried[part] = moment

    def was_read(self, part: Part, generation: int | None, moment: float) -> None:
        """Args: generation: That of the answer; None if it has none."""
        if generation is not None:
            self._generations[part] = generation
        self.moments[part] = moment

    def forget(self, before: float) -> None:
        """Forget parts that were last read before that time, if a later attempt to read them failed."""
        if self._is_lost(Part.INVENTORIES, before):
            self.inventories = None
        if self._is_lost(Part.USAGES, before):
            self.usages = None
        if self._is_lost(Part.ALLOCATIONS, before):
            self.consumers = None

    def _is_lost(self, part: Part, before: float) -> bool:
        """Whether a part must be forgotten; then it is unknown."""
        if self.moments.get(part, before) >= min(before, self.tried_at(part)):
            return False
        del self.moments[part]
        self._generations.pop(part, None)
        return True

    def found(self, row: Row, moment: float) -> None:
        """It is on the list of providers, with this generation."""
        self.row = row
        for part in self._generations:
            if self.is_current(part):
                self.moments[part] = moment

    def summed_up(
        self, summary: Summary | None, moment: float, *, is_whole: bool, is_odd: bool = False
    ) -> None:
        """A list of allocation candidates was read.

        Args:
            summary: None if it was not on it.
            moment, is_whole: As in Providers.
            is_odd: It was on it, and its summary is malformed.
        """
        self.summary, self.is_summed_up = summary, is_whole
        self.is_summary_odd = is_odd
        if summary is None:
            return
        if is_whole:
            self.usages = {name: use.used for name, use in summary.resources.items()}
            self.odd.discard(Part.USAGES)
            self._was_told(Part.USAGES, moment)
        if is_whole or summary.traits is not None:
            self.traits = frozenset(summary.traits or ())
            self._was_told(Part.TRAITS, moment)

    def wanted(self) -> Iterable[Part]:
        """The parts that must be read of it for its inventory, since the list of candidates lacks them."""
        yield Part.INVENTORIES
        if not self.is_listed_whole:
            yield Part.USAGES
        if self._wants_traits():
            yield Part.TRAITS

    def _wants_traits(self) -> bool:
        if not self.is_summed_up:
            return self.summary is None or self.summary.traits is None
        has_no_memory = self.inventories is not None and MEMORY not in self.inventories
        return self.summary is None and (has_no_memory or self.is_summary_odd)

    def _was_told(self, part: Part, moment: float) -> None:
        self._generations.pop(part, None)  # by which generation nobody tells
        self.moments[part] = moment


class Providers:
    """All providers of one cloud; used in the event loop's thread only."""

    def __init__(self) -> None:
        self._known: dict[str, Provider] = {}

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._known.values())

    def __getitem__(self, uuid: str) -> Provider:
        return self._known[uuid]

    def found(self, rows: Iterable[Row], moment: float) -> None:
        """The list of all providers; those that it lacks are forgotten."""
        known, self._known = self._known, {}
        for row in rows:
            provider = known.get(row.uuid) or Provider(row)
            provider.found(row, moment)
            self._known[row.uuid] = provider

    def summed_up(
        self, summaries: Mapping[str, Summary | None], moment: float, *, is_whole: bool = True
    ) -> None:
        """A list of allocation candidates was read: all providers with free memory.

        Args:
            summaries: By provider on the list; None if malformed.
            moment: When it was requested.
            is_whole: It has all resources of a provider, not only memory.
        """
        for uuid, provider in self._known.items():
            summary = summaries.get(uuid)
            is_odd = summary is None and uuid in summaries
            provider.summed_up(summary, moment, is_whole=is_whole, is_odd=is_odd)

    def forget(self, before: float) -> None:
        """See Provider.forget."""
        for provider in self._known.values():
            provider.forget(before)

    def drop(self, uuid: str) -> None:
        self._known.pop(uuid, None)

    def trees(self) -> Mapping[str, Sequence[Provider]]:
        """The providers by the root of their tree."""
        trees: dict[str, list[Provider]] = {}
        for provider in self._known.values():
            trees.setdefault(provider.row.root, []).append(provider)
        return trees

    def have(self, resource: str) -> bool:
        """Whether any provider is known to have this resource class."""
        return any(resource in (one.inventories or ()) or resource in one.listed for one in self)

    def are_roots(self, uuids: Collection[str]) -> bool:
        """Whether any of these is the root of a tree."""
        return any(provider.row.root in uuids for provider in self)

    def resources(self, roots: Iterable[str]) -> Mapping[str, Resource]:
        """The sums of the trees with these roots, by resource; empty while some of them have not been
        read.
        """
        wanted = frozenset(roots)
        return resources([provider for provider in self if provider.row.root in wanted])

    def wanted(self, most: int) -> Sequence[tuple[Provider, Part]]:
        """What to read next, `most` parts or fewer.

        First parts that were never tried; then usages that changed, at most half of the number; then
        inventories that may have changed. Of each sort those tried longest ago are first: a part that cannot
        be read must not delay the others.
        """
        never, usages, inventories = [], [], []
        for provider in self._known.values():
            for part in provider.wanted():
                if provider.is_current(part):
                    continue
                tried_at = provider.tried_at(part)
                one = (tried_at, provider.row.uuid, part)
                if tried_at < 0 and not provider.is_known(part):
                    never.append(one)
                elif part is Part.INVENTORIES:
                    inventories.append(one)
                else:
                    usages.append(one)
        never.sort()
        usages.sort()
        inventories.sort()
        half = max(most // 2, most - len(never) - len(inventories))
        chosen = [*never, *usages[:half], *inventories][:most]
        return [(self._known[uuid], part) for _, uuid, part in chosen]

    def of_old_allocations(self, most: int) -> Sequence[Provider]:
        """The providers whose allocations are to be read next, `most` or fewer: those that were tried longest
        ago first, of those that may have changed.
        """
        old = [one for one in self if not one.is_current(Part.ALLOCATIONS)]
        return sorted(old, key=lambda one: (one.tried_at(Part.ALLOCATIONS), one.row.uuid))[:most]

    def spread(self, collector: str, per_second: float, clock: Clock) -> Spread:
        """The progress of the reading."""
        shown = [one for one in self if one.inventories is not None and one.usages is not None]
        moments = [one.moments[part] for one in shown for part in (Part.INVENTORIES, Part.USAGES)]
        oldest = clock.unix(min(moments)) if moments else None
        return Spread(collector, len(self._known), len(shown), oldest, per_second)


def resources(providers: Sequence[Provider]) -> Mapping[str, Resource]:
    """The sums of these providers, by resource; empty while some of them have not been read."""
    if any(provider.inventories is None or provider.usages is None for provider in providers):
        return {}
    pieces: dict[str, list[tuple[Inventory, int | None]]] = {}
    for provider in providers:
        usages = provider.usages or {}
        for name, inventory in (provider.inventories or {}).items():
            pieces.setdefault(name, []).append((inventory, usages.get(name, 0)))
    unclear = {name for provider in providers for name in provider.unclear}
    return {NAMES.get(name, (name, 1))[0]: _resource(name, parts) for name, parts in pieces.items()} | {
        NAMES.get(name, (name, 1))[0]: Resource(None, None, None, None) for name in unclear
    }


def _resource(name: str, parts: Sequence[tuple[Inventory, int | None]]) -> Resource:
    """The sum of a resource class; the ratio is that of the sum."""
    unit = NAMES.get(name, (name, 1))[1]
    total = sum(inventory.total for inventory, _ in parts)
    reserved = sum(inventory.reserved for inventory, _ in parts)
    promisable = sum((one.total - one.reserved) * one.allocation_ratio for one, _ in parts)
    uses = [used for _, used in parts]
    ratio = promisable / (total - reserved) if total > reserved else parts[0][0].allocation_ratio
    return Resource(
        total * unit,
        reserved * unit,
        ratio,
        None if None in uses else sum(used or 0 for used in uses) * unit,
        sum(inventory.capacity for inventory, _ in parts) * unit,
    )
