"""Hosts, clusters, datastores, images, virtual networks and templates."""

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address
from typing import Any, Final, Literal

from stratoscope.demo.opennebula import states
from stratoscope.demo.opennebula.access import Access, Permissions
from stratoscope.demo.opennebula.directory import Directory
from stratoscope.demo.opennebula.elements import document, ids, stamped
from stratoscope.demo.opennebula.templates import of_flavor
from stratoscope.demo.opennebula.views.vms import address, image_name, mac, owned
from stratoscope.demo.world.models import CPU_RATIO, RESERVED_MIB, Flavor, Host, Image, Network, Volume
from stratoscope.demo.world.world import World

View = Callable[[int, Any], str]
"""The document of an object, by its number and itself."""
Form = Literal["short", "whole"]
"""As the pool has it, or as the object's own method has it."""
_READY, _USED, _DISABLED, _LOCKED, _ERROR, _USED_PERS = 1, 2, 3, 4, 5, 8
_OF_IMAGE: Final = {"active": _READY, "deactivated": _DISABLED}
_OF_VOLUME: Final = {"available": _READY, "in-use": _USED_PERS, "reserved": _USED_PERS, "creating": _LOCKED}
_SYSTEM, _FILES, _IMAGES = 1, 2, 0
"""Types of datastores. oned's own of files has the number 2, that of running VMs 0."""
_FIRST: Final = 2
"""The first offset of a subnet that a VM gets."""
_PERCENT: Final = 100


def percent(host: Host) -> tuple[int, int]:
    """Used and allocatable CPU, in hundredths of a core."""
    used = host.used.vcpus * _PERCENT // CPU_RATIO + host.used.pcpus * _PERCENT
    return used, (host.has.vcpus + host.has.pcpus) * _PERCENT


