"""What a management layer answers, in one vocabulary for every cloud kind: frozen, in base units.

Each answer of a question (see abilities.py) is one of the classes with `malformed`: how many items of the
source were left out because they made no sense. Objects that are told one by one are in objects.py.
Names and states are spelled as the source spells them. Moments are Unix seconds. "" is a text that the source
does not have; None is a number that it does not have.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Final

import msgspec


class FaultReason(StrEnum):
    """Why a VM is in error: the closed set that every kind's own texts are sorted into."""

    NO_VALID_HOST = "no_valid_host"
    QUOTA = "quota"
    IMAGE = "image"
    NETWORK = "network"
    VOLUME = "volume"
    HYPERVISOR = "hypervisor"
    TIMEOUT = "timeout"
    MESSAGING = "messaging"
    UNKNOWN = "unknown"


class VM(msgspec.Struct, frozen=True, gc=False):
    """One VM.

    Attributes:
        state: As the source spells it (Nova: `status`; OpenNebula: state or LCM state).
        transition: The transient state it is in, as the source spells it, else "": Nova's task state, or
            BUILD without one; OpenNebula's PENDING and LCM transitions.
        changed: When it last changed, while it is built: when it was made. One in a transition waits since
            then.
        flavor: Name of the flavor or template, as it was when the VM was made.
        image: Id; "" where it was booted from a volume.
        host: Where it is; "" while it is nowhere.
        fault: Why it is in error; None when it is not.
        vcpus, memory, disk, addresses: What it was promised, and how many addresses it has, fixed and
            floating; None where that is not told.
    """

    vm_id: str
    name: str
    state: str
    transition: str
    project_id: str
    user_id: str
    flavor: str
    image: str
    host: str
    zone: str
    created: float
    changed: float
    vcpus: int | None
    memory: int | None
    disk: int | None
    addresses: int | None
    fault: FaultReason | None


class Sums(msgspec.Struct, frozen=True, gc=False):
    """What some VMs come to; memory and disk in bytes. None where one of them does not tell."""

    vms: int
    vcpus: int | None
    memory: int | None
    disk: int | None
    addresses: int | None


class VMs(msgspec.Struct, frozen=True):
    """All VMs, and what they come to by each of their properties; made by vm_index.py.

    Attributes:
        vms: By id.
        by_state: How many; 0 for a state that is always told, or that some VM was in.
        by_flavor, by_image, by_host, by_zone: How many; "" stands for those without one.
        by_project, by_user: What they come to, by id.
        by_fault: How many in error, by reason.
        in_transition: How many, and the moment since which the one that waits longest does (VM.changed), by
            transition.
        projects, users: Names by id, as far as they may be read.
        is_whole: Whether all projects' VMs are seen, or only those of the credential's own project.
    """

    vms: Mapping[str, VM]
    by_state: Mapping[str, int]
    by_flavor: Mapping[str, int]
    by_image: Mapping[str, int]
    by_host: Mapping[str, int]
    by_zone: Mapping[str, int]
    by_project: Mapping[str, Sums]
    by_user: Mapping[str, Sums]
    by_fault: Mapping[FaultReason, int]
    in_transition: Mapping[str, tuple[int, float]]
    projects: Mapping[str, str]
    users: Mapping[str, str]
    is_whole: bool
    malformed: int = 0


class Service(msgspec.Struct, frozen=True, gc=False):
    """An agent or a service of the management layer on a host.

    Attributes:
        service: Whose it is, as the catalogue spells its type: `compute`, `network`, `block-storage`.
        binary: As the source spells it: `nova-compute`, `neutron-l3-agent`.
        is_enabled: False is planned: an administrator took it out. None where the source does not tell.
        reason: The reason given for that; "" for none.
        heartbeat: When it last reported; None where the source does not tell.
        is_forced_down: Somebody says that it is down, whatever it reports, so that its VMs may be rebuilt
            elsewhere; None where the source does not tell.
    """

    service: str
    binary: str
    host: str
    zone: str
    is_up: bool
    is_enabled: bool | None
    reason: str
    heartbeat: float | None
    is_forced_down: bool | None = None


class Services(msgspec.Struct, frozen=True):
    services: tuple[Service, ...]
    malformed: int = 0


