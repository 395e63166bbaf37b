"""VMs as users have them; the first ones in all states, on hosts that have room for them."""

from functools import cache
from itertools import accumulate, cycle
from typing import Final

from stratoscope.demo.world.models import VM, Fault, Flavor, User
from stratoscope.demo.world.seed.catalog import ROLES, SSD_TRAIT
from stratoscope.demo.world.storage import root_volume
from stratoscope.demo.world.world import World

_STATES: Final = {
    "active": 905, "stopped": 70, "paused": 5, "suspended": 5, "shelved_offloaded": 5, "error": 10
}  # fmt: skip
"""Out of a thousand."""
_BOOT_S: Final = 8.0
_OLDEST_S, _YOUNGEST_S, _USUAL_S = 400 * 86400.0, 900.0, 20 * 86400.0
_FROM_VOLUME: Final = 0.08
_AT_HOME: Final = 0.7
"""The share of VMs that are in their project's network; the others are in the shared one."""


def draw(world: World) -> VM:
    """A VM that begins now; not yet added to the world."""
    dice, serial = world.dice, world.serial()
    project = dice.choices(world.homes, cum_weights=_shares(len(world.homes)))[0]
    flavors, images = [*world.flavors.values()], world.first_images
    flavor = dice.choices(flavors, [one.weight for one in flavors])[0]
    image = dice.choices(images, [one.weight for one in images])[0]
    fitting = next(one for one in (image, *images) if one.fits(flavor))
    role, user = dice.choice(ROLES), dice.choice(world.users_of(project))
    return VM(
        serial=serial, id=dice.uuid(), name=f"{project.name}-{role}-{serial:04d}", project=project, user=user,
        flavor=flavor, image=None if dice.random() < _FROM_VOLUME else fitting, zone=_zone_for(world, flavor),
        network=project.network if dice.random() < _AT_HOME else world.shared, created=world.now,
        updated=world.now, metadata={"role": role},
        key_name=key_of(user) if role in ("web", "db", "gateway") else None,
    )  # fmt: skip


def key_of(user: User) -> str:
    """The name of the user's key pair."""
    return f"{user.name}-key"


def drawn(world: World, number: int) -> list[VM]:
    """The first VMs, the oldest first, in their states; the last one but two is stuck in BUILD.

    Whatever the dice say, some of a larger world are in error and stopped.
    """
    dice = world.dice
    ages = (min(_OLDEST_S, _YOUNGEST_S + dice.expovariate(1 / _USUAL_S)) for _ in range(number))
    states = dice.choices(list(_STATES), list(_STATES.values()), k=number)
    if number > 2:  # noqa: PLR2004 - a smaller world needs its few VMs
        states[-3] = "building"
    if number > 20:  # noqa: PLR2004 - as above
        states[-6:-3] = ("error", "error", "stopped")
    found = []
    for age, state in zip(sorted(ages, reverse=True), states, strict=True):
        vm = draw(world)
        vm.created = vm.updated = world.now - age
        vm.is_tame = state == "building"
        vm.vm_state, vm.task_state = state, "spawning" if vm.is_tame else None
        if state not in ("building", "error"):
            vm.launched = vm.updated = vm.created + _BOOT_S
            vm.updated += 0.0 if state == "active" else dice.random() * (world.now - vm.launched)
        found.append(vm)
    return found


def settle(world: World, vms: list[VM]) -> None:
    """Add the first VMs, with what they have; those that few hosts suit come first."""
    for vm in vms:
        vm.network = vm.project.network if world.dice.random() < _AT_HOME else world.shared
        world.add_vm(vm)
    for vm in sorted(vms, key=lambda vm: not vm.flavor.extra_specs):
        if vm.vm_state not in ("error", "shelved_offloaded"):
            _place(world, vm)
    names = cycle((*world.errors.of_churn, "no_valid_host"))
    for vm in vms:
        if vm.vm_state == "error":
            _fail(world, vm, next(names))
        else:
            _furnish(world, vm)


@cache
def _shares(number: int) -> list[float]:
    """How many VMs projects have, in sum with those before."""
    return list(accumulate(1 / (rank + 1) ** 0.7 for rank in range(number)))


def _zone_for(world: World, flavor: Flavor) -> str:
    """A zone that suits a flavor: pinned CPUs are in the first zone, SSDs in the last but one."""
    zones = world.zones
    if flavor.is_pinned:
        return zones[0].name
    if SSD_TRAIT in flavor.traits:
        return zones[max(0, len(zones) - 2)].name
    return world.dice.choices(zones, [zone.hosts for zone in zones])[0].name


def _place(world: World, vm: VM) -> None:
    """Put a VM on a host of its zone, or else of any."""
    host = world.choose_host(vm.claim, vm.flavor, vm.zone) or world.choose_host(vm.claim, vm.flavor, "")
    if host is None:
        vm.vm_state, vm.task_state, vm.launched = "error", None, None
        return
    world.claim(host, vm.id, vm.claim)
    world.place(vm, host)
    vm.placed, vm.zone = vm.created, host.zone


def _fail(world: World, vm: VM, name: str) -> None:
    """Give a VM the fault of a name."""
    text = world.errors.text(name).format(vm=vm.id, port=world.dice.uuid())
    vm.updated = vm.created + _BOOT_S
    vm.fault = Fault(vm.updated, text, world.errors.details(text))


def _furnish(world: World, vm: VM) -> None:
    """Give a VM a port and the volume it boots from."""
    if vm.host is not None:
        world.plug_vm(vm)
    for port in vm.ports:
        port.created = port.updated = vm.created
        port.status = "ACTIVE" if vm.vm_state in ("active", "paused") else "DOWN"
    if vm.image is None:
        volume = world.add_volume(root_volume(world, vm))
        world.attach(volume, vm)
        volume.created, volume.updated = vm.created, vm.created + _BOOT_S
