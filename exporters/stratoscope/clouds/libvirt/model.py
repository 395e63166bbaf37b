"""The model of a host and its domains as libvirt reports them: frozen, base units; None is unknown."""

import msgspec


class Vcpu(msgspec.Struct, frozen=True, gc=False):
    """One online virtual CPU; seconds since the domain started."""

    number: int
    time_s: float | None
    delay_s: float | None
    wait_s: float | None


class Balloon(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Memory of a domain, in bytes; the guest's statistics need a balloon driver and `<stats period>`.

    Attributes:
        updated_at: Unix time of the guest's last report; None if it never reported.
    """

    current: int | None = None
    maximum: int | None = None
    rss: int | None = None
    available: int | None = None
    usable: int | None = None
    unused: int | None = None
    swap_in: int | None = None
    swap_out: int | None = None
    major_faults: int | None = None
    minor_faults: int | None = None
    caches: int | None = None
    huge_page_allocations: int | None = None
    huge_page_failures: int | None = None
    updated_at: float | None = None


class Interface(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Counters of one interface, as the host's device (the tap) counts them."""

    name: str
    rx_bytes: int | None = None
    rx_packets: int | None = None
    rx_errors: int | None = None
    rx_drops: int | None = None
    tx_bytes: int | None = None
    tx_packets: int | None = None
    tx_errors: int | None = None
    tx_drops: int | None = None


class Disk(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One disk: counters since the domain started, seconds and bytes; sizes of its top image."""

    name: str
    read_requests: int | None
    read_bytes: int | None
    read_s: float | None
    write_requests: int | None
    write_bytes: int | None
    write_s: float | None
    flush_requests: int | None
    flush_s: float | None
    allocation: int | None
    capacity: int | None
    physical: int | None


class Domain(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One domain; `domain_id` is -1 while it is not active.

    Attributes:
        vcpu_states: Number and state (virVcpuState) of every virtual CPU; empty if it was not read from the
            driver.
        nameless: Number of disks and interfaces that were left out, since their name is too long.
    """

    uuid: str
    name: str
    domain_id: int
    state: str
    reason: str
    cpu_s: float | None = None
    user_s: float | None = None
    system_s: float | None = None
    current_vcpus: int | None = None
    vcpus: tuple[Vcpu, ...] = ()
    balloon: Balloon = Balloon()
    interfaces: tuple[Interface, ...] = ()
    disks: tuple[Disk, ...] = ()
    vcpu_states: tuple[tuple[int, str], ...] = ()
    nameless: int = 0

    @property
    def is_active(self) -> bool:
        return self.domain_id >= 0


class DiskLimits(msgspec.Struct, frozen=True, gc=False):
    """QoS limits of a disk: name as in `<iotune>` (`total_iops_sec` ...) and value, bytes or operations."""

    device: str
    limits: tuple[tuple[str, int], ...]


class DiskFacts(msgspec.Struct, frozen=True, gc=False):
    """Facts about a disk from a definition; empty if it does not have them.

    Attributes:
        kind: disk, cdrom, floppy or lun.
        source_type: file, block, network, volume, dir, nvme, vhostuser ...
        source: Path, pool/volume or name of the image, by source type; empty without a medium.
        protocol: Of a source on the network: rbd, iscsi, nbd ...
        serial: The serial number that the guest sees; Nova sets the id of Cinder's volume.
        cache, discard, io: Empty is the hypervisor's default.
        mirror: copy or active-commit while a block job mirrors it.
    """

    device: str
    kind: str = "disk"
    bus: str = ""
    source_type: str = ""
    source: str = ""
    protocol: str = ""
    format: str = ""
    serial: str = ""
    cache: str = ""
    discard: str = ""
    io: str = ""
    mirror: str = ""


class Nic(msgspec.Struct, frozen=True, gc=False):
    """Facts about an interface from a definition; empty if it does not have them.

    Attributes:
        device: The host's device; empty while the VM is off.
        link: Whether the link is set up; true by default.
        kind: bridge, network, ethernet, direct, vhostuser, hostdev ...
        bridge: The bridge; for a macvtap the host's device below it.
        switch: The type of its virtual port, such as openvswitch; empty for a plain bridge.
        port_id: Id of Neutron's port, or OpenNebula's NIC_ID.
    """

    device: str
    link: bool
    kind: str = ""
    mac: str = ""
    model: str = ""
    bridge: str = ""
    network: str = ""
    switch: str = ""
    port_id: str = ""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of a domain and its definition (live XML); empty text if it does not have it.

    Attributes:
        vcpu_states: Number and state, offline or running, of every possible virtual CPU.
        malformed: Number of disks and interfaces that were left out, since they are malformed.
    """

    vm_id: str
    name: str
    project_id: str = ""
    project_name: str = ""
    user_id: str = ""
    user_name: str = ""
    flavor: str = ""
    image: str = ""
    vcpus: int | None = None
    memory_bytes: int | None = None
    current_memory_bytes: int | None = None
    limits: tuple[DiskLimits, ...] = ()
    os_type: str = ""
    arch: str = ""
    machine: str = ""
    vcpu_states: tuple[tuple[int, str], ...] = ()
    disks: tuple[DiskFacts, ...] = ()
    nics: tuple[Nic, ...] = ()
    malformed: int = 0


class Monitor(msgspec.Struct, frozen=True, gc=False):
    """State of the domain's monitor, in seconds.

    Attributes:
        blocked_s: Since it stopped answering; 0 while it answers.
        last_answer_age_s: Since its last answer; None if it never answered.
    """

    blocked_s: float
    last_answer_age_s: float | None


class Job(msgspec.Struct, frozen=True, gc=False):
    """A job of a domain in progress (migration, save, backup ...): seconds and bytes, None if unknown."""

    uuid: str
    operation: str
    elapsed_s: float | None
    remaining_s: float | None
    downtime_s: float | None
    data_total: int | None
    data_processed: int | None
    data_remaining: int | None


class BlockJob(msgspec.Struct, frozen=True, gc=False):
    """A block job of a domain's disk (`job`: virDomainBlockJobType); bytes."""

    uuid: str
    device: str
    job: str
    total: int
    processed: int
    limit_bytes_per_second: int


class DiskSizes(msgspec.Struct, frozen=True, gc=False):
    """Sizes of a disk of a domain that is off; bytes, None if unknown."""

    device: str
    capacity: int | None
    allocation: int | None
    physical: int | None


class Node(msgspec.Struct, frozen=True):
    """The host as libvirt reports it; memory in bytes, CPU seconds by mode since boot."""

    cpus: int
    numa_cells: int
    memory_bytes: int
    memory_free_bytes: int | None
    cpu_s: dict[str, float]


class Daemon(msgspec.Struct, frozen=True):
    """The daemon: whether it answers, and its hypervisor. Versions as `9.0.0`; empty if it does not answer.

    Attributes:
        hypervisor_version: Empty if the driver has none, None until the daemon has reported it.
        waiting_connections: Number of connections that it has not opened yet.
    """

    reachable: bool
    round_trip_s: float | None
    hung_calls: int
    hypervisor: str = ""
    hypervisor_version: str | None = ""
    libvirt_version: str = ""
    waiting_connections: int = 0


class Pool(msgspec.Struct, frozen=True, gc=False):
    """A storage pool as of the daemon's last refresh; bytes, None while inactive."""

    name: str
    state: str
    capacity: int | None
    allocation: int | None
    available: int | None


class Network(msgspec.Struct, frozen=True, gc=False):
    """A virtual network."""

    name: str
    bridge: str
    is_active: bool
    starts_by_itself: bool
