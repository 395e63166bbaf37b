"""The VMs of one cloud and their totals, updated VM by VM.

Of 100,000 VMs a refresh changes a few hundred, so the others are not counted again.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, TypeAlias, TypeVar

from stratoscope.clouds.condition import Condition, FaultReason
from stratoscope.clouds.model import VM, Sums, VMs

K = TypeVar("K")
Total: TypeAlias = tuple[int, int, int, int, int]
"""VMs, vCPUs, memory, disk, addresses: the fields of Sums, without VMs whose value is unknown."""
_Owner: TypeAlias = tuple[str, str]
"""`project` or `user`, and its id."""
_NOTHING: Final[Total] = (0, 0, 0, 0, 0)


class VMIndex:
    """All known VMs. Used in the event loop's thread only; it returns copies."""

    def __init__(self, states: Sequence[str] = (), conditions: Mapping[str, Condition] | None = None) -> None:
        """Begin without VMs.

        Args:
            states: States that are counted even if no VM was in them yet, as the source spells them.
            conditions: The condition of a VM that is in the state, and in no transition.
        """
        self._vms: dict[str, VM] = {}
        self._ended: set[str] = set()
        self._conditions = conditions or {}
        self._by_state = dict.fromkeys(states, 0)
        self._by_condition: dict[tuple[str, Condition], int] = {}
        self._by_flavor: dict[str, int] = {}
        self._by_image: dict[str, int] = {}
        self._by_host: dict[str, int] = {}
        self._by_zone: dict[str, int] = {}
        self._by_fault: dict[FaultReason, int] = {}
        self._by_project: dict[str, Total] = {}
        self._by_user: dict[str, Total] = {}
        # VMs of which a value is unknown, by owner and the value's place in _values: few, if any.
        self._unknown: dict[tuple[_Owner, int], int] = {}
        self._placed: dict[tuple[str, str], Total] = {}
        self._in_transition: dict[str, dict[str, float]] = {}

    def __len__(self) -> int:
        return len(self._vms)

    def get(self, vm_id: str) -> VM | None:
        return self._vms.get(vm_id)

    def put(self, vm: VM) -> None:
        """Add or replace a VM; one that is equal to the known one stays the same object."""
        known = self._vms.get(vm.vm_id)
        self._ended.discard(vm.vm_id)
        if known == vm:
            return
        self._vms[vm.vm_id] = vm
        if known is None:
            self._count(vm, 1)
            return
        count = self._count_state if _unchanged_by_state(known) == _unchanged_by_state(vm) else self._count
        count(known, -1)
        count(vm, 1)

    @property
    def ended(self) -> AbstractSet[str]:
        """The VMs that `end` has removed, and neither `put` nor `drop` was called for since."""
        return self._ended

    def end(self, vm_id: str) -> None:
        """Remove a VM of which nothing but an event says that it has ended: no list has confirmed that."""
        if vm_id in self._vms:
            self.drop(vm_id)
            self._ended.add(vm_id)

    def drop(self, vm_id: str) -> None:
        """Remove a VM; nothing happens if it is not known."""
        self._ended.discard(vm_id)
        vm = self._vms.pop(vm_id, None)
        if vm is not None:
            self._count(vm, -1)

    def known(self) -> dict[str, VM]:
        """All known VMs, by id."""
        return self._vms.copy()

    @property
    def sees_hosts(self) -> bool:
        """Whether the host of any VM is known."""
        return len(self._by_host) > ("" in self._by_host)

    def placed(self) -> Sequence[tuple[tuple[str, str], Total]]:
        """Totals of the VMs that are on hosts, by project id and host."""
        return list(self._placed.items())

    def vms(
        self,
        projects: Mapping[str, str],
        users: Mapping[str, str],
        *,
        is_whole: bool,
        malformed: int = 0,
        is_complete: bool = True,
    ) -> VMs:
        """A copy of all VMs and totals. Args: see VMs."""
        return VMs(
            vms=self._vms.copy(),
            by_state=self._by_state.copy(),
            by_condition=self._by_condition.copy(),
            by_flavor=self._by_flavor.copy(),
            by_image=self._by_image.copy(),
            by_host=self._by_host.copy(),
            by_zone=self._by_zone.copy(),
            by_project={one: self._sums(("project", one), total) for one, total in self._by_project.items()},
            by_user={one: self._sums(("user", one), total) for one, total in self._by_user.items()},
            by_fault=self._by_fault.copy(),
            in_transition={
                name: (len(since), min(since.values())) for name, since in self._in_transition.items()
            },
            projects=projects,
            users=users,
            is_whole=is_whole,
            malformed=malformed,
            is_complete=is_complete,
            ended=frozenset(self._ended),
            conditions={one: self._conditions.get(one, Condition.UNKNOWN) for one in self._by_state},
        )

    def _count(self, vm: VM, by: int) -> None:
        """Add a VM to the totals (1), or subtract it (-1)."""
        self._count_state(vm, by)
        _add(self._by_flavor, vm.flavor, by)
        _add(self._by_image, vm.image, by)
        _add(self._by_host, vm.host, by)
        _add(self._by_zone, vm.zone, by)
        _sum(self._by_project, vm.project_id, vm, by)
        _sum(self._by_user, vm.user_id, vm, by)
        if vm.host:
            _sum(self._placed, (vm.project_id, vm.host), vm, by)
        values = _values(vm)
        if None in values:
            unknown = [place for place, value in enumerate(values) if value is None]
            for owner in (("project", vm.project_id), ("user", vm.user_id)):
                for place in unknown:
                    _add(self._unknown, (owner, place), by)

    def _count_state(self, vm: VM, by: int) -> None:
        """The part of `_count` that depends on the state."""
        # A state without VMs stays, with 0: there are few states.
        self._by_state[vm.state] = self._by_state.get(vm.state, 0) + by
        _add(self._by_condition, (vm.zone, self._condition(vm)), by)
        if vm.fault is not None:
            _add(self._by_fault, vm.fault, by)
        if vm.transition:
            self._count_transition(vm, by)

    def _condition(self, vm: VM) -> Condition:
        of_state = self._conditions.get(vm.state, Condition.UNKNOWN)
        return Condition.CHANGING if vm.transition and of_state is not Condition.ERROR else of_state

    def _sums(self, owner: _Owner, total: Total) -> Sums:
        """The totals of an owner's VMs; None where the value of one of them is unknown."""
        vms, *sums = total
        if not self._unknown:
            return Sums(vms, *sums)
        return Sums(
            vms, *(None if (owner, place) in self._unknown else one for place, one in enumerate(sums))
        )

    def _count_transition(self, vm: VM, by: int) -> None:
        since = self._in_transition.setdefault(vm.transition, {})
        if by > 0:
            since[vm.vm_id] = vm.changed
            return
        del since[vm.vm_id]
        if not since:
            del self._in_transition[vm.transition]


