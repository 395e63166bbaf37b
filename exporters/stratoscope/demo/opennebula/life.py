"""VMs as oned brings them to life: they wait for a host as long as it takes, and fail on it."""

from stratoscope.demo.world.boot_errors import BootError
from stratoscope.demo.world.boots import Boots, plug
from stratoscope.demo.world.models import VM, Fault, Host, User
from stratoscope.demo.world.operations import Operations
from stratoscope.demo.world.scheduler import choose_host
from stratoscope.demo.world.transitions import Steps
from stratoscope.demo.world.world import World


class OneBoots(Boots):
    """Boots with leases from the first moment, and with oned's states of failure."""

    retry_s = 15.0

    def boot(self, vm: VM, failure: BootError | None = None) -> VM:
        super().boot(vm, failure)
        plug(self.world, vm)
        return vm

    def building(self, vm: VM, host: Host) -> Steps:
        vm.fault = None
        return super().building(vm, host)

    def refuse(self, vm: VM, text: str) -> None:
        """Leave a VM pending, with the scheduler's message."""
        vm.fault = Fault(self.world.now, text, "")
        self.world.touch(vm)

    def fail(self, vm: VM, text: str) -> None:
        """Let a boot fail: the VM keeps its host and what it has there."""
        self.forget(vm)
        vm.fault = Fault(self.world.now, text, "")
        self.state(vm, "error", None)

    def hold(self, vm: VM) -> None:
        self.begin(vm)
        self.state(vm, "building", "held")

    def schedule(self, vm: VM) -> None:
        """Let a VM wait for a host that was on hold or undeployed."""
        self.state(vm, "building", "scheduling")
        self.run(vm, self.scheduling(vm))

    def wait(self, vm: VM) -> None:
        """Let a VM wait for a host that never comes."""
        self._failures[vm.id] = self.world.errors.by_name["no_valid_host"]
        self.schedule(vm)

    def deploy(self, vm: VM, host: Host) -> None:
        """Boot a VM on a host past the scheduler."""
        self.run(vm, self.building(vm, host))


class OneOperations(Operations):
    """All operations, with those that oned has beside them."""

    def __init__(self, world: World) -> None:
        self.one_boots = OneBoots(world)
        super().__init__(world, self.one_boots)
        for vm in world.vms:
            if vm.vm_state == "error":
                self._adopt(vm)

    def resume(self, vm: VM, user: User) -> None:
        """Let a VM run that is at rest, or on hold."""
        if vm.host is None:
            self.one_boots.schedule(vm)
        elif vm.vm_state == "stopped":
            self.start(vm, user)
        else:
            self.run(vm, self._switching(vm, "resuming", on=True))

    def undeploy(self, vm: VM, _: User) -> None:
        """Let a VM rest on no host."""
        self.run(vm, self._undeploying(vm))

    def _undeploying(self, vm: VM) -> Steps:
        self.state(vm, vm.vm_state, "undeploying")
        yield 1.5
        if vm.host is not None:
            self.world.release(vm.host, vm.id)
            self.world.displace(vm)
        self.turn_ports(vm, on=False)
        self.state(vm, "shelved_offloaded", None)

    def _gone(self, vm: VM) -> None:
        """Delete a VM; oned still shows the addresses and disks that it had."""
        ports, volumes = vm.ports, vm.volumes
        super()._gone(vm)
        vm.ports, vm.volumes = ports, volumes

    def _adopt(self, vm: VM) -> None:
        """A VM that failed before there was a face: on a host, or waiting for one."""
        plug(self.world, vm)
        host = choose_host(self.world, vm.claim, vm.flavor, "")
        if host is None or vm.fault is None or vm.fault.message == self.world.errors.text("no_valid_host"):
            self.one_boots.wait(vm)
        else:
            self.world.claim(host, vm.id, vm.claim)
            self.world.place(vm, host)
            vm.placed = vm.created
