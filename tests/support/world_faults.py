"""Changes of an embedded cloud's world that no fault on demand makes."""

from collections.abc import Callable, Iterator

from stratoscope.demo.world.models import VM
from stratoscope.demo.world.operations import Operations
from stratoscope.demo.world.world import World


def forget_host(name: str) -> Callable[[World], None]:
    """The lists of services and hypervisors have this host no more."""

    def forget(world: World) -> None:
        for vm in world.hosts.pop(name).vms.values():
            vm.is_tame = True
        world.daemons[:] = [one for one in world.daemons if one.host != name]

    return forget


def disable_host(name: str, reason: str) -> Callable[[World], None]:
    def disable(world: World) -> None:
        daemon = world.hosts[name].daemon
        daemon.is_enabled, daemon.disabled_reason = False, reason

    return disable


def stick(world: World) -> None:
    """A VM never ends its reboot."""
    vm = next(vm for vm in world.vms if vm.vm_state == "active" and vm.task_state is None)
    boots = Operations(world)
    boots.begin(vm)
    vm.is_tame = True
    boots.state(vm, "active", "rebooting")


def stick_migration(world: World) -> None:
    """A live migration never ends: the memory of its VM changes faster than it is copied."""
    moves = Operations(world)
    for vm in world.vms:
        if vm.vm_state == "active" and vm.task_state is None:
            moves.migrate(vm)
            if vm.id in world.migrations:
                moves.begin(vm)  # what was to end it is dropped
                vm.is_tame = True
                return
    raise LookupError("no VM can be migrated")


def move_without_hypervisor(world: World) -> None:
    """A VM of a host that is shown moves to another host, and goes on running where it was."""
    moves = Operations(world)
    for vm in _shown(world):
        moves.migrate(vm)
        if vm.id in world.migrations:
            return
    raise LookupError("no VM can be migrated")


def stop_without_hypervisor(world: World) -> None:
    """A VM of a host that is shown is stopped, and goes on running."""
    *_, vm = _shown(world)
    boots = Operations(world)
    boots.begin(vm)
    boots.state(vm, "stopped", None)


def _shown(world: World) -> Iterator[VM]:
    """Running VMs of the first host whose files are written."""
    host = next(host for host in world.hosts.values() if host.is_still)
    return (vm for vm in [*host.vms.values()] if vm.vm_state == "active" and vm.task_state is None)


def leave_ports(world: World, number: int) -> None:
    """Ports are left behind, of each project with a network in turn."""
    owners = [project for project in world.projects if project.network is not None]
    for one in range(number):
        project = owners[one % len(owners)]
        assert project.network is not None
        world.plug(project.network.subnets[0], "", device="", project=project)
