"""Inventories and allocations of hosts. Source: Placement's /resource_providers and the paths below it; role
admin.

Two lists have all providers: their names, and the usages of those with free memory. Inventories, and the
usages of the others, are read one by one, at most one a second, those first that have never been read; so are
traits of providers without memory (bare metal).

Before 1.27 (Rocky) the second list has only memory: then usages of all providers are read one by one, and
before 1.17 (Queens) traits, too. Before 1.10 (Pike) there is no such list.
"""

import asyncio
import math
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.errors import NotThereError
from stratoscope.clouds.model import Inventories, Resource
from stratoscope.clouds.openstack.agents import only_admins_see
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.by_field import by_name
from stratoscope.clouds.openstack.client.decoding import Decoder
from stratoscope.clouds.openstack.client.fields import Text
from stratoscope.clouds.openstack.client.listing import Listing
from stratoscope.clouds.openstack.compute.hypervisors import Hypervisors, Node
from stratoscope.clouds.openstack.placement.providers import (
    Inventory,
    Part,
    Provider,
    Row,
    Size,
    Summary,
    resources,
)
from stratoscope.clouds.overcommit import by_project
from stratoscope.clouds.round_robin import KEPT_S, Turn
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.collector import Every
from stratoscope.core.deadline import at_most_s
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason

T = TypeVar("T")

PER_SECOND: Final = 1.0
MOST: Final = 30
_PARTS: Final = 3
"""Of each provider that may be read here; allocations.py reads one more, at half the rate."""
_VERSION: Final = "1.39"
_SUMMED_UP: Final = "1.27"
"""The first microversion whose list of candidates has all resources of providers."""
_WITH_TRAITS: Final = "1.6"
_NODES_S: Final = 300.0
_PATIENCE_S: Final = 5.0
"""How long it waits for hypervisors, which are Nova's, if it knows earlier ones."""

_PROVIDERS: Final = Listing("placement", "/resource_providers", "resource_providers", Row, version=_VERSION)


class _Inventories(msgspec.Struct, frozen=True):
    inventories: dict[Text, msgspec.Raw]
    resource_provider_generation: int


class _Usages(msgspec.Struct, frozen=True):
    usages: dict[Text, msgspec.Raw]
    resource_provider_generation: int


class _Traits(msgspec.Struct, frozen=True):
    traits: list[Text]
    resource_provider_generation: int


class _Candidates(msgspec.Struct, frozen=True):
    provider_summaries: dict[Text, msgspec.Raw]


_SUMMARY: Final = Decoder(Summary)
_INVENTORY: Final = Decoder(Inventory)
_SIZE: Final[Decoder[int]] = Decoder(Size)


