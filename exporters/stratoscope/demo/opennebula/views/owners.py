"""Users, groups and their quotas."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from stratoscope.demo.opennebula import states
from stratoscope.demo.opennebula.directory import READER, Account, Directory, Group
from stratoscope.demo.opennebula.elements import document, ids
from stratoscope.demo.opennebula.templates import number
from stratoscope.demo.world.models import CPU_RATIO, VM
from stratoscope.demo.world.world import World

_RESOURCES: Final = (
    "CPU", "MEMORY", "PCI_DEV", "PCI_NIC", "RUNNING_CPU", "RUNNING_MEMORY", "RUNNING_PCI_DEV",
    "RUNNING_PCI_NIC", "RUNNING_VMS", "SYSTEM_DISK_SIZE", "VMS",
)  # fmt: skip
_DEFAULT, _UNLIMITED = -1, -2
_SECTIONS: Final = ("DATASTORE_QUOTA", "NETWORK_QUOTA", "VM_QUOTA", "IMAGE_QUOTA")
NO_QUOTAS: Final = dict.fromkeys(_SECTIONS)
_RUNS: Final = frozenset({states.PENDING, states.HOLD, states.ACTIVE})
"""oned counts these as running: resources are kept for them."""

_OF_READER: Final = {"VMS": 4, "RUNNING_VMS": 3}

Used = Mapping[int, Counter[str]]


class OwnerViews:
    """Users and groups of one world."""

    def __init__(self, world: World, directory: Directory) -> None:
        self._world, self._directory = world, directory

    def user(self, account: Account) -> dict[str, object]:
        return {
            "ID": account.number, "GID": account.group.number, "GROUPS": ids([account.group.number]),
            "GNAME": account.group.name, "NAME": account.name, "PASSWORD": account.user.id * 2,
            "AUTH_DRIVER": "core", "ENABLED": 1, "TEMPLATE": {"TOKEN_PASSWORD": account.user.id[::-1] * 2},
        }  # fmt: skip

    def group(self, group: Group) -> dict[str, object]:
        members = [one.number for one in self._directory.accounts.values() if one.group == group]
        return {
            "ID": group.number, "NAME": group.name, "TEMPLATE": None, "USERS": ids(members), "ADMINS": None
        }  # fmt: skip

    def one_user(self, account: Account) -> str:
        quotas = self.quotas_of(self.used_by_users().get(account.number, Counter()), account)
        return document("USER", self.user(account) | quotas | {"DEFAULT_USER_QUOTAS": NO_QUOTAS})

    def one_group(self, group: Group) -> str:
        quotas = self.quotas_of(self.used_by_groups().get(group.number, Counter()), group)
        more = {"VLAN_RULES": {"ID": group.number}, "DEFAULT_GROUP_QUOTAS": NO_QUOTAS}
        return document("GROUP", self.group(group) | quotas | more)

    def users(self, shown: Callable[[Account], bool]) -> str:
        """The pool of users, each followed by its quotas."""
        used, parts = self.used_by_users(), []
        for account in sorted(filter(shown, self._directory.accounts.values()), reverse=True):
            quotas = self.quotas_of(used.get(account.number, Counter()), account)
            parts += [document("USER", self.user(account)), _quotas(account.number, quotas)]
        return f"<USER_POOL>{''.join(parts)}{document('DEFAULT_USER_QUOTAS', NO_QUOTAS)}</USER_POOL>"

    def groups(self, shown: Callable[[Group], bool]) -> str:
        """The pool of groups, each followed by its quotas."""
        used, parts = self.used_by_groups(), []
        for group in sorted(filter(shown, self._directory.groups.values()), key=lambda one: -one.number):
            quotas = self.quotas_of(used.get(group.number, Counter()), group)
            rules = document("VLAN_RULES", {"ID": group.number})
            parts += [document("GROUP", self.group(group)), _quotas(group.number, quotas), rules]
        return f"<GROUP_POOL>{''.join(parts)}{document('DEFAULT_GROUP_QUOTAS', NO_QUOTAS)}</GROUP_POOL>"

    def used_by_users(self) -> Used:
        return self._used(lambda vm: self._directory.account(vm.user).number)

    def used_by_groups(self) -> Used:
        return self._used(lambda vm: self._directory.group(vm.project).number)

    def quotas_of(self, used: Counter[str], owner: Group | Account) -> dict[str, object]:
        limits = limits_of(owner)
        objects = _by_object(used)
        quota: dict[str, object] = {}
        for name in _RESOURCES if limits or used["VMS"] else ():
            quota[name] = limits.get(name, _DEFAULT)
            quota[f"{name}_USED"] = number(used[name])
        return {
            "DATASTORE_QUOTA": self._stored(owner),
            "NETWORK_QUOTA": {"NETWORK": [
                {"ID": one, "LEASES": _DEFAULT, "LEASES_USED": many} for one, many in objects["NETWORK"]
            ]},
            "VM_QUOTA": {"VM": quota} if quota else None,
            "IMAGE_QUOTA": {"IMAGE": [
                {"ID": one, "RVMS": _DEFAULT, "RVMS_USED": many} for one, many in objects["IMAGE"]
            ]},
        }  # fmt: skip

    def _stored(self, group: Group | Account) -> dict[str, object] | None:
        """The quotas of a group's persistent images: its volumes."""
        if isinstance(group, Account):
            return None
        limits, used, rows = group.project.limits, group.project.used, []
        for place, pool in enumerate(self._world.pools):
            kind, is_first = pool.volume_type.name, place == 0
            rows.append({
                "ID": self._directory.datastore(pool)[0],
                "IMAGES": limits["volumes"] if is_first else _DEFAULT,
                "IMAGES_USED": used[f"volumes_{kind}"],
                "SIZE": limits["gigabytes"] << 10 if is_first else _DEFAULT,
                "SIZE_USED": used[f"gigabytes_{kind}"] << 10,
            })  # fmt: skip
        return {"DATASTORE": rows}

    def _used(self, owner: Callable[[VM], int]) -> Used:
        """By owner: resources of VMs, and `IMAGE 3`, `NETWORK 1` for what they use of these."""
        found: dict[int, Counter[str]] = {}
        for vm in self._world.vms:
            if vm.terminated is None:
                of_owner = found.setdefault(owner(vm), Counter())
                of_owner.update(needs(vm, is_running=states.of_vm(vm, self._world.now)[0] in _RUNS))
                if vm.image is not None:
                    of_owner[f"IMAGE {self._directory.image_number(vm.image)}"] += 1
                for port in vm.ports:
                    of_owner[f"NETWORK {self._directory.network_number[port.subnet.network.id]}"] += 1
        return found


