"""The series of each VM: identity, state, and class of fault. All other values are shown as sums."""

from collections.abc import Iterable, Mapping
from typing import Final

from stratoscope.clouds.model import VM, VMs
from stratoscope.core.line_cache import CachedLines
from stratoscope.core.metrics import Family

_PREFIX: Final = "stratoscope_management_vm"
_VM: Final = ("cloud", "vm_id")
INFO = Family(
    f"{_PREFIX}_info",
    "Identity of the VM: its name, host, owner, flavor, image and availability zone; always 1.",
    labels=(
        *_VM, "vm_name", "host", "project_id", "project_name", "user_id", "user_name",
        "flavor", "image_id", "zone",
    ),
)  # fmt: skip
STATE = Family(
    f"{_PREFIX}_state",
    "State that the VM is in, as the source spells it (Nova: status); always 1.",
    labels=(*_VM, "state"),
)
FAULT = Family(
    f"{_PREFIX}_fault_info",
    "The class of the reason why the VM is in error, derived from its fault message; absent for other "
    "VMs; always 1.",
    labels=(*_VM, "reason"),
)
FAMILIES: Final = (INFO, STATE, FAULT)


class EachVM:
    """The lines of each VM of one cloud, cached as long as it does not change."""

    def __init__(self, cloud: str) -> None:
        self._cloud = cloud
        self._cached = {family: CachedLines(family) for family in FAMILIES}
        self._shown: Mapping[str, VM] = {}
        self._projects: Mapping[str, str] = {}
        self._users: Mapping[str, str] = {}
        self._moved: dict[str, bool] = {}

    def moved(self) -> Mapping[str, bool]:
        """Which VMs came (true) or went (false) since the last call."""
        moved, self._moved = self._moved, {}
        return moved

    def lines(self, answer: VMs) -> Iterable[CachedLines]:
        """The lines; those of unchanged VMs come from the cache."""
        renamed = _changed(self._projects, answer.projects) | _changed(self._users, answer.users)
        shown, vms = self._shown, answer.vms
        for vm_id in _others(shown, vms):
            if vm_id in vms:
                self._put(vms[vm_id], shown.get(vm_id), answer)
            else:
                self._drop(vm_id)
        if renamed and shown:
            for vm in vms.values():
                if vm.project_id in renamed or vm.user_id in renamed:
                    self._cached[INFO].put(vm.vm_id, self._info(vm, answer))
        self._shown, self._projects, self._users = vms, answer.projects, answer.users
        return self._cached.values()

    def _put(self, vm: VM, known: VM | None, answer: VMs) -> None:
        """Update the lines that changed: for most VMs only that of the state."""
        if known is None:
            self._moved[vm.vm_id] = True
        if known is None or _facts(vm) != _facts(known):
            self._cached[INFO].put(vm.vm_id, self._info(vm, answer))
        if known is None or vm.state != known.state:
            self._cached[STATE].put(vm.vm_id, (self._cloud, vm.vm_id, vm.state))
        if vm.fault is None:
            self._cached[FAULT].drop(vm.vm_id)
        elif known is None or vm.fault is not known.fault:
            self._cached[FAULT].put(vm.vm_id, (self._cloud, vm.vm_id, vm.fault))

    def _drop(self, vm_id: str) -> None:
        self._moved[vm_id] = False
        for lines in self._cached.values():
            lines.drop(vm_id)

    def _info(self, vm: VM, answer: VMs) -> tuple[str, ...]:
        """The labels of `info`, in their order; an unknown name is empty."""
        project, user = answer.projects.get(vm.project_id, ""), answer.users.get(vm.user_id, "")
        owner = (vm.project_id, project, vm.user_id, user)
        return (self._cloud, vm.vm_id, vm.name, vm.host, *owner, vm.flavor, vm.image, vm.zone)


def _facts(vm: VM) -> tuple[str, ...]:
    return vm.name, vm.host, vm.project_id, vm.user_id, vm.flavor, vm.image, vm.zone


def _others(old: Mapping[str, VM], new: Mapping[str, VM]) -> Iterable[str]:
    """Ids of the VMs that are not the same objects as before, or are gone.

    Step by step: the difference of two sets of 100,000 ids would block the event loop for 40 ms.
    """
    yield from (vm_id for vm_id, vm in new.items() if old.get(vm_id) is not vm)
    yield from (vm_id for vm_id in old if vm_id not in new)


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> frozenset[str]:
    """Ids whose names have changed."""
    if old == new:
        return frozenset()
    return frozenset(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
