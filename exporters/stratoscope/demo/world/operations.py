"""All operations on VMs: those of the API, and those of the churn."""

from collections.abc import Callable

from stratoscope.demo.world.boots import Boots
from stratoscope.demo.world.migrations import Migrations
from stratoscope.demo.world.models import VM, User
from stratoscope.demo.world.snapshots import Snapshots
from stratoscope.demo.world.transitions import Steps, Transitions
from stratoscope.demo.world.world import World


class Operations(Transitions):
    """Attributes: boots, migrations, snapshots: The operations with several steps."""

    def __init__(self, world: World, boots: Boots | None = None) -> None:
        super().__init__(world)
        self.boots = Boots(world) if boots is None else boots
        self.migrations, self.snapshots = Migrations(world), Snapshots(world)
        self._on_gone: dict[str, Callable[[], None]] = {}

    def start(self, vm: VM, user: User | None = None) -> None:
        self._switch(vm, "start", "powering-on", on=True, user=user)

    def stop(self, vm: VM, user: User | None = None) -> None:
        self._switch(vm, "stop", "powering-off", on=False, user=user)

    def reboot(self, vm: VM, *, hard: bool = False, user: User | None = None) -> None:
        self._switch(vm, "reboot", "rebooting_hard" if hard else "rebooting", on=True, user=user)

    def delete(self, vm: VM, user: User | None = None, on_gone: Callable[[], None] | None = None) -> None:
        """Delete a VM in whatever state; it is gone some seconds later, and `on_gone` is called then.

        For a user, Nova itself deletes at once what is on no host: there is nobody to wait for.
        """
        if on_gone is not None:
            self._on_gone[vm.id] = on_gone
        if vm.task_state != "deleting":
            self.world.act(vm, "delete", user)
            self.run(vm, self._deleting(vm, is_at_once=user is not None and vm.host is None))

    def _deleting(self, vm: VM, *, is_at_once: bool) -> Steps:
        self.state(vm, vm.vm_state, "deleting")
        if not is_at_once:
            yield 2.0
        self._gone(vm)

    def _gone(self, vm: VM) -> None:
        self.boots.forget(vm)
        self.migrations.abandon(vm)
        self.snapshots.abandon(vm)
        self.let_go(vm)
        self.world.bury(vm)
        self._on_gone.pop(vm.id, lambda: None)()

    def _switch(self, vm: VM, action: str, task_state: str, *, on: bool, user: User | None) -> None:
        self.world.act(vm, action, user)
        self.run(vm, self._switching(vm, task_state, on=on))

    def _switching(self, vm: VM, task_state: str, *, on: bool) -> Steps:
        self.state(vm, vm.vm_state, task_state)
        yield 1.5
        self.turn(vm, on=on)
