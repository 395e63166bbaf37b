"""The boot of a VM: BUILD in the task states scheduling, none, networking and so on; then ACTIVE."""

from stratoscope.demo.world import storage
from stratoscope.demo.world.boot_errors import BootError
from stratoscope.demo.world.models import VM, Fault, Host, Volume
from stratoscope.demo.world.scheduler import choose_host
from stratoscope.demo.world.transitions import Steps, Transitions
from stratoscope.demo.world.world import World


class Boots(Transitions):
    """Boots that succeed, and those that fail.

    Attributes:
        retry_s: The scheduler tries again after this time; None for never.
    """

    retry_s: float | None = None

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
        self.run(vm, self.scheduling(vm))
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

    def refuse(self, vm: VM, text: str) -> None:
        """Say that there is no host for a VM."""
        self.fail(vm, text)

    def scheduling(self, vm: VM) -> Steps:
        """A VM gets a host, and boots. One whose host has just fallen silent waits, and nobody names it."""
        wait_s: float | None = 1.0
        while wait_s is not None:
            yield wait_s
            vm.is_scheduled = True
            failure = self._failures.get(vm.id)
            host = choose_host(self.world, vm.claim, vm.flavor, vm.zone, only=vm.requested_host)
            if host is None or (failure is not None and failure.is_of_scheduling):
                self.refuse(vm, self.world.errors.text("no_valid_host") if failure is None else failure.text)
            elif host.daemon.silent_since is None:
                yield from self.building(vm, host)
                return
            wait_s = self.retry_s

    def building(self, vm: VM, host: Host) -> Steps:
        """A VM boots on a host that has room."""
        self.world.claim(host, vm.id, vm.claim)
        self.world.place(vm, host)
        self.state(vm, "building", None)
        yield 0.4
        self.state(vm, "building", "networking")
        yield 1.2
        if not plug(self.world, vm):
            self.fail(vm, self.world.errors.text("network_failed").format(vm=vm.id))
            return
        self.state(vm, "building", "block_device_mapping")
        if vm.image is None and not vm.volumes and vm.flavor.disk_gib:
            vm.volumes = (self.world.add_volume(root_volume(self.world, vm)),)
        yield 0.6 if vm.image else 2.5
        for volume in vm.volumes:
            self.world.attach(volume, vm)
        self.state(vm, "building", "spawning")
        self.beside(vm, self._wiring(vm))
        failure = self._failures.get(vm.id)
        if failure is None:
            yield 3.0
            vm.launched = self.world.now
            self.turn(vm, on=True)
        elif failure.text:
            yield 2.0
            self.fail(vm, failure.text)

    def _wiring(self, vm: VM) -> Steps:
        """The agent of the host connects the ports: they are up before the VM runs."""
        yield 0.8
        self.turn_ports(vm, on=True)


def plug(world: World, vm: VM) -> bool:
    """Give a VM its port; False where its subnet has no free address, or its network none for VMs."""
    if vm.network is None or vm.ports:
        return True
    if vm.network.is_external and not vm.network.is_shared:
        return False
    zone, host = (vm.host.zone, vm.host.name) if vm.host else ("", "")
    port = world.plug(vm.network.subnets[0], f"compute:{zone}", device=vm.id, project=vm.project)
    if port is None:
        return False
    port.host, port.group = host, vm.project.default_group
    vm.ports = (port,)
    return True


def root_volume(world: World, vm: VM) -> Volume:
    """The volume that a VM without an image boots from; not yet added to the world."""
    return storage.new(
        world, vm.project, vm.user, id=world.dice.uuid(), size_gib=vm.flavor.disk_gib,
        pool=world.dice.choice(world.pools), image=min(world.first_images, key=lambda image: image.id),
    )  # fmt: skip
