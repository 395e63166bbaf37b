"""Users, groups and their quotas."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from stratoscope.demo.opennebula import states
from stratoscope.demo.opennebula.directory import READER, Account, Directory, Group
from stratoscope.demo.opennebula.elements import decimal, document, ids
from stratoscope.demo.opennebula.views.objects import Form, View
from stratoscope.demo.world.models import CPU_RATIO, VM
from stratoscope.demo.world.world import World

_RESOURCES: Final = (
    "CPU", "MEMORY", "RUNNING_CPU", "RUNNING_MEMORY", "RUNNING_VMS", "SYSTEM_DISK_SIZE", "VMS",
)  # fmt: skip
_DEFAULT, _UNLIMITED = -1, -2
NO_QUOTAS: Final = dict.fromkeys(("DATASTORE_QUOTA", "NETWORK_QUOTA", "VM_QUOTA", "IMAGE_QUOTA"))
_RUNS: Final = frozenset({states.PENDING, states.HOLD, states.ACTIVE})
"""oned counts these as running: resources are kept for them."""
_OF_READER: Final = {"VMS": 4, "RUNNING_VMS": 3}


class OwnerViews:
    """Users and groups of one world."""

    def __init__(self, world: World, directory: Directory) -> None:
        self._world, self._directory = world, directory

    def user_view(self, form: Form) -> View:
        """In the pool the quotas of a user follow it."""
        used = self._used_by(is_group=False)

        def view(number: int, one: Account) -> str:
            quotas = self._quotas(used.get(number, Counter()), one)
            user = {
                "ID": number, "GID": one.group.number, "GROUPS": ids([one.group.number]),
                "GNAME": one.group.name, "NAME": one.name, "AUTH_DRIVER": "core", "ENABLED": 1,
            }  # fmt: skip
            return _with_quotas("USER", user, quotas, form)

        return view

    def group_view(self, form: Form) -> View:
        """In the pool the quotas of a group follow it."""
        used = self._used_by(is_group=True)

        def view(number: int, one: Group) -> str:
            members = [user.number for user in self._directory.accounts.values() if user.group == one]
            group = {"ID": number, "NAME": one.name, "USERS": ids(members)}
            quotas = self._quotas(used.get(number, Counter()), one)
            return _with_quotas("GROUP", group, quotas, form)

        return view

    def exceeded(self, owner: Account | Group, vm: VM) -> str:
        """What an owner may not have so much of as it would have with a VM; "" for nothing."""
        limits = _limits_of(owner)
        used = self._used_by(is_group=isinstance(owner, Group)) if limits else {}
        held = used.get(owner.number, Counter())
        for name, more in _needs(vm, is_running=True).items():
            if 0 <= limits.get(name, -1) < held[name] + more:
                return f"limit of {limits[name]} reached for {name} quota in VM."
        return ""

    def _quotas(self, used: Counter[str], owner: Group | Account) -> dict[str, object]:
        limits = _limits_of(owner)
        quota: dict[str, object] = {}
        for name in _RESOURCES if limits or used["VMS"] else ():
            quota |= {name: limits.get(name, _DEFAULT), f"{name}_USED": decimal(used[name])}
        return {
            "DATASTORE_QUOTA": {"DATASTORE": [] if isinstance(owner, Account) else self._stored(owner)},
            "NETWORK_QUOTA": {"NETWORK": _by_object(used, "NETWORK", "LEASES")},
            "VM_QUOTA": {"VM": quota} if quota else None,
            "IMAGE_QUOTA": {"IMAGE": _by_object(used, "IMAGE", "RVMS")},
        }

    def _stored(self, group: Group) -> list[dict[str, Any]]:
        """The quotas of a group's persistent images: its volumes."""
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
        return rows

    def _used_by(self, *, is_group: bool) -> Mapping[int, Counter[str]]:
        """By owner: resources of VMs, and `IMAGE 3`, `NETWORK 1` for what they use of these."""
        found: dict[int, Counter[str]] = {}
        for vm in self._world.vms:
            if vm.terminated is None:
                account = self._directory.account(vm.user)
                used = found.setdefault((account.group if is_group else account).number, Counter())
                used.update(_needs(vm, is_running=states.of_vm(vm, self._world.now)[0] in _RUNS))
                if vm.image is not None:
                    used[f"IMAGE {self._directory.image_number(vm.image)}"] += 1
                for port in vm.ports:
                    used[f"NETWORK {self._directory.network_number[port.subnet.network.id]}"] += 1
        return found


def _with_quotas(tag: str, owner: dict[str, Any], quotas: dict[str, object], form: Form) -> str:
    if form == "whole":
        return document(tag, {**owner, **quotas, f"DEFAULT_{tag}_QUOTAS": NO_QUOTAS})
    return document(tag, owner) + document("QUOTAS", {"ID": owner["ID"], **quotas})


def _by_object(used: Counter[str], kind: str, resource: str) -> list[dict[str, int]]:
    """Usage of single images or networks."""
    found = sorted((int(name.split()[1]), many) for name, many in used.items() if name.startswith(f"{kind} "))
    return [{"ID": one, resource: _DEFAULT, f"{resource}_USED": many} for one, many in found]


def _needs(vm: VM, *, is_running: bool) -> dict[str, int]:
    """What a VM takes of its owners' quotas."""
    claim = vm.claim
    cpu: int = claim.vcpus / CPU_RATIO + claim.pcpus  # type: ignore[assignment] # a Counter takes floats, too
    sizes = {"VMS": 1, "CPU": cpu, "MEMORY": vm.flavor.memory_mib}
    running = {f"RUNNING_{name}": size for name, size in sizes.items()} if is_running else {}
    return {**sizes, **running, "SYSTEM_DISK_SIZE": claim.disk_gib << 10}


def _limits_of(owner: Group | Account) -> dict[str, int]:
    """The limits of a group, from the quotas of its project; of users one alone has some."""
    if isinstance(owner, Account):
        return _OF_READER if owner.name == READER else {}
    if owner.number == 0:
        return {}
    limits = owner.project.limits
    found = {"VMS": limits["instances"], "CPU": limits["cores"], "MEMORY": limits["ram"]}
    return {name: _UNLIMITED if limit < 0 else limit for name, limit in found.items()}
