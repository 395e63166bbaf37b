"""All operations on VMs: those of the API, and those of the churn."""

from collections.abc import Callable, Mapping

from stratoscope.demo.world.boots import Boots
from stratoscope.demo.world.migrations import Migrations
from stratoscope.demo.world.models import VM, Image
from stratoscope.demo.world.transitions import Steps, Transitions
from stratoscope.demo.world.world import World


class Operations(Transitions):
    """Attributes: boots, migrations: The operations with several steps."""

    def __init__(self, world: World, boots: Boots | None = None) -> None:
        super().__init__(world)
        self.boots = Boots(world) if boots is None else boots
        self.migrations = Migrations(world)
        self._snapshots: dict[str, Image] = {}

    def start(self, vm: VM) -> None:
        self._switch(vm, "start", "powering-on", on=True)

    def stop(self, vm: VM) -> None:
        self._switch(vm, "stop", "powering-off", on=False)

    def reboot(self, vm: VM) -> None:
        self._switch(vm, "reboot", "rebooting", on=True)

    def delete(self, vm: VM, on_gone: Callable[[], None] | None = None) -> None:
        """Delete a VM in whatever state; it is gone some seconds later, and `on_gone` is called then.

        Without that, Nova itself deletes at once what is on no host: there is nobody to wait for.
        """
        if vm.task_state != "deleting":
            self.world.act(vm, "delete")
            self.run(vm, self._deleting(vm, on_gone))

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

    def _deleting(self, vm: VM, on_gone: Callable[[], None] | None) -> Steps:
        self.state(vm, vm.vm_state, "deleting")
        if on_gone is not None or vm.host is not None:
            yield 2.0
        self._gone(vm)
        if on_gone is not None:
            on_gone()

    def _gone(self, vm: VM) -> None:
        self.boots.forget(vm)
        self.migrations.abandon(vm)
        unfinished = self._snapshots.pop(vm.id, None)
        if unfinished is not None and unfinished.id in self.world.images:
            self.world.images.remove(unfinished)
        self.let_go(vm)
        self.world.bury(vm)

    def _switch(self, vm: VM, action: str, task_state: str, *, on: bool) -> None:
        self.world.act(vm, action)
        self.run(vm, self._switching(vm, task_state, on=on))

    def _switching(self, vm: VM, task_state: str, *, on: bool) -> Steps:
        self.state(vm, vm.vm_state, task_state)
        yield 1.5
        self.turn(vm, on=on)
