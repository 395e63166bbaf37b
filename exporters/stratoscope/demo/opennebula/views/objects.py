"""Images, datastores, virtual networks and templates."""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address
from typing import Final

from stratoscope.demo.opennebula.access import Access, Permissions
from stratoscope.demo.opennebula.directory import FILES_DS, SYSTEM_DS, Directory
from stratoscope.demo.opennebula.elements import document, ids
from stratoscope.demo.opennebula.templates import of_flavor
from stratoscope.demo.opennebula.views.vms import address, mac, volume_name
from stratoscope.demo.world.models import Flavor, Image, Network, Port, Volume
from stratoscope.demo.world.world import World

_READY, _USED, _DISABLED, _LOCKED, _ERROR, _USED_PERS = 1, 2, 3, 4, 5, 8
_OF_IMAGE: Final = {"active": _READY, "deactivated": _DISABLED}
_OF_VOLUME: Final = {"available": _READY, "in-use": _USED_PERS, "reserved": _USED_PERS, "creating": _LOCKED}
_SYSTEM, _FILES, _IMAGES = 1, 2, 0
_TYPES: Final = {_SYSTEM: "SYSTEM_DS", _FILES: "FILE_DS", _IMAGES: "IMAGE_DS"}
_FIRST: Final = 2
"""The first offset of a subnet that a VM gets."""


