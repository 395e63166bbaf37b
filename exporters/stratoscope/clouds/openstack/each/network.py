"""Neutron's objects one by one. Source: /v2.0/routers, ports, floatingips, networks, subnets, subnetpools."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Any, Final, TypeVar

import msgspec

from stratoscope.clouds import objects
from stratoscope.clouds.openstack.client.fields import Id, IPVersion, Number, Text
from stratoscope.clouds.openstack.client.listing import Listing
from stratoscope.clouds.openstack.each.object_list import ObjectList, fields_of, parts

Row = TypeVar("Row")

_OF_A_VM: Final = "compute:"
"""What the owner of a VM's port begins with; its zone follows."""


class _Gateway(msgspec.Struct, frozen=True, gc=False):
    network_id: Id | None = None


class _Router(msgspec.Struct, frozen=True, gc=False):
    """`ha` and `distributed` are told to administrators alone."""

    id: Id
    status: Text = ""
    name: Text | None = None
    project_id: Id | None = None
    admin_state_up: bool | None = None
    external_gateway_info: _Gateway | None = None
    ha: bool | None = None
    distributed: bool | None = None


def _router(row: _Router) -> objects.Router:
    gateway = row.external_gateway_info
    return objects.Router(
        row.id,
        row.name or "",
        row.project_id or "",
        (gateway and gateway.network_id) or "",
        row.ha,
        row.distributed,
        row.status,
        row.admin_state_up,
    )


class _Address(msgspec.Struct, frozen=True, gc=False):
    subnet_id: Id
    ip_address: Text


class _Port(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"host": "binding:host_id", "vif_type": "binding:vif_type"},
):
    """Where it is bound is told to administrators alone."""

    id: Id
    network_id: Id
    status: Text = ""
    name: Text | None = None
    project_id: Id | None = None
    admin_state_up: bool | None = None
    device_owner: Text | None = None
    device_id: Id | None = None
    mac_address: Text | None = None
    fixed_ips: list[_Address] | None = None
    host: Text | None = None
    vif_type: Text | None = None


def _port(row: _Port) -> objects.Port:
    owner, device_id = row.device_owner or "", row.device_id or ""
    return objects.Port(
        row.id,
        row.name or "",
        row.project_id or "",
        row.network_id,
        device_id if owner.startswith(_OF_A_VM) else "",
        owner,
        device_id,
        row.mac_address or "",
        row.host or "",
        row.vif_type or "",
        row.status,
        row.admin_state_up,
        parts(
            row.fixed_ips,
            lambda one: objects.PortAddress(one.subnet_id, one.ip_address),
            objects.PortAddress("", ""),
        ),
    )


class _FloatingIP(msgspec.Struct, frozen=True, gc=False):
    id: Id
    floating_ip_address: Text
    floating_network_id: Id
    status: Text = ""
    project_id: Id | None = None
    router_id: Id | None = None
    port_id: Id | None = None
    fixed_ip_address: Text | None = None


def _floating_ip(row: _FloatingIP) -> objects.FloatingIP:
    return objects.FloatingIP(
        row.id,
        row.floating_ip_address,
        row.project_id or "",
        row.floating_network_id,
        row.router_id or "",
        row.port_id or "",
        row.fixed_ip_address or "",
        row.status,
    )


class _Network(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "external": "router:external",
        "kind": "provider:network_type",
        "physical": "provider:physical_network",
        "segment": "provider:segmentation_id",
    },
):
    id: Id
    status: Text = ""
    name: Text | None = None
    project_id: Id | None = None
    admin_state_up: bool | None = None
    shared: bool | None = None
    external: bool | None = None
    kind: Text | None = None
    physical: Text | None = None
    segment: int | Text | None = None
    mtu: Number | None = None


