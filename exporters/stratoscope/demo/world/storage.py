"""Volumes of users as Cinder creates, attaches and deletes them: in steps that take time."""

from typing import Any, Final

from stratoscope.demo.world.models import VM, Project, User, Volume
from stratoscope.demo.world.transitions import Steps, run
from stratoscope.demo.world.world import World

_SIZES_GIB: Final = (10, 20, 50, 100, 250, 500)
_OFTEN: Final = (20, 30, 25, 15, 7, 3)


def new(world: World, project: Project, user: User, **what: Any) -> Volume:
    """A volume in creation that ends with its VM; not yet added to the world. Args: what: As in Volume."""
    return Volume(
        serial=world.serial(), name="", project=project, user=user, created=world.now, updated=world.now,
        is_deleted_with_vm=True, **what,
    )  # fmt: skip


def data_volume(world: World, project: Project, user: User) -> Volume:
    """An empty one of usual size."""
    volume = new(
        world, project, user, id=world.dice.uuid(), size_gib=world.dice.choices(_SIZES_GIB, _OFTEN)[0],
        pool=world.dice.choices(world.pools, (8, 2))[0],
    )  # fmt: skip
    volume.name = f"data-{volume.serial:04d}"
    return volume


def create(world: World, volume: Volume) -> Volume:
    """Add a volume; it is available some seconds later."""
    run(world.timeline, _creating(world, volume))
    return world.add_volume(volume)


def attach(world: World, volume: Volume, vm: VM, *, is_deleted_with_vm: bool) -> None:
    """Reserve an available volume for a VM; it is in use some seconds later, unless the VM is gone then."""
    world.reserve(volume, vm, is_deleted_with_vm=is_deleted_with_vm)
    run(world.timeline, _attaching(world, volume, vm), is_on=lambda: volume.vm is vm)


def delete(world: World, volume: Volume) -> None:
    """Delete a volume that is free; it is gone a second later."""
    run(world.timeline, _deleting(world, volume))


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
