"""The boot of a VM: BUILD in the task states scheduling, none, networking and so on; then ACTIVE."""

from functools import partial
from typing import Final

from stratoscope.demo.world.boot_errors import BootError
from stratoscope.demo.world.models import VM, Fault, Host, Volume
from stratoscope.demo.world.scheduler import choose_host
from stratoscope.demo.world.transitions import Transitions
from stratoscope.demo.world.world import World

_WIRED_S: Final = 0.8
"""From the beginning of the spawn until the host's agent has connected the ports; the same for all."""


class Boots(Transitions):
    """Boots that succeed, and those that fail."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._failures: dict[str, BootError] = {}

    def boot(self, vm: VM, failure: BootError | None = None) -> VM:
        """Begin the boot of a VM; `failure` is how it will end."""
        self.world.add_vm(vm)
        self.world.act(vm, "create")
        if failure is not None:
            self._failures[vm.id] = failure
        vm.is_scheduled = False
        self.begin(vm)
        self.then(vm, 1.0, self._schedule)
        return vm

    def forget(self, vm: VM) -> None:
        """Forget how the boot of a VM was to fail."""
        self._failures.pop(vm.id, None)

    def fail(self, vm: VM, text: str) -> None:
        """End a boot in ERROR: the VM has no resources then, but still counts against its quota."""
        self.let_go(vm)
        self.world.displace(vm)
        self.forget(vm)
        vm.fault = Fault(self.world.now, text, self.world.errors.details(text))
        self.state(vm, "error", None)

    def wait_for(self, vm: VM) -> None:
        """Leave a VM as it is: its host takes none, and Nova names no host before that."""

    def refuse(self, vm: VM, text: str) -> None:
        """End a boot for which there is no host."""
        self.fail(vm, text)

    def _schedule(self, vm: VM) -> None:
        vm.is_scheduled = True
        failure = self._failures.get(vm.id)
        host = choose_host(self.world, vm.claim, vm.flavor, vm.zone, only=vm.requested_host)
        if host is None or (failure is not None and failure.is_of_scheduling):
            self.refuse(vm, self.world.errors.text("no_valid_host") if failure is None else failure.text)
        elif host.daemon.silent_since is None:
            self.start_on(vm, host)
        else:
            self.wait_for(vm)

    def start_on(self, vm: VM, host: Host) -> None:
        """Go on with a boot on a host that has room."""
        self.world.claim(host, vm.id, vm.claim)
        self.world.place(vm, host)
        self.state(vm, "building", None)
        self.then(vm, 0.4, self._network)

    def _network(self, vm: VM) -> None:
        self.state(vm, "building", "networking")
        self.then(vm, 1.2, self._map_disks)

    def _map_disks(self, vm: VM) -> None:
        if not plug(self.world, vm):
            self.fail(vm, self.world.errors.text("network_failed").format(vm=vm.id))
            return
        self.state(vm, "building", "block_device_mapping")
        if vm.image is None and not vm.volumes and vm.flavor.disk_gib:
            vm.volumes = (self.world.add_volume(root_volume(self.world, vm)),)
        self.then(vm, 0.6 if vm.image else 2.5, self._spawn)

    def _spawn(self, vm: VM) -> None:
        for volume in vm.volumes:
            self.world.attach(volume, vm)
        self.state(vm, "building", "spawning")
        self.world.timeline.after(_WIRED_S, partial(self._run, vm, vm.operation, self._wire))
        failure = self._failures.get(vm.id)
        if failure is None:
            self.then(vm, 3.0, self._run_vm)
        elif failure.text:
            self.then(vm, 2.0, partial(self.fail, text=failure.text))

    def _wire(self, vm: VM) -> None:
        """The agent of the host has connected the ports: up before the VM runs."""
        self.turn_ports(vm, on=True)

    def _run_vm(self, vm: VM) -> None:
        vm.launched = self.world.now
        self.turn(vm, on=True)


def plug(world: World, vm: VM) -> bool:
    """Give a VM its port; False where its subnet has no free address, or its network none for VMs."""
    if vm.network is None or vm.host is None or vm.ports:
        return True
    if vm.network.is_external and not vm.network.is_shared:
        return False
    owner = f"compute:{vm.host.zone}"
    port = world.plug(vm.network.subnets[0], owner, device=vm.id, project=vm.project)
    if port is None:
        return False
    port.host, port.group = vm.host.name, vm.project.default_group
    vm.ports = (port,)
    return True


def root_volume(world: World, vm: VM) -> Volume:
    """The volume that a VM without an image boots from; not yet added to the world."""
    return Volume(
        serial=world.serial(),
        id=world.dice.uuid(),
        name="",
        project=vm.project,
        user=vm.user,
        size_gib=vm.flavor.disk_gib,
        pool=world.dice.choice(world.pools),
        created=world.now,
        updated=world.now,
        image=min(world.first_images, key=lambda image: image.id),
        is_deleted_with_vm=True,
    )
