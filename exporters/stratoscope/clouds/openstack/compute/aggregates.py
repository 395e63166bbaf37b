"""Host aggregates. Source: Nova's GET /os-aggregates; role admin."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from stratoscope.clouds import model
from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Text
from stratoscope.clouds.openstack.client.listing import Listing
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.collector import Every

Metadata: TypeAlias = Mapping[str, frozenset[str]]
"""The metadata of all aggregates of a host, by key."""


class Aggregate(msgspec.Struct, frozen=True, gc=False):
    """One of `aggregates`.

    Attributes:
        availability_zone: The zone that it defines; None for none.
        hosts, metadata: None if malformed: then they are unknown.
    """

    name: Text
    availability_zone: Text | None = None
    hosts: list[Text] | None = None
    metadata: dict[Text, Text | None] | None = None


_AGGREGATES: Final = Listing("compute", "/os-aggregates", "aggregates", Aggregate, version="2.96")


class Aggregates(Reader):
    """The aggregates of one cloud, read once for all callers."""

    def __init__(self, api: Api, clock: Clock = CLOCK) -> None:
        self._list = TTLCache(lambda: api.items(_AGGREGATES), clock)

    @question("aggregates", Every(60, 30, 180), cost="1", role="admin")
    async def read(self) -> model.Aggregates:
        """The current aggregates. Raises as Api."""
        aggregates, malformed = await self._list.anew()
        return model.Aggregates(tuple(map(_aggregate, aggregates)), malformed)

    async def listed(self, max_age_s: float) -> tuple[Sequence[Aggregate], int]:
        """The aggregates, not older than that, and the number of malformed ones. Raises as Api."""
        return await self._list.not_older_than(max_age_s)


def _aggregate(one: Aggregate) -> model.Aggregate:
    hosts = None if one.hosts is None else tuple(dict.fromkeys(one.hosts))
    return model.Aggregate(one.name, one.availability_zone or "", hosts)


def by_host(aggregates: Iterable[Aggregate]) -> Mapping[str, Metadata]:
    """The metadata of the aggregates of each host; for Nova's filters a value with commas is several
    values.
    """
    found: dict[str, dict[str, frozenset[str]]] = {}
    for aggregate in aggregates:
        for host in aggregate.hosts or ():
            of_host = found.setdefault(host, {})
            for key, value in (aggregate.metadata or {}).items():
                values = frozenset(one.strip() for one in (value or "").split(","))
                of_host[key] = of_host.get(key, frozenset()) | values
    return found
