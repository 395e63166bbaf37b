"""What a management layer answers of each single object, where that is asked for; the rest is in model.py.

A sort of objects is one class. Its first field is the object's id. `state` is as the source spells it, and
`is_admin_up` whether an administrator wants it to work. A field of numbers is in base units, moments are Unix
seconds. A field of tuples has parts that one object has several of. All else are facts: "" is a text that the
source does not have, None a claim or a number that it does not make.
"""

import msgspec

from stratoscope.clouds.model import Spread


class Router(msgspec.Struct, frozen=True, gc=False):
    """Attributes: network_id: The external network that it leads to; "" for none."""

    router_id: str
    router_name: str
    project_id: str
    network_id: str
    is_ha: bool | None
    is_distributed: bool | None
    state: str
    is_admin_up: bool | None


class RouterAgent(msgspec.Struct, frozen=True, gc=False):
    """That the agent on a host has a router; one in high availability is on several."""

    router_id: str
    host: str


class PortAddress(msgspec.Struct, frozen=True, gc=False):
    subnet_id: str
    address: str


class Port(msgspec.Struct, frozen=True, gc=False):
    """Attributes: vm_id: Of the VM that it is plugged into; "" for another device's."""

    port_id: str
    port_name: str
    project_id: str
    network_id: str
    vm_id: str
    device_owner: str
    device_id: str
    mac: str
    host: str
    vif_type: str
    state: str
    is_admin_up: bool | None
    parts: tuple[PortAddress, ...]


class FloatingIP(msgspec.Struct, frozen=True, gc=False):
    """Attributes: network_id: The external network that it is from. fixed_address: Where it leads."""

    floating_ip_id: str
    address: str
    project_id: str
    network_id: str
    router_id: str
    port_id: str
    fixed_address: str
    state: str


class Network(msgspec.Struct, frozen=True, gc=False):
    """The three of the provider are told to administrators alone."""

    network_id: str
    network_name: str
    project_id: str
    is_shared: bool | None
    is_external: bool | None
    provider_network_type: str
    provider_physical_network: str
    provider_segmentation_id: str
    state: str
    is_admin_up: bool | None
    mtu: int | None


class Nameserver(msgspec.Struct, frozen=True, gc=False):
    address: str


class Subnet(msgspec.Struct, frozen=True, gc=False):
    """Attributes: addresses: Of its CIDR, usable or not."""

    subnet_id: str
    subnet_name: str
    project_id: str
    network_id: str
    subnet_pool_id: str
    ip_version: str
    cidr: str
    gateway: str
    has_dhcp: bool | None
    addresses: float
    parts: tuple[Nameserver, ...]


class Prefix(msgspec.Struct, frozen=True, gc=False):
    cidr: str


class SubnetPool(msgspec.Struct, frozen=True, gc=False):
    """Attributes: addresses: Of its prefixes together."""

    subnet_pool_id: str
    subnet_pool_name: str
    project_id: str
    ip_version: str
    is_shared: bool | None
    default_prefix_length: str
    addresses: float
    parts: tuple[Prefix, ...]


class Attachment(msgspec.Struct, frozen=True, gc=False):
    vm_id: str
    host: str
    device: str


class Volume(msgspec.Struct, frozen=True, gc=False):
    """Attributes: backend: The pool that it is in: host@backend#pool, as model.Backend.name."""

    volume_id: str
    volume_name: str
    project_id: str
    user_id: str
    zone: str
    backend: str
    volume_type: str
    is_bootable: bool | None
    is_encrypted: bool | None
    is_multiattach: bool | None
    state: str
    size: int | None
    created: float | None
    parts: tuple[Attachment, ...]


class Image(msgspec.Struct, frozen=True, gc=False):
    """Attributes: size: None until there are data."""

    image_id: str
    image_name: str
    project_id: str
    visibility: str
    is_hidden: bool | None
    is_protected: bool | None
    disk_format: str
    container_format: str
    state: str
    size: int | None
    created: float | None


class KeystoneDomain(msgspec.Struct, frozen=True, gc=False):
    keystone_domain_id: str
    keystone_domain: str
    text: str
    state: str


class Tag(msgspec.Struct, frozen=True, gc=False):
    tag: str


class Project(msgspec.Struct, frozen=True, gc=False):
    """Attributes: parent_id: A project or a domain."""

    project_id: str
    project_name: str
    keystone_domain_id: str
    parent_id: str
    text: str
    state: str
    parts: tuple[Tag, ...]


class Each(msgspec.Struct, frozen=True):
    """Objects of one class, each of them.

    Attributes:
        kind: The class.
        collector: The question's name.
        beyond: How many more there are than are told.
        is_whole: Whether all projects' objects are seen, or only what the credential's own project may use.
        spread: How far it is, where it is read item by item.
    """

    kind: type[msgspec.Struct]
    collector: str
    objects: tuple[msgspec.Struct, ...]
    beyond: int
    is_whole: bool
    malformed: int = 0
    spread: Spread | None = None
