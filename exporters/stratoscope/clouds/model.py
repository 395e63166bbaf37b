"""Answers of a management layer, in one vocabulary for all cloud kinds: frozen, in base units.

The answer to a question (see abilities.py) has `malformed`: how many items of the source were left out since
they are malformed. Those of other subjects are in modules beside this one: owners, flavors, address_pools,
migrations, disagreements, usage, objects. Names and states are as the source spells them, moments are Unix
seconds. "" is a text that the source lacks, None a number that it lacks or does not report.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from stratoscope.clouds.condition import Condition, FaultReason
from stratoscope.clouds.orphans import Orphans
from stratoscope.clouds.resources import Listed


class VM(msgspec.Struct, frozen=True, gc=False):
    """One VM.

    Attributes:
        state: As the source spells it (Nova: `status`; OpenNebula: state or LCM state).
        transition: Its transient state, else "": Nova's task state or BUILD; OpenNebula's PENDING and others.
        changed: When it last changed, or its transition began; while it is being built, when it was created.
        flavor: Name of the flavor or template at the time of creation.
        image: Id; "" if it was booted from a volume.
        host: The host that it is on; "" while it is on none.
        fault: Why it is in error; None if it is not.
        vcpus, memory, disk: Its allocation; None if unknown.
        addresses: Number of its addresses, fixed and floating; None if unknown.
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
    """Totals of some VMs; memory and disk in bytes. None if the value of one of them is unknown."""

    vms: int
    vcpus: int | None
    memory: int | None
    disk: int | None
    addresses: int | None


class VMs(msgspec.Struct, frozen=True):
    """All VMs, and totals by each of their properties; made by vm_index.py.

    Attributes:
        vms: By id.
        by_state: Number of VMs; 0 for a state that is always reported, or that a VM was in before.
        by_condition: Number of VMs by zone and condition; absent without any.
        by_flavor, by_image, by_host, by_zone: Number of VMs; "" stands for those without one.
        by_project, by_user: Totals, by id.
        by_fault: Number of VMs in error, by reason.
        conditions: What each of these states means for a VM in no transition.
        in_transition: Number of VMs, and their earliest VM.changed, by transition.
        projects, users: Names by id, as far as the credential may read them.
        is_whole: Whether the VMs of all projects are visible, or only those of the credential's project.
        is_complete: As Listed.is_complete.
        as_of: When the last list began, if events have spared a newer one; Unix seconds.
        ended: Ids of VMs whose end an event has reported, and no list yet.
    """

    vms: Mapping[str, VM]
    by_state: Mapping[str, int]
    by_condition: Mapping[tuple[str, Condition], int]
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
    is_complete: bool = True
    conditions: Mapping[str, Condition] = {}
    as_of: float | None = None
    ended: AbstractSet[str] = frozenset()


class Service(msgspec.Struct, frozen=True, gc=False):
    """An agent or a service of the management layer on a host.

    Attributes:
        service: As the catalogue spells the type: `compute`. binary: As the source: `nova-compute`.
        is_enabled: False is planned: an administrator disabled it. None if the source does not report it.
        reason: The reason for disabling it; "" for none.
        heartbeat: When it last reported; None if the source does not report it.
        is_forced_down: Somebody marked it as down, whatever it reports; None if the source does not say.
        runs_vms: VMs run on its host: Nova's nova-compute.
        is_disabled_by_source: The source itself disabled it after failures, nobody planned it.
        vms_left: VMs that may go on although it is down and disabled; None if the source does not tell.
        is_leader: Whether it leads the servers of its group; None for one that has no group.
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
    runs_vms: bool = False
    is_disabled_by_source: bool = False
    vms_left: int | None = None
    is_leader: bool | None = None


class Services(msgspec.Struct, frozen=True):
    """Attributes: is_whole: Whether all are visible, or only those that the credential may use."""

    services: tuple[Service, ...]
    malformed: int = 0
    is_whole: bool = True


class HostServices(Services, frozen=True):
    """Those among which are the services that run VMs: which hosts there are, and which are disabled."""


LATENCY_BOUNDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets of the latency of endpoints, in seconds, without infinity."""


class Endpoint(msgspec.Struct, frozen=True, gc=False):
    """One API endpoint, whose version document is requested.

    Attributes:
        service: Type in the catalogue.
        is_up: It answered in time itself, with a status below 500; None if no request could be sent.
        counts: Requests so far that took at most each of LATENCY_BOUNDS, then all (cumulative).
        seconds: The sum of their durations.
    """

    service: str
    is_up: bool | None
    counts: tuple[int, ...]
    seconds: float


class Endpoints(msgspec.Struct, frozen=True):
    endpoints: tuple[Endpoint, ...]
    malformed: int = 0


class Resource(msgspec.Struct, frozen=True, gc=False):
    """One resource of a host, in vCPUs, bytes or pieces.

    Attributes:
        total: The capacity; None if unknown. reserved: The part of it that the host itself has.
        ratio: The allocation ratio.
        allocated: The allocation to VMs. allocatable: What may be, if the source counts it; else None.
    """

    total: float | None
    reserved: float | None
    ratio: float | None
    allocated: float | None
    allocatable: float | None = None


