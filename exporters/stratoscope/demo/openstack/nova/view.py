"""A server as Nova shows it; the keys depend on the microversion and on the caller."""

import hashlib
from typing import Final

from stratoscope.demo.openstack.http_request import Json, Request
from stratoscope.demo.openstack.texts import ipv4, mac_address, micro_or_none, moment
from stratoscope.demo.world.models import VM, Fault, Flavor, Image, Port

_CHANGES: Final = (3, 9, 16, 19, 26, 47, 63, 69, 71, 73, 90, 96, 98, 100)
"""Microversions that change the view of a server."""
_WITH_PROGRESS: Final = frozenset(
    {"ACTIVE", "BUILD", "MIGRATING", "RESIZE", "VERIFY_RESIZE", "REVERT_RESIZE", "PASSWORD"}
)
_WITH_FAULT: Final = frozenset({"ERROR", "DELETED"})
_POWER_STATES: Final = {
    "active": 1,
    "resized": 1,
    "paused": 3,
    "stopped": 4,
    "suspended": 4,
    "shelved_offloaded": 4,
}
"""libvirt's number by VM state; 0 (NOSTATE) for the others."""


def view_of(request: Request) -> object:
    """Equal for requests of administrators that get the same views of servers."""
    return request.base, max((0, *(change for change in _CHANGES if change <= request.minor)))


def links(base: str, kind: str, identity: str) -> list[Json]:
    return [
        {"rel": "self", "href": f"{base}/v2.1/{kind}/{identity}"},
        {"rel": "bookmark", "href": f"{base}/{kind}/{identity}"},
    ]


def brief(request: Request, vm: VM) -> Json:
    """A server in a list without details."""
    return {"id": vm.id, "name": vm.name, "links": links(request.base, "servers", vm.id)}


def alone(request: Request, vm: VM) -> Json:
    """A server that is shown by itself."""
    groups = [group.id for group in request.world.server_groups if vm.id in group.members]
    return {
        **server(request, vm),
        "security_groups": _groups(vm) or [{"name": "default"}],
        **request.newer({71: {"server_groups": groups}}),
    }


def server(request: Request, vm: VM) -> Json:
    """A server in a list with details."""
    # A server in ERROR without a host has no zone; during the boot it has the requested one.
    zone = vm.host.zone if vm.host else ("" if vm.vm_state == "error" else vm.zone)
    shown: Json = {
        **brief(request, vm),
        "status": vm.status,
        "tenant_id": vm.project.id,
        "user_id": vm.user.id,
        "metadata": vm.metadata,
        "hostId": _host_id(vm),
        "image": "" if vm.image is None else _image(request, vm.image),
        "flavor": _flavor(request, vm.flavor),
        "created": moment(vm.created),
        "updated": moment(vm.updated),
        "addresses": {port.subnet.network.name: _addresses(port, request.now) for port in vm.ports},
        "accessIPv4": "",
        "accessIPv6": "",
        "OS-DCF:diskConfig": "MANUAL",
        "OS-EXT-AZ:availability_zone": zone,
        "config_drive": "",
        "key_name": vm.key_name,
        "OS-SRV-USG:launched_at": micro_or_none(vm.launched),
        "OS-SRV-USG:terminated_at": micro_or_none(vm.terminated),
        "OS-EXT-STS:task_state": vm.task_state,
        "OS-EXT-STS:vm_state": vm.vm_state,
        "OS-EXT-STS:power_state": _POWER_STATES.get(vm.vm_state, 0) if vm.host or vm.launched else 0,
        "os-extended-volumes:volumes_attached": [
            {"id": volume.id, **request.newer({3: {"delete_on_termination": volume.is_deleted_with_vm}})}
            for volume in vm.volumes
        ],
        **request.newer(_additions(vm)),
        **(_for_admins(request, vm) if request.caller.is_admin else _for_users(request, vm)),
    }
    if vm.status in _WITH_PROGRESS:
        shown["progress"] = 0
    if vm.fault is not None and vm.status in _WITH_FAULT:
        shown["fault"] = _fault(request, vm.fault)
    if vm.ports:
        shown["security_groups"] = _groups(vm)
    return shown


