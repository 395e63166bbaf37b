"""Users, groups and their quotas."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Final

from stratoscope.demo.opennebula import states
from stratoscope.demo.opennebula.directory import READER, Account, Directory, Group
from stratoscope.demo.opennebula.elements import decimal, document, ids
from stratoscope.demo.opennebula.views.vms import Form, View
from stratoscope.demo.world.models import CPU_RATIO, VM

_RESOURCES: Final = (
    "CPU", "MEMORY", "RUNNING_CPU", "RUNNING_MEMORY", "RUNNING_VMS", "SYSTEM_DISK_SIZE", "VMS",
)  # fmt: skip
_DEFAULT, _UNLIMITED = -1, -2
NO_QUOTAS: Final = dict.fromkeys(("DATASTORE_QUOTA", "NETWORK_QUOTA", "VM_QUOTA", "IMAGE_QUOTA"))
_RUNS: Final = frozenset({states.PENDING, states.HOLD, states.ACTIVE})
"""oned counts these as running: resources are kept for them."""
Owner = Account | Group
_OF_READER: Final = {"VMS": 4, "RUNNING_VMS": 3}


class OwnerViews:
    """Users and groups of one world."""

    def __init__(self, directory: Directory) -> None:
        self._world, self._directory = directory.world, directory

    def view(self, form: Form) -> View:
        """Users and groups; in the pool the quotas of one follow it."""
        used = self._used()

        def view(number: int, one: Owner) -> str:
            shown: dict[str, object] = {"ID": number, "NAME": one.name}
            if isinstance(one, Account):
                group = {"GID": one.group.number, "GROUPS": ids([one.group.number]), "GNAME": one.group.name}
                shown = {"ID": number, **group, "NAME": one.name, "AUTH_DRIVER": "core", "ENABLED": 1}
            tag = "USER" if isinstance(one, Account) else "GROUP"
            quotas = self._quotas(used[one], one)
            if form == "whole":
                return document(tag, {**shown, **quotas, f"DEFAULT_{tag}_QUOTAS": NO_QUOTAS})
            return document(tag, shown) + document("QUOTAS", {"ID": number, **quotas})

        return view

    def exceeded(self, owner: Owner, vm: VM) -> str:
        """What an owner may not have so much of as it would have with a VM; "" for nothing."""
        limits = _limits_of(owner)
        used = self._used()[owner] if limits else Counter()
        for name, more in _needs(vm, is_running=True).items():
            if 0 <= limits.get(name, -1) < used[name] + more:
                return f"limit of {limits[name]} reached for {name} quota in VM."
        return ""

    def _quotas(self, used: Counter[str], owner: Owner) -> dict[str, object]:
        limits = _limits_of(owner)
        quota: dict[str, object] = {}
        for name in _RESOURCES if limits or used["VMS"] else ():
            quota |= {name: limits.get(name, _DEFAULT), f"{name}_USED": decimal(used[name])}
        return {
            "DATASTORE_QUOTA": {"DATASTORE": self._stored(owner) if isinstance(owner, Group) else []},
            "NETWORK_QUOTA": {"NETWORK": _by_object(used, "NETWORK", "LEASES")},
            "VM_QUOTA": {"VM": quota} if quota else None,
            "IMAGE_QUOTA": {"IMAGE": _by_object(used, "IMAGE", "RVMS")},
        }

    def _stored(self, group: Group) -> list[dict[str, int]]:
        """The quotas of a group's persistent images: its volumes."""
        limits, used = group.project.limits, group.project.used
        return [
            {
                "ID": self._directory.datastore(pool)[0], "IMAGES": limits["volumes"],
                "IMAGES_USED": used[f"volumes_{pool.type_name}"], "SIZE": limits["gigabytes"] << 10,
                "SIZE_USED": used[f"gigabytes_{pool.type_name}"] << 10,
            }
            for pool in self._world.pools
        ]  # fmt: skip

    def _used(self) -> Mapping[Owner, Counter[str]]:
        """Resources of VMs, and `IMAGE 3`, `NETWORK 1` for what they use of these."""
        found: dict[Owner, Counter[str]] = defaultdict(Counter)
        for vm in self._world.vms:
            if vm.terminated is None:
                is_running = states.of_vm(vm, self._world.now)[0] in _RUNS
                needed = _needs(vm, is_running=is_running)
                networks = (self._directory.network_number[port.subnet.network.id] for port in vm.ports)
                needed |= {f"NETWORK {number}": 1 for number in networks}
                if vm.image is not None:
                    needed[f"IMAGE {self._directory.image_number(vm.image)}"] = 1
                account = self._directory.account(vm.user)
                found[account].update(needed)
                found[account.group].update(needed)
        return found


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


def _limits_of(owner: Owner) -> dict[str, int]:
    """The limits of a group, from the quotas of its project; of users one alone has some."""
    if isinstance(owner, Account):
        return _OF_READER if owner.name == READER else {}
    if owner.number == 0:
        return {}
    limits = owner.project.limits
    found = {"VMS": limits["instances"], "CPU": limits["cores"], "MEMORY": limits["ram"]}
    return {name: _UNLIMITED if limit < 0 else limit for name, limit in found.items()}
