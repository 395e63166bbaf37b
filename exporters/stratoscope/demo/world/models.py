"""The objects of a cloud, in the words of OpenStack's databases: MiB, GiB, Unix seconds.

Objects of which there are 100,000 are not tracked by the garbage collector: each collection would take long.
"""

from collections import Counter
from collections.abc import Mapping
from operator import add, sub
from typing import Final, NamedTuple

import msgspec

CPU_RATIO: Final = 4
RESERVED_MIB: Final = 512


class Resources(NamedTuple):
    """What a VM claims of a host, or a host has. Attributes: vcpus: Shared; pcpus: pinned, one to one."""

    vcpus: int = 0
    pcpus: int = 0
    memory_mib: int = 0
    disk_gib: int = 0

    def plus(self, other: "Resources") -> "Resources":
        return Resources(*map(add, self, other))

    def minus(self, other: "Resources") -> "Resources":
        return Resources(*map(sub, self, other))


NOTHING: Final = Resources()


class Zone(NamedTuple):
    """An availability zone. Attributes: fill: The share of its hosts' memory that the first VMs take."""

    name: str
    hosts: int
    fill: float


class User(msgspec.Struct, eq=False):
    """Attributes: roles: Names by project id."""

    id: str
    name: str
    password: str
    roles: dict[str, tuple[str, ...]]
    default_project: "Project | None" = None


