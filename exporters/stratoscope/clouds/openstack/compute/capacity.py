"""How many more VMs fit now. Source: Nova's flavors and os-aggregates, and Placement; role admin.

One list, the allocation candidates for any memory at all, tells what every host has left; a host that is not
on it has no memory left. Bounds on what one VM may have are in the inventories, which are read one by one:
until a host's have been read, what fits is an upper bound.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from stratoscope.clouds import model
from stratoscope.clouds.abilities import Question
from stratoscope.clouds.openstack.api import Api
from stratoscope.clouds.openstack.compute.flavors import FLAVORS, Flavor, demand
from stratoscope.clouds.openstack.compute.hypervisors import Hypervisors, Node
from stratoscope.clouds.openstack.compute.room import Left, Space, Wanted, rooms
from stratoscope.clouds.openstack.fields import Text
from stratoscope.clouds.openstack.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.openstack.placement import Placement
from stratoscope.clouds.openstack.providers import DISK, MEMORY, Inventory, Part, Provider, Providers
from stratoscope.core.collector import Every
from stratoscope.core.errors import CollectError, Reason

_NODES_S: Final = 120.0
_LISTS_S: Final = 20.0


class _Aggregate(msgspec.Struct, frozen=True, gc=False):
    hosts: list[Text] = []
    metadata: dict[Text, Text] = {}


_AGGREGATES: Final = Listing("compute", "/os-aggregates", "aggregates", _Aggregate, version="2.96")


class Capacity:
    """Room for more VMs, by flavor and zone."""

    def __init__(
        self, api: Api, hypervisors: Hypervisors, placement: Placement, providers: Providers
    ) -> None:
        self._api, self._hypervisors = api, hypervisors
        self._placement, self._providers = placement, providers

    def questions(self) -> Sequence[Question[model.Capacity]]:
        return (
            Question(
                "capacity",
                model.Capacity,
                self.read,
                Every(60, 30, 180),
                cost="2, and 2 for Placement's lists unless `inventories` has just asked for them",
                role="admin",
            ),
        )

    async def read(self) -> model.Capacity:
        """Room as it is now.

        Raises:
            CollectError: As Api; `unavailable`, when Nova knows no hypervisor.
            LeftOutError: As Api.
        """
        flavors, malformed = await self._api.items(FLAVORS, {**WHOLE_PAGE, "is_public": "None"})
        aggregates, unread = await self._api.items(_AGGREGATES)
        malformed += unread + await self._placement.refresh(_LISTS_S)
        nodes = await self._hypervisors.nodes(_NODES_S)
        if not nodes:
            raise CollectError(Reason.UNAVAILABLE, "no hypervisor is known")
        names = _names(flavors)
        spaces = _spaces(self._providers, nodes, _metadata(aggregates))
        wanted = [Wanted(names[one.id], demand(one)) for one in flavors if not one.is_disabled]
        zones = {node.zone for node in nodes.values()}
        room = await asyncio.to_thread(rooms, wanted, spaces, zones)
        shown = tuple(msgspec.structs.replace(one.flavor(), name=names[one.id]) for one in flavors)
        return model.Capacity(shown, tuple(room), _largest(shown, room), malformed)


def _names(flavors: Iterable[Flavor]) -> Mapping[str, str]:
    """Names by id. Nova keeps them apart; should two ever be the same, both go by name and id."""
    flavors = list(flavors)
    known: dict[str, int] = {}
    for one in flavors:
        known[one.name] = known.get(one.name, 0) + 1
    return {one.id: one.name if known[one.name] == 1 else f"{one.name} ({one.id})" for one in flavors}


def _metadata(aggregates: Iterable[_Aggregate]) -> Mapping[str, Mapping[str, frozenset[str]]]:
    """What a host's aggregates say together, by host; to Nova's filters a value with commas is several."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for aggregate in aggregates:
        for host in aggregate.hosts:
            of_host = found.setdefault(host, {})
            for key, value in aggregate.metadata.items():
                values = frozenset(one.strip() for one in value.split(","))
                of_host[key] = of_host.get(key, frozenset()) | values
    return found


def _spaces(
    providers: Providers, nodes: Mapping[str, Node], metadata: Mapping[str, Mapping[str, frozenset[str]]]
) -> list[Space]:
    """The hosts that take VMs."""
    trees = providers.trees()
    others = [one for root, tree in trees.items() if root not in nodes for one in tree]
    shared = frozenset({DISK} if any(DISK in (one.inventories or ()) for one in others) else ())
    return [
        _space(tree, nodes[root], shared, metadata.get(nodes[root].host, {}))
        for root, tree in trees.items()
        if root in nodes and nodes[root].takes_vms
    ]


def _space(
    tree: Sequence[Provider], node: Node, shared: frozenset[str], metadata: Mapping[str, frozenset[str]]
) -> Space:
    left: dict[str, list[Left]] = {}
    for provider in tree:
        for name, one in _left(provider):
            left.setdefault(name, []).append(one)
    traits = frozenset(trait for provider in tree for trait in provider.traits or ())
    return Space(
        node.zone, left, shared.difference(left), traits, metadata, is_exact=all(map(_is_exact, tree))
    )


def _left(provider: Provider) -> Iterable[tuple[str, Left]]:
    """By the list of allocation candidates, else by what was read of it and is still so.

    One that is not on the list has no memory at all (bare metal), or none left, or a limit cut the list.
    """
    inventories: Mapping[str, Inventory] = provider.inventories or {}
    if provider.summary is not None:
        for name, use in provider.summary.resources.items():
            yield name, Left(use.capacity - use.used, inventories.get(name))
    elif provider.usages is not None and provider.is_current(Part.USAGES):
        for name, inventory in inventories.items():
            yield name, Left(inventory.capacity - provider.usages.get(name, 0), inventory)


def _is_exact(provider: Provider) -> bool:
    """Whether all that decides is known."""
    inventories = provider.inventories
    if inventories is None:
        return False
    return provider.summary is not None or (MEMORY not in inventories and provider.traits is not None)


def _largest(flavors: Iterable[model.Flavor], room: Iterable[model.Room]) -> Mapping[str, str]:
    """By zone the flavor with the most memory, and of those with the most vCPUs, of which another VM fits."""
    sizes = {one.name: (one.memory, one.vcpus, one.name) for one in flavors}
    largest: dict[str, tuple[int, int, str]] = {}
    for one in room:
        if one.vms:
            largest[one.zone] = max(sizes[one.flavor], largest.get(one.zone, (-1, -1, "")))
    return {zone: name for zone, (_, _, name) in largest.items()}
