"""The first VMs, in all states, on hosts that have room for them."""

from collections.abc import Sequence
from typing import Final

from stratoscope.demo.world.boots import plug, root_volume
from stratoscope.demo.world.models import VM, Fault, ServerGroup, User
from stratoscope.demo.world.scheduler import choose_host
from stratoscope.demo.world.seed.catalog import ROLES
from stratoscope.demo.world.seed.plan import Plan
from stratoscope.demo.world.world import World

_STATES: Final = {
    "active": 905,
    "stopped": 70,
    "paused": 5,
    "suspended": 5,
    "shelved_offloaded": 5,
    "error": 10,
}
"""Out of a thousand."""
_BOOT_S: Final = 8.0


def vms(world: World, plans: Sequence[Plan]) -> None:
    """Add a VM for each plan; the last one but two is stuck in BUILD."""
    states = world.dice.choices(list(_STATES), list(_STATES.values()), k=len(plans))
    if len(plans) > 2:  # noqa: PLR2004 - a smaller world needs its few VMs
        states[-3] = "building"
    made = [
        _vm(world, plan, world.dice.choice(world.users_of(plan.project)), state)
        for plan, state in zip(plans, states, strict=True)
    ]
    for vm, plan in sorted(zip(made, plans, strict=True), key=lambda pair: not pair[1].is_picky):
        _settle(world, vm, plan)
    for vm in made:
        _furnish(world, vm)
    for vm in made[:: len(made) // 5 + 1]:
        _group(world, vm)


def new_vm(world: World, plan: Plan, user: User) -> VM:
    """A VM of a plan; not yet added to the world."""
    serial = world.serial()
    role = world.dice.choice(ROLES)
    return VM(
        serial=serial,
        id=world.dice.uuid(),
        name=f"{plan.project.name}-{role}-{serial:04d}",
        project=plan.project,
        user=user,
        flavor=plan.flavor,
        image=plan.image,
        network=plan.project.network if world.dice.random() < 0.7 else world.shared,  # noqa: PLR2004 - most have their own
        zone=plan.zone,
        created=plan.created,
        updated=plan.created,
        reservation=world.dice.reservation_id(),
        metadata={"role": role},
        key_name=key_of(user) if role in ("web", "db", "gateway") else None,
    )


def key_of(user: User) -> str:
    """The name of the user's key pair."""
    return f"{user.name}-key"


def _vm(world: World, plan: Plan, user: User, state: str) -> VM:
    vm = new_vm(world, plan, user)
    vm.vm_state, vm.task_state = state, "spawning" if state == "building" else None
    vm.is_tame = state == "building"
    if vm.vm_state not in ("building", "error"):
        vm.launched = vm.created + _BOOT_S
        later = world.now - vm.launched
        vm.updated = vm.launched if state == "active" else vm.launched + world.dice.random() * later
    return world.add_vm(vm)


def _settle(world: World, vm: VM, plan: Plan) -> None:
    """Put a VM on a host of its zone, or else of any; those in error have none."""
    if vm.vm_state in ("error", "shelved_offloaded"):
        return
    host = choose_host(world, vm.claim, vm.flavor, plan.zone) or choose_host(world, vm.claim, vm.flavor, "")
    if host is None:
        vm.vm_state, vm.task_state, vm.launched = "error", None, None
        return
    world.claim(host, vm.id, vm.claim)
    world.place(vm, host)
    vm.placed = vm.created
    vm.zone = host.zone


def _furnish(world: World, vm: VM) -> None:
    """Give a VM a fault, or a port and the volume it boots from."""
    if vm.vm_state == "error":
        errors, chosen = world.errors, world.dice.random() < 0.5  # noqa: PLR2004 - one half
        name = world.dice.choice(errors.of_churn) if chosen else "no_valid_host"
        text = errors.text(name).format(vm=vm.id, port=world.dice.uuid())
        vm.fault = Fault(vm.created + _BOOT_S, text, errors.details(text))
        vm.updated = vm.created + _BOOT_S
        return
    if vm.host is not None:
        plug(world, vm)
    for port in vm.ports:
        port.created = port.updated = vm.created
        port.status = "ACTIVE" if vm.vm_state in ("active", "paused") else "DOWN"
    if vm.image is None:
        volume = world.add_volume(root_volume(world, vm))
        volume.created = vm.created
        world.attach(volume, vm)
        volume.updated = volume.attached = vm.created + _BOOT_S


def _group(world: World, vm: VM) -> None:
    """Add a server group of some VMs of a VM's project."""
    others = [other.id for other in world.vms if other.project is vm.project][:3]
    name = f"{vm.project.name}-spread"
    group = ServerGroup(
        id=world.dice.uuid(), name=name, policy="soft-anti-affinity", project=vm.project, user=vm.user,
        members=others,
    )  # fmt: skip
    world.server_groups.append(group)
    vm.project.used["server_groups"] += 1
