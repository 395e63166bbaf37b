"""VMs: the short form of pools, and the whole one."""

from ipaddress import IPv4Address
from typing import Final
from xml.etree.ElementTree import Element

from stratoscope.demo.opennebula import states
from stratoscope.demo.opennebula.access import Access
from stratoscope.demo.opennebula.directory import SYSTEM_DS, Directory
from stratoscope.demo.opennebula.elements import document, element, stamped
from stratoscope.demo.opennebula.templates import number
from stratoscope.demo.opennebula.views.monitoring import of_vm
from stratoscope.demo.world.models import CPU_RATIO, VM, Host, Port, Volume
from stratoscope.demo.world.world import World

CPU, VCPU, TEMPLATE_ID = "one:CPU", "one:VCPU", "one:TEMPLATE_ID"
"""Keys of a flavor that a request has made: what it asked for."""
_ACTIONS: Final = {states.POWEROFF: 19, states.SUSPENDED: 10, states.UNDEPLOYED: 5, states.DONE: 28}
"""The number of the action that has ended a VM's last record, by its state."""
_MIGRATED: Final = 2
_LEASE: Final = (
    "DNS", "EXTERNAL", "GATEWAY", "IP", "IP6", "IP6_GATEWAY", "IP6_METHOD", "IP6_METRIC",
    "IP6_PREFIX_LENGTH", "IP6_ULA", "MAC", "MASK", "METHOD", "METRIC", "MTU", "NETWORK", "ROUTES",
    "SEARCH_DOMAIN", "VLAN_ID", "VROUTER_IP", "VROUTER_IP6", "VROUTER_MANAGEMENT",
)  # fmt: skip
_SHORT_DISK: Final = (
    "DISK_ID", "DATASTORE", "DATASTORE_ID", "IMAGE", "IMAGE_ID", "SIZE", "TYPE", "CLONE", "CLONE_TARGET",
    "LN_TARGET", "DISK_SNAPSHOT_TOTAL_SIZE",
)  # fmt: skip
_SHORT_NIC: Final = ("IP", "MAC", "NETWORK", "NETWORK_ID", "NIC_ID", "SECURITY_GROUPS")
_SHORT_HISTORY: Final = ("OID", "SEQ", "HOSTNAME", "HID", "CID", "DS_ID", "VM_MAD", "TM_MAD", "ACTION")


def address(port: Port) -> str:
    return str(IPv4Address(port.subnet.first + port.offset))


def mac(ip: str) -> str:
    """As oned makes it of an address."""
    return "02:00:" + ":".join(f"{int(part):02x}" for part in ip.split("."))