def _values(vm: VM) -> tuple[int | None, ...]:
    """What is summed, in the order of Sums."""
    return vm.vcpus, vm.memory, vm.disk, vm.addresses


def _unchanged_by_state(vm: VM) -> tuple[object, ...]:
    """What decides where a VM is counted, other than its state."""
    return (
        vm.flavor, vm.image, vm.host, vm.zone, vm.project_id, vm.user_id,
        vm.vcpus, vm.memory, vm.disk, vm.addresses,
    )  # fmt: skip


def _add(counts: dict[K, int], key: K, by: int) -> None:
    number = counts.get(key, 0) + by
    if number:
        counts[key] = number
    else:
        del counts[key]


def _sum(sums: dict[K, Total], key: K, vm: VM, by: int) -> None:
    """Add a VM to the total of a key.

    The garbage collector does not track tuples of numbers, unlike lists; there are nearly as many pairs of a
    project and a host as VMs.
    """
    vms, vcpus, memory, disk, addresses = sums.get(key, _NOTHING)
    if vms + by:
        sums[key] = (
            vms + by,
            vcpus + by * (vm.vcpus or 0),
            memory + by * (vm.memory or 0),
            disk + by * (vm.disk or 0),
            addresses + by * (vm.addresses or 0),
        )
    else:
        del sums[key]
