"""Neutron's objects one by one. Source: /v2.0/routers, ports, floatingips, networks, subnets, subnetpools.

Only administrators see the host of a port, whether a router is `ha` or `distributed`, and the provider's
fields of a network.
"""

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_network
from typing import Any, Final

import msgspec

from stratoscope.clouds import objects
from stratoscope.clouds.openstack.client.fields import Id, IPVersion, Text
from stratoscope.clouds.openstack.client.listing import Listing, fields_of
from stratoscope.clouds.openstack.each.object_list import Fields, ObjectList, nobody, parts

_OF_A_VM: Final = "compute:"
"""The prefix of the owner of a VM's port; its zone follows."""


class _Gateway(msgspec.Struct, frozen=True, gc=False):
    network_id: Id | None = None


_ROUTER: Final = Fields(
    kind=objects.Router,
    names={"is_ha": "ha", "is_distributed": "distributed", "gateway": "external_gateway_info"},
    types={"gateway": _Gateway},
    made={"network_id": lambda row: row.gateway and row.gateway.network_id},
)


class _Address(msgspec.Struct, frozen=True, gc=False):
    subnet_id: Id
    ip_address: Text

    def shown(self) -> objects.PortAddress:
        return objects.PortAddress(self.subnet_id, self.ip_address)


_PORT: Final = Fields(
    kind=objects.Port,
    names={"mac": "mac_address", "host": "binding:host_id", "vif_type": "binding:vif_type"},
    needed=("network_id",),
    types={"fixed_ips": list[_Address]},
    made={
        "vm_id": lambda row: row.device_id if (row.device_owner or "").startswith(_OF_A_VM) else None,
        "parts": lambda row: parts(row.fixed_ips, _Address.shown, objects.PortAddress("", "")),
    },
)
_FLOATING_IP: Final = Fields(
    kind=objects.FloatingIP,
    names={
        "address": "floating_ip_address",
        "network_id": "floating_network_id",
        "fixed_address": "fixed_ip_address",
    },
    needed=("address", "network_id"),
)
_NETWORK: Final = Fields(
    kind=objects.Network,
    names={
        "is_shared": "shared",
        "is_external": "router:external",
        "provider_network_type": "provider:network_type",
        "provider_physical_network": "provider:physical_network",
        "provider_segmentation_id": "provider:segmentation_id",
    },
    types={"provider_segmentation_id": int | Id},
)
_SUBNET: Final = Fields(
    kind=objects.Subnet,
    names={"subnet_pool_id": "subnetpool_id", "gateway": "gateway_ip", "has_dhcp": "enable_dhcp"},
    needed=("network_id", "ip_version", "cidr"),
    types={"ip_version": IPVersion, "dns_nameservers": list[Text]},
    made={
        "addresses": lambda row: _addresses([row.cidr]),
        "parts": lambda row: parts(row.dns_nameservers, objects.Nameserver, objects.Nameserver("")),
    },
)
_SUBNET_POOL: Final = Fields(
    kind=objects.SubnetPool,
    names={"is_shared": "shared", "default_prefix_length": "default_prefixlen"},
    needed=("ip_version", "prefixes"),
    # The length is a number, as text in releases before Newton.
    types={"ip_version": IPVersion, "prefixes": list[Text], "default_prefix_length": int | Text},
    made={
        "addresses": lambda row: _addresses(row.prefixes),
        "parts": lambda row: tuple(map(objects.Prefix, row.prefixes)),
    },
)


def _addresses(prefixes: Iterable[str]) -> float:
    """The number of their addresses. Raises ValueError if one is no prefix."""
    return float(sum(ip_network(one, strict=False).num_addresses for one in prefixes))


def _list(
    key: str, fields: Fields, hidden_owner: Callable[[Any], str | None] = nobody, **more: Any
) -> ObjectList:
    """Args: more: As of ObjectList."""
    listing = Listing("network", f"/v2.0/{key}", key, fields.row())
    return ObjectList(fields, listing, hidden_owner, queries=(fields_of(listing.kind),), **more)


LISTS: Final[Sequence[ObjectList]] = (
    _list("routers", _ROUTER, lambda row: row.project_id, extension="router"),
    # The owner of a network sees others' ports on it, but not where they are.
    _list("ports", _PORT, lambda row: None if row.host is None else row.project_id),
    _list(
        *("floatingips", _FLOATING_IP, lambda row: row.project_id),
        extension="router",
        cost="1 for each 1,000 addresses",
    ),
    _list("networks", _NETWORK, lambda row: None if row.is_shared or row.is_external else row.project_id),
    _list("subnets", _SUBNET),
    _list("subnetpools", _SUBNET_POOL, extension="subnet_allocation"),
)
