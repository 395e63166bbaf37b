"""Live migrations and resizes, with claims on both hosts."""

from typing import Final

from stratoscope.demo.world.migration import Migration
from stratoscope.demo.world.models import VM, Flavor, Host, User
from stratoscope.demo.world.scheduler import choose_host
from stratoscope.demo.world.transitions import Steps, Transitions

LIVE: Final = "live-migration"
CONFIRMED_AFTER_S: Final = 60.0
"""A resize is confirmed after this time."""


class Migrations(Transitions):
    """Those under way.

    Meanwhile the migration has the VM's claim on the old host, and the VM itself has one on the new host.
    """

    def migrate(self, vm: VM, target: Host | None = None) -> None:
        """Move a running VM to another host, if one has room: to the target, or to any."""
        migration = self._start(vm, vm.flavor, LIVE, "running", target)
        if migration is not None:
            self.world.act(vm, "live-migration")
            self.run(vm, self._moving(vm, migration))

    def resize(self, vm: VM, flavor: Flavor, user: User | None = None) -> None:
        """Give a VM another flavor, on another host, if one has room.

        For a user it is tried even if none has: the VM goes back to its state then.
        """
        migration = self._start(vm, flavor, "resize", "pre-migrating")
        if migration is not None or user is not None:
            self.world.act(vm, "resize", user)
            self.run(vm, self._resizing(vm, migration))

    def confirm(self, vm: VM, user: User) -> None:
        """Confirm the resize of a VM."""
        self.world.act(vm, "confirmResize", user)
        self.run(vm, self._confirming(vm))

    def fail(self, vm: VM) -> None:
        """End the live migration of a VM, which stays where it is."""
        migration = self.world.migrations.pop(vm.id)
        self.begin(vm)
        held = migration.source.claims[migration.id]
        self.world.release(migration.source, migration.id)
        self.world.release(migration.target, vm.id)
        self.world.claim(migration.source, vm.id, held)
        self._become(migration, "error")
        self.state(vm, vm.vm_state, None)

    def abandon(self, vm: VM) -> None:
        """End the migration of a VM that is being deleted."""
        migration = self.world.migrations.pop(vm.id, None)
        if migration is not None:
            self._become(migration, "confirmed" if migration.status == "finished" else "error")
            self.world.release(migration.source, migration.id)
            self.world.release(migration.target, vm.id)

    def _start(
        self, vm: VM, flavor: Flavor, kind: str, status: str, only: Host | None = None
    ) -> Migration | None:
        world, source = self.world, vm.host
        claim = flavor.claim(boots_from_volume=vm.image is None)
        # A VM is not moved out of its zone.
        zone = vm.zone if source is None or only is not None else source.zone
        target = choose_host(world, claim, flavor, zone, besides=source, only=only)
        if source is None or target is None:
            return None
        migration = Migration(
            world.dice.uuid(), vm, source, target, flavor, vm.vm_state, world.serial(), kind, status,
            world.now, world.now, vm.flavor,
        )  # fmt: skip
        held = source.claims.get(vm.id, claim)
        world.release(source, vm.id)
        world.claim(source, migration.id, held)
        world.claim(target, vm.id, claim)
        world.migrations[vm.id] = migration
        world.past_migrations.append(migration)
        return migration

    def _moving(self, vm: VM, migration: Migration) -> Steps:
        self.state(vm, vm.vm_state, "migrating")
        yield 6.0
        self._move(vm, migration)
        self._end(vm, "completed")
        self.state(vm, vm.vm_state, None)

    def _resizing(self, vm: VM, migration: Migration | None) -> Steps:
        self.state(vm, vm.vm_state, "resize_prep")
        yield 1.0
        if migration is None:
            self.state(vm, vm.vm_state, None)
            return
        self.state(vm, vm.vm_state, "resize_migrating")
        self._become(migration, "migrating")
        yield 4.0
        self._move(vm, migration)
        self._become(migration, "finished")
        self.world.change_flavor(vm, migration.flavor)
        self.state(vm, "resized", None)
        yield CONFIRMED_AFTER_S
        self.world.act(vm, "confirmResize")
        self.state(vm, self._end(vm, "confirmed").vm_state, None)

    def _confirming(self, vm: VM) -> Steps:
        yield 1.0
        self.state(vm, self._end(vm, "confirmed").vm_state, None)

    def _become(self, migration: Migration, status: str) -> None:
        migration.status, migration.updated = status, self.world.now

    def _move(self, vm: VM, migration: Migration) -> None:
        self.world.place(vm, migration.target)
        for port in vm.ports:
            port.host, port.updated, port.json_view = migration.target.name, self.world.now, None

    def _end(self, vm: VM, status: str) -> Migration:
        migration = self.world.migrations.pop(vm.id)
        self.world.release(migration.source, migration.id)
        self._become(migration, status)
        return migration
