"""Virtual networks, their address ranges and leases: `vnpool.info`.

The pool has the number of leases by network, and which addresses of a range are taken in ALLOCATED.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.address_pools import Pool
from stratoscope.clouds.address_pools import Pools as Answer
from stratoscope.clouds.opennebula.client.access import Access, checked
from stratoscope.clouds.opennebula.client.items import Element, amount, fields, number, sensible
from stratoscope.clouds.opennebula.client.pools import Pools
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.collector import Every

_VERSIONS: Final = {"IP4": 4, "IP4_6": 4, "IP4_6_STATIC": 4, "IP6": 6, "IP6_STATIC": 6, "ETHER": 0}
"""By type. One lease of a range with both versions has an address of each: it is counted once, as IPv4."""
_ONEADMIN: Final = "0"
"""The group of who runs the cloud: its networks serve all, those of other groups are their own matter."""
_PER_LEASE: Final = 2
"""Words in ALLOCATED for each lease: the place of the address in its range, and who has it."""


class Range(msgspec.Struct, frozen=True):
    """An address range. Attributes: used: None if what the pool tells of ranges and network differs."""

    range_id: str
    ip_version: int
    size: int
    used: int | None


class Network(msgspec.Struct, frozen=True):
    network_id: str
    name: str
    project_id: str
    ranges: tuple[Range, ...]


class Networks(Reader):
    """The virtual networks of one zone."""

    def __init__(self, pools: Pools, access: TTLCache[Access]) -> None:
        self._pools, self._access = pools, access

    @question(
        "networks",
        Every(120, 60, 360),
        cost="1 for each 2,000 networks",
        role="group oneadmin, or NET/* USE; any other sees what it may use",
    )
    async def read(self) -> Answer:
        """Raises as Pools, and LeftOutError."""
        found, malformed = await self._pools.paged("vnpool.info", "VNET", network)
        access = await checked(self._access, "NET", found, malformed, "vnpool.info")
        pools = tuple(pool for one in found for pool in _pools(one))
        return Answer(
            pools, malformed, is_whole=access.sees_all("NET") and not self._pools.is_cut("vnpool.info")
        )


def network(element: Element) -> Network:
    """A network of the pool. Raises ValueError, KeyError if it makes no sense."""
    found = fields(element)
    ranges = tuple(_range(fields(one)) for one in element.iterfind("AR_POOL/AR"))
    used = sensible(found, "USED_LEASES")
    if len(ranges) == 1:
        ranges = (msgspec.structs.replace(ranges[0], used=used),)
    elif used != sum(one.used or 0 for one in ranges):
        ranges = tuple(msgspec.structs.replace(one, used=None) for one in ranges)
    return Network(
        network_id=number(found["ID"]), name=found["NAME"], project_id=number(found["GID"]), ranges=ranges
    )


def _range(found: Mapping[str, str]) -> Range:
    leases, odd = divmod(len(found.get("ALLOCATED", "").split()), _PER_LEASE)
    if odd:
        raise ValueError("ALLOCATED: no pairs")
    return Range(number(found["AR_ID"]), _VERSIONS[found["TYPE"]], amount(found, "SIZE"), leases)


def _pools(one: Network) -> list[Pool]:
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
        for part in one.ranges
    ]
