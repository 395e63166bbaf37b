"""New VMs: `template.instantiate` and `vm.allocate`, refused with oned's texts."""

import math
from collections.abc import Mapping
from typing import Any

from stratoscope.demo.faults import Faults
from stratoscope.demo.opennebula.access import CREATE, Access, denied
from stratoscope.demo.opennebula.directory import Account
from stratoscope.demo.opennebula.elements import decimal
from stratoscope.demo.opennebula.errors import AUTHORIZATION, INTERNAL, OneError, no_exists
from stratoscope.demo.opennebula.life import OneOperations
from stratoscope.demo.opennebula.method import Answer, Method
from stratoscope.demo.opennebula.templates import number, parse
from stratoscope.demo.opennebula.views.objects import ObjectViews
from stratoscope.demo.opennebula.views.owners import OwnerViews
from stratoscope.demo.opennebula.views.vms import CPU, TEMPLATE_ID, VCPU
from stratoscope.demo.world.models import CPU_RATIO, VM, Flavor, Image, Network


class Creation:
    """Their handlers."""

    def __init__(self, access: Access, operations: OneOperations, faults: Faults) -> None:
        self._access, self._directory, self._world = access, access.directory, operations.world
        self._operations, self._faults = operations, faults
        self._objects, self._owners = ObjectViews(access), OwnerViews(access.directory)

    def methods(self) -> Mapping[str, Method]:
        return {
            "template.instantiate": Method(self._instantiate, "isbs?b"),
            "vm.allocate": Method(self._allocate, "s?b"),
        }

    def _instantiate(self, caller: Account, template: int, name: str, *how: Any) -> Answer:
        is_held, text = how[:2]
        flavor = self._directory.templates.get(template)
        if flavor is None:
            raise no_exists("virtual machine template", template)
        self._access.check(caller, "TEMPLATE", flavor, template)
        more = parse(text)
        found = self._objects.attributes(flavor) | more
        if more:
            specs = {**flavor.extra_specs, TEMPLATE_ID: str(template)}
            flavor = self._flavor(caller, "TEMPLATE", found, specs)
        return self._create(caller, found | {"NAME": name}, flavor, is_held=is_held)

    def _allocate(self, caller: Account, text: str, is_held: bool = False) -> Answer:
        found = parse(text)
        return self._create(caller, found, self._flavor(caller, "VM", found, {}), is_held=is_held)

    def _flavor(self, caller: Account, kind: str, found: dict[str, Any], specs: dict[str, str]) -> Flavor:
        """The size that a caller has made, who needs the right to create that kind. Raises OneError."""
        if not self._access.grants(caller, kind, CREATE):
            raise denied(caller, f"CREATE {kind}")
        cpu, memory, disk = number(found, "CPU"), number(found, "MEMORY"), found.get("DISK", {})
        if cpu <= 0:
            raise OneError(INTERNAL, "CPU attribute must be a positive float or integer value.")
        if memory <= 0 or memory % 1:
            raise OneError(INTERNAL, "MEMORY attribute must be a positive integer value.")
        vcpus = {VCPU: found["VCPU"]} if "VCPU" in found else {}
        cores, disk_gib = max(1, math.ceil(cpu * CPU_RATIO)), math.ceil(number(disk, "SIZE") / 1024)
        specs = {**specs, CPU: decimal(cpu), **vcpus}
        return Flavor(self._world.dice.uuid(), "", cores, int(memory), disk_gib, specs)

    def _create(self, caller: Account, found: dict[str, Any], flavor: Flavor, *, is_held: bool) -> int:
        image = self._image(caller, found.get("DISK", {}))
        network = self._network(caller, found.get("NIC", {}))
        world, serial = self._world, self._world.serial()
        vm = VM(
            serial=serial, id=world.dice.uuid(), name=found.get("NAME") or f"one-{serial}",
            project=caller.group.project, user=caller.user, image=image, network=network, zone="",
            created=world.now, updated=world.now, flavor=flavor, is_tame=True,
        )  # fmt: skip
        for kind, owner in (("user", caller), ("group", caller.group)):
            text = self._owners.exceeded(owner, vm)
            if text:
                raise OneError(AUTHORIZATION, f"User [{caller.number}] : {kind} [{owner.number}] {text}")
        where = self._directory.network_number[network.id] if network else 0
        error = self._faults.boot_error("" if image is None else image.name)
        if error is not None:
            error = error._replace(text=error.text.format(
                user=f"User [{caller.number}]", group=f"[{caller.group.number}]", network=where,
                image=self._directory.image_number(image) if image else 0,
            ))  # fmt: skip
            if error.status:
                raise OneError(error.status, error.text)
        if not world.plug_vm(vm):
            raise OneError(INTERNAL, f"Cannot get IP/MAC lease from virtual network {where}.")
        self._operations.boot(vm, error)
        if is_held:
            self._operations.hold(vm)
        return serial

    def _image(self, caller: Account, disk: Mapping[str, Any]) -> Image | None:
        """The image of the first disk. Raises OneError."""
        if "IMAGE_ID" not in disk:
            return None
        image = self._directory.images().get(int(number(disk, "IMAGE_ID")))
        if not isinstance(image, Image):
            raise OneError(INTERNAL, f"DISK 0: Image with ID: {disk['IMAGE_ID']} does not exist")
        self._access.check(caller, "IMAGE", image, self._directory.image_number(image))
        return image

    def _network(self, caller: Account, nic: Mapping[str, Any]) -> Network | None:
        """The network of the first NIC. Raises OneError."""
        if "NETWORK_ID" not in nic:
            return None
        network = self._directory.networks.get(int(number(nic, "NETWORK_ID")))
        if network is None:
            raise OneError(INTERNAL, f"Virtual network with ID: {nic['NETWORK_ID']} does not exist")
        self._access.check(caller, "NET", network, self._directory.network_number[network.id])
        return network
