"""Hosts, datastores, images, virtual networks and templates."""

from collections.abc import Mapping
from typing import Any, Final

from stratoscope.demo.opennebula import states
from stratoscope.demo.opennebula.access import Access, Permissions
from stratoscope.demo.opennebula.elements import decimal, document, ids
from stratoscope.demo.opennebula.views.vms import Form, View, address, image_name, owned
from stratoscope.demo.world.models import CPU_RATIO, RESERVED_MIB, Flavor, Host, Image, Network, Volume

_READY, _USED, _DISABLED, _LOCKED, _ERROR, _USED_PERS = 1, 2, 3, 4, 5, 8
_OF_IMAGE: Final = {"active": _READY, "deactivated": _DISABLED}
_OF_VOLUME: Final = {"available": _READY, "in-use": _USED_PERS, "reserved": _USED_PERS, "creating": _LOCKED}
_SYSTEM, _IMAGES = 1, 0
"""Types of datastores."""
_FIRST: Final = 2
"""The first offset of a subnet that a VM gets."""
_PERCENT: Final = 100


def percent(host: Host) -> tuple[int, int]:
    """Used and allocatable CPU, in hundredths of a core."""
    used = host.used.vcpus * _PERCENT // CPU_RATIO + host.used.pcpus * _PERCENT
    return used, (host.has.vcpus + host.has.pcpus) * _PERCENT