def needs(vm: VM, *, is_running: bool) -> dict[str, int]:
    """What a VM takes of its owners' quotas."""
    claim = vm.claim
    cpu: int = claim.vcpus / CPU_RATIO + claim.pcpus  # type: ignore[assignment] # a Counter takes floats, too
    needed = {
        "VMS": 1, "CPU": cpu, "MEMORY": vm.flavor.memory_mib, "SYSTEM_DISK_SIZE": claim.disk_gib << 10
    }  # fmt: skip
    if is_running:
        needed |= {"RUNNING_VMS": 1, "RUNNING_CPU": cpu, "RUNNING_MEMORY": vm.flavor.memory_mib}
    return needed


def limits_of(owner: Group | Account) -> dict[str, int]:
    """The limits of a group, from the quotas of its project; of users one alone has some."""
    if isinstance(owner, Account):
        return dict(_OF_READER) if owner.name == READER else {}
    if owner.number == 0:
        return {}
    limits = owner.project.limits
    found = {"VMS": limits["instances"], "CPU": limits["cores"], "MEMORY": limits["ram"]}
    return {name: _UNLIMITED if limit < 0 else limit for name, limit in found.items()}


def _by_object(used: Counter[str]) -> Mapping[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {"NETWORK": [], "IMAGE": []}
    for name, many in used.items():
        section, _, identity = name.partition(" ")
        if identity:
            found[section].append((int(identity), many))
    return {section: sorted(rows) for section, rows in found.items()}


def _quotas(identity: int, quotas: dict[str, object]) -> str:
    return document("QUOTAS", {"ID": identity} | quotas)