class Placement(Reader):
    """Resource providers of one cloud."""

    def __init__(self, api: Api, hypervisors: Hypervisors, clock: Clock = CLOCK) -> None:
        self._api, self._hypervisors, self._clock = api, hypervisors, clock
        self._servers, self._providers = hypervisors.servers, hypervisors.providers
        self._lists = TTLCache(self._ask_lists, clock)
        self._last_turn = -math.inf
        self._known_nodes: Mapping[str, Node] | None = None

    @question(
        "inventories",
        Every(30, 25, 180),
        cost="2, and 1 or 2 for each provider in turn (before Placement 1.27: 2 or 3): at most "
        f"{MOST} in a refresh and {PER_SECOND:g} a second",
        role="admin",
    )
    async def read(self) -> Inventories:
        """Reads the providers whose turn it is, and returns all that is known. Raises as Hypervisors.read."""
        malformed = await self._lists.anew()
        malformed += await self._turn()
        nodes = await self._nodes()
        by_host = self._by_host(nodes)
        return Inventories(
            by_host,
            {node.host: node.zone for node in nodes.values() if node.takes_vms and node.host in by_host},
            self._providers.spread("inventories", PER_SECOND, self._clock),
            await by_project(self._servers.index, by_host),
            malformed,
        )

    async def refresh(self, max_age_s: float) -> int:
        """Read the two lists if they are older than that. Returns the number of malformed items. Raises as
        `read`.
        """
        return await self._lists.not_older_than(max_age_s)

    async def _ask_lists(self) -> int:
        now = self._clock.monotonic()
        rows, malformed = await self._api.items(_PROVIDERS)
        if not rows and not malformed:
            await only_admins_see(self._api, "resource providers")
            if self._servers.index.sees_hosts:
                raise LeftOutError(LeftOut.UNAUTHORIZED, "resource providers: none, yet servers are on hosts")
        summaries, unread, is_whole = await self._ask_candidates()
        self._providers.found(rows, now)
        self._providers.summed_up(summaries, now, is_whole=is_whole)
        self._providers.forget(now - KEPT_S - 2 * _PARTS * len(rows) / PER_SECOND)
        return malformed + unread

    async def _ask_candidates(self) -> tuple[Mapping[str, Summary | None], int, bool]:
        """Summaries by provider, the number of malformed ones, and whether they have all resources of a
        provider.
        """
        is_whole = await self._api.knows("placement", _SUMMED_UP)
        try:
            candidates = await self._api.get(
                "placement",
                "/allocation_candidates",
                _Candidates,
                operation="allocation_candidates",
                params={"resources": "MEMORY_MB:1"},
                version=_VERSION,
            )
        except NotThereError:
            if is_whole:
                raise
            return {}, 0, False  # before 1.10
        raws = candidates.provider_summaries
        found, odd = _decoded(raws, _SUMMARY, "providers' summaries")
        return {uuid: found.get(uuid) for uuid in raws}, odd, is_whole

    async def _turn(self) -> int:
        """Read a few parts one by one. Returns the number of malformed ones. Raises as Api if none was ever
        read.
        """
        malformed, turn = 0, Turn()
        for provider, part in turn.items(self._providers.wanted(self._room())):
            # Before it is read: one that fails must not hold up the others.
            provider.tried(part, self._clock.monotonic())
            try:
                malformed += await self._read(provider, part)
            except NotThereError:
                self._providers.drop(provider.row.uuid)
            except LeftOutError as error:  # it costs that part alone: traits may be denied
                turn.failure = error
            except CollectError as error:
                turn.failed(error)
                malformed += error.reason is Reason.MALFORMED
            else:
                turn.succeeded()
        if turn.failure is not None and not any(one.inventories for one in self._providers):
            raise turn.failure
        return malformed

    def _room(self) -> int:
        """How many parts may be read now, by the rate and the time since the last turn."""
        now = self._clock.monotonic()
        elapsed_s, self._last_turn = now - self._last_turn, now
        return int(min(MOST, max(1.0, elapsed_s * PER_SECOND)))

    async def _read(self, provider: Provider, part: Part) -> int:
        """Read one part. Returns the number of malformed resource classes, which are unknown then."""
        odd, generation = 0, provider.row.generation
        if part is Part.INVENTORIES:
            inventories = await self._ask(provider, part, _Inventories)
            provider.inventories, odd = _decoded(inventories.inventories, _INVENTORY, "resource classes")
            provider.unclear = inventories.inventories.keys() - provider.inventories.keys()
            generation = inventories.resource_provider_generation
        elif part is Part.USAGES:
            usages = await self._ask(provider, part, _Usages)
            sizes, odd = _decoded(usages.usages, _SIZE, "resource classes")
            provider.usages = {name: sizes.get(name) for name in usages.usages}
            generation = usages.resource_provider_generation
        elif await self._api.knows("placement", _WITH_TRAITS):
            traits = await self._ask(provider, part, _Traits)
            provider.traits, generation = frozenset(traits.traits), traits.resource_provider_generation
        else:
            provider.traits = frozenset()
        provider.was_read(part, generation, self._clock.monotonic())
        (provider.odd.add if odd else provider.odd.discard)(part)
        return odd

    async def _ask(self, provider: Provider, part: Part, kind: type[T]) -> T:
        path = f"/resource_providers/{provider.row.uuid}/{part}"
        return await self._api.get("placement", path, kind, operation=part, version=_VERSION)

    async def _nodes(self) -> Mapping[str, Node]:
        """Nova's hypervisors, which have the ids of their providers.

        The last known ones while Nova does not answer, or answers with other ids (without microversions:
        numbers); none if they may not be read: then hosts have the names of their providers.

        Raises CollectError if they were never read: hosts would change their names later.
        """
        known = self._known_nodes
        try:
            async with asyncio.timeout(None if known is None else at_most_s(_PATIENCE_S)):
                nodes = await self._hypervisors.nodes(_NODES_S)
        except LeftOutError:
            return known or {}
        except (CollectError, TimeoutError):
            if known is None:
                raise
            return known
        if known is None or self._providers.are_roots(nodes):
            self._known_nodes = known = nodes
        return known

    def _by_host(self, nodes: Mapping[str, Node]) -> Mapping[str, Mapping[str, Resource]]:
        """Resources by host; a tree whose root is no hypervisor has the root's own name."""
        by_host: dict[str, list[Provider]] = {}
        for root, tree in self._providers.trees().items():
            if root in nodes and nodes[root].is_left_over:
                continue
            name = next((one.row.name for one in tree if one.row.uuid == root), root)
            by_host.setdefault(nodes[root].host if root in nodes else name, []).extend(tree)
        known = {host: resources(providers) for host, providers in by_host.items()}
        return {host: of_host for host, of_host in known.items() if of_host}


def _decoded(raws: Mapping[str, msgspec.Raw], decoder: Decoder[T], what: str) -> tuple[Mapping[str, T], int]:
    return by_name(raws, lambda raw: (decoder.decode(raw), []), "placement", what)
