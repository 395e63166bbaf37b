"""New VMs: `template.instantiate` and `vm.allocate`, checked in oned's order and refused with its texts."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

from stratoscope.demo.faults import Faults
from stratoscope.demo.opennebula.access import CREATE, Access, denied
from stratoscope.demo.opennebula.call import Answer, Call, Method
from stratoscope.demo.opennebula.directory import Directory
from stratoscope.demo.opennebula.errors import AUTHORIZATION, INTERNAL, OneError, no_exists
from stratoscope.demo.opennebula.life import OneBoots, lease
from stratoscope.demo.opennebula.templates import (
    Attributes,
    Sized,
    number,
    of_flavor,
    parse,
    restricted,
    sized,
)
from stratoscope.demo.opennebula.views.objects import ObjectViews
from stratoscope.demo.opennebula.views.owners import OwnerViews, limits_of, needs
from stratoscope.demo.opennebula.views.vms import CPU, TEMPLATE_ID, VCPU
from stratoscope.demo.world.models import VM, Flavor, Host, Image, Network
from stratoscope.demo.world.world import World

_REQUIREMENT: Final = re.compile(r'\s*(ID|NAME|HOSTNAME|CLUSTER_ID|CLUSTER)\s*=\s*"?([^"]*)"?\s*')


class _Place(NamedTuple):
    """Where a VM may run. Attributes: is_anywhere: Whether there is such a place at all."""

    zone: str = ""
    host: Host | None = None
    is_anywhere: bool = True


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
        _check_text(call, self._access, more, "TEMPLATE" if more else "")
        shown = of_flavor(flavor, self._objects.image_of(flavor), self._objects.shared_network())
        base: Attributes = {key: [_texts(value)] for key, value in shown.items()}
        wanted = sized(base | more)
        made = flavor if not more else self._flavor(wanted, flavor, template)
        return self._create(call, wanted, name, made, is_held=is_held)

    def _allocate(self, call: Call) -> Answer:
        found = parse(call.args[0])
        wanted = sized(found)
        _check_text(call, self._access, found, "VM")
        name = str(found.get("NAME", [""])[0])
        return self._create(
            call, wanted, name, self._flavor(wanted, None, None), is_held=call.arg(1, default=False)
        )

    def _create(self, call: Call, wanted: Sized, name: str, flavor: Flavor, *, is_held: bool) -> int:
        world, caller = self._world, call.caller
        image, network, place = self._image(call, wanted), self._network(call, wanted), self._place(wanted)
        serial = world.serial()
        vm = VM(
            serial=serial, id=world.dice.uuid(), name=name or f"one-{serial}", project=caller.group.project,
            user=caller.user, flavor=flavor, image=image, network=network, zone=place.zone,
            created=world.now, updated=world.now, reservation="", metadata=wanted.user,
            requested_host=place.host, is_tame=True,
        )  # fmt: skip
        self._check_quota(call, vm)
        error = self._faults.boot_error("" if image is None else image.name)
        if error is not None:
            text = error.text.format(
                user=f"User [{caller.number}]", group=f"[{caller.group.number}]",
                network=self._directory.network_number[network.id] if network else 0,
                image=self._directory.image_number(image) if image else 0,
            )  # fmt: skip
            if error.status:
                raise OneError(error.status, text)
            error = error._replace(text=text)
        if not lease(world, vm):
            where = self._directory.network_number[network.id] if network else 0
            raise OneError(INTERNAL, f"Cannot get IP/MAC lease from virtual network {where}.")
        self._boots.boot(vm, error)
        if is_held:
            self._boots.hold(vm)
        elif not place.is_anywhere:
            self._boots.wait(vm)
        return serial

    def _flavor(self, wanted: Sized, base: Flavor | None, template: int | None) -> Flavor:
        """The size that a request has made."""
        specs = {CPU: number(wanted.cpu)} | ({} if wanted.vcpus is None else {VCPU: str(wanted.vcpus)})
        if base is not None:
            specs |= {**base.extra_specs, TEMPLATE_ID: str(template)}
        size_mib = next((int(disk["SIZE"]) for disk in wanted.disks if disk.get("SIZE", "").isdecimal()), 0)
        image = self._found_image(wanted)
        if not size_mib and image is not None:
            size_mib = (image.size or 0) >> 20
        return Flavor(
            id=self._world.dice.uuid(), name="" if base is None else base.name, vcpus=wanted.cores,
            memory_mib=wanted.memory_mib, disk_gib=-(-size_mib >> 10), is_public=False, extra_specs=specs,
        )  # fmt: skip

    def _found_image(self, wanted: Sized) -> Image | None:
        """The image of the first disk, if there is such an image."""
        for disk in wanted.disks[:1]:
            if disk.get("IMAGE_ID", "").isdecimal():
                found = self._directory.images().get(int(disk["IMAGE_ID"]))
                return found if isinstance(found, Image) else None
            return next((one for one in self._world.images if one.name == disk.get("IMAGE")), None)
        return None

    def _image(self, call: Call, wanted: Sized) -> Image | None:
        """The image of the first disk. Raises OneError."""
        image = self._found_image(wanted)
        for place, disk in enumerate(wanted.disks[:1]):
            if image is None and "IMAGE_ID" in disk:
                text = f"DISK {place}: Image with ID: {disk['IMAGE_ID']} does not exist"
                raise OneError(INTERNAL, text)
            if image is None and "IMAGE" in disk:
                owner = f"User {call.caller.number} does not own an image with name: {disk['IMAGE']} "
                how = "Set IMAGE_UNAME or IMAGE_UID of owner in DISK."
                raise OneError(INTERNAL, f"DISK {place}: {owner}. {how}")
        if image is not None:
            self._access.check(call.caller, "IMAGE", image, self._directory.image_number(image))
        return image

    def _network(self, call: Call, wanted: Sized) -> Network | None:
        """The network of the first NIC. Raises OneError."""
        for nic in wanted.nics[:1]:
            networks, identity = self._directory.networks, nic.get("NETWORK_ID", "")
            found = next((one for one in networks.values() if one.name == nic.get("NETWORK")), None)
            if identity.isdecimal():
                found = networks.get(int(identity))
            if found is None and identity:
                raise OneError(INTERNAL, f"Virtual network with ID: {identity} does not exist")
            if found is None:
                owner = f"User {call.caller.number} does not own a network with name: {nic.get('NETWORK')} "
                raise OneError(INTERNAL, f"{owner}. Set NETWORK_UNAME or NETWORK_UID of owner in NIC.")
            self._access.check(call.caller, "NET", found, self._directory.network_number[found.id])
            return found
        return None

    def _place(self, wanted: Sized) -> _Place:
        """Where SCHED_REQUIREMENTS let it run; what is more than one comparison is for anywhere."""
        found = _REQUIREMENT.fullmatch(wanted.user.get("SCHED_REQUIREMENTS", ""))
        if found is None:
            return _Place()
        name, value = found.groups()
        if name in ("CLUSTER", "CLUSTER_ID"):
            clusters = self._directory.clusters
            zone = value if name == "CLUSTER" else clusters.get(int(value) if value.isdecimal() else -1, "")
            return _Place(zone=zone, is_anywhere=zone in clusters.values())
        hosts = self._world.hosts.values()
        host = next((one for one in hosts if value in (one.name, str(one.number - 1))), None)
        return _Place(host=host, is_anywhere=host is not None)

    def _check_quota(self, call: Call, vm: VM) -> None:
        """Raises OneError: The user or the group may not have so much."""
        account, owners = call.caller, self._owners
        for kind, owner, used_by in (
            ("user", account, owners.used_by_users), ("group", account.group, owners.used_by_groups)
        ):  # fmt: skip
            limits = limits_of(owner)
            used = used_by().get(owner.number, Counter()) if limits else Counter[str]()
            for name, more in needs(vm, is_running=True).items():
                if 0 <= limits.get(name, -1) < used[name] + more:
                    text = f"limit of {limits[name]} reached for {name} quota in VM."
                    who = f"User [{account.number}] : {kind} [{owner.number}]"
                    raise OneError(AUTHORIZATION, f"{who} {text}")


def _check_text(call: Call, access: Access, found: Attributes, kind: str) -> None:
    """Raises OneError: An attribute is for administrators, or the caller may not write one at all."""
    caller = call.caller
    name = None if caller.is_admin else restricted(found)
    if name is not None:
        text = f"User [{caller.number}] : VM Template includes a restricted attribute {name}."
        raise OneError(AUTHORIZATION, text)
    if kind and not access.grants(caller, kind, CREATE):
        raise denied(caller, f"CREATE {kind}")


def _texts(value: object) -> str | dict[str, str]:
    return {part: str(one) for part, one in value.items()} if isinstance(value, dict) else str(value)
