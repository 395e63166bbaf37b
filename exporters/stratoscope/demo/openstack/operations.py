"""All that can be done with VMs: what the API offers, and what life does."""

from collections.abc import Callable

from stratoscope.demo.openstack.boots import Boots
from stratoscope.demo.openstack.moves import Moves
from stratoscope.demo.openstack.steps import Steps
from stratoscope.demo.openstack.things import VM, User
from stratoscope.demo.openstack.world import World


class Operations(Steps):
    """Attributes: boots, moves: Those that are more than a step or two."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.boots, self.moves = Boots(world), Moves(world)
        self._mourners: dict[str, Callable[[], None]] = {}

    def start(self, vm: VM, user: User | None = None) -> None:
        self._switch(vm, "start", "powering-on", on=True, user=user)

    def stop(self, vm: VM, user: User | None = None) -> None:
        self._switch(vm, "stop", "powering-off", on=False, user=user)

    def reboot(self, vm: VM, *, hard: bool = False, user: User | None = None) -> None:
        self._switch(vm, "reboot", "rebooting_hard" if hard else "rebooting", on=True, user=user)

    def delete(self, vm: VM, user: User | None = None) -> None:
        """Delete a VM in whatever state; it is listed until it is gone, some seconds later."""
        if vm.task_state == "deleting":
            return
        self.world.act(vm, "delete", user)
        self.begin(vm)
        self.state(vm, vm.vm_state, "deleting")
        self.then(vm, 2.0, self._gone)

    def on_gone(self, vm: VM, then: Callable[[], None]) -> None:
        """Do something as soon as a VM that is being deleted is gone."""
        self._mourners[vm.vm_id] = then

    def _gone(self, vm: VM) -> None:
        self.boots.forget(vm)
        self.moves.abandon(vm)
        self.let_go(vm)
        self.world.bury(vm)
        self._mourners.pop(vm.vm_id, lambda: None)()

    def _switch(self, vm: VM, action: str, task_state: str, *, on: bool, user: User | None) -> None:
        self.world.act(vm, action, user)
        self.begin(vm)
        self.state(vm, vm.vm_state, task_state)
        self.then(vm, 1.5, self._on if on else self._off)

    def _on(self, vm: VM) -> None:
        self.turn(vm, on=True)

    def _off(self, vm: VM) -> None:
        self.turn(vm, on=False)
