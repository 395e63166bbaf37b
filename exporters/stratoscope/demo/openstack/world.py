"""The state of the embedded OpenStack: what there is, who owns it, who uses how much of what.

Every change that counts somewhere goes through a method here, so that what Nova, Placement, Neutron, Cinder
and the quotas say agrees at every moment.
"""

from collections import deque
from operator import attrgetter
from typing import Final

from stratoscope.demo.clock import Timeline
from stratoscope.demo.openstack.ids import Dice
from stratoscope.demo.openstack.shelf import Shelf
from stratoscope.demo.openstack.things import (
    VM,
    Action,
    Aggregate,
    ApplicationCredential,
    Copy,
    Daemon,
    Flavor,
    FloatingIP,
    Host,
    Image,
    Migration,
    Network,
    Pool,
    Port,
    Project,
    Resources,
    Router,
    SecurityGroup,
    ServerGroup,
    Subnet,
    User,
    Volume,
    VolumeType,
)

REMEMBERED_S: Final = 1800.0
"""For so long lists of what changed tell of a VM that was deleted."""
_MOST_MIGRATIONS: Final = 10_000
_MOST_ACTIONS: Final = 20


class World:
    """Attributes:
    timeline: Its time, and what will happen.
    external, shared: The network to the outside, and the one that all projects share.
    live: How many VMs are not deleted.
    wild: How many of them are life's to take.
    """

    def __init__(self, seed: int, now: float) -> None:
        self.timeline = Timeline(now)
        self.began = now
        self.dice = Dice(seed)
        self.users: Shelf[User, str] = Shelf(attrgetter("user_id"), attrgetter("user_id"))
        self._members: dict[str, list[User]] = {}
        self.projects: Shelf[Project, str] = Shelf(attrgetter("project_id"), attrgetter("project_id"))
        self.credentials: dict[str, ApplicationCredential] = {}
        self.flavors: dict[str, Flavor] = {}
        self.images: Shelf[Image, str] = Shelf(attrgetter("image_id"), attrgetter("image_id"))
        self.aggregates: list[Aggregate] = []
        self.daemons: list[Daemon] = []
        self.hosts: dict[str, Host] = {}
        self._suited: dict[tuple[str, frozenset[str], bool], list[Host]] = {}
        self.vms: Shelf[VM, int] = Shelf(attrgetter("vm_id"), attrgetter("serial"), newest_first=True)
        self.server_groups: list[ServerGroup] = []
        self.actions: dict[str, list[Action]] = {}
        self.migrations: Shelf[Migration, int] = Shelf(
            attrgetter("migration_id"), attrgetter("number"), newest_first=True
        )
        self.networks: Shelf[Network, str] = Shelf(attrgetter("network_id"), attrgetter("network_id"))
        self.external: Network | None = None
        self.shared: Network | None = None
        self.subnets: Shelf[Subnet, str] = Shelf(attrgetter("subnet_id"), attrgetter("subnet_id"))
        self.ports: Shelf[Port, str] = Shelf(attrgetter("port_id"), attrgetter("port_id"))
        self.routers: Shelf[Router, str] = Shelf(attrgetter("router_id"), attrgetter("router_id"))
        self.floating_ips: Shelf[FloatingIP, str] = Shelf(
            attrgetter("floating_ip_id"), attrgetter("floating_ip_id")
        )
        self.groups: Shelf[SecurityGroup, str] = Shelf(attrgetter("group_id"), attrgetter("group_id"))
        self.volume_types: list[VolumeType] = []
        self.pools: list[Pool] = []
        self.volumes: Shelf[Volume, int] = Shelf(
            attrgetter("volume_id"), attrgetter("serial"), newest_first=True
        )
        self.snapshots: Shelf[Copy, int] = Shelf(
            attrgetter("copy_id"), attrgetter("serial"), newest_first=True
        )
        self.backups: Shelf[Copy, int] = Shelf(attrgetter("copy_id"), attrgetter("serial"), newest_first=True)
        self.live = self.wild = 0
        self._serial = 0
        self._graves: deque[VM] = deque()

    @property
    def now(self) -> float:
        return self.timeline.now

    def serial(self) -> int:
        """A number that nothing has yet, greater than all before."""
        self._serial += 1
        return self._serial

    def users_of(self, project: Project) -> list[User]:
        """Those with a role there."""
        return self._members[project.project_id]

    def add_user(self, user: User) -> User:
        for project_id in user.roles:
            self._members.setdefault(project_id, []).append(user)
        return self.users.add(user)

    # -- VMs ---------------------------------------------------------------------------------------

    def add_vm(self, vm: VM) -> VM:
        """A VM that Nova has accepted: it counts from now on, wherever it may come to be."""
        self.vms.add(vm)
        self._count_vm(vm, +1)
        return vm

    def place(self, vm: VM, host: Host) -> None:
        """Put a VM on a host; what it needs there must have been claimed."""
        self.displace(vm)
        vm.host = host
        host.vms[vm.serial] = vm

    def displace(self, vm: VM) -> None:
        if vm.host is not None:
            del vm.host.vms[vm.serial]
            vm.host = None

    def change_flavor(self, vm: VM, flavor: Flavor) -> None:
        self._count_vm(vm, -1)
        vm.flavor = flavor
        self._count_vm(vm, +1)

    def touch(self, vm: VM) -> None:
        """Say that a VM has changed."""
        vm.updated = self.now
        vm.shown_as = None

    def bury(self, vm: VM) -> None:
        """A VM is gone, but for the lists of what changed; it must have no claim, port or volume any more."""
        self._count_vm(vm, -1)
        if vm.host is not None:
            del vm.host.vms[vm.serial]  # its last host stays on record
        vm.terminated = self.now
        vm.vm_state, vm.task_state = "deleted", None
        self.touch(vm)
        self._graves.append(vm)
        while self._graves and (self._graves[0].terminated or 0.0) < self.now - REMEMBERED_S:
            forgotten = self._graves.popleft()
            self.vms.remove(forgotten)
            self.actions.pop(forgotten.vm_id, None)

    def _count_vm(self, vm: VM, sign: int) -> None:
        used = vm.project.used
        used["instances"] += sign
        used["cores"] += sign * vm.flavor.vcpus
        used["ram"] += sign * vm.flavor.memory_mib
        self.live += sign
        self.wild += 0 if vm.is_tame else sign

    def act(self, vm: VM, name: str, user: User | None = None) -> None:
        """Put on record what is begun with a VM."""
        actions = self.actions.setdefault(vm.vm_id, [] if name == "create" else self.history(vm))
        actions.append(Action(name, self.dice.request_id(), (user or vm.user).user_id, self.now))
        del actions[1:-_MOST_ACTIONS]

    def history(self, vm: VM) -> list[Action]:
        """What is on record of a VM, the oldest first; it begins with its creation."""
        birth = Action("create", f"req-{vm.vm_id}", vm.user.user_id, vm.created)
        return self.actions.get(vm.vm_id) or [birth]

    def add_migration(self, migration: Migration) -> Migration:
        self.migrations.add(migration)
        if len(self.migrations) > _MOST_MIGRATIONS:
            self.migrations.remove(self.migrations.at(0))
        return migration

    # -- Hosts -------------------------------------------------------------------------------------

    @staticmethod
    def claim(host: Host, consumer: str, wanted: Resources) -> None:
        host.claims[consumer] = wanted
        host.used = host.used.plus(wanted)
        host.generation += 1

    @staticmethod
    def release(host: Host, consumer: str) -> None:
        """Give back what a consumer has claimed; one that has nothing there changes nothing."""
        held = host.claims.pop(consumer, None)
        if held is not None:
            host.used = host.used.minus(held)
            host.generation += 1

    def hosts_for(self, zone: str, flavor: Flavor) -> list[Host]:
        """Those of an availability zone ("": of any) that are made for a flavor, full or not."""
        wanted = (zone, flavor.traits, flavor.is_pinned)
        found = self._suited.get(wanted)
        if found is None:
            found = [host for host in self.hosts.values() if zone in ("", host.zone) and host.suits(flavor)]
            self._suited[wanted] = found
        return found

    def can_run(self, host: Host) -> bool:
        """Whether its nova-compute takes orders."""
        return host.daemon.is_enabled and host.daemon.is_up(self.now)

    # -- Networks ----------------------------------------------------------------------------------

    def plug(
        self, subnet: Subnet, owner: str, *, device: str, project: Project | None, is_gateway: bool = False
    ) -> Port | None:
        """A new port; None where the subnet has no address left."""
        offset = 1 if is_gateway else _free_address(subnet)
        if offset is None:
            return None
        subnet.taken.add(offset)
        dice = self.dice
        port = Port(dice.uuid(), subnet, offset, dice.mac(), project, device, owner, self.now, self.now)
        self._count(project, "port", +1)
        return self.ports.add(port)

    def unplug(self, port: Port) -> None:
        """A port is no more; a floating address that led to it leads nowhere."""
        if port.floating_ip is not None:
            self.associate(port.floating_ip, None)
        self.ports.remove(port)
        port.subnet.taken.discard(port.offset)
        self._count(port.project, "port", -1)

    def associate(self, floating_ip: FloatingIP, port: Port | None) -> None:
        """Let a floating address lead to a port, or nowhere."""
        if floating_ip.port is not None:
            floating_ip.port.floating_ip = None
        floating_ip.port, floating_ip.updated = port, self.now
        if port is not None:
            port.floating_ip = floating_ip

    # -- Volumes -----------------------------------------------------------------------------------

    def add_volume(self, volume: Volume) -> Volume:
        self._count_volume(volume, +1)
        return self.volumes.add(volume)

    def remove_volume(self, volume: Volume) -> None:
        self.volumes.remove(volume)
        self._count_volume(volume, -1)

    def _count_volume(self, volume: Volume, sign: int) -> None:
        kind = volume.pool.volume_type.name
        for suffix in ("", f"_{kind}"):
            self._count(volume.project, f"volumes{suffix}", sign)
            self._count(volume.project, f"gigabytes{suffix}", sign * volume.size_gib)

    def attach(self, volume: Volume, vm: VM) -> None:
        volume.vm, volume.status, volume.updated = vm, "in-use", self.now
        volume.attachment_id, volume.attached = self.dice.uuid(), self.now
        if volume not in vm.volumes:
            vm.volumes = (*vm.volumes, volume)
        letter = "abcdefghijklmnopqrstuvwxyz"[vm.volumes.index(volume) + (vm.image is not None)]
        volume.device = f"/dev/vd{letter}"

    def detach(self, volume: Volume) -> None:
        if volume.vm is not None:
            volume.vm.volumes = tuple(other for other in volume.vm.volumes if other is not volume)
        volume.vm, volume.status, volume.updated = None, "available", self.now

    def add_copy(self, shelf: Shelf[Copy, int], copy: Copy) -> Copy:
        """A new snapshot or backup; each has quotas of its own, and a snapshot counts as gigabytes, too."""
        sort, gigabytes = (
            ("snapshots", "gigabytes") if shelf is self.snapshots else ("backups", "backup_gigabytes")
        )
        for suffix in ("", f"_{copy.volume.pool.volume_type.name}"):
            self._count(copy.volume.project, f"{sort}{suffix}", +1)
            self._count(copy.volume.project, f"{gigabytes}{suffix}", +copy.volume.size_gib)
        return shelf.add(copy)

    @staticmethod
    def _count(project: Project | None, resource: str, number: int) -> None:
        if project is not None:
            project.used[resource] += number


def _free_address(subnet: Subnet) -> int | None:
    """The offset of an address that nobody has: the one after the last that was given, if it is free."""
    last = subnet.total + 1
    for _ in range(len(subnet.taken) + 1):
        offset = subnet.next_offset
        subnet.next_offset = 2 if offset >= last else offset + 1
        if offset not in subnet.taken:
            return offset
    return None
