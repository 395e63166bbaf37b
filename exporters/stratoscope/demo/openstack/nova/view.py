"""A server as Nova shows it: to whom, and in which microversion, decides which keys it has."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from stratoscope.demo.openstack.asking import Ask, Json
from stratoscope.demo.openstack.texts import ipv4, mac_address, micro_or_none, moment
from stratoscope.demo.openstack.things import POWER_STATES, VM, Fault, Host, Image, Port
from stratoscope.demo.openstack.world import World

_CHANGES: Final = (3, 9, 16, 19, 26, 47, 63, 69, 71, 73, 90, 96, 98, 100)
"""Microversions that show a server otherwise than those before them."""
_WITH_PROGRESS: Final = frozenset(
    {"ACTIVE", "BUILD", "MIGRATING", "RESIZE", "VERIFY_RESIZE", "REVERT_RESIZE", "PASSWORD"}
)
_WITH_FAULT: Final = frozenset({"ERROR", "DELETED"})


@dataclass(frozen=True)
class View:
    """How one request sees servers.

    Attributes:
        base: URL of Nova without version.
        is_alone: One server is shown, not a list.
    """

    world: World
    base: str
    minor: int
    is_admin: bool
    is_alone: bool = False

    @classmethod
    def of(cls, ask: Ask, *, is_alone: bool = False) -> "View":
        return cls(ask.world, ask.base, ask.minor, ask.who.is_admin, is_alone)

    @cached_property
    def shape(self) -> object:
        """Equal for those requests that see a server alike."""
        return self.base, max((0, *(change for change in _CHANGES if change <= self.minor)))

    def since(self, minor: int) -> bool:
        return self.minor >= minor

    def links(self, sort: str, identity: str) -> list[Json]:
        return [
            {"rel": "self", "href": f"{self.base}/v2.1/{sort}/{identity}"},
            {"rel": "bookmark", "href": f"{self.base}/{sort}/{identity}"},
        ]

    def brief(self, vm: VM) -> Json:
        """As in a list without details."""
        return {"id": vm.vm_id, "name": vm.name, "links": self.links("servers", vm.vm_id)}

    def server(self, vm: VM) -> Json:
        """All that there is to show of a server."""
        shown = self._what(vm)
        shown |= self._where(vm)
        if self.is_alone:
            shown["security_groups"] = _groups(vm) or [{"name": "default"}]
        if self.is_admin:
            shown |= self._inside(vm)
        shown |= {
            "OS-EXT-STS:task_state": vm.task_state,
            "OS-EXT-STS:vm_state": vm.vm_state,
            "OS-EXT-STS:power_state": POWER_STATES.get(vm.vm_state, 0) if vm.host or vm.launched else 0,
            "os-extended-volumes:volumes_attached": self._volumes(vm),
        }
        if self.is_alone:
            shown |= self._host_status(vm) | self._later(vm)
            if self.since(71):
                shown["server_groups"] = [
                    group.group_id for group in self.world.server_groups if vm.vm_id in group.members
                ]
            return shown
        shown |= self._later(vm) | self._host_status(vm)
        if vm.ports:
            shown["security_groups"] = _groups(vm)
        return shown

    def _what(self, vm: VM) -> Json:
        shown: Json = {
            "id": vm.vm_id,
            "name": vm.name,
            "status": vm.status,
            "tenant_id": vm.project.project_id,
            "user_id": vm.user.user_id,
            "metadata": vm.metadata,
            "hostId": _host_id(vm),
            "image": "" if vm.image is None else self._image(vm.image),
            "flavor": self._flavor(vm),
            "created": moment(vm.created),
            "updated": moment(vm.updated),
            "addresses": addresses(vm),
            "accessIPv4": "",
            "accessIPv6": "",
            "links": self.links("servers", vm.vm_id),
            "OS-DCF:diskConfig": "MANUAL",
        }
        if vm.status in _WITH_PROGRESS:
            shown["progress"] = 0
        if vm.fault is not None and vm.status in _WITH_FAULT:
            shown["fault"] = self._fault(vm.fault)
        return shown

    def _fault(self, fault: Fault) -> Json:
        shown: Json = {
            "code": fault.code,
            "created": moment(fault.created),
            "message": fault.message,
        }
        return shown | ({"details": fault.details} if self.is_admin else {})

    def _where(self, vm: VM) -> Json:
        # An error without a host has no zone; one that is being built is where it is to be.
        zone = vm.host.zone if vm.host else ("" if vm.vm_state == "error" else vm.zone)
        shown: Json = {"OS-EXT-AZ:availability_zone": zone}
        if self.since(96):
            shown["pinned_availability_zone"] = vm.zone or None
        if self.since(100):
            shown["scheduler_hints"] = {}
        return shown | {
            "config_drive": "",
            "key_name": vm.key_name,
            "OS-SRV-USG:launched_at": micro_or_none(vm.launched),
            "OS-SRV-USG:terminated_at": micro_or_none(vm.terminated),
        }

    def _inside(self, vm: VM) -> Json:
        host = vm.host.name if vm.host else None
        shown: Json = {
            "OS-EXT-SRV-ATTR:host": host,
            "OS-EXT-SRV-ATTR:instance_name": instance_name(vm),
            "OS-EXT-SRV-ATTR:hypervisor_hostname": host,
        }
        if self.since(3):
            shown |= {
                "OS-EXT-SRV-ATTR:reservation_id": vm.reservation,
                "OS-EXT-SRV-ATTR:launch_index": vm.launch_index,
                "OS-EXT-SRV-ATTR:hostname": host_name(vm),
                "OS-EXT-SRV-ATTR:kernel_id": "",
                "OS-EXT-SRV-ATTR:ramdisk_id": "",
                "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda" if vm.launched else None,
                "OS-EXT-SRV-ATTR:user_data": None,
            }
        return shown

    def _later(self, vm: VM) -> Json:
        """What microversions after 2.3 have brought, in the order in which Nova shows it."""
        additions: tuple[tuple[int, str, object], ...] = (
            (9, "locked", False),
            (73, "locked_reason", None),
            (19, "description", vm.description),
            (26, "tags", []),
            (63, "trusted_image_certificates", None),
        )
        shown = {key: value for since, key, value in additions if self.minor >= since}
        if self.since(90) and not self.is_admin:
            shown["OS-EXT-SRV-ATTR:hostname"] = host_name(vm)
        return shown

    def _host_status(self, vm: VM) -> Json:
        return {"host_status": host_status(vm, self.world.now)} if self.is_admin and self.since(16) else {}

    def _image(self, image: Image) -> Json:
        shown: Json = {
            "id": image.image_id,
            "links": [{"rel": "bookmark", "href": f"{self.base}/images/{image.image_id}"}],
        }
        if self.since(98):
            shown["properties"] = {
                **image.properties,
                "min_ram": str(image.min_memory_mib),
                "min_disk": str(max(1, image.min_disk_gib)),
                "disk_format": "raw",
                "container_format": "bare",
                "base_image_ref": image.image_id,
            }
        return shown

    def _flavor(self, vm: VM) -> Json:
        flavor = vm.flavor
        if not self.since(47):
            link = f"{self.base}/flavors/{flavor.flavor_id}"
            return {"id": flavor.flavor_id, "links": [{"rel": "bookmark", "href": link}]}
        return {
            "vcpus": flavor.vcpus,
            "ram": flavor.memory_mib,
            "disk": flavor.disk_gib,
            "ephemeral": 0,
            "swap": 0,
            "original_name": flavor.name,
            "extra_specs": flavor.extra_specs,
        }

    def _volumes(self, vm: VM) -> list[Json]:
        if not self.since(3):
            return [{"id": volume.volume_id} for volume in vm.volumes]
        return [
            {"id": volume.volume_id, "delete_on_termination": volume.is_deleted_with_vm}
            for volume in vm.volumes
        ]


def host_status(vm: VM, now: float) -> str:
    """Of the nova-compute that has the VM; "" where none has it."""
    if vm.host is None or vm.terminated is not None:
        return ""
    return status_of(vm.host, now)


def status_of(host: Host, now: float) -> str:
    """nova/compute/api.py, get_instance_host_status."""
    if not host.daemon.is_up(now):
        return "DOWN"
    return "UP" if host.daemon.is_enabled else "MAINTENANCE"


def instance_name(vm: VM) -> str:
    """What the hypervisor calls it."""
    return f"instance-{vm.serial:08x}"


def host_name(vm: VM) -> str:
    """What it calls itself."""
    return vm.name.lower().replace("_", "-").replace(" ", "-")[:63]


def addresses(vm: VM) -> Json:
    """By name of the network: the fixed address, then the floating one."""
    return {port.subnet.network.name: list(_addresses(port)) for port in vm.ports}


def _addresses(port: Port) -> list[Json]:
    mac = mac_address(port.mac)
    found = [_address(ipv4(port.subnet.first + port.offset), "fixed", mac)]
    if port.floating_ip is not None:
        own = port.floating_ip.own
        found.append(_address(ipv4(own.subnet.first + own.offset), "floating", mac))
    return found


def _address(address: str, kind: str, mac: str) -> Json:
    return {"version": 4, "addr": address, "OS-EXT-IPS:type": kind, "OS-EXT-IPS-MAC:mac_addr": mac}


def _groups(vm: VM) -> list[Json]:
    return [{"name": "default"} for port in vm.ports if port.group is not None]


def _host_id(vm: VM) -> str:
    if vm.host is None:
        return ""
    return hashlib.sha224(f"{vm.project.project_id}{vm.host.name}".encode()).hexdigest()