class ObjectViews:
    """Those of one world."""

    def __init__(self, access: Access) -> None:
        self._world, self._directory, self._access = access.directory.world, access.directory, access

    def host(self, number: int, host: Host) -> str:
        (used, most), memory, disk = percent(host), host.has.memory_mib << 10, host.used.disk_gib << 10
        share = {
            "MEM_USAGE": host.used.memory_mib << 10, "CPU_USAGE": used, "TOTAL_MEM": memory,
            "TOTAL_CPU": most, "MAX_MEM": memory - (RESERVED_MIB << 10), "MAX_CPU": most,
            "RUNNING_VMS": len(host.vms),
            "DATASTORES": {
                "DISK_USAGE": disk, "MAX_DISK": host.has.disk_gib << 10, "USED_DISK": disk // 2
            },
        }  # fmt: skip
        return document("HOST", {
            "ID": number, "NAME": host.name, "STATE": states.of_host(host, self._world.now),
            "IM_MAD": "kvm", "VM_MAD": "kvm", "CLUSTER_ID": self._directory.cluster_number[host.zone],
            "CLUSTER": host.zone, "HOST_SHARE": share, "VMS": ids(sorted(host.vms)),
            "TEMPLATE": {"HYPERVISOR": "kvm"},
        })  # fmt: skip

    def cluster(self, number: int, name: str) -> str:
        return document("CLUSTER", {"ID": number, "NAME": name})

    def datastores(self) -> Mapping[int, tuple[object, ...]]:
        """Name, type, total and used MiB, and images of each, by number."""
        disks = [(host.has.disk_gib, host.used.disk_gib) for host in self._world.hosts.values()]
        total, taken = (sum(sizes) for sizes in zip(*disks, strict=True))
        found: dict[int, tuple[object, ...]] = {0: ("system", _SYSTEM, total << 10, taken << 9, ())}
        images = self._directory.images().items()
        for pool in self._world.pools:
            store = self._directory.datastore(pool)
            sizes = {number: _size_mib(one) for number, one in images if self._store(one) == store}
            total_mib = int(pool.total_gib) << 10
            found[store[0]] = (store[1], _IMAGES, total_mib, sum(sizes.values()), [*sizes])
        return found

    def datastore(self, number: int, one: tuple[Any, ...]) -> str:
        name, kind, total, used, images = one
        return document("DATASTORE", owned(number, name, Permissions(self._directory.accounts[0])) | {
            "TM_MAD": "ssh", "TYPE": kind, "STATE": 0, "CLUSTERS": ids(self._directory.clusters),
            "TOTAL_MB": total, "FREE_MB": max(0, total - used), "USED_MB": used, "IMAGES": ids(images),
        })  # fmt: skip

    def image_view(self, _: Form) -> View:
        """Images, and the VMs that have a copy of each."""
        copies: dict[str, list[int]] = {}
        for vm in self._world.vms:
            if vm.image is not None and vm.terminated is None:
                copies.setdefault(vm.image.id, []).append(vm.serial)

        def view(number: int, image: Image | Volume) -> str:
            if isinstance(image, Volume):
                users = [image.vm.serial] if image.vm else []
                state, kind, is_persistent = _OF_VOLUME.get(image.status, _ERROR), 2, 1
            else:
                users, kind, is_persistent = sorted(copies.get(image.id, ())), 0, 0
                state = _OF_IMAGE.get(image.status, _LOCKED)
                state = _USED if users and state == _READY else state
            return document("IMAGE", owned(number, image_name(image), self._access.permissions(image)) | {
                "TYPE": kind, "PERSISTENT": is_persistent, "REGTIME": int(image.created),
                "MODTIME": int(image.created), "SIZE": _size_mib(image), "STATE": state,
                "RUNNING_VMS": len(users), "DATASTORE": self._store(image)[1], "VMS": ids(users),
            })  # fmt: skip

        return view

    def network_view(self, form: Form) -> View:
        """Networks; the leases of one are in the whole."""
        vms = {vm.id: vm.serial for vm in self._world.vms} if form == "whole" else {}

        def view(number: int, network: Network) -> str:
            subnet = network.subnets[0]
            used = sum(1 for offset in subnet.taken if offset >= _FIRST)
            area: dict[str, object] = {"AR_ID": 0, "SIZE": subnet.total, "TYPE": "IP4"}
            if form == "whole":
                ports = [
                    port for port in self._world.ports if port.subnet is subnet and port.offset >= _FIRST
                ]
                leases = [{"IP": address(port), "VM": vms.get(port.device_id, -1)} for port in ports]
                area |= {"USED_LEASES": used, "LEASES": {"LEASE": leases}}
            return document("VNET", owned(number, network.name, self._access.permissions(network)) | {
                "STATE": 1, "VLAN_ID": network.segment, "USED_LEASES": used, "AR_POOL": {"AR": area}
            })  # fmt: skip

        return view

    def template(self, number: int, flavor: Flavor) -> str:
        head = owned(number, flavor.name, self._access.permissions(flavor))
        return document("VMTEMPLATE", head | {"TEMPLATE": self.attributes(flavor)})

    def attributes(self, flavor: Flavor) -> dict[str, object]:
        """What a template says of its VMs."""
        directory, claim = self._directory, flavor.claim(boots_from_volume=False)
        shared = next(number for number, one in directory.networks.items() if one is self._world.shared)
        public = (one for one in self._world.first_images if one.visibility == "public" and one.fits(flavor))
        image = directory.image_number(min(public, key=lambda one: (one.status != "active", one.size or 0)))
        requirements = {"SCHED_REQUIREMENTS": 'PIN_POLICY="PINNED"'} if flavor.is_pinned else {}
        return {
            "CPU": decimal(claim.vcpus / CPU_RATIO + claim.pcpus), "CPU_COST": "0.02",
            "DISK": {"IMAGE_ID": image, "SIZE": flavor.disk_gib << 10}, "DISK_COST": "0.0001",
            "MEMORY": flavor.memory_mib, "MEMORY_COST": "0.01", "NIC": {"NETWORK_ID": shared}, **requirements,
            "VCPU": flavor.vcpus,
        }  # fmt: skip

    def _store(self, image: Image | Volume) -> tuple[int, str]:
        """Number and name of its datastore."""
        pool = image.pool if isinstance(image, Volume) else self._world.pools[0]
        return self._directory.datastore(pool)


def _size_mib(image: Image | Volume) -> int:
    return image.size_gib << 10 if isinstance(image, Volume) else (image.size or 0) >> 20
