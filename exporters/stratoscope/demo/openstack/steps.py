"""What takes time with a VM: steps in Nova's states, one after the other.

A step that belongs to something that was overtaken (a boot whose VM is being deleted) does not happen.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from stratoscope.demo.openstack.things import VM
from stratoscope.demo.openstack.world import World

Step = Callable[[VM], None]

_SHORTEST, _LONGEST = 0.7, 1.5
_SPREAD: Final = (_SHORTEST, _LONGEST)
"""How much a step's time differs from what is usual."""


class Steps:
    """The world as those see it who change VMs in steps."""

    def __init__(self, world: World) -> None:
        self.world = world

    @staticmethod
    def begin(vm: VM) -> None:
        """Begin something with a VM; whatever was begun before is overtaken."""
        vm.operation += 1

    def then(self, vm: VM, seconds: float, step: Step) -> None:
        """Let the next step happen in about so many seconds."""
        in_s = seconds * self.world.dice.uniform(*_SPREAD)
        self.world.timeline.after(in_s, partial(self._step, vm, vm.operation, step))

    def state(self, vm: VM, vm_state: str, task_state: str | None) -> None:
        vm.vm_state, vm.task_state = vm_state, task_state
        self.world.touch(vm)

    def turn(self, vm: VM, *, on: bool) -> None:
        """A VM runs now, or stands still; so do its ports."""
        for port in vm.ports:
            port.status, port.updated, port.shown_as = "ACTIVE" if on else "DOWN", self.world.now, None
        self.state(vm, "active" if on else "stopped", None)

    def let_go(self, vm: VM) -> None:
        """Give back what a VM has: its ports, and its volumes, or those that are to end with it."""
        for port in vm.ports:
            self.world.unplug(port)
        vm.ports = ()
        for volume in vm.volumes:
            self.world.detach(volume)
            if volume.is_deleted_with_vm:
                self.world.remove_volume(volume)
        if vm.host is not None:
            self.world.release(vm.host, vm.vm_id)

    @staticmethod
    def _step(vm: VM, operation: int, step: Step) -> None:
        if vm.operation == operation and vm.terminated is None:
            step(vm)
