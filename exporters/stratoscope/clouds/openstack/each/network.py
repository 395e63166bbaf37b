"""Neutron's objects one by one. Source: /v2.0/routers, ports, floatingips, networks, subnets, subnetpools."""

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_network
from typing import Any, Final

import msgspec

from stratoscope.clouds import objects
from stratoscope.clouds.openstack.client.fields import Id, IPVersion, Number, Text
from stratoscope.clouds.openstack.client.listing import Listing, fields_of
from stratoscope.clouds.openstack.each.object_list import ObjectList, ObjectRow, Row, named, nobody, parts

_OF_A_VM: Final = "compute:"
"""What the owner of a VM's port begins with; its zone follows."""


class _Gateway(msgspec.Struct, frozen=True, gc=False):
    network_id: Id | None = None


class _Router(
    ObjectRow,
    rename=named("router", is_ha="ha", is_distributed="distributed", gateway="external_gateway_info"),
):
    """`ha` and `distributed` are shown to administrators alone."""

    router_id: Id
    state: Text = ""
    router_name: Text | None = None
    project_id: Id | None = None
    is_admin_up: bool | None = None
    gateway: _Gateway | None = None
    is_ha: bool | None = None
    is_distributed: bool | None = None

    @property
    def network_id(self) -> str | None:
        return self.gateway and self.gateway.network_id


class _Address(msgspec.Struct, frozen=True, gc=False):
    subnet_id: Id
    ip_address: Text


class _Port(
    ObjectRow,
    rename=named("port", mac="mac_address", host="binding:host_id", vif_type="binding:vif_type"),
):
    """Where it is bound is shown to administrators alone."""

    port_id: Id
    network_id: Id
    state: Text = ""
    port_name: Text | None = None
    project_id: Id | None = None
    is_admin_up: bool | None = None
    device_owner: Text | None = None
    device_id: Id | None = None
    mac: Text | None = None
    fixed_ips: list[_Address] | None = None
    host: Text | None = None
    vif_type: Text | None = None

    @property
    def vm_id(self) -> str | None:
        return self.device_id if (self.device_owner or "").startswith(_OF_A_VM) else None

    @property
    def parts(self) -> tuple[objects.PortAddress, ...]:
        return parts(
            self.fixed_ips,
            lambda one: objects.PortAddress(one.subnet_id, one.ip_address),
            objects.PortAddress("", ""),
        )


class _FloatingIP(
    ObjectRow,
    rename=named(
        "floating_ip",
        address="floating_ip_address",
        network_id="floating_network_id",
        fixed_address="fixed_ip_address",
    ),
):
    floating_ip_id: Id
    address: Text
    network_id: Id
    state: Text = ""
    project_id: Id | None = None
    router_id: Id | None = None
    port_id: Id | None = None
    fixed_address: Text | None = None


class _Network(
    ObjectRow,
    rename=named(
        "network",
        is_shared="shared",
        is_external="router:external",
        provider_network_type="provider:network_type",
        provider_physical_network="provider:physical_network",
        provider_segmentation_id="provider:segmentation_id",
    ),
):
    network_id: Id
    state: Text = ""
    network_name: Text | None = None
    project_id: Id | None = None
    is_admin_up: bool | None = None
    is_shared: bool | None = None
    is_external: bool | None = None
    provider_network_type: Text | None = None
    provider_physical_network: Text | None = None
    provider_segmentation_id: int | Id | None = None
    mtu: Number | None = None


class _Subnet(
    ObjectRow,
    rename=named("subnet", subnet_pool_id="subnetpool_id", gateway="gateway_ip", has_dhcp="enable_dhcp"),
):
    subnet_id: Id
    network_id: Id
    ip_version: IPVersion
    cidr: Text
    subnet_name: Text | None = None
    project_id: Id | None = None
    subnet_pool_id: Id | None = None
    gateway: Text | None = None
    has_dhcp: bool | None = None
    dns_nameservers: list[Text] | None = None

    @property
    def addresses(self) -> float:
        return _addresses([self.cidr])

    @property
    def parts(self) -> tuple[objects.Nameserver, ...]:
        return parts(self.dns_nameservers, objects.Nameserver, objects.Nameserver(""))


class _SubnetPool(
    ObjectRow,
    rename=named("subnet_pool", is_shared="shared", default_prefix_length="default_prefixlen"),
):
    """Attributes: default_prefix_length: A number, as text in releases before Newton."""

    subnet_pool_id: Id
    ip_version: IPVersion
    prefixes: list[Text]
    subnet_pool_name: Text | None = None
    project_id: Id | None = None
    is_shared: bool | None = None
    default_prefix_length: int | Text | None = None

    @property
    def addresses(self) -> float:
        return _addresses(self.prefixes)

    @property
    def parts(self) -> tuple[objects.Prefix, ...]:
        return tuple(map(objects.Prefix, self.prefixes))


def _addresses(prefixes: Iterable[str]) -> float:
    """How many they have together. Raises ValueError for what is no prefix."""
    return float(sum(ip_network(one, strict=False).num_addresses for one in prefixes))


def _list(
    kind: type[msgspec.Struct],
    key: str,
    row: type[Row],
    hidden_owner: Callable[[Row], str | None] = nobody,
    extension: str = "",
) -> ObjectList[Row]:
    return ObjectList(
        kind,
        Listing("network", f"/v2.0/{key}", key, row),
        hidden_owner,
        extension=extension,
        queries=(fields_of(row),),
    )


LISTS: Final[Sequence[ObjectList[Any]]] = (
    _list(objects.Router, "routers", _Router, lambda row: row.project_id, "router"),
    # The owner of a network sees others' ports on it, but not where they are.
    _list(objects.Port, "ports", _Port, lambda row: None if row.host is None else row.project_id),
    _list(objects.FloatingIP, "floatingips", _FloatingIP, lambda row: row.project_id, "router"),
    _list(
        objects.Network,
        "networks",
        _Network,
        lambda row: None if row.is_shared or row.is_external else row.project_id,
    ),
    _list(objects.Subnet, "subnets", _Subnet),
    _list(objects.SubnetPool, "subnetpools", _SubnetPool, extension="subnet_allocation"),
)
