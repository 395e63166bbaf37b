"""How a VM comes to be: BUILD in the task states scheduling, none, networking and so on; then ACTIVE."""

from functools import partial
from typing import Final

from stratoscope.demo.openstack.refusals import REFUSALS, Doom, traceback
from stratoscope.demo.openstack.scheduler import choose_host
from stratoscope.demo.openstack.steps import Steps
from stratoscope.demo.openstack.things import VM, Fault, Volume
from stratoscope.demo.openstack.world import World

NO_VALID_HOST: Final = Doom(REFUSALS["no_valid_host"].text, is_of_scheduling=True)
NO_ADDRESS: Final = REFUSALS["network_failed"].text


class Boots(Steps):
    """Boots, good and doomed."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._dooms: dict[str, Doom] = {}

    def boot(self, vm: VM, doom: Doom | None = None) -> VM:
        """Let a VM come to be; `doom` is how that fails."""
        self.world.add_vm(vm)
        self.world.act(vm, "create")
        if doom is not None:
            self._dooms[vm.vm_id] = doom
        self.begin(vm)
        self.then(vm, 1.0, self._schedule)
        return vm

    def forget(self, vm: VM) -> None:
        """A VM is gone: what was to become of it does not matter."""
        self._dooms.pop(vm.vm_id, None)

    def fail(self, vm: VM, text: str) -> None:
        """Let a boot end in ERROR: the VM has nothing then, but still counts against its quota."""
        self.let_go(vm)
        self.world.displace(vm)
        self.forget(vm)
        vm.fault = Fault(self.world.now, text, traceback(text))
        self.state(vm, "error", None)

    def _schedule(self, vm: VM) -> None:
        doom = self._dooms.get(vm.vm_id)
        host = choose_host(self.world, vm.claim, vm.flavor, vm.zone)
        if host is None or (doom is not None and doom.is_of_scheduling):
            self.fail(vm, (doom or NO_VALID_HOST).text)
            return
        self.world.claim(host, vm.vm_id, vm.claim)
        self.world.place(vm, host)
        self.state(vm, "building", None)
        self.then(vm, 0.4, self._network)

    def _network(self, vm: VM) -> None:
        self.state(vm, "building", "networking")
        self.then(vm, 1.2, self._map_disks)

    def _map_disks(self, vm: VM) -> None:
        if not plug(self.world, vm):
            self.fail(vm, NO_ADDRESS.format(vm=vm.vm_id))
            return
        self.state(vm, "building", "block_device_mapping")
        if vm.image is None and not vm.volumes:
            vm.volumes = (self.world.add_volume(root_volume(self.world, vm)),)
        self.then(vm, 0.6 if vm.image else 2.5, self._spawn)

    def _spawn(self, vm: VM) -> None:
        for volume in vm.volumes:
            self.world.attach(volume, vm)
        self.state(vm, "building", "spawning")
        doom = self._dooms.get(vm.vm_id)
        if doom is None:
            self.then(vm, 3.0, self._run)
        elif doom.text:
            self.then(vm, 2.0, partial(self.fail, text=doom.text))

    def _run(self, vm: VM) -> None:
        vm.launched = self.world.now
        self.turn(vm, on=True)


def plug(world: World, vm: VM) -> bool:
    """Give a VM its port; False where its subnet has no address left."""
    if vm.network is None or vm.host is None or vm.ports:
        return True
    owner = f"compute:{vm.host.zone}"
    port = world.plug(vm.network.subnets[0], owner, device=vm.vm_id, project=vm.project)
    if port is None:
        return False
    port.host, port.group = vm.host.name, vm.project.default_group
    vm.ports = (port,)
    return True


def root_volume(world: World, vm: VM) -> Volume:
    """The volume that a VM without an image of its own boots from; the world does not know it yet."""
    return Volume(
        serial=world.serial(),
        volume_id=world.dice.uuid(),
        name="",
        project=vm.project,
        user=vm.user,
        size_gib=vm.flavor.disk_gib or 20,
        pool=world.dice.choice(world.pools),
        created=world.now,
        updated=world.now,
        image=world.images.at(0),
        is_deleted_with_vm=True,
    )
