"""Volumes of users as Cinder creates, attaches and deletes them: in steps that take time."""

from typing import Any, Final

from stratoscope.demo.clock import Steps
from stratoscope.demo.world.models import VM, Project, User, Volume
from stratoscope.demo.world.world import World

_SIZES_GIB: Final = (10, 20, 50, 100, 250, 500)
_OFTEN: Final = (20, 30, 25, 15, 7, 3)


def data_volume(world: World, project: Project, user: User) -> Volume:
    """An empty volume of usual size, in creation; not yet added to the world."""
    size_gib = world.dice.choices(_SIZES_GIB, _OFTEN)[0]
    pool = world.dice.choices(world.pools, (8, 2))[0]
    volume = _volume(world, project, user, size_gib=size_gib, pool=pool)
    volume.name = f"data-{volume.serial:04d}"
    return volume


def root_volume(world: World, vm: VM) -> Volume:
    """The volume that a VM without an image boots from; not yet added to the world."""
    image = min(world.first_images, key=lambda image: image.id)
    pool = world.dice.choice(world.pools)
    return _volume(world, vm.project, vm.user, size_gib=vm.flavor.disk_gib, pool=pool, image=image)


def create(world: World, volume: Volume) -> Volume:
    """Add a volume; it is available some seconds later."""
    world.timeline.run(_creating(world, volume))
    return world.add_volume(volume)


def attach(world: World, volume: Volume, vm: VM, *, is_deleted_with_vm: bool) -> None:
    """Reserve an available volume for a VM; it is in use some seconds later, unless the VM is gone then."""
    world.reserve(volume, vm, is_deleted_with_vm=is_deleted_with_vm)
    world.timeline.run(_attaching(world, volume, vm), is_on=lambda: volume.vm is vm)


def delete(world: World, volume: Volume) -> None:
    """Delete a volume that is free; it is gone a second later."""
    world.timeline.run(_deleting(world, volume))


def _volume(world: World, project: Project, user: User, **what: Any) -> Volume:
    return Volume(
        serial=world.serial(), id=world.dice.uuid(), name="", project=project, user=user, created=world.now,
        updated=world.now, is_deleted_with_vm=True, **what,
    )  # fmt: skip


def _creating(world: World, volume: Volume) -> Steps:
    yield 0.8
    if volume.image is not None:
        _become(world, volume, "downloading")
        yield 2.0
    _become(world, volume, "available")


def _attaching(world: World, volume: Volume, vm: VM) -> Steps:
    yield 0.5
    _become(world, volume, "attaching")
    yield 1.5
    world.attach(volume, vm)
    world.touch(vm)


def _deleting(world: World, volume: Volume) -> Steps:
    _become(world, volume, "deleting")
    yield 1.0
    world.remove_volume(volume)


def _become(world: World, volume: Volume, status: str) -> None:
    volume.status, volume.updated = status, world.now
