"""State changes of a VM that take time, one after the other, in Nova's states.

An operation is a generator: it yields about how many seconds it takes until it goes on. It is dropped when
another operation on the VM began meanwhile: a boot whose VM is being deleted.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from stratoscope.demo.clock import Timeline
from stratoscope.demo.world.models import VM
from stratoscope.demo.world.world import World

Steps = Iterator[float]

_SPREAD: Final = (0.7, 1.5)
"""How much the duration of a step differs from the usual one."""


class Transitions:
    """Base of all that changes VMs step by step."""

    def __init__(self, world: World) -> None:
        self.world = world

    @staticmethod
    def begin(vm: VM) -> None:
        """Begin an operation on a VM; earlier ones end."""
        vm.operation += 1

    def run(self, vm: VM, steps: Steps) -> None:
        """Begin an operation on a VM, up to its first pause; earlier ones end."""
        self.begin(vm)
        self.beside(vm, steps, lambda: self.world.dice.uniform(*_SPREAD))

    def beside(self, vm: VM, steps: Steps, pace: Callable[[], float] = lambda: 1.0) -> None:
        """Run what goes on as long as a VM's operation does."""
        operation = vm.operation
        run(
            self.world.timeline,
            steps,
            pace,
            is_on=lambda: vm.operation == operation and vm.terminated is None,
        )

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


def run(
    timeline: Timeline,
    steps: Steps,
    pace: Callable[[], float] = lambda: 1.0,
    is_on: Callable[[], bool] = lambda: True,
) -> None:
    """Run steps up to their next pause, which lasts its seconds times the pace, and so on while it is on."""
    seconds = next(steps, None) if is_on() else None
    if seconds is not None:
        timeline.after(seconds * pace(), partial(run, timeline, steps, pace, is_on))
