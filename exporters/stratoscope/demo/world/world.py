"""The state of the embedded cloud: its objects, their owners and usage.

Each change that counts somewhere goes through a method here. So Nova, Placement, Neutron, Cinder and the
quotas agree at every moment.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from stratoscope.demo.clock import Timeline
from stratoscope.demo.world import models
from stratoscope.demo.world.boot_errors import BootErrors
from stratoscope.demo.world.ids import Dice
from stratoscope.demo.world.models import VM, Copy, Flavor, FloatingIP, Host, Port, Project, Volume
from stratoscope.demo.world.sorted_index import SortedIndex

REMEMBERED_S: Final = 1800.0
"""For so long lists of changes show a VM that was deleted."""
_SAMPLE: Final = 6
"""So many random hosts are compared before all are."""
_MOST_ACTIONS: Final = 20
_MOST_MIGRATIONS: Final = 20_000
_MOST_STAYS: Final = 20
_MOST_NAMED: Final = 10


class World:
    """Attributes:
    timeline: Its time, and what is scheduled.
    homes: The projects that have VMs, those with most first.
    first_images: Those that are there from the beginning, in the order of the catalogue.
    external, shared: The network to the outside, and the one that all projects share.
    actions: By VM id, the names of what was done to a VM after its creation.
    migrations: Under way, by VM id. past_migrations: All, the oldest first.
    stays: By VM id, the hosts that a VM has left, the first one first; absent for most.
    live: How many VMs are not deleted. wild: How many of them the churn may change.
    """

    def __init__(self, seed: int, now: float, errors: BootErrors) -> None:
        self.errors = errors
        self.timeline = Timeline(now)
        self.began = now
        self.dice = Dice(seed)
        self.users = SortedIndex[models.User]()
        self._members: dict[str, list[models.User]] = {}
        self.projects = SortedIndex[Project]()
        self.homes: list[Project] = []
        self.zones: list[models.Zone] = []
        self.credentials: dict[str, models.ApplicationCredential] = {}
        self.flavors: dict[str, Flavor] = {}
        self.images = SortedIndex[models.Image]()
        self.first_images: list[models.Image] = []
        self.aggregates: list[models.Aggregate] = []
        self.daemons: list[models.Daemon] = []
        self.hosts: dict[str, Host] = {}
        self._suited: dict[tuple[str, frozenset[str], bool], list[Host]] = {}
        self.vms = SortedIndex[VM]("serial", newest_first=True)
        self.actions: dict[str, list[str]] = {}
        self.migrations: dict[str, models.Migration] = {}
        self.past_migrations: deque[models.Migration] = deque(maxlen=_MOST_MIGRATIONS)
        self.stays: dict[str, list[models.Stay]] = {}
        self.networks = SortedIndex[models.Network]()
        self.external: models.Network | None = None
        self.shared: models.Network | None = None
        self.subnets = SortedIndex[models.Subnet]()
        self.ports = SortedIndex[Port]()
        self.routers = SortedIndex[models.Router]()
        self.floating_ips = SortedIndex[FloatingIP]()
        self.pools: list[models.Pool] = []
        self.volumes = SortedIndex[Volume]("serial", newest_first=True)
        self.snapshots = SortedIndex[Copy]("serial", newest_first=True)
        self.backups = SortedIndex[Copy]("serial", newest_first=True)
        self.live = self.wild = 0
        self._serial = 0
        self._deleted: deque[VM] = deque()

    @property
    def now(self) -> float:
        return self.timeline.now

    def serial(self) -> int:
        """A number greater than all before."""
        self._serial += 1
        return self._serial

    def users_of(self, project: Project) -> list[models.User]:
        """The users with a role in a project."""
        return self._members[project.id]

    def add_user(self, user: models.User) -> models.User:
        for project_id in user.roles:
            self._members.setdefault(project_id, []).append(user)
        return self.users.add(user)

    # -- VMs ---------------------------------------------------------------------------------------

    def add_vm(self, vm: VM) -> VM:
        """Add a VM that Nova has accepted; it counts against quotas from now on."""
        self.vms.add(vm)
        self._count_vm(vm, +1)
        return vm

    def place(self, vm: VM, host: Host) -> None:
        """Put a VM on a host that has its claim."""
        self.displace(vm)
        vm.host, vm.placed = host, self.now
        host.vms[vm.serial] = vm

    def displace(self, vm: VM) -> None:
        if vm.host is not None:
            del vm.host.vms[vm.serial]
            stays = self.stays.setdefault(vm.id, [])
            stays.append((vm.host, vm.placed, self.now))
            del stays[:-_MOST_STAYS]
            vm.host = None

    def change_flavor(self, vm: VM, flavor: Flavor) -> None:
        self._count_vm(vm, -1)
        vm.flavor = flavor
        self._count_vm(vm, +1)

    def touch(self, vm: VM) -> None:
        """Note that a VM has changed."""
        vm.updated, vm.json_view = self.now, None

    def bury(self, vm: VM) -> None:
        """Delete a VM that has no claim, port or volume any more; lists of changes still show it."""
        self._count_vm(vm, -1)
        if vm.host is not None:
            del vm.host.vms[vm.serial]  # its last host stays on record
        vm.terminated = self.now
        vm.vm_state, vm.task_state = "deleted", None
        self.touch(vm)
        self._deleted.append(vm)
        while self._deleted and (self._deleted[0].terminated or 0.0) < self.now - REMEMBERED_S:
            forgotten = self._deleted.popleft()
            self.vms.remove(forgotten)
            self.actions.pop(forgotten.id, None)
            self.stays.pop(forgotten.id, None)

    def act(self, vm: VM, name: str) -> None:
        """Record an action on a VM."""
        actions = self.actions.setdefault(vm.id, [])
        actions.append(name)
        del actions[:-_MOST_ACTIONS]

    def _count_vm(self, vm: VM, sign: int) -> None:
        counted = {"instances": 1, "cores": vm.flavor.vcpus, "ram": vm.flavor.memory_mib}
        for resource, number in counted.items():
            vm.project.used[resource] += sign * number
        self.live += sign
        self.wild += 0 if vm.is_tame else sign

    # -- Hosts -------------------------------------------------------------------------------------

    @staticmethod
    def claim(host: Host, consumer: str, amounts: models.Resources) -> None:
        host.claims[consumer] = amounts
        host.used = host.used.plus(amounts)
        host.generation += 1

    @staticmethod
    def release(host: Host, consumer: str) -> None:
        """End a consumer's claim, if it has one."""
        amounts = host.claims.pop(consumer, None)
        if amounts is not None:
            host.used = host.used.minus(amounts)
            host.generation += 1

    def choose_host(
        self,
        claim: models.Resources,
        flavor: Flavor,
        zone: str,
        *,
        besides: Host | None = None,
        only: Host | None = None,
    ) -> Host | None:
        """The emptiest host of a random sample that has room, else of all; None where no host has room.

        Args:
            claim, flavor: The host must have room for the claim, and the flavor's traits.
            zone: "" for any. besides: Not this host. only: No other host than this.
        """
        hosts = self._hosts_for(zone, flavor)
        if only is not None:
            return only if only in hosts and only.fits(claim) and self.can_run(only) else None
        sample = [hosts[int(self.dice.random() * len(hosts))] for _ in range(min(_SAMPLE, len(hosts)))]
        for some in (sample, hosts):
            free = (host for host in some if host is not besides and not host.is_still)
            fitting = (host for host in free if host.fits(claim) and self.can_run(host))
            best = min(fitting, key=lambda host: host.used.memory_mib / host.has.memory_mib, default=None)
            if best is not None:
                return best
        return None

    def _hosts_for(self, zone: str, flavor: Flavor) -> list[Host]:
        """The hosts of an availability zone that suit a flavor, full or not."""
        key = (zone, flavor.traits, flavor.is_pinned)
        if key not in self._suited:
            hosts = (host for host in self.hosts.values() if zone in ("", host.zone))
            self._suited[key] = [host for host in hosts if host.suits(flavor)]
        return self._suited[key]

    def can_run(self, host: Host) -> bool:
        """Whether its nova-compute is enabled and up."""
        return host.daemon.is_enabled and host.daemon.is_up(self.now)

    def keep_still(self, host: Host) -> None:
        """Keep the VMs of a host as they are; call it before there is a churn."""
        host.is_still = True
        for vm in host.vms.values():
            self.wild -= 0 if vm.is_tame else 1
            vm.is_tame = True

    def silence(self, service: str, host: str, seconds: float | None) -> Callable[[], None]:
        """Stop the reports of a service's daemons on a host; the returned function lets them report again.

        Args:
            service: Its type. host: As the service spells it.
            seconds: After how long they are down; None for as long as the service usually waits.

        Raises:
            LookupError: There is no such daemon; the message lists the hosts that have one.
        """
        of_service = [daemon for daemon in self.daemons if daemon.service == service]
        daemons = [daemon for daemon in of_service if daemon.host == host]
        if not daemons:
            known = sorted({daemon.host for daemon in of_service})
            raise LookupError(", ".join(known[:_MOST_NAMED]) + (", ..." if len(known) > _MOST_NAMED else ""))
        before = [(daemon, daemon.silent_since, daemon.patience_s) for daemon in daemons]
        for daemon, since, patience_s in before:
            daemon.silent_since = self.now if since is None else since
            daemon.patience_s = patience_s if seconds is None else seconds

        def undo() -> None:
            for daemon, since, patience_s in before:
                daemon.silent_since, daemon.patience_s = since, patience_s

        return undo

    # -- Networks ----------------------------------------------------------------------------------

    def plug(
        self,
        subnet: models.Subnet,
        owner: str,
        *,
        device: str,
        project: Project | None,
        is_gateway: bool = False,
    ) -> Port | None:
        """Add a port; None where the subnet has no free address."""
        offset = 1 if is_gateway else _free_address(subnet)
        if offset is None:
            return None
        subnet.taken.add(offset)
        port = Port(
            id=self.dice.uuid(), subnet=subnet, offset=offset, mac=self.dice.mac(), project=project,
            device_id=device, device_owner=owner, created=self.now, updated=self.now,
        )  # fmt: skip
        self._count(project, "port", +1)
        return self.ports.add(port)

    def plug_vm(self, vm: VM) -> bool:
        """Give a VM its port; False where its subnet has no free address, or its network none for VMs."""
        if vm.network is None or vm.ports:
            return True
        if vm.network.is_external and not vm.network.is_shared:
            return False
        zone, host = (vm.host.zone, vm.host.name) if vm.host else ("", "")
        port = self.plug(vm.network.subnets[0], f"compute:{zone}", device=vm.id, project=vm.project)
        if port is not None:
            port.host, vm.ports = host, (port,)
        return port is not None

    def unplug(self, port: Port) -> None:
        """Delete a port; its floating address has no port then."""
        if port.floating_ip is not None:
            self.associate(port.floating_ip, None)
        self.ports.remove(port)
        port.subnet.taken.discard(port.offset)
        self._count(port.project, "port", -1)

    def associate(self, floating_ip: FloatingIP, port: Port | None) -> None:
        """Associate a floating address with a port, or with none."""
        if floating_ip.port is not None:
            floating_ip.port.floating_ip = None
        floating_ip.port, floating_ip.updated = port, self.now
        if port is not None:
            port.floating_ip = floating_ip

    def add_floating_ip(self, project: Project, outside: models.Subnet) -> FloatingIP | None:
        """Add a floating address without a port; None where the subnet has no free address."""
        identity = self.dice.uuid()
        own = self.plug(outside, "network:floatingip", device=identity, project=None)
        if own is None:
            return None
        own.status = "N/A"
        self._count(project, "floatingip", +1)
        return self.floating_ips.add(FloatingIP(identity, project, own, self.now, self.now))

    def remove_floating_ip(self, address: FloatingIP) -> None:
        self.associate(address, None)
        self.unplug(address.own)
        self.floating_ips.remove(address)
        self._count(address.project, "floatingip", -1)

    # -- Volumes -----------------------------------------------------------------------------------

    def add_volume(self, volume: Volume) -> Volume:
        self._count_storage(volume, "volumes", "gigabytes", +1)
        return self.volumes.add(volume)

    def remove_volume(self, volume: Volume) -> None:
        self.volumes.remove(volume)
        self._count_storage(volume, "volumes", "gigabytes", -1)

    def reserve(self, volume: Volume, vm: VM, *, is_deleted_with_vm: bool) -> None:
        """Reserve a volume for a VM to which it will be attached."""
        volume.vm, volume.status, volume.updated = vm, "reserved", self.now
        volume.is_deleted_with_vm = is_deleted_with_vm
        vm.volumes = (*vm.volumes, volume)
        self.touch(vm)

    def attach(self, volume: Volume, vm: VM) -> None:
        volume.vm, volume.status, volume.updated = vm, "in-use", self.now
        if volume not in vm.volumes:
            vm.volumes = (*vm.volumes, volume)
        letter = "abcdefghijklmnopqrstuvwxyz"[vm.volumes.index(volume) + (vm.image is not None)]
        volume.device = f"/dev/vd{letter}"

    def detach(self, volume: Volume) -> None:
        if volume.vm is not None:
            volume.vm.volumes = tuple(other for other in volume.vm.volumes if other is not volume)
        volume.vm, volume.status, volume.updated = None, "available", self.now

    def add_copy(self, copy: Copy, *, is_backup: bool) -> None:
        """Add a backup or a snapshot, which counts as gigabytes, too."""
        gigabytes = "backup_gigabytes" if is_backup else "gigabytes"
        self._count_storage(copy.volume, "backups" if is_backup else "snapshots", gigabytes, +1)
        (self.backups if is_backup else self.snapshots).add(copy)

    def _count_storage(self, volume: Volume, objects: str, gigabytes: str, sign: int) -> None:
        for suffix in ("", f"_{volume.pool.type_name}"):
            self._count(volume.project, f"{objects}{suffix}", sign)
            self._count(volume.project, f"{gigabytes}{suffix}", sign * volume.size_gib)

    @staticmethod
    def _count(project: Project | None, resource: str, number: int) -> None:
        if project is not None:
            project.used[resource] += number


def _free_address(subnet: models.Subnet) -> int | None:
    """The offset of a free address: the one after the last that was assigned, if it is free."""
    last = subnet.total + 1
    for _ in range(len(subnet.taken) + 1):
        offset = subnet.next_offset
        subnet.next_offset = 2 if offset >= last else offset + 1
        if offset not in subnet.taken:
            return offset
    return None
