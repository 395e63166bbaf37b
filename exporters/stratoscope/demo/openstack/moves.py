"""How a VM comes to another host or another size: live migrations and resizes, with claims on both sides."""

from functools import partial
from typing import Final

from stratoscope.demo.openstack.scheduler import choose_host
from stratoscope.demo.openstack.steps import Steps
from stratoscope.demo.openstack.things import VM, Flavor, Host, Migration
from stratoscope.demo.openstack.world import World

CONFIRMED_AFTER_S: Final = 60.0
"""So long a resized VM waits for its owner."""


class Moves(Steps):
    """Moves under way.

    Meanwhile the migration claims what the VM has on its old host, the VM itself what it has on the new one.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._under_way: dict[str, Migration] = {}

    def migrate(self, vm: VM) -> bool:
        """Move a running VM elsewhere; False where there is no room."""
        migration = self._start(vm, vm.flavor, "live-migration", zone=_zone(vm))
        if migration is None:
            return False
        self.world.act(vm, "live-migration")
        self.state(vm, vm.vm_state, "migrating")
        self.then(vm, 6.0, partial(self._arrive, migration=migration))
        return True

    def resize(self, vm: VM, flavor: Flavor) -> bool:
        """Give a VM another flavor, on another host; False where there is no room."""
        migration = self._start(vm, flavor, "resize", zone=_zone(vm))
        if migration is None:
            return False
        self.world.act(vm, "resize")
        self.state(vm, vm.vm_state, "resize_prep")
        self.then(vm, 1.0, partial(self._copy, migration=migration))
        return True

    def confirm(self, vm: VM) -> None:
        """Take a resized VM as it is."""
        migration = self._under_way.pop(vm.vm_id)
        self.world.release(migration.source, migration.migration_id)
        self._say(migration, "confirmed")
        self.world.act(vm, "confirmResize")
        self.state(vm, "active", None)

    def abandon(self, vm: VM) -> None:
        """Forget a move: its VM is being deleted."""
        migration = self._under_way.pop(vm.vm_id, None)
        if migration is not None:
            self.world.release(migration.source, migration.migration_id)
            self.world.release(migration.target, vm.vm_id)
            self._say(migration, "error")

    def _start(self, vm: VM, flavor: Flavor, kind: str, *, zone: str) -> Migration | None:
        world, source = self.world, vm.host
        claim = flavor.claim(boots_from_volume=vm.image is None)
        target = choose_host(world, claim, flavor, zone, besides=source)
        if source is None or target is None:
            return None
        self.begin(vm)
        migration = Migration(
            world.serial(), world.dice.uuid(), vm, source, target, vm.flavor, flavor, kind, "running",
            world.now, world.now,
        )  # fmt: skip
        self._hand_over(vm, migration, source)
        world.claim(target, vm.vm_id, claim)
        self._under_way[vm.vm_id] = world.add_migration(migration)
        return migration

    def _hand_over(self, vm: VM, migration: Migration, source: Host) -> None:
        held = source.claims[vm.vm_id]
        self.world.release(source, vm.vm_id)
        self.world.claim(source, migration.migration_id, held)

    def _arrive(self, vm: VM, migration: Migration) -> None:
        self._move(vm, migration)
        del self._under_way[vm.vm_id]
        self.world.release(migration.source, migration.migration_id)
        self._say(migration, "completed")
        self.state(vm, vm.vm_state, None)

    def _copy(self, vm: VM, migration: Migration) -> None:
        self._say(migration, "migrating")
        self.state(vm, vm.vm_state, "resize_migrating")
        self.then(vm, 4.0, partial(self._finish, migration=migration))

    def _finish(self, vm: VM, migration: Migration) -> None:
        self._move(vm, migration)
        self.world.change_flavor(vm, migration.new_flavor)
        self._say(migration, "finished")
        self.state(vm, "resized", None)
        if not vm.is_tame:
            self.then(vm, CONFIRMED_AFTER_S, self.confirm)

    def _move(self, vm: VM, migration: Migration) -> None:
        self.world.place(vm, migration.target)
        for port in vm.ports:
            port.host, port.updated, port.shown_as = migration.target.name, self.world.now, None

    def _say(self, migration: Migration, status: str) -> None:
        migration.status, migration.updated = status, self.world.now


def _zone(vm: VM) -> str:
    """Where it must stay: a VM is not moved out of its zone."""
    return vm.host.zone if vm.host else vm.zone