class ObjectViews:
    """Those of one world."""

    def __init__(self, world: World, directory: Directory, access: Access) -> None:
        self._world, self._directory, self._access = world, directory, access

    def host(self, number: int, host: Host) -> str:
        state = states.of_host(host, self._world.now)
        (used, most), memory, disk = percent(host), host.has.memory_mib << 10, host.has.disk_gib << 10
        taken = host.used.disk_gib << 10
        error = {}
        if state == states.ERROR:
            since = host.daemon.heartbeat(self._world.now)
            error = {"ERROR": stamped(since, f"Error monitoring Host {host.name} ({number})")}
        share = {
            "MEM_USAGE": host.used.memory_mib << 10, "CPU_USAGE": used, "TOTAL_MEM": memory,
            "TOTAL_CPU": most, "MAX_MEM": memory - (RESERVED_MIB << 10), "MAX_CPU": most,
            "RUNNING_VMS": len(host.vms),
            "DATASTORES": {
                "DISK_USAGE": taken, "FREE_DISK": max(0, disk - taken // 2), "MAX_DISK": disk,
                "USED_DISK": taken // 2,
            },
        }  # fmt: skip
        return document("HOST", {
            "ID": number, "NAME": host.name, "STATE": state, "IM_MAD": "kvm", "VM_MAD": "kvm",
            "CLUSTER_ID": self._directory.cluster_number[host.zone], "CLUSTER": host.zone,
            "HOST_SHARE": share, "VMS": ids(sorted(host.vms)), "TEMPLATE": {**error, "HYPERVISOR": "kvm"},
        })  # fmt: skip

    def cluster(self, number: int, name: str) -> str:
        inside = ids(one.number - 1 for one in self._world.hosts.values() if one.zone == name)
        return document("CLUSTER", {
            "ID": number, "NAME": name, "HOSTS": inside, "DATASTORES": ids(self.datastores()),
            "VNETS": ids([] if number == 0 else self._directory.networks),
        })  # fmt: skip

    def datastores(self) -> Mapping[int, tuple[str, int]]:
        """Name and type of each, by number."""
        ours = [self._directory.datastore(pool) for pool in self._world.pools]
        own = {0: ("system", _SYSTEM), 2: ("files", _FILES)}
        return {**own, **{number: (name, _IMAGES) for number, name in ours}}

    def datastore_view(self) -> View:
        sizes: dict[int, int] = {}
        held: dict[int, list[int]] = {}
        for number, image in self._directory.images().items():
            size, store = self._size_and_store(image)
            held.setdefault(store[0], []).append(number)
            sizes[store[0]] = sizes.get(store[0], 0) + size
        hosts = self._world.hosts.values()
        totals = {self._directory.datastore(pool)[0]: int(pool.total_gib) << 10 for pool in self._world.pools}
        totals[0] = sum(host.has.disk_gib << 10 for host in hosts)
        sizes[0] = sum(host.used.disk_gib << 9 for host in hosts)
        rights = Permissions(self._directory.accounts[0], group=True)

        def view(number: int, one: tuple[str, int]) -> str:
            name, kind = one
            total, used = totals.get(number, 20 << 10), sizes.get(number, 0)
            return document("DATASTORE", owned(number, name, rights) | {
                "DS_MAD": "fs" if kind == _IMAGES else "-", "TM_MAD": "ssh", "TYPE": kind, "STATE": 0,
                "CLUSTERS": ids(self._directory.clusters), "TOTAL_MB": total,
                "FREE_MB": max(0, total - used), "USED_MB": used, "IMAGES": ids(held.get(number, ())),
            })  # fmt: skip

        return view

    def image_view(self) -> View:
        """Images, and the VMs that have a copy of each."""
        copies: dict[str, list[int]] = {}
        for vm in self._world.vms:
            if vm.image is not None and vm.terminated is None:
                copies.setdefault(vm.image.id, []).append(vm.serial)

        def view(number: int, image: Image | Volume) -> str:
            size_mib, store = self._size_and_store(image)
            if isinstance(image, Volume):
                users = [image.vm.serial] if image.vm else []
                state, kind, is_persistent = _OF_VOLUME.get(image.status, _ERROR), 2, 1
            else:
                users, kind, is_persistent = sorted(copies.get(image.id, ())), 0, 0
                state = _OF_IMAGE.get(image.status, _LOCKED)
                state = _USED if users and state == _READY else state
            return document("IMAGE", owned(number, image_name(image), self._access.permissions(image)) | {
                "TYPE": kind, "PERSISTENT": is_persistent, "REGTIME": int(image.created),
                "MODTIME": int(image.created), "SIZE": size_mib, "STATE": state, "RUNNING_VMS": len(users),
                "DATASTORE_ID": store[0], "DATASTORE": store[1], "VMS": ids(users),
            })  # fmt: skip

        return view

    def network_view(self, form: Form) -> View:
        """Its leases are in the whole."""
        return lambda number, network: self._network(number, network, is_whole=form == "whole")

    def _network(self, number: int, network: Network, *, is_whole: bool) -> str:
        subnet = network.subnets[0]
        used = sum(1 for offset in subnet.taken if offset >= _FIRST)
        first = str(IPv4Address(subnet.first + _FIRST))
        area: dict[str, object] = {
            "AR_ID": 0, "IP": first, "MAC": mac(first), "SIZE": subnet.total, "TYPE": "IP4"
        }  # fmt: skip
        if is_whole:
            vms = {vm.id: vm.serial for vm in self._world.vms}
            ports = (port for port in self._world.ports if port.subnet is subnet and port.offset >= _FIRST)
            leases = [
                {"IP": address(port), "MAC": mac(address(port)), "VM": vms.get(port.device_id, -1)}
                for port in ports
            ]
            area |= {"USED_LEASES": used, "LEASES": {"LEASE": leases}}
        return document("VNET", owned(number, network.name, self._access.permissions(network)) | {
            "CLUSTERS": ids([*self._directory.clusters][1:]), "BRIDGE": f"br{network.segment}", "STATE": 1,
            "VN_MAD": "802.1Q", "VLAN_ID": network.segment, "USED_LEASES": used, "AR_POOL": {"AR": area},
        })  # fmt: skip

    def template(self, number: int, flavor: Flavor) -> str:
        begun = {"REGTIME": int(self._world.began - 86400 * 90), "TEMPLATE": self.attributes(flavor)}
        return document("VMTEMPLATE", owned(number, flavor.name, self._access.permissions(flavor)) | begun)

    def attributes(self, flavor: Flavor) -> dict[str, object]:
        """What a template says of its VMs."""
        directory = self._directory
        shared = next(number for number, one in directory.networks.items() if one is self._world.shared)
        return of_flavor(flavor, directory.image_number(directory.image_of(flavor)), shared)

    def _size_and_store(self, image: Image | Volume) -> tuple[int, tuple[int, str]]:
        """Its size in MiB, and number and name of its datastore."""
        if isinstance(image, Volume):
            return image.size_gib << 10, self._directory.datastore(image.pool)
        return (image.size or 0) >> 20, self._directory.datastore(self._world.pools[0])
