"""The churn of VMs: they are created, deleted, stopped, started and migrated; their number stays.

The world's dice decide: the same seed and the same moments give the same churn.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from stratoscope.demo.world.models import VM, FloatingIP
from stratoscope.demo.world.operations import Operations
from stratoscope.demo.world.seed.vms import draw
from stratoscope.demo.world.storage import data_volume
from stratoscope.demo.world.world import World

PER_VM_AND_S: Final = 0.04 / 60
"""Events per VM and second: four for a hundred VMs in a minute."""
_FAILS: Final = 0.02
_STOPS: Final = 0.1
_TRIES: Final = 20
_BUSY: Final = frozenset({"building", "resized", "deleted"})
"""VM states that the churn does not change."""


class Churn:
    """Attributes: size: How many VMs there are to be, without those of users."""

    def __init__(self, world: World, operations: Operations) -> None:
        self._world, self._operations = world, operations
        self.size, self._volumes = world.wild, len(world.volumes)
        self._free_addresses: deque[FloatingIP] = deque()
        self._events: Mapping[Callable[[VM], object], int] = {
            self._replace: 40, self._switch: 20, self._move: 23, self._add_volume: 9, self._bind_address: 8
        }  # fmt: skip
        self._schedule()

    def _schedule(self) -> None:
        rate = max(1, self.size) * PER_VM_AND_S
        self._world.timeline.after(self._world.dice.expovariate(rate), self._happen)

    def _happen(self) -> None:
        self._schedule()
        if self._world.wild < self.size:
            self._create()
        vm = self._some_vm()
        if vm is not None and vm.vm_state == "error":
            self._replace(vm)
        elif vm is not None:
            event = self._world.dice.choices(list(self._events), list(self._events.values()))[0]
            event(vm)

    def _some_vm(self) -> VM | None:
        """A random VM without an operation; None where a few tries find none."""
        for _ in range(_TRIES if len(self._world.vms) else 0):
            vm = self._world.vms.at(self._world.dice.randrange(len(self._world.vms)))
            is_free = not vm.is_tame and vm.task_state is None and vm.vm_state not in _BUSY
            if is_free and (vm.host is None or self._world.can_run(vm.host)):
                return vm
        return None

    def _replace(self, vm: VM) -> None:
        """Delete a VM; create another one once it is gone."""
        self._free_addresses += [port.floating_ip for port in vm.ports if port.floating_ip]
        self._operations.delete(vm, on_gone=self._create)

    def _create(self) -> None:
        dice, errors, error = self._world.dice, self._world.errors, None
        drawn = (draw(self._world) for _ in range(_TRIES if self._world.wild < self.size else 0))
        vm = next((one for one in drawn if not one.project.over(one.flavor.needs(1))), None)
        if vm is None:
            return
        if dice.random() < _FAILS:
            error = errors.by_name[dice.choice(errors.of_churn)]
            error = error._replace(text=error.text.format(vm=vm.id, port=dice.uuid()))
        self._operations.boot(vm, error)

    def _switch(self, vm: VM) -> None:
        """Start a stopped VM; stop few running ones, and reboot the others."""
        if vm.vm_state == "stopped":
            self._operations.start(vm)
        elif vm.vm_state == "active" and self._world.dice.random() < _STOPS:
            self._operations.stop(vm)
        elif vm.vm_state == "active":
            self._operations.reboot(vm)

    def _move(self, vm: VM) -> None:
        if vm.vm_state == "active":
            self._operations.migrate(vm)

    def _add_volume(self, vm: VM) -> None:
        """Attach a new volume, while there are fewer than in the beginning."""
        if vm.vm_state == "active" and len(self._world.volumes) < self._volumes:
            volume = data_volume(self._world, vm.project, vm.user)
            if not vm.project.over({"gigabytes": volume.size_gib, "volumes": 1}):
                self._world.attach(self._world.add_volume(volume), vm)
                self._world.touch(vm)

    def _bind_address(self, vm: VM) -> None:
        """Bind a floating address that a deleted VM had to another VM of its project."""
        address = self._free_addresses.popleft() if self._free_addresses else None
        if address is None or address.id not in self._world.floating_ips:
            return  # none, or its owner has deleted it
        port = next(iter(vm.ports), None)
        if port is None or vm.project is not address.project or port.subnet.network is not vm.project.network:
            self._free_addresses.append(address)
        elif address.port is None and port.floating_ip is None:
            self._world.associate(address, port)
            self._world.touch(vm)