class VMViews:
    """VMs of one world."""

    def __init__(self, world: World, directory: Directory, access: Access) -> None:
        self._world, self._directory, self._access = world, directory, access

    def short(self, vm: VM) -> str:
        """As `vmpool.info` has it; made anew only after a change."""
        view = ("short", vm.host is None or vm.host.daemon.is_up(self._world.now))
        if vm.json_view != view:
            vm.json, vm.json_view = document("VM", self._short(vm)).encode(), view
        return vm.json.decode()

    def whole(self, vm: VM, *, is_monitored: bool) -> str:
        """As `vm.info` has it; `vmpool.infoextended` leaves the monitoring out."""
        seen = of_vm(self._world, vm) if is_monitored else None
        state, lcm = states.of_vm(vm, self._world.now)
        head, tail = self._head(vm), self._tail(vm, state)
        rights = {"PERMISSIONS": self._access.permissions(vm).shown()}
        return document(
            "VM",
            head | rights
            | {"LAST_POLL": 0 if seen is None else seen["TIMESTAMP"], "STATE": state, "LCM_STATE": lcm}
            | {"PREV_STATE": state, "PREV_LCM_STATE": lcm} | tail
            | {"MONITORING": seen, "SCHED_ACTIONS": None, "TEMPLATE": self._template(vm)}
            | {"USER_TEMPLATE": self._user_template(vm, state)}
            | {"HISTORY_RECORDS": {"HISTORY": self._history(vm, state)}}
            | {"BACKUPS": {"BACKUP_CONFIG": None, "BACKUP_IDS": None}},
        )  # fmt: skip

    def _short(self, vm: VM) -> dict[str, object]:
        state, lcm = states.of_vm(vm, self._world.now)
        history = self._history(vm, state)[-1:]
        whole = self._template(vm)
        template: dict[str, object] = {
            **{name: whole[name] for name in ("CPU", "MEMORY", "VCPU") if name in whole},
            "DISK": [_part(one, _SHORT_DISK) for one in self._disks(vm)],
            "NIC": [_part(one, _SHORT_NIC) for one in self._nics(vm)],
            "GRAPHICS": whole["GRAPHICS"],
        }
        return (
            self._head(vm) | {"LAST_POLL": 0, "STATE": state, "LCM_STATE": lcm} | self._tail(vm, state)
            | {"TEMPLATE": template, "MONITORING": None, "USER_TEMPLATE": self._user_template(vm, state)}
            | {"HISTORY_RECORDS": {"HISTORY": [_part(one, _SHORT_HISTORY) for one in history]}}
        )  # fmt: skip

    def _head(self, vm: VM) -> dict[str, object]:
        user, group = self._directory.account(vm.user), self._directory.group(vm.project)
        return {
            "ID": vm.serial, "UID": user.number, "GID": group.number, "UNAME": user.name,
            "GNAME": group.name, "NAME": vm.name,
        }  # fmt: skip

    def _tail(self, vm: VM, state: int) -> dict[str, object]:
        return {
            "RESCHED": 0,
            "STIME": int(vm.created),
            "ETIME": int(vm.terminated or 0) if state == states.DONE else 0,
            "DEPLOY_ID": vm.id if vm.launched is not None else None,
        }

    def _template(self, vm: VM) -> dict[str, object]:
        specs, claim = vm.flavor.extra_specs, vm.claim
        template = specs.get(TEMPLATE_ID) or self._directory.template_number.get(vm.flavor.id)
        nics, disks = self._nics(vm), self._disks(vm)
        ip = str(nics[0]["IP"]) if nics else ""
        lease = {f"ETH0_{name}": {"IP": ip, "MAC": mac(ip)}.get(name) for name in _LEASE} if ip else {}
        port = {"PORT": 5900 + vm.serial} if vm.host is not None and vm.terminated is None else {}
        clusters = " | ".join(f"CLUSTER_ID = {one}" for one in [*self._directory.clusters][1:])
        stores = " | ".join(f'"CLUSTERS/ID" @> {one}' for one in [*self._directory.clusters][1:])
        shown = {
            "AUTOMATIC_DS_REQUIREMENTS": f"({stores})",
            "AUTOMATIC_NIC_REQUIREMENTS": f"({stores})",
            "AUTOMATIC_REQUIREMENTS": f"({clusters}) & !(PIN_POLICY = PINNED)",
            "CONTEXT": {"DISK_ID": len(disks), **lease, "NETWORK": "YES", "TARGET": "hda"},
            "CPU": specs.get(CPU) or number(claim.vcpus / CPU_RATIO + claim.pcpus),
            "DISK": disks,
            "GRAPHICS": {"LISTEN": "127.0.0.1", **port, "TYPE": "VNC"},
            "MEMORY": vm.flavor.memory_mib,
            "NIC": nics,
            "OS": {"UUID": vm.id},
            "SECURITY_GROUP_RULE": [_rule(way) for way in ("OUTBOUND", "INBOUND")] if nics else [],
            "TEMPLATE_ID": template,
            "TM_MAD_SYSTEM": "ssh",
            "VCPU": specs.get(VCPU, vm.flavor.vcpus),
            "VMID": vm.serial,
        }
        return {name: value for name, value in shown.items() if value is not None and value != ""}

    def _disks(self, vm: VM) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        if vm.image is not None:
            store = self._directory.datastore(self._world.pools[0])
            number_of = self._directory.image_number(vm.image)
            image = (number_of, vm.image.name)
            found.append(self._disk(0, store, image, vm.flavor.disk_gib, is_copy=True))
        for volume in vm.volumes:
            store = self._directory.datastore(volume.pool)
            image = (self._directory.image_number(volume), volume_name(volume))
            found.append(self._disk(len(found), store, image, volume.size_gib, is_copy=False))
        return found

    def _disk(
        self, place: int, store: tuple[int, str], image: tuple[int, str], size_gib: int, *, is_copy: bool
    ) -> dict[str, object]:
        target = f"vd{'abcdefghijklmnopqrstuvwxyz'[place % 26]}"
        copied = "YES" if is_copy else "NO"
        return {
            "ALLOW_ORPHANS": "NO", "CLONE": copied, "CLONE_TARGET": "SYSTEM", "CLUSTER_ID": self._clusters(),
            "DATASTORE": store[1], "DATASTORE_ID": store[0], "DEV_PREFIX": "vd",
            "DISK_ID": place, "DISK_SNAPSHOT_TOTAL_SIZE": 0, "DISK_TYPE": "FILE", "DRIVER": "qcow2",
            "FORMAT": "qcow2", "IMAGE": image[1], "IMAGE_ID": image[0],
            "IMAGE_STATE": 2 if is_copy else 8, "LN_TARGET": "NONE", "ORIGINAL_SIZE": size_gib << 10,
            "PERSISTENT_SNAPSHOTS": "YES", "READONLY": "NO", "SAVE": "NO" if is_copy else "YES",
            "SIZE": size_gib << 10, "SOURCE": f"/var/lib/one/datastores/{store[0]}/{image[0]}",
            "TARGET": target, "TM_MAD": "ssh", "TYPE": "FILE",
        }  # fmt: skip

    def _clusters(self) -> str:
        return ",".join(str(one) for one in self._directory.clusters)

    def _nics(self, vm: VM) -> list[dict[str, object]]:
        return [
            {
                "AR_ID": 0, "BRIDGE": f"br{port.subnet.network.segment}", "BRIDGE_TYPE": "linux",
                "CLUSTER_ID": self._clusters(), "IP": address(port),
                "MAC": mac(address(port)), "NAME": f"NIC{place}", "NETWORK": port.subnet.network.name,
                "NETWORK_ID": self._directory.network_number[port.subnet.network.id], "NIC_ID": place,
                "SECURITY_GROUPS": 0, "TARGET": f"one-{vm.serial}-{place}", "VN_MAD": "bridge",
            }
            for place, port in enumerate(vm.ports)
        ]  # fmt: skip

    def _user_template(self, vm: VM, state: int) -> dict[str, object]:
        found: dict[str, object] = {name.upper(): value for name, value in vm.metadata.items()}
        if vm.fault is not None:
            name = "SCHED_MESSAGE" if state == states.PENDING else "ERROR"
            found[name] = stamped(vm.fault.created, vm.fault.message)
        return dict(sorted(found.items()))

    def _history(self, vm: VM, state: int) -> list[dict[str, object]]:
        """The records of a VM, the oldest first; a migration's target is there from its beginning."""
        known = [(one.host, one.began, one.ended) for one in self._world.stays.get(vm.id, ())]
        migration = self._world.migrations.get(vm.id)
        is_moving = migration is not None and vm.host is migration.source
        if vm.host is not None:
            end = vm.terminated or (vm.updated if is_moving else 0.0)
            known.append((vm.host, vm.placed, end))
        if migration is not None and is_moving:
            known.append((migration.target, vm.updated, 0.0))
        last = len(known) - 1
        actions = [_MIGRATED if place < last else _ACTIONS.get(state, 0) for place in range(len(known))]
        return [
            self._record(vm, place, one, action, is_running=state == states.ACTIVE)
            for place, (one, action) in enumerate(zip(known, actions, strict=True))
        ]

    def _record(
        self, vm: VM, place: int, stay: tuple[Host, float, float], action: int, *, is_running: bool
    ) -> dict[str, object]:
        host, began, ended = stay
        start, end = int(began), int(ended)
        ran = int(max(began, vm.launched or began)) if vm.launched is not None or place else 0
        over = end or (int(vm.updated) if ran and not is_running else 0)
        return {
            "OID": vm.serial, "SEQ": place, "HOSTNAME": host.name, "HID": host.number - 1,
            "CID": self._directory.cluster_number[host.zone], "STIME": start, "ETIME": end, "VM_MAD": "kvm",
            "TM_MAD": "ssh", "DS_ID": SYSTEM_DS, "PLAN_ID": -1, "ACTION_ID": -1,
            "PSTIME": 0 if place else start, "PETIME": 0 if place else ran, "RSTIME": ran, "RETIME": over,
            "ESTIME": 0, "EETIME": 0, "ACTION": action, "UID": 0 if action else -1,
            "GID": 0 if action else -1, "REQUEST_ID": -1,
        }  # fmt: skip


def volume_name(volume: Volume) -> str:
    return volume.name or f"root-{volume.serial:04d}"


def _rule(way: str) -> Element:
    rule = {"PROTOCOL": "ALL", "RULE_TYPE": way, "SECURITY_GROUP_ID": 0, "SECURITY_GROUP_NAME": "default"}
    return element("SECURITY_GROUP_RULE", rule)


def _part(whole: dict[str, object], names: tuple[str, ...]) -> dict[str, object]:
    return {name: whole[name] for name in names}
