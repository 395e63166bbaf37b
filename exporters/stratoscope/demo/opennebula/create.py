"""New VMs: `template.instantiate` and `vm.allocate`, refused with oned's texts."""

from collections.abc import Mapping
from typing import Any

from stratoscope.demo.faults import Faults
from stratoscope.demo.opennebula.access import CREATE, Access, denied
from stratoscope.demo.opennebula.call import Answer, Call, Method
from stratoscope.demo.opennebula.directory import Directory
from stratoscope.demo.opennebula.elements import decimal
from stratoscope.demo.opennebula.errors import AUTHORIZATION, INTERNAL, OneError, no_exists
from stratoscope.demo.opennebula.life import OneBoots, lease
from stratoscope.demo.opennebula.templates import Attributes, Wanted, parse, restricted, wanted_by
from stratoscope.demo.opennebula.views.objects import ObjectViews
from stratoscope.demo.opennebula.views.owners import OwnerViews
from stratoscope.demo.opennebula.views.vms import CPU, TEMPLATE_ID, VCPU
from stratoscope.demo.world.models import VM, Flavor, Image, Network
from stratoscope.demo.world.world import World


class Creation:
    """Their handlers."""

    def __init__(
        self, world: World, directory: Directory, access: Access, boots: OneBoots, faults: Faults
    ) -> None:
        self._world, self._directory, self._access = world, directory, access
        self._boots, self._faults = boots, faults
        self._objects, self._owners = ObjectViews(world, directory, access), OwnerViews(world, directory)

    def methods(self) -> Mapping[str, Method]:
        return {
            "template.instantiate": Method(self._instantiate, "isbs?b"),
            "vm.allocate": Method(self._allocate, "s?b"),
        }

    def _instantiate(self, call: Call) -> Answer:
        template, name, is_held, text = call.args[:4]
        flavor = self._directory.templates.get(template)
        if flavor is None:
            raise no_exists("virtual machine template", template)
        self._access.check(call.caller, "TEMPLATE", flavor, template)
        more = parse(text)
        self._check_text(call, more, "TEMPLATE" if more else "")
        shown = self._objects.attributes(flavor)
        found: Attributes = {key: [_texts(value)] for key, value in shown.items()} | more
        if more:
            specs = {**flavor.extra_specs, TEMPLATE_ID: str(template)}
            flavor = self._flavor(found, specs, flavor.name)
        return self._create(call, found, name, flavor, is_held=is_held)

    def _allocate(self, call: Call) -> Answer:
        found = parse(call.args[0])
        self._check_text(call, found, "VM")
        name = str(found.get("NAME", [""])[0])
        flavor = self._flavor(found, {}, "")
        return self._create(call, found, name, flavor, is_held=call.arg(1, default=False))

    def _check_text(self, call: Call, found: Attributes, kind: str) -> None:
        """Raises OneError: An attribute is for administrators, or the caller may not write one at all."""
        caller = call.caller
        name = None if caller.is_admin else restricted(found)
        if name is not None:
            text = f"User [{caller.number}] : VM Template includes a restricted attribute {name}."
            raise OneError(AUTHORIZATION, text)
        if kind and not self._access.grants(caller, kind, CREATE):
            raise denied(caller, f"CREATE {kind}")

    def _create(self, call: Call, found: Attributes, name: str, flavor: Flavor, *, is_held: bool) -> int:
        world, caller, wanted = self._world, call.caller, wanted_by(found)
        image, network = self._image(call, wanted), self._network(call, wanted)
        serial = world.serial()
        vm = VM(
            serial=serial, id=world.dice.uuid(), name=name or f"one-{serial}", project=caller.group.project,
            user=caller.user, image=image, network=network, zone="", created=world.now, updated=world.now,
            flavor=flavor,
            reservation="", metadata=wanted.user, is_tame=True,
        )  # fmt: skip
        for kind, owner in (("user", caller), ("group", caller.group)):
            text = self._owners.exceeded(owner, vm)
            if text:
                raise OneError(AUTHORIZATION, f"User [{caller.number}] : {kind} [{owner.number}] {text}")
        numbers = {
            "user": f"User [{caller.number}]", "group": f"[{caller.group.number}]",
            "network": self._directory.network_number[network.id] if network else 0,
            "image": self._directory.image_number(image) if image else 0,
        }  # fmt: skip
        error = self._faults.boot_error("" if image is None else image.name)
        if error is not None:
            error = error._replace(text=error.text.format(**numbers))
            if error.status:
                raise OneError(error.status, error.text)
        if not lease(world, vm):
            raise OneError(INTERNAL, f"Cannot get IP/MAC lease from virtual network {numbers['network']}.")
        self._boots.boot(vm, error)
        if is_held:
            self._boots.hold(vm)
        return serial

    def _flavor(self, found: Attributes, specs: dict[str, str], name: str) -> Flavor:
        """The size that a request has made. Raises OneError."""
        wanted = wanted_by(found)
        specs |= {CPU: decimal(wanted.cpu)} | ({} if wanted.vcpus is None else {VCPU: str(wanted.vcpus)})
        image = _chosen(self._directory.images(), wanted.disk, "IMAGE")
        size, of_image = wanted.disk.get("SIZE", ""), image.size or 0 if isinstance(image, Image) else 0
        return Flavor(
            id=self._world.dice.uuid(), name=name, vcpus=wanted.cores, memory_mib=wanted.memory_mib,
            disk_gib=-(-(int(size) if size.isdecimal() else of_image >> 20) >> 10), is_public=False,
            extra_specs=specs,
        )  # fmt: skip

    def _image(self, call: Call, wanted: Wanted) -> Image | None:
        """The image of the first disk. Raises OneError."""
        image = _chosen(self._directory.images(), wanted.disk, "IMAGE")
        if isinstance(image, Image):
            self._access.check(call.caller, "IMAGE", image, self._directory.image_number(image))
            return image
        if "IMAGE_ID" in wanted.disk:
            raise OneError(INTERNAL, f"DISK 0: Image with ID: {wanted.disk['IMAGE_ID']} does not exist")
        if "IMAGE" in wanted.disk:
            owner = f"User {call.caller.number} does not own an image with name: {wanted.disk['IMAGE']} "
            raise OneError(INTERNAL, f"DISK 0: {owner}. Set IMAGE_UNAME or IMAGE_UID of owner in DISK.")
        return None

    def _network(self, call: Call, wanted: Wanted) -> Network | None:
        """The network of the first NIC. Raises OneError."""
        if not wanted.nic:
            return None
        network: Network | None = _chosen(self._directory.networks, wanted.nic, "NETWORK")
        if network is None:
            what = wanted.nic.get("NETWORK_ID", wanted.nic.get("NETWORK"))
            raise OneError(INTERNAL, f"Virtual network with ID: {what} does not exist")
        self._access.check(call.caller, "NET", network, self._directory.network_number[network.id])
        return network


def _chosen(items: Mapping[int, Any], vector: Mapping[str, str], key: str) -> Any:
    """The item that a vector names, by its number or its name; None if there is none."""
    number = vector.get(f"{key}_ID")
    if number is not None:
        return items.get(int(number)) if number.isdecimal() else None
    return next((one for one in items.values() if one.name == vector.get(key)), None)


def _texts(value: object) -> str | dict[str, str]:
    return {part: str(one) for part, one in value.items()} if isinstance(value, dict) else str(value)
