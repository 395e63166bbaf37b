"""Neutron: addresses by subnet. Source: /v2.0/network-ip-availabilities (role admin) and external networks.

Without that role Neutron returns an empty list. Then the credential's own subnets are shown, counted as
Neutron does: the addresses in their allocation pools, and those of ports.
"""

from collections import Counter
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.address_pools import Pool, Pools
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.openstack.client.api import Access, Api
from stratoscope.clouds.openstack.client.by_field import ByField
from stratoscope.clouds.openstack.client.extensions import lacks
from stratoscope.clouds.openstack.client.fields import Amount, Id, IPVersion, Text
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing, Query, fields_of
from stratoscope.core.collector import Every


class _Use(msgspec.Struct, frozen=True, gc=False):
    """Numbers are floats: an IPv6 subnet has 2**64 addresses; None if unknown."""

    subnet_id: Id
    ip_version: IPVersion
    total_ips: Amount | None = None
    used_ips: Amount | None = None
    subnet_name: Text | None = None
    cidr: Text | None = None


class _Availability(msgspec.Struct, frozen=True, gc=False):
    network_id: Id
    subnet_ip_availability: list[msgspec.Raw]
    network_name: Text | None = None
    project_id: Id | None = None


class _Network(msgspec.Struct, frozen=True, gc=False, rename={"is_external": "router:external"}):
    id: Id
    name: Text | None = None
    is_external: bool | None = None


class _Range(msgspec.Struct, frozen=True, gc=False):
    start: Text
    end: Text


class _Subnet(msgspec.Struct, frozen=True, gc=False):
    id: Id
    network_id: Id
    ip_version: IPVersion
    allocation_pools: list[_Range]
    name: Text | None = None
    project_id: Id | None = None
    cidr: Text | None = None


class _Address(msgspec.Struct, frozen=True, gc=False):
    subnet_id: Id


class _Port(msgspec.Struct, frozen=True, gc=False):
    id: Id
    fixed_ips: list[_Address]


_AVAILABILITIES: Final = Listing(
    "network", "/v2.0/network-ip-availabilities", "network_ip_availabilities", _Availability
)
_NETWORKS: Final = Listing("network", "/v2.0/networks", "networks", _Network)
_SUBNETS: Final = Listing("network", "/v2.0/subnets", "subnets", _Subnet)
_PORTS: Final = Listing("network", "/v2.0/ports", "ports", _Port)

_USE: Final = ByField(_Use)


class Addresses(Reader):
    """Neutron's question about addresses."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @question(
        "addresses",
        Every(300, 120, 900),
        cost="2; without the role admin 3 and 1 for each 1,000 of its ports",
        role="admin; any other sees its own project's subnets",
    )
    async def pools(self) -> Pools:
        """One for each subnet."""
        access = await self._api.access()
        try:
            networks, malformed = await self._api.items(_AVAILABILITIES)
        except ForbiddenError:
            return await self._counted(access)
        except NotThereError:
            if await lacks(self._api, "network-ip-availability"):
                return await self._counted(access)
            raise
        if not networks and not malformed and not access.is_admin:
            return await self._counted(access)
        # Their ids; None if they may not be read.
        networks_outside = await self._networks(
            [*WHOLE_PAGE.items(), ("router:external", "true"), ("fields", "id")]
        )
        external = None if networks_outside is None else frozenset(one.id for one in networks_outside)
        pools, partial = [], set()
        for network in networks:
            for raw in network.subnet_ip_availability:
                try:
                    use, wrong = _USE.decode(raw)
                except msgspec.DecodeError:
                    partial.add(network.network_id)
                    malformed += 1
                else:
                    malformed += len(wrong)
                    pools.append(_pool_of(network, use, external))
        return Pools(tuple(pools), malformed, partial)

    async def _networks(self, query: Query) -> Sequence[_Network] | None:
        try:
            networks, _ = await self._api.items(_NETWORKS, query)
        except ForbiddenError:
            return None
        return networks

    async def _counted(self, access: Access) -> Pools:
        """The subnets that the credential sees; for an admin all of the cloud."""
        subnets, malformed = await self._api.items(_SUBNETS, fields_of(_Subnet))
        own = [one for one in subnets if access.is_admin or one.project_id == access.project_id]
        if not own:
            return Pools((), malformed)
        networks = await self._networks(fields_of(_Network))
        by_id = {network.id: network for network in networks or ()}
        used, unread = await self._used()
        # A subnet that makes no sense may be of any network.
        partial = {subnet.network_id for subnet in own} if malformed else set()
        malformed += unread
        pools = []
        for subnet in own:
            try:
                number = None if unread else used[subnet.id]
                pools.append(_pool(subnet, by_id.get(subnet.network_id), number))
            except ValueError:
                partial.add(subnet.network_id)
                malformed += 1
        return Pools(tuple(pools), malformed, partial)

    async def _used(self) -> tuple[Counter[str], int]:
        """Number of addresses of ports, by subnet, and the number of malformed ports: then any subnet may
        have more.
        """
        used, malformed = Counter[str](), 0
        async for page in self._api.pages(_PORTS, fields_of(_Port)):
            used.update(address.subnet_id for port in page.items for address in port.fixed_ips)
            malformed += page.malformed
        return used, malformed


def _pool_of(network: _Availability, use: _Use, external: frozenset[str] | None) -> Pool:
    return Pool(
        network_id=network.network_id,
        network_name=network.network_name or "",
        subnet_id=use.subnet_id,
        subnet_name=use.subnet_name or "",
        project_id=network.project_id or "",
        ip_version=use.ip_version,
        is_external=None if external is None else network.network_id in external,
        total=use.total_ips,
        used=use.used_ips,
        cidr=use.cidr or "",
    )


def _pool(subnet: _Subnet, network: _Network | None, used: int | None) -> Pool:
    """The pool of a subnet. Raises ValueError for an allocation pool that is no range of addresses."""
    return Pool(
        network_id=subnet.network_id,
        network_name=(network and network.name) or "",
        subnet_id=subnet.id,
        subnet_name=subnet.name or "",
        project_id=subnet.project_id or "",
        ip_version=subnet.ip_version,
        is_external=None if network is None else network.is_external,
        total=float(
            sum(int(ip_address(one.end)) - int(ip_address(one.start)) + 1 for one in subnet.allocation_pools)
        ),
        used=None if used is None else float(used),
        cidr=subnet.cidr or "",
    )
