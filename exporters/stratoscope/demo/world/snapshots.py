"""Images of running VMs: Nova's createImage, from the queued image in Glance to the active one."""

from collections.abc import Mapping
from typing import Final

from stratoscope.demo.world.models import VM, Image, User
from stratoscope.demo.world.transitions import Steps, Transitions
from stratoscope.demo.world.world import World

_MIB: Final = 1 << 20


class Snapshots(Transitions):
    """Snapshots, step by step; an unfinished one ends with its VM."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._under_way: dict[str, Image] = {}

    def create(self, vm: VM, name: str, metadata: Mapping[str, str], user: User) -> Image:
        """Begin a snapshot of a VM; the image has the metadata among its properties."""
        image = Image(
            id=self.world.dice.uuid(), name=name, owner=vm.project, created=self.world.now, size=None,
            properties={**metadata, **_properties(vm, user)}, status="queued", visibility="private",
            min_disk_gib=vm.flavor.disk_gib,
        )  # fmt: skip
        self.world.images.add(image)
        self._under_way[vm.id] = image
        self.world.act(vm, "createImage", user)
        self.run(vm, self._creating(vm, image))
        return image

    def abandon(self, vm: VM) -> None:
        """Delete the unfinished image of a VM that is being deleted."""
        image = self._under_way.pop(vm.id, None)
        if image is not None and image.id in self.world.images:
            self.world.images.remove(image)

    def _creating(self, vm: VM, image: Image) -> Steps:
        self.state(vm, vm.vm_state, "image_snapshot_pending")
        yield 0.5
        self.state(vm, vm.vm_state, "image_snapshot")
        yield 1.0
        image.status = "saving"
        self.state(vm, vm.vm_state, "image_uploading")
        yield 1.5
        del self._under_way[vm.id]
        image.size = (vm.image.size if vm.image else None) or 21 * _MIB
        image.status, image.properties["image_state"] = "active", "available"
        self.state(vm, vm.vm_state, None)


def _properties(vm: VM, user: User) -> dict[str, str]:
    """What Nova notes of a snapshot: nova/compute/api.py, _create_image."""
    return {
        "base_image_ref": vm.image.id if vm.image else "", "boot_roles": "member,reader",
        "image_location": "snapshot", "image_type": "snapshot", "instance_uuid": vm.id,
        "owner_id": vm.project.id, "owner_project_name": vm.project.name, "owner_user_name": user.name,
        "user_id": user.id,
    }  # fmt: skip