LATENCY_BOUNDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds of the buckets that the latency of endpoints is sorted into, without infinity."""


class Endpoint(msgspec.Struct, frozen=True, gc=False):
    """One API endpoint, asked for its version document.

    Attributes:
        service: Type in the catalogue.
        is_up: It answered below 500 in time; None where it could not be asked.
        counts: Of all asked so far, how many took at most each of LATENCY_BOUNDS, and all (cumulative).
        seconds: What they took together.
    """

    service: str
    is_up: bool | None
    counts: tuple[int, ...]
    seconds: float


class Endpoints(msgspec.Struct, frozen=True):
    endpoints: tuple[Endpoint, ...]
    malformed: int = 0


class Resource(msgspec.Struct, frozen=True, gc=False):
    """What a host has of one thing: vCPUs, bytes, or pieces.

    Attributes:
        total: Physical; None where that is not known.
        reserved: Of the total, kept for the host itself.
        ratio: How many times what is not reserved may be promised.
        allocated: Promised to VMs.
        allocatable: What may be promised to VMs, as the source counts it; None where it does not.
    """

    total: float | None
    reserved: float | None
    ratio: float | None
    allocated: float | None
    allocatable: float | None = None


class Host(msgspec.Struct, frozen=True):
    """A hypervisor as the management layer sees it.

    Attributes:
        state: As the source spells it, one of `Hosts.states`.
        kind: The hypervisor's kind (`QEMU`); version: as the source spells it.
        vms: How many it runs; tasks: how many VMs it builds, resizes, moves ... None where the source does
            not tell.
        disk_available_least: Bytes that are free even if every image grows to its full size; may be negative.
        resources: By name: `vcpus`, `pcpus` (vCPUs pinned to one), `memory`, `disk`; other classes as the
            source spells them.
    """

    host: str
    zone: str
    state: str
    is_enabled: bool
    reason: str
    kind: str
    version: str
    vms: int | None
    tasks: int | None
    disk_available_least: int | None
    resources: Mapping[str, Resource]


class Hosts(msgspec.Struct, frozen=True):
    """Attributes: states: Every state that a host of this kind can have."""

    hosts: tuple[Host, ...]
    states: tuple[str, ...]
    malformed: int = 0


class Aggregate(msgspec.Struct, frozen=True):
    """Hosts that belong together.

    Attributes:
        zone: The availability zone that it makes; "" for none.
        hosts: None where the source does not tell.
    """

    name: str
    zone: str
    hosts: tuple[str, ...] | None


class Aggregates(msgspec.Struct, frozen=True):
    aggregates: tuple[Aggregate, ...]
    malformed: int = 0


class Spread(msgspec.Struct, frozen=True, gc=False):
    """How far something is that is read item by item over many refreshes.

    Attributes:
        collector: The question's name.
        known: How many items have been read at all, of `items`.
        oldest: When the item was read that was read longest ago; None before any was.
        per_second: At most so many requests are made for it.
    """

    collector: str
    items: int
    known: int
    oldest: float | None
    per_second: float


class Inventories(msgspec.Struct, frozen=True):
    """What hosts have, by host and resource (see Host.resources), where it is read host by host.

    Attributes:
        zones: The zone of each host, as far as it is known.
        by_project: What was promised to a project's VMs, and the physical share of their hosts that stands
            behind it, by project id and resource (`vcpus`, `memory`, `disk`). On a host that promised three
            times what it has, a third of what a VM was promised stands behind it. Without what one of the
            hosts of its VMs does not tell.
    """

    resources: Mapping[str, Mapping[str, Resource]]
    zones: Mapping[str, str]
    spread: Spread
    by_project: Mapping[str, Mapping[str, tuple[float, float]]] = {}
    malformed: int = 0


class Room(msgspec.Struct, frozen=True, gc=False):
    """How many more VMs of a flavor fit into a zone now.

    Attributes:
        vms: So many; not above that where `is_upper_bound`: no API tells what huge pages and NUMA leave.
    """

    flavor: str
    zone: str
    vms: int
    is_upper_bound: bool


class Flavor(msgspec.Struct, frozen=True, gc=False):
    """A flavor or template; memory and disk in bytes."""

    flavor_id: str
    name: str
    vcpus: int
    memory: int
    disk: int
    is_public: bool


class Flavors(msgspec.Struct, frozen=True):
    """Those that the credential may use, or may see."""

    flavors: tuple[Flavor, ...]
    malformed: int = 0


class Capacity(msgspec.Struct, frozen=True):
    """Attributes: largest: The room of the largest flavor that fits, by zone; absent where none fits."""

    room: tuple[Room, ...]
    largest: Mapping[str, Room]
    malformed: int = 0


class Project(msgspec.Struct, frozen=True, gc=False):
    """Attributes: is_enabled: None where the source does not tell."""

    project_id: str
    name: str
    keystone_domain: str
    is_enabled: bool | None


class User(msgspec.Struct, frozen=True, gc=False):
    """Attributes: is_enabled: None where the source does not tell."""

    user_id: str
    name: str
    keystone_domain: str
    is_enabled: bool | None


class Projects(msgspec.Struct, frozen=True):
    """Projects and users.

    Attributes:
        users: Those that own VMs first; None where they may not be read.
        truncated: Whether there are more than the source told, by sort: `projects`, `users`.
    """

    projects: tuple[Project, ...]
    users: tuple[User, ...] | None
    malformed: int = 0
    truncated: Mapping[str, bool] = {}


class Quota(msgspec.Struct, frozen=True, gc=False):
    """A project's quota of one resource.

    Attributes:
        service: `compute`, `network`, `block-storage`.
        resource: As the source spells it: `cores`, `ram`, `floatingip`, `gigabytes`.
        limit: None is unlimited.
        used: None where nothing is used up: what bounds each single thing (`per_volume_gigabytes`).
        in_bytes: The three numbers are bytes, not pieces.
    """

    project_id: str
    service: str
    resource: str
    limit: float | None
    used: float | None
    reserved: float | None
    in_bytes: bool


class Quotas(msgspec.Struct, frozen=True):
    quotas: tuple[Quota, ...]
    spread: Spread
    malformed: int = 0


class Pool(msgspec.Struct, frozen=True, gc=False):
    """Addresses of one subnet of a network.

    Attributes:
        is_external: Its addresses can be floating ones; None where that is not known.
        total, used: None where that is not known.
        cidr: Its prefix; empty where the source does not tell.
    """

    network_id: str
    network_name: str
    subnet_id: str
    subnet_name: str
    project_id: str
    ip_version: int
    is_external: bool | None
    total: float | None
    used: float | None
    cidr: str = ""


class Pools(msgspec.Struct, frozen=True):
    """Attributes: partial: Ids of networks that have more subnets, of which nothing is known."""

    pools: tuple[Pool, ...]
    malformed: int = 0
    partial: AbstractSet[str] = frozenset()


class Count(msgspec.Struct, frozen=True, gc=False):
    """Attributes: size: Bytes of them together; None for what has no size."""

    number: int
    size: int | None = None


class Objects(msgspec.Struct, frozen=True):
    """Objects of one sort, counted.

    Attributes:
        sort: Plural, as the source names them: `volumes`, `ports`, `routers`, `images`, `loadbalancers`.
        by_state: Number and bytes by state, as the source spells it.
        orphans: Those bound to nothing (a port without device, a volume attached nowhere, a floating address
            without port); None for what cannot be an orphan, and where of one of them it is not known.
        by_project: Number and bytes by project id; empty where the source does not tell.
        is_whole: Whether all projects' objects are seen, or only those of the credential's own project.
        admin_down: How many were taken down on purpose, whatever their state (Neutron: admin_state_up false);
            None for what cannot be, and where of one of them it is not known.
    """

    sort: str
    by_state: Mapping[str, Count]
    orphans: Count | None
    by_project: Mapping[str, Count]
    is_whole: bool = True
    malformed: int = 0
    admin_down: int | None = None


class Image(msgspec.Struct, frozen=True, gc=False):
    """Attributes: visibility: As the source spells it: `public`, `community`, `shared`, `private`."""

    image_id: str
    name: str
    project_id: str
    visibility: str


class Images(msgspec.Struct, frozen=True):
    """Images: counted, and each of them.

    Attributes:
        images: As the source orders them, each id once.
    """

    objects: Objects
    images: tuple[Image, ...]

    @property
    def malformed(self) -> int:
        return self.objects.malformed


class Backend(msgspec.Struct, frozen=True, gc=False):
    """A pool of a storage backend; bytes. None is unknown; infinity is what the source calls infinite.

    Attributes:
        ratio: How many times its capacity may be promised.
        of_types: What volume types call its backend; empty where the source does not tell.
        vendor: Who made it; empty where the source does not tell.
    """

    name: str
    total: float | None
    free: float | None
    provisioned: float | None
    allocated: float | None
    ratio: float | None
    of_types: str = ""
    vendor: str = ""


class Backends(msgspec.Struct, frozen=True):
    backends: tuple[Backend, ...]
    malformed: int = 0


class OtherService(msgspec.Struct, frozen=True):
    """A service that is not read in depth: its agents and how many objects it has, by sort and state.

    Attributes:
        are_agents_listed: False where the credential may not list them; None where there is no such list.
    """

    service: str
    agents: tuple[Service, ...]
    objects: tuple[Objects, ...]
    malformed: int = 0
    are_agents_listed: bool | None = None
