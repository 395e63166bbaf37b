"""Virtual networks, their address ranges and leases: `vnpool.info`, with several ranges also `vn.info`."""

from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.model import Pool
from stratoscope.clouds.model import Pools as Answer
from stratoscope.clouds.opennebula.client.access import Access, kept
from stratoscope.clouds.opennebula.client.items import Element, amount, fields, sensible
from stratoscope.clouds.opennebula.client.oned import Oned
from stratoscope.clouds.opennebula.client.pools import Pools
from stratoscope.clouds.round_robin import RoundRobin
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.collector import Every
from stratoscope.core.errors import CollectError, Reason

_VERSIONS: Final = {"IP4": 4, "IP4_6": 4, "IP4_6_STATIC": 4, "IP6": 6, "IP6_STATIC": 6, "ETHER": 0}
"""By type. One lease of a range with both versions has an address of each: it is counted once, as IPv4."""
_ONEADMIN: Final = "0"
"""The group of who runs the cloud: its networks serve all, those of other groups are their own matter."""
_MOST: Final = 20
"""Networks whose ranges are read in one refresh."""
_PER_SECOND: Final = 0.1


class Range(msgspec.Struct, frozen=True):
    """An address range. Attributes: used: None if the pool does not tell it."""

    range_id: str
    ip_version: int
    size: int
    used: int | None


class Network(msgspec.Struct, frozen=True):
    network_id: str
    name: str
    project_id: str
    used: int | None
    ranges: tuple[Range, ...]


class Networks(Reader):
    """The virtual networks of one zone."""

    def __init__(self, oned: Oned, pools: Pools, access: TTLCache[Access]) -> None:
        self._pools, self._access = pools, access
        self._ranges: RoundRobin[tuple[Range, ...]] = RoundRobin(
            "networks", per_second=_PER_SECOND, most=_MOST, clock=oned.budget.clock
        )

    @question(
        "networks",
        Every(120, 60, 360),
        cost=f"1 for each 2,000 networks, 1 for each with several address ranges in turn, at most {_MOST}",
        role="group oneadmin, or NET/* USE; any other sees what it may use",
    )
    async def read(self) -> Answer:
        """Raises as Pools, and LeftOutError."""
        found, malformed = await self._pools.paged("vnpool.info", "VNET", network)
        if not malformed:
            (await kept(self._access)).check("NET", found, "oned: vnpool.info")
        several = [one.network_id for one in found if len(one.ranges) > 1]
        if several:
            await self._ranges.turn(several, self._ranges_of)
        ranges = self._ranges.values()
        pools = [pool for one in found for pool in _pools(one, ranges.get(one.network_id, one.ranges))]
        return Answer(tuple(pools), malformed)

    async def _ranges_of(self, network_id: str) -> tuple[Range, ...]:
        try:
            return network(await self._pools.one("vn.info", int(network_id))).ranges
        except (ValueError, KeyError) as error:
            raise CollectError(Reason.MALFORMED, f"oned: vn.info: {error}") from error


def network(element: Element) -> Network:
    """A network of the pool, or of `vn.info`. Raises ValueError, KeyError if it makes no sense."""
    found = fields(element)
    ranges = [fields(one) for one in element.iterfind("AR_POOL/AR")]
    used = sensible(found, "USED_LEASES")
    return Network(
        network_id=str(int(found["ID"])),
        name=found["NAME"],
        project_id=str(int(found["GID"])),
        used=used,
        ranges=tuple(_range(one, used if len(ranges) == 1 else None) for one in ranges),
    )


def _range(found: dict[str, str], used: int | None) -> Range:
    """Args: used: The network's leases, if it has no other range."""
    told = sensible(found, "USED_LEASES") if "USED_LEASES" in found else used
    return Range(str(int(found["AR_ID"])), _VERSIONS[found["TYPE"]], amount(found, "SIZE"), told)


def _pools(one: Network, ranges: tuple[Range, ...]) -> list[Pool]:
    """A pool for each address range: its id is that of the network and its own."""
    return [
        Pool(
            network_id=one.network_id,
            network_name=one.name,
            subnet_id=f"{one.network_id}/{part.range_id}",
            subnet_name=f"{one.name}/{part.range_id}",
            project_id=one.project_id,
            ip_version=part.ip_version,
            is_external=one.project_id == _ONEADMIN,
            total=part.size,
            used=part.used,
        )
        for part in ranges
    ]