def _additions(vm: VM) -> dict[int, Json]:
    return {
        9: {"locked": False},
        19: {"description": vm.description},
        26: {"tags": vm.tags},
        63: {"trusted_image_certificates": None},
        73: {"locked_reason": None},
        96: {"pinned_availability_zone": vm.zone or None},
        100: {"scheduler_hints": {}},
    }


def _for_admins(request: Request, vm: VM) -> Json:
    host = vm.host.name if vm.host else None
    additions: dict[int, Json] = {
        3: {
            "OS-EXT-SRV-ATTR:reservation_id": vm.reservation,
            "OS-EXT-SRV-ATTR:launch_index": vm.launch_index,
            "OS-EXT-SRV-ATTR:hostname": _host_name(vm),
            "OS-EXT-SRV-ATTR:kernel_id": "",
            "OS-EXT-SRV-ATTR:ramdisk_id": "",
            "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda" if vm.launched else None,
            "OS-EXT-SRV-ATTR:user_data": None,
        },
        16: {"host_status": host_status(vm, request.now)},
    }
    return {
        "OS-EXT-SRV-ATTR:host": host,
        "OS-EXT-SRV-ATTR:instance_name": f"instance-{vm.serial:08x}",
        "OS-EXT-SRV-ATTR:hypervisor_hostname": host,
        **request.newer(additions),
    }


def _for_users(request: Request, vm: VM) -> Json:
    return request.newer({90: {"OS-EXT-SRV-ATTR:hostname": _host_name(vm)}})


def _fault(request: Request, fault: Fault) -> Json:
    shown: Json = {"code": fault.code, "created": moment(fault.created), "message": fault.message}
    return shown | ({"details": fault.details} if request.caller.is_admin else {})


def _image(request: Request, image: Image) -> Json:
    properties = {
        **image.properties,
        "min_ram": str(image.min_memory_mib),
        "min_disk": str(max(1, image.min_disk_gib)),
        "disk_format": "raw",
        "container_format": "bare",
        "base_image_ref": image.id,
    }
    return {
        "id": image.id,
        "links": [{"rel": "bookmark", "href": f"{request.base}/images/{image.id}"}],
        **request.newer({98: {"properties": properties}}),
    }


def _flavor(request: Request, flavor: Flavor) -> Json:
    if not request.since(47):
        link = f"{request.base}/flavors/{flavor.id}"
        return {"id": flavor.id, "links": [{"rel": "bookmark", "href": link}]}
    return {
        "vcpus": flavor.vcpus,
        "ram": flavor.memory_mib,
        "disk": flavor.disk_gib,
        "ephemeral": 0,
        "swap": 0,
        "original_name": flavor.name,
        "extra_specs": flavor.extra_specs,
    }


def host_status(vm: VM, now: float) -> str:
    """The state of its nova-compute; "" without a host. nova/compute/api.py, get_instance_host_status."""
    if vm.host is None or vm.terminated is not None:
        return ""
    if not vm.host.daemon.is_up(now):
        return "DOWN"
    return "UP" if vm.host.daemon.is_enabled else "MAINTENANCE"


def _host_name(vm: VM) -> str:
    """The host name inside the VM."""
    return vm.name.lower().replace("_", "-").replace(" ", "-")[:63]


def _addresses(port: Port, now: float) -> list[Json]:
    """The fixed address, then the floating one once Nova knows it."""
    by_kind = {"fixed": port}
    if port.floating_ip is not None and port.floating_ip.active_from <= now:
        by_kind["floating"] = port.floating_ip.own
    return [
        {
            "version": 4,
            "addr": ipv4(one.subnet.first + one.offset),
            "OS-EXT-IPS:type": kind,
            "OS-EXT-IPS-MAC:mac_addr": mac_address(port.mac),
        }
        for kind, one in by_kind.items()
    ]


def _groups(vm: VM) -> list[Json]:
    return [{"name": "default"} for port in vm.ports if port.group is not None]


def _host_id(vm: VM) -> str:
    if vm.host is None:
        return ""
    return hashlib.sha224(f"{vm.project.id}{vm.host.name}".encode()).hexdigest()
