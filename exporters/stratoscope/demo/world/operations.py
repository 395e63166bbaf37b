"""What is done to VMs, by users and by the churn: state changes that take time, in Nova's states.

An operation is a generator: it yields about how many seconds it takes until it goes on. It is dropped when
another operation on the VM began meanwhile: a boot whose VM is being deleted.
"""

from collections.abc import Callable, Mapping
from typing import Final

from stratoscope.demo.clock import Steps
from stratoscope.demo.world.boot_errors import BootError
from stratoscope.demo.world.models import VM, Fault, Flavor, Host, Image, Migration
from stratoscope.demo.world.storage import root_volume
from stratoscope.demo.world.world import World

LIVE: Final = "live-migration"
CONFIRMED_AFTER_S: Final = 60.0
"""A resize is confirmed after this time."""
_SPREAD: Final = (0.7, 1.5)
"""How much the duration of a step differs from the usual one."""


class Operations:
    """Attributes: retry_s: The scheduler tries a boot again after this time; None for never."""

    retry_s: float | None = None

    def __init__(self, world: World) -> None:
        self.world = world
        self._failures: dict[str, BootError] = {}
        self._snapshots: dict[str, Image] = {}

    @staticmethod
    def begin(vm: VM) -> None:
        """Begin an operation on a VM; earlier ones end."""
        vm.operation += 1

    def run(self, vm: VM, steps: Steps) -> None:
        """Begin an operation on a VM, up to its first pause; earlier ones end."""
        self.begin(vm)
        operation = vm.operation

        def is_on() -> bool:
            return vm.operation == operation and vm.terminated is None

        self.world.timeline.run(steps, lambda: self.world.dice.uniform(*_SPREAD), is_on)

    def state(self, vm: VM, vm_state: str, task_state: str | None) -> None:
        vm.vm_state, vm.task_state = vm_state, task_state
        self.world.touch(vm)

    # -- On and off --------------------------------------------------------------------------------

    def start(self, vm: VM) -> None:
        self._switch(vm, "start", "powering-on", on=True)

    def stop(self, vm: VM) -> None:
        self._switch(vm, "stop", "powering-off", on=False)

    def reboot(self, vm: VM) -> None:
        self._switch(vm, "reboot", "rebooting", on=True)

    def _switch(self, vm: VM, action: str, task_state: str, *, on: bool) -> None:
        self.world.act(vm, action)
        self.run(vm, self.switching(vm, task_state, on=on))

    def switching(self, vm: VM, task_state: str, *, on: bool) -> Steps:
        """A VM runs, or stops."""
        self.state(vm, vm.vm_state, task_state)
        yield 1.5
        self._turn(vm, on=on)

    def _turn(self, vm: VM, *, on: bool) -> None:
        if on:
            vm.booted = self.world.now
        self._turn_ports(vm, on=on)
        self.state(vm, "active" if on else "stopped", None)

    def _turn_ports(self, vm: VM, *, on: bool) -> None:
        for port in vm.ports:
            port.status, port.updated, port.json_view = "ACTIVE" if on else "DOWN", self.world.now, None

    # -- Boots -------------------------------------------------------------------------------------

    def boot(self, vm: VM, failure: BootError | None = None) -> VM:
        """Begin the boot of a VM; `failure` is how it will end."""
        self.world.add_vm(vm)
        if failure is not None:
            self._failures[vm.id] = failure
        vm.is_scheduled = False
        self.run(vm, self.scheduling(vm))
        return vm

    def fail(self, vm: VM, text: str) -> None:
        """End a boot in ERROR: the VM has no resources then, but still counts against its quota."""
        self._let_go(vm)
        self.world.displace(vm)
        vm.fault = Fault(self.world.now, text, self.world.errors.details(text))
        self.state(vm, "error", None)

    def refuse(self, vm: VM, text: str) -> None:
        """Say that there is no host for a VM."""
        self.fail(vm, text)

    def scheduling(self, vm: VM) -> Steps:
        """A VM gets a host, and boots. One whose host has just fallen silent waits, and nobody names it."""
        wait_s: float | None = 1.0
        while wait_s is not None:
            yield wait_s
            vm.is_scheduled = True
            failure = self._failures.get(vm.id)
            host = self.world.choose_host(vm.claim, vm.flavor, vm.zone, only=vm.requested_host)
            if host is None or (failure is not None and failure.is_of_scheduling):
                self.refuse(vm, self.world.errors.text("no_valid_host") if failure is None else failure.text)
            elif host.daemon.silent_since is None:
                yield from self.building(vm, host)
                return
            wait_s = self.retry_s

    def building(self, vm: VM, host: Host) -> Steps:
        """A VM boots on a host that has room."""
        self.world.claim(host, vm.id, vm.claim)
        self.world.place(vm, host)
        self.state(vm, "building", None)
        yield 0.4
        self.state(vm, "building", "networking")
        yield 1.2
        if not self.world.plug_vm(vm):
            self.fail(vm, self.world.errors.text("network_failed").format(vm=vm.id))
            return
        self.state(vm, "building", "block_device_mapping")
        if vm.image is None and not vm.volumes and vm.flavor.disk_gib:
            vm.volumes = (self.world.add_volume(root_volume(self.world, vm)),)
        yield 0.6 if vm.image else 2.5
        for volume in vm.volumes:
            self.world.attach(volume, vm)
        self.state(vm, "building", "spawning")
        yield 0.8
        self._turn_ports(vm, on=True)  # the agent of the host has connected them: up before the VM runs
        failure = self._failures.pop(vm.id, None)
        if failure is None:
            yield 2.2
            vm.launched = self.world.now
            self._turn(vm, on=True)
        elif failure.text:
            yield 1.2
            self.fail(vm, failure.text)

    # -- Migrations and resizes --------------------------------------------------------------------

    def migrate(self, vm: VM) -> None:
        """Move a running VM to another host, if one has room."""
        migration = self._migration(vm, vm.flavor, LIVE, "running")
        if migration is not None:
            self.world.act(vm, "live-migration")
            self.run(vm, self._migrating(vm, migration))

    def resize(self, vm: VM, flavor: Flavor) -> None:
        """Give a VM another flavor, on another host; if none has room, the VM goes back to its state."""
        self.world.act(vm, "resize")
        self.run(vm, self._resizing(vm, flavor, self._migration(vm, flavor, "resize", "pre-migrating")))

    def confirm(self, vm: VM) -> None:
        """Confirm the resize of a VM."""
        self.run(vm, self._confirming(vm, 1.0))

    def _migration(self, vm: VM, flavor: Flavor, kind: str, status: str) -> Migration | None:
        """One that begins, with claims on both hosts; None where no other host of the zone has room.

        It has the VM's claim on the old host, and the VM itself has one on the new host.
        """
        world, source = self.world, vm.host
        claim = flavor.claim(boots_from_volume=vm.image is None)
        target = world.choose_host(claim, flavor, source.zone, besides=source) if source else None
        if source is None or target is None:
            return None
        migration = Migration(
            world.dice.uuid(), world.serial(), vm, source, target, kind, status, vm.vm_state, world.now,
            world.now,
        )  # fmt: skip
        held = source.claims.get(vm.id, claim)
        world.release(source, vm.id)
        world.claim(source, migration.id, held)
        world.claim(target, vm.id, claim)
        world.migrations[vm.id] = migration
        world.past_migrations.append(migration)
        return migration

    def _migrating(self, vm: VM, migration: Migration) -> Steps:
        self.state(vm, vm.vm_state, "migrating")
        yield 6.0
        self._arrive(vm, migration)
        self._end_migration(vm, "completed")
        self.state(vm, vm.vm_state, None)

    def _resizing(self, vm: VM, flavor: Flavor, migration: Migration | None) -> Steps:
        self.state(vm, vm.vm_state, "resize_prep")
        yield 1.0
        if migration is None:
            self.state(vm, vm.vm_state, None)
            return
        self.state(vm, vm.vm_state, "resize_migrating")
        migration.status, migration.updated = "migrating", self.world.now
        yield 4.0
        self._arrive(vm, migration)
        migration.status, migration.updated = "finished", self.world.now
        self.world.change_flavor(vm, flavor)
        self.state(vm, "resized", None)
        yield from self._confirming(vm, CONFIRMED_AFTER_S)

    def _confirming(self, vm: VM, seconds: float) -> Steps:
        yield seconds
        self.world.act(vm, "confirmResize")
        self.state(vm, self._end_migration(vm, "confirmed").vm_state, None)

    def _arrive(self, vm: VM, migration: Migration) -> None:
        self.world.place(vm, migration.target)
        for port in vm.ports:
            port.host, port.updated, port.json_view = migration.target.name, self.world.now, None

    def _end_migration(self, vm: VM, status: str) -> Migration:
        migration = self.world.migrations.pop(vm.id)
        self.world.release(migration.source, migration.id)
        migration.status, migration.updated = status, self.world.now
        return migration

    # -- Snapshots and the end ---------------------------------------------------------------------

    def snapshot(self, vm: VM, name: str, metadata: Mapping[str, str]) -> Image:
        """Begin a snapshot of a VM: Nova's createImage; the image has the metadata among its properties."""
        image = Image(
            id=self.world.dice.uuid(), name=name, owner=vm.project, created=self.world.now, size=None,
            properties={**metadata, "image_type": "snapshot", "instance_uuid": vm.id}, status="queued",
            visibility="private", min_disk_gib=vm.flavor.disk_gib,
        )  # fmt: skip
        self._snapshots[vm.id] = self.world.images.add(image)
        self.world.act(vm, "createImage")
        self.run(vm, self._snapshotting(vm, image))
        return image

    def _snapshotting(self, vm: VM, image: Image) -> Steps:
        self.state(vm, vm.vm_state, "image_snapshot_pending")
        yield 0.5
        self.state(vm, vm.vm_state, "image_snapshot")
        yield 1.0
        image.status = "saving"
        self.state(vm, vm.vm_state, "image_uploading")
        yield 1.5
        del self._snapshots[vm.id]
        image.status, image.size = "active", (vm.image.size if vm.image else None) or 21 << 20
        self.state(vm, vm.vm_state, None)

    def delete(self, vm: VM, on_gone: Callable[[], None] | None = None) -> None:
        """Delete a VM in whatever state; it is gone some seconds later, and `on_gone` is called then.

        Without that, Nova itself deletes at once what is on no host: there is nobody to wait for.
        """
        if vm.task_state != "deleting":
            self.world.act(vm, "delete")
            self.run(vm, self._deleting(vm, on_gone))

    def _deleting(self, vm: VM, on_gone: Callable[[], None] | None) -> Steps:
        self.state(vm, vm.vm_state, "deleting")
        if on_gone is not None or vm.host is not None:
            yield 2.0
        self.end(vm)
        if on_gone is not None:
            on_gone()

    def end(self, vm: VM) -> None:
        """Let a VM be gone, with what is under way for it."""
        self._failures.pop(vm.id, None)
        migration = self.world.migrations.get(vm.id)
        if migration is not None:
            self._end_migration(vm, "confirmed" if migration.status == "finished" else "error")
            self.world.release(migration.target, vm.id)
        unfinished = self._snapshots.pop(vm.id, None)
        if unfinished is not None and unfinished.id in self.world.images:
            self.world.images.remove(unfinished)
        self._let_go(vm)
        self.world.bury(vm)

    def _let_go(self, vm: VM) -> None:
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
