"""State changes of a VM that take time, one after the other, in Nova's states.

A change is dropped when another operation on the VM began meanwhile: a boot whose VM is being deleted.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from stratoscope.demo.world.models import VM
from stratoscope.demo.world.world import World

Transition = Callable[[VM], None]

_SPREAD: Final = (0.7, 1.5)
"""How much the duration of a change differs from the usual one."""


class Transitions:
    """Base of all that changes VMs step by step."""

    def __init__(self, world: World) -> None:
        self.world = world

    @staticmethod
    def begin(vm: VM) -> None:
        """Begin an operation on a VM; earlier ones end."""
        vm.operation += 1

    def then(self, vm: VM, seconds: float, transition: Transition) -> None:
        """Schedule the next change in about so many seconds."""
        delay_s = seconds * self.world.dice.uniform(*_SPREAD)
        self.world.timeline.after(delay_s, partial(self._run, vm, vm.operation, transition))

    def state(self, vm: VM, vm_state: str, task_state: str | None) -> None:
        vm.vm_state, vm.task_state = vm_state, task_state
        self.world.touch(vm)

    def turn(self, vm: VM, *, on: bool) -> None:
        """Set a VM and its ports to running or stopped."""
        if on:
            vm.booted = self.world.now
        self.turn_ports(vm, on=on)
        self.state(vm, "active" if on else "stopped", None)

    def turn_ports(self, vm: VM, *, on: bool) -> None:
        """Set the ports of a VM to up or down."""
        for port in vm.ports:
            port.status, port.updated, port.json_view = "ACTIVE" if on else "DOWN", self.world.now, None

    def let_go(self, vm: VM) -> None:
        """Release a VM's claim and ports, and detach its volumes; delete those that end with the VM."""
        for port in vm.ports:
            self.world.unplug(port)
        vm.ports = ()
        for volume in vm.volumes:
            self.world.detach(volume)
            if volume.is_deleted_with_vm:
                self.world.remove_volume(volume)
        if vm.host is not None:
            self.world.release(vm.host, vm.id)

    @staticmethod
    def _run(vm: VM, operation: int, transition: Transition) -> None:
        if vm.operation == operation and vm.terminated is None:
            transition(vm)