class Host(msgspec.Struct, frozen=True):
    """A hypervisor as the management layer sees it.

    Attributes:
        state: One of `Hosts.states`.
        kind, version: Of the hypervisor, as the source spells them (`QEMU`).
        vms: Number of its VMs; None if the source does not report it.
        tasks: Number of VMs that it builds, resizes, moves ...; None if the source does not report it.
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
    """Attributes: states: All states that a host of this kind can have."""

    hosts: tuple[Host, ...]
    states: tuple[str, ...]
    malformed: int = 0


class Aggregate(msgspec.Struct, frozen=True):
    """Attributes: zone: That it defines; "" for none. hosts: None if the source does not report them."""

    name: str
    zone: str
    hosts: tuple[str, ...] | None


class Aggregates(msgspec.Struct, frozen=True):
    aggregates: tuple[Aggregate, ...]
    malformed: int = 0


class Spread(msgspec.Struct, frozen=True, gc=False):
    """The progress of what is read item by item over many refreshes.

    Attributes:
        collector: The question's name.
        items, known: Number of items, and of those that have been read.
        oldest: When the item that was read longest ago was read; None before the first.
        per_second: Limit on the requests for it.
    """

    collector: str
    items: int
    known: int
    oldest: float | None
    per_second: float


class Inventories(msgspec.Struct, frozen=True):
    """Resources of hosts, from a list or read host by host.

    Attributes:
        resources: By host and resource, see Host.resources.
        zones: Of each host that takes VMs, as far as it is known.
        spread: None for a source that lists them.
        by_project: The allocation to a project's VMs, and the share of their hosts' capacity that it stands
            for (a third of it on a host that has allocated three times its capacity), by project id and
            resource (`vcpus`, `memory`, `disk`). Absent if the value of one of these hosts is unknown.
    """

    resources: Mapping[str, Mapping[str, Resource]]
    zones: Mapping[str, str]
    spread: Spread | None
    by_project: Mapping[str, Mapping[str, tuple[float, float]]] = {}
    malformed: int = 0


class Count(msgspec.Struct, frozen=True, gc=False):
    """Attributes: size: The sum of their sizes, in bytes; None for objects without a size."""

    number: int
    size: int | None = None


class Objects(msgspec.Struct, frozen=True):
    """Objects of one sort, counted.

    Attributes:
        sort: Plural, as the source names them: `volumes`, `ports`, `routers`, `images`, `loadbalancers`.
        by_state: Number and bytes by state, as the source spells it.
        orphans: Objects that are bound to nothing (a port without a device, a volume without an attachment,
            a floating IP without a port). None for a sort without them, and if it is unknown for one object.
        by_project: Number and bytes by project id; empty if the source does not report it.
        is_whole: Whether the objects of all projects are visible, or only those of the credential's project.
        admin_down: Number of those that are administratively down, whatever their state (Neutron:
            admin_state_up false). None as for `orphans`.
        named: Orphans by name, and objects in error; None for a sort of which none is named.
        listed: Each of them, where users may ask for one; else None.
    """

    sort: str
    by_state: Mapping[str, Count]
    orphans: Count | None
    by_project: Mapping[str, Count]
    is_whole: bool = True
    malformed: int = 0
    admin_down: int | None = None
    named: Orphans | None = None
    listed: Listed | None = None


class Image(msgspec.Struct, frozen=True, gc=False):
    """Attributes: visibility: As the source spells it: `public`, `community`, `shared`, `private`."""

    image_id: str
    name: str
    project_id: str
    visibility: str


class Images(msgspec.Struct, frozen=True):
    """Attributes: objects: Their counts. images: Each id once, in the order of the source."""

    objects: Objects
    images: tuple[Image, ...]

    @property
    def malformed(self) -> int:
        return self.objects.malformed


class Backend(msgspec.Struct, frozen=True, gc=False):
    """A pool of a storage backend, or a datastore, in bytes; infinity is what the source calls infinite.

    Attributes:
        ratio: The allocation ratio.
        of_types: The backend's name in volume types.
        backend_id: "" for one that has no id besides its name.
        kind: What it is for, as the source spells it.
        used: What is really used, if the source measures it.
        images: Number of images in it.
    """

    name: str
    total: float | None
    free: float | None
    provisioned: float | None
    allocated: float | None
    ratio: float | None
    of_types: str = ""
    vendor: str = ""
    backend_id: str = ""
    kind: str = ""
    used: float | None = None
    images: int | None = None


class Backends(msgspec.Struct, frozen=True):
    """Attributes: is_whole: Whether all are visible; None if the source does not tell."""

    backends: tuple[Backend, ...]
    malformed: int = 0
    is_whole: bool | None = None


class OtherService(msgspec.Struct, frozen=True):
    """A service of which only agents, and the number of objects by sort and state, are read.

    Attributes:
        are_agents_listed: False if the credential may not list them; None if there is no such list.
    """

    service: str
    agents: tuple[Service, ...]
    objects: tuple[Objects, ...]
    malformed: int = 0
    are_agents_listed: bool | None = None
