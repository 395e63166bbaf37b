"""How many VMs fit, from the free capacity of hosts and the requirements of flavors. Pure."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from stratoscope.clouds.flavors import Room
from stratoscope.clouds.openstack.placement.providers import Inventory
from stratoscope.clouds.openstack.placement.requirements import ResourceRequest


class FreeResource(msgspec.Struct, frozen=True, gc=False):
    """The free capacity of one provider of one class. Attributes: inventory: Its limits; None if not read
    yet.
    """

    free: int
    inventory: Inventory | None

    def fits(self, amount: int) -> int:
        """How many VMs of this amount fit, by this resource alone."""
        one = self.inventory
        if one is not None and (amount < one.min_unit or amount > one.max_unit or amount % one.step_size):
            return 0
        return max(0, self.free) // amount


class HostCapacity(msgspec.Struct, frozen=True):
    """A host that takes VMs.

    Attributes:
        left: Free capacity by resource class, of each provider that has the class.
        elsewhere: Resource classes that it lacks, and that other providers share with some hosts: storage.
        traits: Of all its providers; None if they have not been read.
        metadata: Of all aggregates that it is in; None if they may not be read.
        is_exact: All of it has been read, and is current.
        is_known: It has only the classes in `left`; else other classes are unknown yet.
    """

    zone: str
    left: Mapping[str, Sequence[FreeResource]]
    elsewhere: frozenset[str]
    traits: frozenset[str] | None
    metadata: Mapping[str, frozenset[str]] | None
    is_exact: bool
    is_known: bool = True


def free_slots(
    requests: Mapping[str, ResourceRequest], hosts: Iterable[HostCapacity], zones: Iterable[str]
) -> list[Room]:
    """How many VMs of each flavor that requests anything fit into each zone. Args: requests: By name."""
    names, groups = sorted({*zones}), _alike(hosts)
    return [
        Room(flavor, zone, vms, is_upper_bound)
        for flavor, request in requests.items()
        if request.resources
        for zone, (vms, is_upper_bound) in _by_zone(request, groups, names).items()
    ]


def _alike(hosts: Iterable[HostCapacity]) -> Sequence[Sequence[HostCapacity]]:
    """Groups of hosts that differ only in free capacity: whether they accept a flavor is the same for all."""
    groups: dict[object, list[HostCapacity]] = {}
    for one in hosts:
        metadata = None if one.metadata is None else frozenset(one.metadata.items())
        groups.setdefault((one.zone, one.elsewhere, one.traits, metadata, one.is_exact), []).append(one)
    return list(groups.values())


def _by_zone(
    request: ResourceRequest, groups: Sequence[Sequence[HostCapacity]], zones: Sequence[str]
) -> Mapping[str, tuple[int, bool]]:
    """How many fit into each zone, and whether that is an upper bound."""
    vms = dict.fromkeys(zones, 0)
    bounds = dict.fromkeys(zones, False)
    for hosts in groups:
        is_taken, is_exact = accepts(hosts[0], request)
        if is_taken:
            number = sum(slots(request, host) for host in hosts)
            vms[hosts[0].zone] += number
            bounds[hosts[0].zone] |= bool(number) and not is_exact
    return {zone: (vms[zone], bounds[zone]) for zone in zones}


def accepts(host: HostCapacity, request: ResourceRequest) -> tuple[bool, bool]:
    """Whether a host accepts such VMs, if it has room; and whether its room is known exactly."""
    traits = host.traits
    if traits is not None and not (request.required <= traits and request.forbidden.isdisjoint(traits)):
        return False, True
    is_exact = request.is_exact and host.is_exact and host.elsewhere.isdisjoint(request.resources)
    for key, wanted in request.metadata.items():
        is_met = None if host.metadata is None else meets(host.metadata.get(key, frozenset()), wanted)
        if is_met is False:
            return False, True
        is_exact = is_exact and is_met is not None
    return True, is_exact


def slots(request: ResourceRequest, host: HostCapacity) -> int:
    """How many such VMs fit into the free capacity of a host.

    Each amount comes from one of the host's providers; different amounts may come from different providers.
    """
    least = -1
    for name, amount in request.resources.items():
        left = host.left.get(name)
        if left is None:
            if name in host.elsewhere or not host.is_known:
                continue
            return 0
        number = left[0].fits(amount) if len(left) == 1 else sum(one.fits(amount) for one in left)
        if not number:
            return 0
        if least < 0 or number < least:
            least = number
    return max(0, least)


def meets(values: frozenset[str], wanted: str) -> bool | None:
    """Whether one of an aggregate's values meets a flavor's requirement; None if the requirement is not
    understood.

    As Nova's AggregateInstanceExtraSpecsFilter; a value without an operator must be the same.
    """
    if not values:
        return False
    operator, *operands = wanted.split() or [""]
    if operator == "<or>":
        return bool(values & {operand for operand in operands if operand != "<or>"})
    if operator in ("s==", "=="):
        return operands[-1:] != [] and operands[-1] in values
    if operator in _OPERATORS:
        return None
    return wanted in values


_OPERATORS = frozenset({"=", "<in>", "<all-in>", "!=", ">=", "<=", "s!=", "s<", "s<=", "s>", "s>="})
