"""How many more VMs fit now. Source: Nova's flavors and os-aggregates, and Placement; role admin.

One list, the allocation candidates for any memory, has the free capacity of every host; a host that is not on
it has no memory left. Limits on a single VM are in the inventories, which are read one by one: until those of
a host have been read, the result is an upper bound. Before Placement 1.27 the list has only memory, and
before 1.29 no children: the rest is read provider by provider. What may have changed since then counts as
free, so that the result is an upper bound.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from stratoscope.clouds import flavors as vocabulary
from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.compute.aggregates import Aggregates, Metadata, by_host
from stratoscope.clouds.openstack.compute.flavors import Flavor, Flavors
from stratoscope.clouds.openstack.compute.hypervisors import Hypervisors, Node
from stratoscope.clouds.openstack.placement.free_slots import FreeResource, HostCapacity, free_slots
from stratoscope.clouds.openstack.placement.inventories import Placement
from stratoscope.clouds.openstack.placement.providers import (
    DISK,
    MEMORY,
    PCPU,
    Inventory,
    Part,
    Provider,
    Providers,
)
from stratoscope.clouds.openstack.placement.requirements import resource_request
from stratoscope.core.collector import Every
from stratoscope.core.errors import CollectError, Reason

_NODES_S: Final = 120.0
_FLAVORS_S: Final = 90.0
_AGGREGATES_S: Final = 90.0
_LISTS_S: Final = 20.0
_CANDIDATES: Final = "1.10"
"""Placement's first microversion that lists free capacity."""


class Capacity(Reader):
    """Room for more VMs, by flavor and zone. Attributes: flavors, aggregates: Separate questions."""

    def __init__(
        self, api: Api, hypervisors: Hypervisors, placement: Placement, clock: Clock = CLOCK
    ) -> None:
        self.flavors, self.aggregates = Flavors(api, clock), Aggregates(api, clock)
        self._api, self._hypervisors = api, hypervisors
        self._placement, self._providers = placement, hypervisors.providers

    @question(
        "capacity",
        Every(60, 30, 180),
        cost="for flavors, aggregates, hypervisors and Placement's lists as much as `flavors`, "
        "`aggregates`, `hypervisors` and `inventories`, unless these have just read them",
        role="admin",
    )
    async def read(self) -> vocabulary.Capacity:
        """The current room.

        Raises as Api; CollectError `unavailable` if Nova has no hypervisor, or none that Placement knows
        (before 2.53 their ids are numbers), or Placement is too old to list free capacity.
        """
        await self._api.require("placement", _CANDIDATES)
        nodes = await self._hypervisors.nodes(_NODES_S)
        if not nodes:
            raise CollectError(Reason.UNAVAILABLE, "no hypervisor is known")
        malformed = await self._placement.refresh(_LISTS_S)
        if not self._providers.are_roots(nodes):
            what = "no hypervisor is one of Placement's providers: Nova numbers them before microversion 2.53"
            raise CollectError(Reason.UNAVAILABLE, what)
        metadata, unread = await self._read_metadata()
        flavors, unknown = await self.flavors.listed(_FLAVORS_S)
        has_pcpus = self._providers.have(PCPU)
        requests = {
            one.name: resource_request(one, has_pcpus=has_pcpus) for one in flavors if not one.is_disabled
        }
        zones = {node.zone for node in nodes.values() if not node.is_left_over}
        hosts = _hosts(self._providers, nodes, metadata)
        room = await asyncio.to_thread(free_slots, requests, hosts, zones)
        return vocabulary.Capacity(tuple(room), _largest(flavors, room), malformed + unread + unknown)

    async def _read_metadata(self) -> tuple[Mapping[str, Metadata] | None, int]:
        """The metadata of each host in an aggregate, and the number of malformed aggregates; None if
        unknown.
        """
        try:
            aggregates, malformed = await self.aggregates.listed(_AGGREGATES_S)
        except ForbiddenError:
            return None, 0
        if any(one.metadata is None or one.hosts is None for one in aggregates):
            return None, malformed
        return by_host(aggregates), malformed


