"""Volumes of users as Cinder creates, attaches and deletes them: in steps that take time."""

from functools import partial
from typing import Final

from stratoscope.demo.world.models import VM, Volume
from stratoscope.demo.world.world import World

_CREATED_S: Final = 0.8
_COPIED_S: Final = 2.0
"""The copy of an image to a volume."""
_RESERVED_S: Final = 0.5
_ATTACHED_S: Final = 1.5
_DELETED_S: Final = 1.0


def create(world: World, volume: Volume) -> Volume:
    """Add a volume; it is available some seconds later."""
    ready = partial(_become, world, volume, "available")
    if volume.image is None:
        world.timeline.after(_CREATED_S, ready)
    else:
        world.timeline.after(_CREATED_S, partial(_become, world, volume, "downloading"))
        world.timeline.after(_CREATED_S + _COPIED_S, ready)
    return world.add_volume(volume)


def attach(world: World, volume: Volume, vm: VM, *, is_deleted_with_vm: bool) -> None:
    """Reserve an available volume for a VM; it is in use some seconds later, unless the VM is gone then."""
    world.reserve(volume, vm, is_deleted_with_vm=is_deleted_with_vm)
    world.timeline.after(_RESERVED_S, partial(_attaching, world, volume, vm))


def delete(world: World, volume: Volume) -> None:
    """Delete a volume that is free; it is gone a second later."""
    _become(world, volume, "deleting")
    world.timeline.after(_DELETED_S, partial(world.remove_volume, volume))


def _become(world: World, volume: Volume, status: str) -> None:
    volume.status, volume.updated = status, world.now


def _attaching(world: World, volume: Volume, vm: VM) -> None:
    if volume.vm is vm:
        _become(world, volume, "attaching")
        world.timeline.after(_ATTACHED_S, partial(_attached, world, volume, vm))


def _attached(world: World, volume: Volume, vm: VM) -> None:
    if volume.vm is vm:
        world.attach(volume, vm)
        world.touch(vm)