class Project(msgspec.Struct, eq=False):
    """Attributes:
    limits: Quotas by resource as the services spell them (`cores`, `floatingip`); -1 is unlimited.
    used: How much of them is used.
    network: Its own one; None where it has none.
    """

    id: str
    name: str
    description: str
    limits: dict[str, int]
    used: Counter[str]
    network: "Network | None" = None

    def over(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """What is wanted too much of."""
        return {
            resource: more
            for resource, more in wanted.items()
            if 0 <= self.limits[resource] < self.used[resource] + more
        }


class ApplicationCredential(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    id: str
    secret: str
    user: User
    project: Project
    roles: tuple[str, ...]


class Flavor(msgspec.Struct, frozen=True, eq=False):
    """Attributes: weight: How often VMs have it by themselves; 0 for never."""

    id: str
    name: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    extra_specs: dict[str, str]
    weight: int = 0

    def claim(self, *, boots_from_volume: bool) -> Resources:
        """What a VM of this flavor takes of its host."""
        disk_gib = 0 if boots_from_volume else self.disk_gib
        vcpus, pcpus = (0, self.vcpus) if self.is_pinned else (self.vcpus, 0)
        return Resources(vcpus, pcpus, self.memory_mib, disk_gib)

    def needs(self, count: int) -> dict[str, int]:
        """What so many more VMs take of quotas; with 0: what a resize of one VM to the flavor may take."""
        many = max(1, count)
        return {
            "cores": self.vcpus * many, "instances": count, "ram": self.memory_mib * many, "port": count
        }  # fmt: skip

    @property
    def is_public(self) -> bool:
        return self.weight > 0

    @property
    def is_pinned(self) -> bool:
        return self.extra_specs.get("hw:cpu_policy") == "dedicated"

    @property
    def traits(self) -> frozenset[str]:
        """The traits that a host must have."""
        required = (key for key, value in self.extra_specs.items() if value == "required")
        return frozenset(key.removeprefix("trait:") for key in required)


class Image(msgspec.Struct, eq=False, kw_only=True):
    """Attributes: size: Bytes; None until it has been uploaded. weight: As of Flavor."""

    id: str
    name: str
    owner: Project
    created: float
    size: int | None
    properties: dict[str, str] = {}
    status: str = "active"
    visibility: str = "public"
    weight: int = 0
    is_hidden: bool = False
    min_memory_mib: int = 0
    min_disk_gib: int = 0

    def fits(self, flavor: Flavor) -> bool:
        """Whether a VM of the flavor can boot it."""
        return self.min_memory_mib <= flavor.memory_mib and self.min_disk_gib <= flavor.disk_gib


class Aggregate(msgspec.Struct, frozen=True, eq=False):
    """Attributes: zone: The availability zone that it makes; "" for none."""

    name: str
    zone: str
    metadata: dict[str, str]
    hosts: "list[Host]"


class Daemon(msgspec.Struct, eq=False, kw_only=True):
    """A service or an agent that reports its state.

    Attributes:
        service: The type of its service: `compute`, `network`, `block-storage`.
        agent_type: Of Neutron's agents alone.
        period_s: How often it reports. patience_s: It is up until its last report is that old.
        phase_s: Shifts its reports against those of the others.
        silent_since: From this moment on it does not report.
    """

    number: int
    id: str
    service: str
    binary: str
    host: str
    zone: str
    period_s: float
    patience_s: float
    phase_s: float = 0.0
    agent_type: str = ""
    is_enabled: bool = True
    disabled_reason: str | None = None
    silent_since: float | None = None

    def heartbeat(self, now: float) -> float:
        """When it last reported."""
        last = now if self.silent_since is None else min(now, self.silent_since)
        return last - (last - self.phase_s) % self.period_s

    def is_up(self, now: float) -> bool:
        return now - self.heartbeat(now) < self.patience_s


class Host(msgspec.Struct, eq=False, kw_only=True):
    """A compute node: Nova's service, hypervisor and Placement's resource provider.

    Attributes:
        has: Its physical inventory.
        claims: By consumer: the id of a VM, or of a migration away from here. used: Their sum.
        vms: The VMs that are here, by serial.
        generation: Placement's; counts the changes of its claims.
        is_still: No VM comes by itself, and the churn leaves those that are here alone.
    """

    number: int
    name: str
    id: str
    zone: str
    daemon: Daemon
    has: Resources
    traits: frozenset[str]
    claims: dict[str, Resources]
    vms: "dict[int, VM]"
    used: Resources = NOTHING
    generation: int = 3
    is_still: bool = False

    def suits(self, flavor: Flavor) -> bool:
        """Whether VMs of the flavor can run here as long as there is room."""
        return flavor.traits <= self.traits and (self.has.pcpus > 0 or not flavor.is_pinned)

    def fits(self, claim: Resources) -> bool:
        """Whether there is room for it now."""
        has, used = self.has, self.used.plus(claim)
        return (
            used.vcpus <= has.vcpus * CPU_RATIO
            and used.pcpus <= has.pcpus
            and used.memory_mib <= has.memory_mib - RESERVED_MIB
            and used.disk_gib <= has.disk_gib
        )


class Network(msgspec.Struct, eq=False, kw_only=True):
    id: str
    name: str
    project: Project
    is_shared: bool
    is_external: bool
    segment: int
    subnets: "list[Subnet]"
    is_enabled: bool = True


class Subnet(msgspec.Struct, eq=False, kw_only=True):
    """Attributes:
    first: Its first address, as a number; prefix: the length of its prefix.
    taken: Offsets of the addresses in use, from `first`.
    """

    id: str
    name: str
    network: Network
    first: int
    prefix: int
    taken: set[int]
    next_offset: int = 2

    @property
    def total(self) -> int:
        """How many addresses it can give: all but network, broadcast and gateway."""
        return (1 << (32 - self.prefix)) - 3


class Port(msgspec.Struct, eq=False, gc=False, kw_only=True):
    """Attributes:
    project: None for ports of Neutron itself: gateways, floating addresses.
    json: Its last view as JSON; valid for the view that `json_view` names.
    """

    id: str
    subnet: Subnet
    offset: int
    mac: int
    project: Project | None
    device_id: str
    device_owner: str
    created: float
    updated: float
    status: str = "DOWN"
    is_enabled: bool = True
    host: str = ""
    floating_ip: "FloatingIP | None" = None
    json: bytes = b""
    json_view: object = None


class Router(msgspec.Struct, eq=False):
    id: str
    name: str
    project: Project
    gateway: Port
    status: str = "ACTIVE"
    is_enabled: bool = True


class FloatingIP(msgspec.Struct, eq=False):
    """Attributes:
    own: The port that holds its address; port: the one it leads to.
    active_from: From this moment on the router has it, and Nova knows it.
    """

    id: str
    project: Project
    own: Port
    created: float
    updated: float
    port: Port | None = None
    router: Router | None = None
    description: str = ""
    active_from: float = 0.0


class Pool(msgspec.Struct, eq=False):
    """Attributes: host: Name of the backend: `control1@ceph`; type_id, type_name: of its volume type."""

    host: str
    name: str
    type_id: str
    type_name: str
    daemon: Daemon
    total_gib: float = 0.0


class Volume(msgspec.Struct, eq=False, gc=False, kw_only=True):
    """Attributes:
    serial: Counts up in the order of creation.
    vm: The one that it is attached to, or reserved for.
    """

    serial: int
    id: str
    name: str
    project: Project
    user: User
    size_gib: int
    pool: Pool
    created: float
    updated: float
    status: str = "creating"
    image: Image | None = None
    vm: "VM | None" = None
    device: str = ""
    is_deleted_with_vm: bool = False
    metadata: dict[str, str] = {}

    @property
    def has_image(self) -> bool:
        """Whether its image has been copied to it."""
        return self.image is not None and self.status not in ("creating", "downloading")


class Copy(msgspec.Struct, eq=False, kw_only=True):
    """A snapshot or a backup of a volume."""

    serial: int
    id: str
    name: str
    volume: Volume
    created: float
    updated: float
    status: str = "available"
    fail_reason: str | None = None

    @property
    def project(self) -> Project:
        return self.volume.project


class Fault(msgspec.Struct, frozen=True, eq=False):
    """Why a VM is in ERROR. Attributes: details: The traceback that administrators see."""

    created: float
    message: str
    details: str
    code: int = 500


class VM(msgspec.Struct, eq=False, gc=False, kw_only=True):
    """A server.

    Attributes:
        serial: Counts up in the order of creation.
        zone: The availability zone it must be in; "" for any.
        is_tame: A user created it: the churn does not change it.
        requested_host: The host that an administrator requested; None for any.
        is_scheduled: The scheduler has answered: Nova records no action before.
        placed: When it came to its host. booted: When its guest last began to boot.
        operation: Counts operations: what an earlier one has scheduled is dropped.
        json: Its last view as JSON; valid for the view that `json_view` names.
    """

    serial: int
    id: str
    name: str
    project: Project
    user: User
    flavor: Flavor
    image: Image | None
    network: Network | None
    zone: str
    created: float
    updated: float
    vm_state: str = "building"
    task_state: str | None = "scheduling"
    host: Host | None = None
    launched: float | None = None
    terminated: float | None = None
    ports: tuple[Port, ...] = ()
    volumes: tuple[Volume, ...] = ()
    fault: Fault | None = None
    key_name: str | None = None
    description: str | None = None
    metadata: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    requested_host: Host | None = None
    is_scheduled: bool = True
    is_tame: bool = False
    placed: float = 0.0
    booted: float = 0.0
    operation: int = 0
    json: bytes = b""
    json_view: object = None

    @property
    def status(self) -> str:
        """The API's status: nova/api/openstack/common.py, _STATE_MAP."""
        return _BUSY.get(self.task_state or "") or _STATUSES[self.vm_state]

    @property
    def claim(self) -> Resources:
        return self.flavor.claim(boots_from_volume=self.image is None)


_BUSY: Final = {
    "rebooting": "REBOOT", "rebooting_hard": "HARD_REBOOT", "migrating": "MIGRATING", "resize_prep": "RESIZE",
    "resize_migrating": "RESIZE",
}  # fmt: skip
"""The status of a VM on its way, by task state."""
_STATUSES: Final = {
    "building": "BUILD", "active": "ACTIVE", "stopped": "SHUTOFF", "resized": "VERIFY_RESIZE",
    "paused": "PAUSED", "suspended": "SUSPENDED", "shelved_offloaded": "SHELVED_OFFLOADED", "error": "ERROR",
    "deleted": "DELETED",
}  # fmt: skip
STATUSES: Final = frozenset({*_BUSY.values(), *_STATUSES.values()})


Stay = tuple[Host, float, float]
"""A host that a VM has left: when it came and went."""


class Migration(msgspec.Struct, eq=False):
    """A live migration or a resize. Attributes: kind, status: As Nova spells them; vm_state: before it."""

    id: str
    number: int
    vm: VM
    source: Host
    target: Host
    kind: str
    status: str
    vm_state: str
    created: float
    updated: float
