"""Allocations against servers. Source: Placement's /resource_providers/{uuid}/allocations; role admin.

Allocations are read provider by provider, at most one in two seconds, and again only once a provider's
generation has changed, of which the list of providers tells. What differs must differ for a minute, in later
readings of both sides: Nova deletes a server before its allocation.

Consumers that are no servers are looked up by consumers.py, also those of providers that are of no host: what
a deleted compute service leaves behind is there.
"""

import asyncio
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.disagreements import Allocations, Disagreement, DisagreementReason
from stratoscope.clouds.errors import NotThereError
from stratoscope.clouds.model import VM, Spread
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Id
from stratoscope.clouds.openstack.compute.hypervisors import Hypervisors, Node
from stratoscope.clouds.openstack.compute.migration_list import PAGES, MigrationList
from stratoscope.clouds.openstack.compute.server import UNKNOWN
from stratoscope.clouds.openstack.placement.consumers import CHECKED, Consumers
from stratoscope.clouds.openstack.placement.inventories import Placement
from stratoscope.clouds.openstack.placement.providers import Part, Provider
from stratoscope.clouds.round_robin import Turn
from stratoscope.core.collector import Every
from stratoscope.core.errors import CollectError, LeftOutError, Reason

PER_SECOND: Final = 0.5
MOST: Final = 30
LASTS_S: Final = 60.0
"""So long it must last."""
_VERSION: Final = "1.39"
_LISTS_S: Final = 20.0
_NODES_S: Final = 300.0


class _Allocations(msgspec.Struct, frozen=True):
    allocations: dict[Id, msgspec.Raw]
    resource_provider_generation: int


class Found(NamedTuple):
    """What may be wrong. Attributes: reason: None for a consumer that is no server: it may be a migration."""

    reason: DisagreementReason | None
    consumer_id: str
    host: str


class PlacementAllocations(Reader):
    """The allocations of one cloud."""

    def __init__(
        self,
        api: Api,
        hypervisors: Hypervisors,
        placement: Placement,
        migrations: MigrationList,
        clock: Clock = CLOCK,
    ) -> None:
        self._api, self._hypervisors, self._placement, self._clock = api, hypervisors, placement, clock
        self._servers, self._providers = hypervisors.servers, hypervisors.providers
        self._consumers = Consumers(api, migrations, clock)
        self._since: dict[Found, float] = {}
        self._last_turn = -math.inf

    @question(
        "allocations",
        Every(60, 50, 300),
        cost="1 for each provider whose allocations may have changed, in turn: at most "
        f"{MOST} in a refresh and {PER_SECOND:g} a second; for lists of providers and hypervisors as much "
        "as `inventories` and `hypervisors`, unless these have just read them; while allocations are for no "
        "server of the list, as much for migrations as `migrations`, unless that has just read them, at most "
        f"{PAGES} for older ones, and {2 * CHECKED} for what else these are",
        role="admin",
    )
    async def read(self) -> Allocations:
        """Reads the providers whose turn it is, and compares all that is known with the known servers.

        Raises as Api; LeftOutError also for what Placement.refresh leaves out.
        """
        malformed = await self._placement.refresh(_LISTS_S)
        malformed += await self._turn()
        nodes = await self._hypervisors.nodes(_NODES_S)
        whole_at = self._servers.whole_at
        trees, others = _by_host(self._providers.trees(), nodes)
        unjudged = len({one.host for one in nodes.values() if not one.is_left_over} - trees.keys())
        if whole_at is None or not self._providers.are_roots(nodes):
            return Allocations(None, self._spread(), malformed, unjudged_hosts=unjudged)
        known = self._servers.index.known()
        consumers = {
            host: [one.consumers for one in tree if one.consumers is not None] for host, tree in trees.items()
        }
        whole = {host for host, tree in trees.items() if len(tree) == len(consumers[host])}
        found = await asyncio.to_thread(
            lambda: [*differences(consumers, whole, known), *_without_server(others, known)]
        )
        now = self._clock.monotonic()
        self._since = {one: self._since.get(one, now) for one in found}
        read_at = {
            host: min(map(_read_at, (*trees.get(host, ()), *others.get(host, ()))))
            for host in trees.keys() | others.keys()
        }
        lasting = [
            one for one, since in self._since.items() if min(read_at[one.host], whole_at) - since >= LASTS_S
        ]
        explained = await self._explained(lasting, known)
        return Allocations(explained, self._spread(), malformed, self._consumers.of_others, unjudged)

    async def _explained(self, lasting: Sequence[Found], known: Mapping[str, VM]) -> tuple[Disagreement, ...]:
        """With what consumers that are no servers are; without those of which it is not known, or that are
        right.
        """
        others = await self._consumers.explain([one.consumer_id for one in lasting if one.reason is None])
        explained = []
        for one in sorted(lasting, key=lambda one: (self._since[one], one.consumer_id, one.host)):
            vm_id = one.consumer_id if one.consumer_id in known else ""
            reason = one.reason
            if reason is None:
                reason, vm_id = others.get(one.consumer_id, (None, ""))
            if reason is not None:
                since = self._clock.unix(self._since[one])
                explained.append(Disagreement(reason, one.consumer_id, vm_id, one.host, since))
        return tuple(explained)

    async def _turn(self) -> int:
        """Read a few providers. Returns the number of malformed ones. Raises as Api if none was ever read."""
        malformed, turn = 0, Turn()
        now = self._clock.monotonic()
        room = int(min(MOST, max(1.0, (now - self._last_turn) * PER_SECOND)))
        self._last_turn = now
        for provider in turn.items(self._providers.of_old_allocations(room)):
            provider.tried(Part.ALLOCATIONS, self._clock.monotonic())
            try:
                await self._read(provider)
            except NotThereError:
                self._providers.drop(provider.row.uuid)
            except CollectError as error:
                turn.failed(error)
                malformed += error.reason is Reason.MALFORMED
            except LeftOutError as error:
                turn.failed(error)
            else:
                turn.succeeded()
        if turn.failure is not None and not any(one.consumers is not None for one in self._providers):
            raise turn.failure
        return malformed

    async def _read(self, provider: Provider) -> None:
        path = f"/resource_providers/{provider.row.uuid}/{Part.ALLOCATIONS}"
        read = await self._api.get("placement", path, _Allocations, operation="allocations", version=_VERSION)
        index = self._servers.index
        # The ids of servers that are known already: a second copy of 100,000 would take 9 MB.
        vms = ((one, index.get(one)) for one in read.allocations)
        provider.consumers = frozenset(one if vm is None else vm.vm_id for one, vm in vms)
        provider.was_read(Part.ALLOCATIONS, read.resource_provider_generation, self._clock.monotonic())

    def _spread(self) -> Spread:
        read = [one for one in self._providers if one.consumers is not None]
        oldest = self._clock.unix(min(map(_read_at, read))) if read else None
        return Spread("allocations", sum(1 for _ in self._providers), len(read), oldest, PER_SECOND)


