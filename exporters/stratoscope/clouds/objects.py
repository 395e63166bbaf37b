"""Answers of a management layer with single objects, which are off by default; all others are in model.py.

Each sort of objects is one class. Its first field is the object's id. `state` is spelled as the source spells
it; `is_admin_up` is false if the object is administratively down. Numbers are in base units, moments in Unix
seconds. The field `parts` has what one object has several of. All other fields are facts: "" is a text that
the source does not have, None is a claim or a number that it does not report.
"""

import msgspec

from stratoscope.clouds.model import Spread


class Router(msgspec.Struct, frozen=True, gc=False):
    """Attributes: network_id: The external network of its gateway; "" for none."""

    router_id: str
    router_name: str
    project_id: str
    network_id: str
    is_ha: bool | None
    is_distributed: bool | None
    state: str
    is_admin_up: bool | None


class RouterAgent(msgspec.Struct, frozen=True, gc=False):
    """A host whose agent serves a router; a router in high availability has several."""

    router_id: str
    host: str


class PortAddress(msgspec.Struct, frozen=True, gc=False):
    subnet_id: str
    address: str


class Port(msgspec.Struct, frozen=True, gc=False):
    """Attributes: vm_id: The VM of the port; "" for the port of another device."""

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
    """Attributes: network_id: Its external network. fixed_address: The address of its port."""

    floating_ip_id: str
    address: str
    project_id: str
    network_id: str
    router_id: str
    port_id: str
    fixed_address: str
    state: str


class Network(msgspec.Struct, frozen=True, gc=False):
    """Only administrators see the three `provider_...` fields."""

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
    """Attributes: addresses: Number of addresses of its CIDR, usable or not."""

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
    """Attributes: addresses: Number of addresses of all its prefixes."""

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
    """Attributes: backend: Its pool, as model.Backend.name: host@backend#pool."""

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
    """Attributes: size: None until its data are uploaded."""

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
    """Attributes: parent_id: The id of a project or a Keystone domain."""

    project_id: str
    project_name: str
    keystone_domain_id: str
    parent_id: str
    text: str
    state: str
    parts: tuple[Tag, ...]


class VM(msgspec.Struct, frozen=True, gc=False):
    """What it is and has; what it uses, as the management layer measured it last, and maybe not at all.

    Attributes:
        cpus: What it is promised of its host's CPUs, which may be a part of one.
        cpus_in_use, memory_in_use: Of its host, by its process: 1.5 CPUs for example, and bytes.
        network_received ... disk_writes: Bytes, and requests, since it was started.
        measured: When, in Unix seconds of its host's clock.
    """

    vm_id: str
    vm_name: str
    project_id: str
    user_id: str
    host: str
    vcpus: int | None
    cpus: float | None
    memory: int | None
    disks: int | None
    nics: int | None
    created: float | None
    cpus_in_use: float | None = None
    memory_in_use: int | None = None
    network_received: int | None = None
    network_transmitted: int | None = None
    disk_read: int | None = None
    disk_written: int | None = None
    disk_reads: int | None = None
    disk_writes: int | None = None
    measured: float | None = None


class Disk(msgspec.Struct, frozen=True, gc=False):
    """A disk of a VM. Attributes: backend: The pool or datastore of its image, as model.Backend.name."""

    disk_id: str
    vm_id: str
    image_id: str
    backend: str
    size: int | None


class Each(msgspec.Struct, frozen=True, kw_only=True):
    """Objects of one class.

    Attributes:
        kind: The class.
        collector: The question's name.
        beyond: Number of objects beyond the limit, which are not shown.
        is_whole: Whether the objects of all projects are visible, or only those that the credential's project
            may use.
        spread: The progress, if it is read item by item.
    """

    kind: type[msgspec.Struct]
    collector: str
    objects: tuple[msgspec.Struct, ...]
    beyond: int
    is_whole: bool
    malformed: int = 0
    spread: Spread | None = None
