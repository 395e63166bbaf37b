"""VMs as oned brings them to life: they wait for a host as long as it takes, and fail on it."""

from stratoscope.demo.clock import Steps
from stratoscope.demo.world.boot_errors import BootError
from stratoscope.demo.world.models import VM, Fault, Host
from stratoscope.demo.world.operations import Operations
from stratoscope.demo.world.world import World


class OneOperations(Operations):
    """All operations: boots have leases from the first moment, and oned's states of failure."""

    retry_s = 15.0

    def __init__(self, world: World) -> None:
        super().__init__(world)
        for vm in world.vms:
            if vm.vm_state == "error":
                self._adopt(vm)

    def boot(self, vm: VM, failure: BootError | None = None) -> VM:
        super().boot(vm, failure)
        self.world.plug_vm(vm)
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
        vm.fault = Fault(self.world.now, text, "")
        self.state(vm, "error", None)

    def hold(self, vm: VM) -> None:
        self.begin(vm)
        self.state(vm, "building", "held")

    def resume(self, vm: VM) -> None:
        """Let a VM run that is at rest, or on hold."""
        if vm.host is None:
            self.state(vm, "building", "scheduling")
            self.run(vm, self.scheduling(vm))
        elif vm.vm_state == "stopped":
            self.start(vm)
        else:
            self.run(vm, self.switching(vm, "resuming", on=True))

    def deploy(self, vm: VM, host: Host) -> None:
        """Boot a VM on a host past the scheduler."""
        self.run(vm, self.building(vm, host))

    def undeploy(self, vm: VM) -> None:
        """Let a VM rest on no host."""
        self.run(vm, self._undeploying(vm))

    def _undeploying(self, vm: VM) -> Steps:
        self.state(vm, vm.vm_state, "undeploying")
        yield 1.5
        if vm.host is not None:
            self.world.release(vm.host, vm.id)
            self.world.displace(vm)
        self._turn_ports(vm, on=False)
        self.state(vm, "shelved_offloaded", None)

    def end(self, vm: VM) -> None:
        """Let a VM be gone; oned still shows the addresses and disks that it had."""
        ports, volumes = vm.ports, vm.volumes
        super().end(vm)
        vm.ports, vm.volumes = ports, volumes

    def _adopt(self, vm: VM) -> None:
        """A VM that failed before there was a face: on a host, or waiting for one that never comes."""
        self.world.plug_vm(vm)
        never = self.world.errors.by_name["no_valid_host"]
        host = self.world.choose_host(vm.claim, vm.flavor, "")
        if host is None or vm.fault is None or vm.fault.message == never.text:
            self._failures[vm.id] = never
            self.resume(vm)
        else:
            self.world.claim(host, vm.id, vm.claim)
            self.world.place(vm, host)
            vm.placed = vm.created
