"""Allocations of Placement that do not agree with Nova's servers."""

from collections.abc import Callable
from typing import Final

from stratoscope.demo.world.models import VM, Host, Migration, Resources
from stratoscope.demo.world.operations import LIVE
from stratoscope.demo.world.world import World

_MOST_NAMED: Final = 10
_LEAKED: Final = Resources(vcpus=1, memory_mib=512, disk_gib=1)


def misallocate(world: World, what: str, host: str) -> Callable[[], None]:
    """Make an allocation on a host wrong; the returned function mends it.

    Args:
        world: Whose allocations.
        what: `allocation_without_vm`, `vm_without_allocation`, `other_host`, `ended_migration`.
        host: Where the allocation is, or is missing.

    Raises:
        LookupError: There is no such host, or none of its VMs stays as it is; the message lists hosts.
    """
    there = world.hosts.get(host)
    vm = None if there is None else _resting(there)
    if there is None or vm is None:
        known = sorted(name for name, one in world.hosts.items() if _resting(one) is not None)
        raise LookupError(", ".join(known[:_MOST_NAMED]) + (", ..." if len(known) > _MOST_NAMED else ""))
    if what == "vm_without_allocation":
        world.release(there, vm.id)
        return lambda: _claim_again(world, vm)
    consumer = world.dice.uuid()
    if what == "other_host":
        there, consumer = _another(world, there), vm.id
    elif what == "ended_migration":
        now, target, number = world.now, _another(world, there), world.serial()
        world.past_migrations.append(
            Migration(consumer, number, vm, there, target, LIVE, "completed", vm.vm_state, now, now)
        )
    world.claim(there, consumer, _LEAKED)
    return lambda: world.release(there, consumer)


def _resting(host: Host) -> VM | None:
    """A VM of the host that is in no transition, if possible one that stays."""
    vms = [vm for vm in host.vms.values() if vm.task_state is None and vm.id in host.claims]
    return max(vms, key=lambda vm: vm.is_tame, default=None)


def _another(world: World, host: Host) -> Host:
    return next(one for one in world.hosts.values() if one is not host)


def _claim_again(world: World, vm: VM) -> None:
    if vm.host is not None and vm.terminated is None and vm.id not in vm.host.claims:
        world.claim(vm.host, vm.id, vm.claim)