def _hosts(
    providers: Providers, nodes: Mapping[str, Node], metadata: Mapping[str, Metadata] | None
) -> list[HostCapacity]:
    """The hosts that take VMs."""
    trees = providers.trees()
    others = [one for root, tree in trees.items() if root not in nodes for one in tree]
    shared = frozenset({DISK} if any(DISK in (one.inventories or ()) for one in others) else ())
    return [
        _host(tree, nodes[root], shared, None if metadata is None else metadata.get(nodes[root].host, {}))
        for root, tree in trees.items()
        if root in nodes and nodes[root].takes_vms
    ]


def _host(
    tree: Sequence[Provider], node: Node, shared: frozenset[str], metadata: Metadata | None
) -> HostCapacity:
    left: dict[str, list[FreeResource]] = {}
    is_listed = _is_listed(tree)
    for provider in tree:
        for name, one in _left(provider, is_listed=is_listed):
            left.setdefault(name, []).append(one)
    is_known = all(_is_known(provider, is_listed=is_listed) for provider in tree)
    if not is_known:
        for name in _unknown(tree, left):
            left.pop(name, None)
    return HostCapacity(
        node.zone,
        left,
        shared.difference(left),
        _traits(tree),
        metadata,
        is_exact=all(map(_is_exact, tree)),
        is_known=is_known,
    )


def _is_listed(tree: Sequence[Provider]) -> bool:
    """Whether a tree is on the list of candidates, or has no memory (bare metal), so that it cannot be on it.

    Any other tree has no memory left, or the list was truncated by a limit.
    """
    return any(one.summary is not None or one.is_summary_odd for one in tree) or not any(
        one.inventories is None or MEMORY in one.inventories for one in tree
    )


def _unknown(tree: Sequence[Provider], found: Iterable[str]) -> frozenset[str]:
    """Those of these resource classes of which the tree may have more than was found."""
    if any(one.inventories is None and not one.is_listed_whole for one in tree):
        return frozenset(found).difference(*(one.listed for one in tree))
    return frozenset(name for one in tree for name in one.unclear if name not in one.listed)


def _traits(tree: Sequence[Provider]) -> frozenset[str] | None:
    if any(provider.traits is None and Part.TRAITS in provider.wanted() for provider in tree):
        return None
    return frozenset(trait for provider in tree for trait in provider.traits or ())


def _left(provider: Provider, *, is_listed: bool) -> Iterable[tuple[str, FreeResource]]:
    """The free capacity by the list of allocation candidates; what the list lacks, by the provider's own
    data.

    What may have changed since it was read counts as free; for a tree that is not listed, as 0.
    """
    inventories: Mapping[str, Inventory] = provider.inventories or {}
    for name, use in provider.listed.items():
        yield name, FreeResource(use.capacity - use.used, inventories.get(name))
    if provider.is_listed_whole or not (is_listed or provider.is_current(Part.USAGES)):
        return
    usages = provider.usages if provider.is_current(Part.USAGES) else None
    for name, inventory in inventories.items():
        if name not in provider.listed:
            used = usages.get(name, 0) if usages is not None else 0
            yield name, FreeResource(inventory.capacity - (used or 0), inventory)


def _is_exact(provider: Provider) -> bool:
    """Whether all data that the result depends on are known."""
    inventories = provider.inventories
    if inventories is None or provider.traits is None or provider.odd:
        return False
    if provider.summary is None:
        return MEMORY not in inventories and provider.is_current(Part.USAGES)
    return provider.is_summed_up or provider.is_current(Part.USAGES)


def _is_known(provider: Provider, *, is_listed: bool) -> bool:
    """Whether its free capacity is known. A tree that is neither listed nor read yet has none."""
    if provider.odd or provider.is_summary_odd:
        return False
    return not is_listed or provider.is_listed_whole or provider.inventories is not None


def _largest(flavors: Iterable[Flavor], room: Iterable[vocabulary.Room]) -> Mapping[str, vocabulary.Room]:
    """The room of the largest flavor that fits, by zone; ordered by memory, then vCPUs.

    Exact room is preferred to an upper bound, and then public flavors to others.
    """
    by_name = {one.name: one for one in flavors}

    def rank(one: vocabulary.Room) -> tuple[bool, bool, int, int, str]:
        flavor = by_name[one.flavor]
        return not one.is_upper_bound, flavor.is_public, flavor.ram, flavor.vcpus, flavor.name

    largest: dict[str, vocabulary.Room] = {}
    for one in room:
        if one.vms and (one.zone not in largest or rank(one) > rank(largest[one.zone])):
            largest[one.zone] = one
    return largest