def differences(
    consumers: Mapping[str, Sequence[frozenset[str]]], whole: Iterable[str], known: Mapping[str, VM]
) -> Iterator[Found]:
    """What may be wrong now, of VMs that are in no transition; each once.

    Args:
        consumers: Of the providers of each host, as far as they have been read.
        whole: The hosts of which all have been read.
        known: All VMs, by id.
    """
    for host, of_host in consumers.items():
        for consumer in _union(of_host):
            vm = known.get(consumer)
            if vm is None:
                yield Found(None, consumer, host)
            elif vm.host != host and _is_settled(vm):
                yield Found(DisagreementReason.OTHER_HOST, consumer, host)
    allocated = {host: _union(consumers[host]) for host in whole}
    for vm in known.values():
        of_its_host = allocated.get(vm.host)
        if of_its_host is not None and vm.vm_id not in of_its_host and _is_settled(vm):
            yield Found(DisagreementReason.VM_WITHOUT_ALLOCATION, vm.vm_id, vm.host)


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*sets)


def _is_settled(vm: VM) -> bool:
    """Whether it stays where it is, as far as Nova knows."""
    return not vm.transition and vm.state != UNKNOWN


def _by_host(
    trees: Mapping[str, Sequence[Provider]], nodes: Mapping[str, Node]
) -> tuple[Mapping[str, Sequence[Provider]], Mapping[str, Sequence[Provider]]]:
    """The providers of each host, and those that have been read of no host, by the name of their root.

    These are storage that hosts share, or were left behind: by a compute service that was deleted while it
    had allocations, by a host that was renamed, by a database of Nova that was restored.
    """
    by_host: dict[str, list[Provider]] = {}
    others: dict[str, list[Provider]] = {}
    for root, tree in trees.items():
        if root in nodes and not nodes[root].is_left_over:
            by_host.setdefault(nodes[root].host, []).extend(tree)
        elif read := [one for one in tree if one.consumers is not None]:
            name = next((one.row.name for one in tree if one.row.uuid == root), root)
            others.setdefault(name, []).extend(read)
    return by_host, others


def _without_server(others: Mapping[str, Sequence[Provider]], known: Mapping[str, VM]) -> Iterator[Found]:
    """Consumers of providers of no host that are no servers: a server may use storage that hosts share."""
    for name, tree in others.items():
        for consumer in _union(one.consumers for one in tree if one.consumers is not None):
            if consumer not in known:
                yield Found(None, consumer, name)


def _read_at(provider: Provider) -> float:
    return provider.moments.get(Part.ALLOCATIONS, -math.inf)
