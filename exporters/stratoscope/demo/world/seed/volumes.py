"""Backends, data volumes, snapshots and backups."""

from typing import Final

from stratoscope.demo.world.models import Copy, Pool, Volume
from stratoscope.demo.world.seed.hosts import CONTROLLER, daemon
from stratoscope.demo.world.storage import data_volume
from stratoscope.demo.world.world import World

_LOOSE: Final = ("available",) * 12 + ("error", "reserved", "error_deleting", "creating")
"""States of volumes without a VM."""


def backends(world: World) -> None:
    """Add two backends, each with its own volume type, and Cinder's services."""
    for binary in ("cinder-scheduler", "cinder-backup"):
        daemon(world, binary, CONTROLLER, "nova")
    for name, kind in (("ceph", "__DEFAULT__"), ("ssd", "ssd")):
        host = f"{CONTROLLER}@{name}"
        service = daemon(world, "cinder-volume", host, "nova")
        world.pools.append(Pool(host, name, world.dice.uuid(), kind, service))


def volumes(world: World) -> None:
    """Add a volume for every fourth VM, one without a VM for every ten of those, and copies of some."""
    for number, vm in enumerate(reversed([vm for vm in world.vms if vm.ports])):
        if number % 4 == 0:
            volume = world.add_volume(data_volume(world, vm.project, vm.user))
            world.attach(volume, vm)
            volume.created, volume.updated = vm.created, vm.created + 60.0
        if number % 40 == 0:
            loose = world.add_volume(data_volume(world, vm.project, vm.user))
            loose.created = loose.updated = vm.created
            loose.status = world.dice.choice(_LOOSE)
    for number, volume in enumerate(list(world.volumes)):
        if number % 6 == 0:
            _copy(world, volume, is_backup=False)
        if number % 20 == 0:
            _copy(world, volume, is_backup=True)
    for pool in world.pools:
        held = sum(volume.size_gib for volume in world.volumes if volume.pool is pool)
        pool.total_gib = max(1000.0, round(held / 0.6))


def _copy(world: World, volume: Volume, *, is_backup: bool) -> None:
    serial = world.serial()
    failed = world.dice.random() < 0.05  # noqa: PLR2004 - one of twenty
    copy = Copy(
        serial=serial, id=world.dice.uuid(), name=f"{'backup' if is_backup else 'snapshot'}-{serial:04d}",
        volume=volume, created=volume.created, updated=volume.created,
        status="error" if failed else "available",
        fail_reason="Service not found for creating backup." if failed and is_backup else None,
    )  # fmt: skip
    world.add_copy(copy, is_backup=is_backup)
