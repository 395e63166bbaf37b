"""VMs: the short form of pools, and the whole one."""

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any, Final, Literal

from stratoscope.demo.opennebula import states
from stratoscope.demo.opennebula.access import Access, Permissions
from stratoscope.demo.opennebula.elements import decimal, document, stamped
from stratoscope.demo.world.models import CPU_RATIO, VM, Image, Pool, Port, Volume

CPU, VCPU, TEMPLATE_ID = "one:CPU", "one:VCPU", "one:TEMPLATE_ID"
"""Keys of a flavor that a request has made: what it asked for."""
_ACTIONS: Final = {states.POWEROFF: 19, states.SUSPENDED: 10, states.UNDEPLOYED: 5, states.DONE: 28}
"""The number of the action that has ended a VM's last record, by its state."""
_MIGRATED: Final = 2
View = Callable[[int, Any], str]
"""The document of an object, by its number and itself."""
Form = Literal["short", "whole"]
"""As the pool has it, or as the object's own method has it."""
_SHORT: Final = ("SEQ", "HOSTNAME", "HID", "CID", "ACTION")
"""What a pool tells of the last record of the history."""


def address(port: Port) -> str:
    return str(IPv4Address(port.subnet.first + port.offset))


def image_name(image: Image | Volume) -> str:
    return image.name or f"root-{image.serial:04d}" if isinstance(image, Volume) else image.name


def owned(number: int, name: str, rights: Permissions, *, is_short: bool = False) -> dict[str, object]:
    """How the document of an object begins that has an owner."""
    owner = rights.owner
    head = {
        "ID": number, "UID": owner.number, "GID": owner.group.number, "UNAME": owner.name,
        "GNAME": owner.group.name, "NAME": name,
    }  # fmt: skip
    return head if is_short else {**head, "PERMISSIONS": rights.shown()}


class VMViews:
    """VMs of one world."""

    def __init__(self, access: Access) -> None:
        self._world, self._directory, self._access = access.directory.world, access.directory, access
        self._template_ids = {one.id: str(number) for number, one in self._directory.templates.items()}

    def view(self, form: Form) -> View:
        """The short form is made anew only after a change."""

        def short(_: int, vm: VM) -> str:
            view = ("short", vm.host is None or vm.host.daemon.is_up(self._world.now))
            if vm.json_view != view:
                vm.json, vm.json_view = self._view(vm, is_short=True).encode(), view
            return vm.json.decode()

        return short if form == "short" else lambda _, vm: self._view(vm, is_short=False)

    def _view(self, vm: VM, *, is_short: bool) -> str:
        state, lcm = states.of_vm(vm, self._world.now)
        rights = self._access.permissions(vm)
        template, history = self._template(vm), self._history(vm, state)
        messages: dict[str, object] = {name.upper(): value for name, value in vm.metadata.items()}
        if vm.fault is not None:
            name = "SCHED_MESSAGE" if state == states.PENDING else "ERROR"
            messages[name] = stamped(vm.fault.created, vm.fault.message)
        if is_short:
            del template["TEMPLATE_ID"]
            history = [{name: one[name] for name in _SHORT} for one in history[-1:]]
        rest = {
            "LAST_POLL": 0, "STATE": state, "LCM_STATE": lcm, "RESCHED": 0, "STIME": int(vm.created),
            "ETIME": int(vm.terminated or 0) if state == states.DONE else 0,
            "DEPLOY_ID": vm.id if vm.launched is not None else None,
            "TEMPLATE": {name: value for name, value in template.items() if value is not None},
            "USER_TEMPLATE": messages, "HISTORY_RECORDS": {"HISTORY": history},
        }  # fmt: skip
        return document("VM", owned(vm.serial, vm.name, rights, is_short=is_short) | rest)

    def _template(self, vm: VM) -> dict[str, object]:
        specs, claim = vm.flavor.extra_specs, vm.claim
        return {
            "CPU": specs.get(CPU) or decimal(claim.vcpus / CPU_RATIO + claim.pcpus),
            "DISK": self._disks(vm),
            "MEMORY": vm.flavor.memory_mib,
            "NIC": self._nics(vm),
            "TEMPLATE_ID": specs.get(TEMPLATE_ID) or self._template_ids.get(vm.flavor.id),
            "VCPU": specs.get(VCPU, vm.flavor.vcpus),
        }

    def _disks(self, vm: VM) -> list[dict[str, object]]:
        """The copy of the image that it boots, and its volumes."""
        used: list[tuple[Image | Volume, Pool, int]] = [(one, one.pool, one.size_gib) for one in vm.volumes]
        if vm.image is not None:
            used.insert(0, (vm.image, self._world.pools[0], vm.flavor.disk_gib))
        return [
            {
                "DATASTORE": self._directory.datastore(pool)[1], "DISK_ID": place, "IMAGE": image_name(image),
                "IMAGE_ID": self._directory.image_number(image), "SIZE": size_gib << 10, "TYPE": "FILE",
            }
            for place, (image, pool, size_gib) in enumerate(used)
        ]  # fmt: skip

    def _nics(self, vm: VM) -> list[dict[str, object]]:
        return [
            {
                "IP": address(port), "NETWORK": port.subnet.network.name,
                "NETWORK_ID": self._directory.network_number[port.subnet.network.id], "NIC_ID": place,
            }
            for place, port in enumerate(vm.ports)
        ]  # fmt: skip

    def _history(self, vm: VM, state: int) -> list[dict[str, object]]:
        """The records of a VM, the oldest first; a migration's target is there from its beginning."""
        known = [*self._world.stays.get(vm.id, ())]
        migration = self._world.migrations.get(vm.id)
        is_moving = migration is not None and vm.host is migration.source
        if vm.host is not None:
            known.append((vm.host, vm.placed, vm.terminated or (vm.updated if is_moving else 0.0)))
        if migration is not None and is_moving:
            known.append((migration.target, vm.updated, 0.0))
        records: list[dict[str, object]] = []
        for place, (host, began, ended) in enumerate(known):
            action = _ACTIONS.get(state, 0) if place == len(known) - 1 else _MIGRATED
            ran = int(max(began, vm.launched or began)) if vm.launched is not None or place else 0
            over = int(ended) or (int(vm.updated) if ran and action else 0)
            records.append({
                "SEQ": place, "HOSTNAME": host.name, "HID": host.number - 1,
                "CID": self._directory.cluster_number[host.zone], "STIME": int(began), "ETIME": int(ended),
                "PSTIME": 0 if place else int(began), "PETIME": 0 if place else ran, "RSTIME": ran,
                "RETIME": over, "ACTION": action,
            })  # fmt: skip
        return records