class ObjectViews:
    """Images, datastores, networks and templates of one world."""

    def __init__(self, world: World, directory: Directory, access: Access) -> None:
        self._world, self._directory, self._access = world, directory, access

    def users_of_images(self) -> Mapping[str, list[int]]:
        """The numbers of the VMs that have a copy of each image, by its id."""
        found: dict[str, list[int]] = {}
        for vm in self._world.vms:
            if vm.image is not None and vm.terminated is None:
                found.setdefault(vm.image.id, []).append(vm.serial)
        return found

    def image(self, number: int, image: Image | Volume, vms: Iterable[int]) -> str:
        """Args: vms: Those that have a copy of it."""
        volume = image if isinstance(image, Volume) else None
        if isinstance(image, Volume):
            users = [image.vm.serial] if image.vm else []
            state, size_mib, pool = _OF_VOLUME.get(image.status, _ERROR), image.size_gib << 10, image.pool
        else:
            users, size_mib, pool = sorted(vms), (image.size or 0) >> 20, self._world.pools[0]
            state = _OF_IMAGE.get(image.status, _LOCKED)
            state = _USED if users and state == _READY else state
        store = self._directory.datastore(pool)
        name = image.name if volume is None else volume_name(volume)
        return document(
            "IMAGE",
            self._owned(number, name, self._access.permissions(image))
            | {
                "TYPE": 0 if volume is None else 2, "DISK_TYPE": 0, "PERSISTENT": int(volume is not None),
                "REGTIME": int(image.created), "MODTIME": int(image.created),
                "SOURCE": f"/var/lib/one/datastores/{store[0]}/{number}", "PATH": None, "FORMAT": "qcow2",
                "FS": None, "SIZE": size_mib, "STATE": state, "PREV_STATE": state, "RUNNING_VMS": len(users),
                "CLONING_OPS": 0, "CLONING_ID": -1, "TARGET_SNAPSHOT": -1, "DATASTORE_ID": store[0],
                "DATASTORE": store[1], "VMS": ids(users), "CLONES": None, "APP_CLONES": None,
                "TEMPLATE": {"DEV_PREFIX": "vd"},
                "SNAPSHOTS": {"ALLOW_ORPHANS": "NO", "CURRENT_BASE": -1, "NEXT_SNAPSHOT": 0},
                "BACKUP_INCREMENTS": None, "BACKUP_DISK_IDS": None,
            },
        )  # fmt: skip

    def datastores(self) -> Mapping[int, str]:
        """All, by number."""
        held: dict[int, list[int]] = {}
        sizes: dict[int, int] = {}
        for number, image in self._directory.images().items():
            pool = image.pool if isinstance(image, Volume) else self._world.pools[0]
            store = self._directory.datastore(pool)[0]
            held.setdefault(store, []).append(number)
            size = image.size_gib << 10 if isinstance(image, Volume) else (image.size or 0) >> 20
            sizes[store] = sizes.get(store, 0) + size
        disk = [(host.has.disk_gib << 10, host.used.disk_gib << 10) for host in self._world.hosts.values()]
        total, taken = (sum(part) for part in zip(*disk, strict=True))
        found = {
            SYSTEM_DS: self._datastore(SYSTEM_DS, "system", _SYSTEM, (total, taken // 2), []),
            FILES_DS: self._datastore(FILES_DS, "files", _FILES, (20 << 10, 0), []),
        }
        for pool in self._world.pools:
            number, name = self._directory.datastore(pool)
            room = (int(pool.total_gib) << 10, sizes.get(number, 0))
            found[number] = self._datastore(number, name, _IMAGES, room, held.get(number, []))
        return found

    def network(self, number: int, network: Network, *, is_whole: bool) -> str:
        """Args: is_whole: With its leases, as `vn.info` has it."""
        subnet = network.subnets[0]
        used = sum(1 for offset in subnet.taken if offset >= _FIRST)
        every = self._world.ports if is_whole else ()
        leases = [port for port in every if port.subnet is subnet and port.offset >= _FIRST]
        vms = {vm.id: vm.serial for vm in self._world.vms} if is_whole else {}
        first = str(IPv4Address(subnet.first + _FIRST))
        last = str(IPv4Address(subnet.first + _FIRST + subnet.total - 1))
        area: dict[str, object] = {
            "AR_ID": 0, "IP": first, "MAC": mac(first), "NEXT_INDEX": subnet.next_offset - _FIRST,
            "SHARED": "NO", "SIZE": subnet.total, "TYPE": "IP4",
        }  # fmt: skip
        if is_whole:
            area |= {"MAC_END": mac(last), "IP_END": last, "USED_LEASES": used}
            area["LEASES"] = {"LEASE": [_lease(port, vms) for port in leases]}
        bridge = f"br{network.segment}"
        tags = {"VLAN_ID": network.segment, "OUTER_VLAN_ID": None}
        return document(
            "VNET",
            self._owned(number, network.name, self._access.permissions(network))
            | {
                "CLUSTERS": ids([*self._directory.clusters][1:]), "BRIDGE": bridge, "BRIDGE_TYPE": "linux",
                "STATE": 1, "PREV_STATE": 1, "PARENT_NETWORK_ID": None, "TEMPLATE_ID": None,
                "VN_MAD": "802.1Q", "PHYDEV": "eth0", **tags,
                "VLAN_ID_AUTOMATIC": 0, "OUTER_VLAN_ID_AUTOMATIC": 0,
                "USED_LEASES": used, "VROUTERS": None,
                "UPDATED_VMS": ids(vms[port.device_id] for port in leases if port.device_id in vms),
                "OUTDATED_VMS": None, "UPDATING_VMS": None, "ERROR_VMS": None,
                "TEMPLATE": {
                    "BRIDGE": bridge, "BRIDGE_TYPE": "linux", "OUTER_VLAN_ID": None, "PHYDEV": "eth0",
                    "SECURITY_GROUPS": 0, "VLAN_ID": network.segment, "VN_MAD": "802.1Q",
                },
                "AR_POOL": {"AR": area},
            },
        )  # fmt: skip

    def template(self, number: int, flavor: Flavor) -> str:
        rights = self._access.permissions(flavor)
        inner = of_flavor(flavor, self.image_of(flavor), self.shared_network())
        more = {"REGTIME": int(self._world.began - 86400 * 90), "TEMPLATE": inner}
        return document("VMTEMPLATE", self._owned(number, flavor.name, rights) | more)

    def image_of(self, flavor: Flavor) -> int:
        """The number of the image that a flavor's template names: the smallest that everybody may boot."""
        fitting = [
            image
            for image in self._world.first_images
            if image.status == "active" and image.visibility == "public" and image.fits(flavor)
        ]
        return self._directory.image_number(min(fitting, key=lambda image: image.size or 0))

    def shared_network(self) -> int:
        return next(number for number, one in self._directory.networks.items() if one is self._world.shared)

    def _datastore(self, number: int, name: str, kind: int, size: tuple[int, int], images: list[int]) -> str:
        rights = Permissions(self._directory.accounts[0], group=True, other=kind == _IMAGES)
        total, used = size
        driver = "-" if kind == _SYSTEM else "fs"
        return document(
            "DATASTORE",
            self._owned(number, name, rights)
            | {
                "DS_MAD": driver, "TM_MAD": "ssh", "BASE_PATH": f"/var/lib/one/datastores/{number}",
                "TYPE": kind, "DISK_TYPE": 0, "STATE": 0, "CLUSTERS": ids(self._directory.clusters),
                "TOTAL_MB": total, "FREE_MB": max(0, total - used), "USED_MB": used, "IMAGES": ids(images),
                "TEMPLATE": {
                    "ALLOW_ORPHANS": "NO", "CLONE_TARGET": "SYSTEM", "DISK_TYPE": "FILE", "DS_MAD": driver,
                    "LN_TARGET": "NONE", "PERSISTENT_SNAPSHOTS": "YES", "RESTRICTED_DIRS": "/",
                    "SAFE_DIRS": "/srv/images", "TM_MAD": "ssh", "TYPE": _TYPES[kind],
                },
            },
        )  # fmt: skip

    def _owned(self, number: int, name: str, rights: Permissions) -> dict[str, object]:
        owner = rights.owner
        return {
            "ID": number, "UID": owner.number, "GID": owner.group.number, "UNAME": owner.name,
            "GNAME": owner.group.name, "NAME": name, "PERMISSIONS": rights.shown(),
        }  # fmt: skip


def _lease(port: Port, vms: Mapping[str, int]) -> dict[str, object]:
    vm = {"VM": vms[port.device_id]} if port.device_id in vms else {"VM": -1}
    return {"IP": address(port), "MAC": mac(address(port)), **vm}