def _network(row: _Network) -> objects.Network:
    return objects.Network(
        row.id,
        row.name or "",
        row.project_id or "",
        row.shared,
        row.external,
        row.kind or "",
        row.physical or "",
        "" if row.segment is None else str(row.segment),
        row.status,
        row.admin_state_up,
        row.mtu,
    )


class _Subnet(msgspec.Struct, frozen=True, gc=False):
    id: Id
    network_id: Id
    ip_version: IPVersion
    cidr: Text
    name: Text | None = None
    project_id: Id | None = None
    subnetpool_id: Id | None = None
    gateway_ip: Text | None = None
    enable_dhcp: bool | None = None
    dns_nameservers: list[Text] | None = None


def _subnet(row: _Subnet) -> objects.Subnet:
    return objects.Subnet(
        row.id,
        row.name or "",
        row.project_id or "",
        row.network_id,
        row.subnetpool_id or "",
        str(row.ip_version),
        row.cidr,
        row.gateway_ip or "",
        row.enable_dhcp,
        _addresses([row.cidr]),
        parts(row.dns_nameservers, objects.Nameserver, objects.Nameserver("")),
    )


class _SubnetPool(msgspec.Struct, frozen=True, gc=False):
    """Attributes: default_prefixlen: A number, as text in releases before Newton."""

    id: Id
    ip_version: IPVersion
    prefixes: list[Text]
    name: Text | None = None
    project_id: Id | None = None
    shared: bool | None = None
    default_prefixlen: int | Text | None = None


def _subnet_pool(row: _SubnetPool) -> objects.SubnetPool:
    length = row.default_prefixlen
    return objects.SubnetPool(
        row.id,
        row.name or "",
        row.project_id or "",
        str(row.ip_version),
        row.shared,
        "" if length is None else str(length),
        _addresses(row.prefixes),
        tuple(objects.Prefix(one) for one in row.prefixes),
    )


def _addresses(prefixes: Iterable[str]) -> float:
    """How many they have together. Raises ValueError for what is no prefix."""
    return float(sum(ip_network(one, strict=False).num_addresses for one in prefixes))


def _listing(key: str, row: type[Row]) -> Listing[Row]:
    return Listing("network", f"/v2.0/{key}", key, row)


LISTS: Final[Sequence[ObjectList[Any]]] = (
    ObjectList(
        "each_router",
        objects.Router,
        _listing("routers", _Router),
        _router,
        cost="1 for each 1,000 routers",
        hidden_owner=lambda row: row.project_id,
        queries=(fields_of(_Router),),
        extension="router",
    ),
    ObjectList(
        "each_port",
        objects.Port,
        _listing("ports", _Port),
        _port,
        cost="1 for each 1,000 ports",
        # The owner of a network sees others' ports on it, but not where they are.
        hidden_owner=lambda row: None if row.host is None else row.project_id,
        queries=(fields_of(_Port),),
    ),
    ObjectList(
        "each_floating_ip",
        objects.FloatingIP,
        _listing("floatingips", _FloatingIP),
        _floating_ip,
        cost="1 for each 1,000 addresses",
        hidden_owner=lambda row: row.project_id,
        queries=(fields_of(_FloatingIP),),
        extension="router",
    ),
    ObjectList(
        "each_network",
        objects.Network,
        _listing("networks", _Network),
        _network,
        cost="1 for each 1,000 networks",
        hidden_owner=lambda row: None if row.shared or row.external else row.project_id,
        queries=(fields_of(_Network),),
    ),
    ObjectList(
        "each_subnet",
        objects.Subnet,
        _listing("subnets", _Subnet),
        _subnet,
        cost="1 for each 1,000 subnets",
        queries=(fields_of(_Subnet),),
    ),
    ObjectList(
        "each_subnet_pool",
        objects.SubnetPool,
        _listing("subnetpools", _SubnetPool),
        _subnet_pool,
        cost="1 for each 1,000 subnet pools",
        queries=(fields_of(_SubnetPool),),
        extension="subnet_allocation",
    ),
)
