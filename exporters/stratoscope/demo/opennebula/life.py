"""VMs as oned brings them to life: they wait for a host as long as it takes, and fail on it."""

from collections.abc import Callable
from functools import partial
from typing import Final

from stratoscope.demo.world.boot_errors import BootError
from stratoscope.demo.world.boots import Boots
from stratoscope.demo.world.models import VM, Fault, Host
from stratoscope.demo.world.operations import Operations
from stratoscope.demo.world.scheduler import choose_host
from stratoscope.demo.world.world import World

_RETRY_S: Final = 15.0
"""The scheduler's next round for those that are left over."""


class OneBoots(Boots):
    """Boots with leases from the first moment, and with oned's states of failure."""

    def boot(self, vm: VM, failure: BootError | None = None) -> VM:
        super().boot(vm, failure)
        lease(self.world, vm)
        return vm

    def start_on(self, vm: VM, host: Host) -> None:
        vm.fault = None
        for port in vm.ports:
            port.host = host.name
        super().start_on(vm, host)

    def refuse(self, vm: VM, text: str) -> None:
        """Leave a VM pending, with the scheduler's message."""
        vm.fault = Fault(self.world.now, text, "")
        self.world.touch(vm)
        self.then(vm, _RETRY_S, self._schedule)

    def wait_for(self, vm: VM) -> None:
        """Try again in the next round: the host's probes have just fallen silent."""
        self.then(vm, _RETRY_S, self._schedule)

    def fail(self, vm: VM, text: str) -> None:
        """Let a boot fail: the VM keeps its host and what it has there."""
        self.forget(vm)
        vm.fault = Fault(self.world.now, text, "")
        self.state(vm, "error", None)

    def hold(self, vm: VM) -> None:
        self.begin(vm)
        self.state(vm, "building", "held")

    def schedule(self, vm: VM) -> None:
        """Let a VM wait for a host: one that was on hold, was undeployed, or has failed."""
        self.begin(vm)
        self.state(vm, "building", "scheduling")
        self.then(vm, 1.0, self._schedule)

    def retry(self, vm: VM) -> None:
        """Begin the boot of a VM that has failed again, on its host."""
        self.begin(vm)
        vm.fault = None
        self.state(vm, "building", None)
        self.then(vm, 0.4, self._network)

    def wait(self, vm: VM) -> None:
        """Let a VM wait for a host that never comes."""
        self._failures[vm.id] = self.world.errors.by_name["no_valid_host"]
        self.schedule(vm)


class OneOperations(Operations):
    """All operations, with those that oned has beside them."""

    def __init__(self, world: World) -> None:
        self.one_boots = OneBoots(world)
        super().__init__(world, self.one_boots)
        for vm in world.vms:
            if vm.vm_state == "error":
                self._adopt(vm)

    def suspend(self, vm: VM) -> None:
        self._leave(vm, "suspending", partial(self._rest, state="suspended"))

    def resume(self, vm: VM) -> None:
        self._leave(vm, "resuming", partial(self.turn, on=True))

    def undeploy(self, vm: VM) -> None:
        self._leave(vm, "undeploying", self._undeployed)

    def _gone(self, vm: VM) -> None:
        """Delete a VM; oned still shows the addresses and disks that it had."""
        ports, volumes = vm.ports, vm.volumes
        super()._gone(vm)
        vm.ports, vm.volumes = ports, volumes

    def _leave(self, vm: VM, task_state: str, then: Callable[[VM], None]) -> None:
        self.begin(vm)
        self.state(vm, vm.vm_state, task_state)
        self.then(vm, 1.5, then)

    def _rest(self, vm: VM, state: str) -> None:
        self.turn_ports(vm, on=False)
        self.state(vm, state, None)

    def _undeployed(self, vm: VM) -> None:
        if vm.host is not None:
            self.world.release(vm.host, vm.id)
            self.world.displace(vm)
        self._rest(vm, "shelved_offloaded")

    def _adopt(self, vm: VM) -> None:
        """A VM that failed before there was a face: on a host, or waiting for one."""
        lease(self.world, vm)
        host = choose_host(self.world, vm.claim, vm.flavor, "")
        if host is None or vm.fault is None or vm.fault.message == self.world.errors.text("no_valid_host"):
            self.one_boots.wait(vm)
        else:
            self.world.claim(host, vm.id, vm.claim)
            self.world.place(vm, host)
            vm.placed = vm.created


def lease(world: World, vm: VM) -> bool:
    """Give a VM its address; False where its network has none left."""
    if vm.network is None or vm.ports:
        return True
    port = world.plug(vm.network.subnets[0], "compute:", device=vm.id, project=vm.project)
    if port is not None:
        vm.ports = (port,)
    return port is not None
