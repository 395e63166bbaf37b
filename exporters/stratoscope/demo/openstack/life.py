"""What happens without anybody's doing: VMs come and go, stop and start, move and grow; their number stays.

Chance decides, by the world's own dice: the same seed and the same moments give the same life.
"""

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from stratoscope.demo.openstack.operations import Operations
from stratoscope.demo.openstack.quotas import exceeded, has_room
from stratoscope.demo.openstack.refusals import OF_LIFE, REFUSALS, Doom
from stratoscope.demo.openstack.seed.plan import Plan, draw
from stratoscope.demo.openstack.seed.vms import new_vm
from stratoscope.demo.openstack.seed.volumes import data_volume
from stratoscope.demo.openstack.things import VM, FloatingIP, Volume
from stratoscope.demo.openstack.world import World

PER_VM_AND_S: Final = 0.04 / 60
"""How many of the VMs something happens to: four of a hundred in a minute."""
_FAILS: Final = 0.02
_STOPS: Final = 0.1
_TRIES: Final = 20
_LEFT_ALONE: Final = frozenset({"building", "resized", "deleted"})


class Life:
    """Attributes: size: How many VMs there are to be, those aside that users made."""

    def __init__(self, world: World, operations: Operations) -> None:
        self._world, self._operations = world, operations
        self.size = world.wild
        self._volumes = len(world.volumes)
        self._free_addresses: deque[FloatingIP] = deque()
        self._happenings: Mapping[Callable[[VM], object], int] = {
            self._replace: 40,
            self._switch: 20,
            self._move: 15,
            self._resize: 8,
            self._grow: 9,
            self._reach: 8,
        }
        self._wait()

    def _wait(self) -> None:
        rate = max(1, self.size) * PER_VM_AND_S
        self._world.timeline.after(self._world.dice.expovariate(rate), self._happen)

    def _happen(self) -> None:
        self._wait()
        if self._world.wild < self.size:
            self._bear()
        vm = self._some()
        if vm is not None and vm.vm_state == "error":
            self._replace(vm)
        elif vm is not None:
            happening = self._world.dice.choices(list(self._happenings), list(self._happenings.values()))[0]
            happening(vm)

    def _some(self) -> VM | None:
        """A VM that runs or stands still, and that nothing is happening to; None where chance finds none."""
        for _ in range(_TRIES if len(self._world.vms) else 0):
            vm = self._world.vms.at(self._world.dice.randrange(len(self._world.vms)))
            is_free = not vm.is_tame and vm.task_state is None and vm.vm_state not in _LEFT_ALONE
            if is_free and (vm.host is None or self._world.can_run(vm.host)):
                return vm
        return None

    # -- Coming and going --------------------------------------------------------------------------

    def _replace(self, vm: VM) -> None:
        """Delete a VM; another one comes once it is gone."""
        self._free_addresses += [port.floating_ip for port in vm.ports if port.floating_ip]
        self._operations.delete(vm)
        self._operations.on_gone(vm, self._bear)

    def _bear(self) -> None:
        if self._world.wild >= self.size:
            return
        for _ in range(_TRIES):
            plan = draw(self._world)
            if exceeded(plan.project, plan.flavor, 1) is None:
                self._boot(plan)
                return

    def _boot(self, plan: Plan) -> None:
        dice = self._world.dice
        vm = new_vm(self._world, plan, dice.choice(self._world.users_of(plan.project)))
        doom = None
        if dice.random() < _FAILS:
            text = REFUSALS[dice.choice(OF_LIFE)].text
            doom = Doom(text.format(vm=vm.vm_id, port=dice.uuid()))
        self._operations.boots.boot(vm, doom)

    # -- Changing ----------------------------------------------------------------------------------

    def _switch(self, vm: VM) -> None:
        """Start what stands still; of what runs, stop little, and reboot the rest."""
        if vm.vm_state == "stopped":
            self._operations.start(vm)
        elif vm.vm_state == "active" and self._world.dice.random() < _STOPS:
            self._operations.stop(vm)
        elif vm.vm_state == "active":
            self._operations.reboot(vm)

    def _move(self, vm: VM) -> None:
        if vm.vm_state == "active":
            self._operations.moves.migrate(vm)

    def _resize(self, vm: VM) -> None:
        """To another flavor of the same kind, if its image and the quota allow."""
        image, flavor = vm.image, self._world.dice.choice(list(self._world.flavors.values()))
        is_same_kind = flavor.extra_specs == vm.flavor.extra_specs and flavor.is_public
        if image is None or flavor is vm.flavor or not is_same_kind or vm.vm_state != "active":
            return
        if image.fits(flavor) and exceeded(vm.project, flavor, 0) is None:
            self._operations.moves.resize(vm, flavor)

    def _grow(self, vm: VM) -> None:
        """Another volume, while there are fewer than in the beginning."""
        if vm.vm_state == "active" and len(self._world.volumes) < self._volumes:
            volume = data_volume(self._world, vm.project, vm.user)
            if has_room(vm.project, volume.size_gib):
                self._world.add_volume(volume)
                self._world.timeline.after(3.0, partial(self._attach, vm, volume))

    def _attach(self, vm: VM, volume: Volume) -> None:
        if vm.vm_state == "active" and vm.task_state is None:
            self._world.attach(volume, vm)
            self._world.touch(vm)
        else:
            self._world.remove_volume(volume)

    def _reach(self, vm: VM) -> None:
        """Let a floating address that its VM has left lead to another one of its project."""
        if not self._free_addresses:
            return
        address = self._free_addresses.popleft()
        port = next(iter(vm.ports), None)
        if port is None or vm.project is not address.project or port.subnet.network is not vm.project.network:
            self._free_addresses.append(address)
        elif address.port is None and port.floating_ip is None:
            self._world.associate(address, port)
            self._world.touch(vm)
