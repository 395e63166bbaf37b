"""How many VMs fit: what hosts have left, and what flavors demand. Pure."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from stratoscope.clouds.model import Room
from stratoscope.clouds.openstack.placement.providers import Inventory
from stratoscope.clouds.openstack.placement.requirements import Demand


class Left(msgspec.Struct, frozen=True, gc=False):
    """What one provider has left of one resource class.

    Attributes:
        inventory: Its bounds on what one VM may have; None while they have not been read.
    """

    free: int
    inventory: Inventory | None

    def fits(self, amount: int) -> int:
        """How many VMs of this amount each it can take, alone."""
        one = self.inventory
        if one is not None and (amount < one.min_unit or amount > one.max_unit or amount % one.step_size):
            return 0
        return max(0, self.free) // amount


class Space(msgspec.Struct, frozen=True):
    """A host that takes VMs.

    Attributes:
        left: By resource class, of each of its providers that have the class.
        elsewhere: Resource classes that it lacks and others share with some hosts: storage.
        traits: Of all its providers; None while they have not been read.
        metadata: Of all aggregates that it is in; None where they may not be read.
        is_exact: All of that has been read, and just now.
        is_known: It has no other classes than those in `left`; else nothing is known of others yet.
    """

    zone: str
    left: Mapping[str, Sequence[Left]]
    elsewhere: frozenset[str]
    traits: frozenset[str] | None
    metadata: Mapping[str, frozenset[str]] | None
    is_exact: bool
    is_known: bool = True


class Wanted(msgspec.Struct, frozen=True):
    """A flavor by its name, and what it demands."""

    flavor: str
    demand: Demand


def rooms(wanted: Iterable[Wanted], spaces: Iterable[Space], zones: Iterable[str]) -> list[Room]:
    """The room of each flavor in each zone, none included; a flavor that demands nothing has no number."""
    names, groups = sorted({*zones}), _alike(spaces)
    return [
        Room(one.flavor, zone, vms, is_upper_bound)
        for one in wanted
        if one.demand.resources
        for zone, (vms, is_upper_bound) in _by_zone(one.demand, groups, names).items()
    ]


def _alike(spaces: Iterable[Space]) -> Sequence[Sequence[Space]]:
    """Hosts that differ only in what they have left: whether they take a flavor at all is one question."""
    groups: dict[object, list[Space]] = {}
    for one in spaces:
        metadata = None if one.metadata is None else frozenset(one.metadata.items())
        groups.setdefault((one.zone, one.elsewhere, one.traits, metadata, one.is_exact), []).append(one)
    return list(groups.values())


def _by_zone(
    demand: Demand, groups: Sequence[Sequence[Space]], zones: Sequence[str]
) -> Mapping[str, tuple[int, bool]]:
    """How many fit into each zone, and whether that is an upper bound."""
    vms = dict.fromkeys(zones, 0)
    bounds = dict.fromkeys(zones, False)
    for spaces in groups:
        is_taken, is_exact = takes(spaces[0], demand)
        if is_taken:
            number = sum(fits(demand, space) for space in spaces)
            vms[spaces[0].zone] += number
            bounds[spaces[0].zone] |= bool(number) and not is_exact
    return {zone: (vms[zone], bounds[zone]) for zone in zones}


def takes(space: Space, demand: Demand) -> tuple[bool, bool]:
    """Whether a host takes VMs with this demand, if it has room; and whether its room can be told exactly."""
    traits = space.traits
    if traits is not None and not (demand.required <= traits and demand.forbidden.isdisjoint(traits)):
        return False, True
    is_exact = demand.is_exact and space.is_exact and space.elsewhere.isdisjoint(demand.resources)
    for key, wanted in demand.metadata.items():
        is_met = None if space.metadata is None else meets(space.metadata.get(key, frozenset()), wanted)
        if is_met is False:
            return False, True
        is_exact = is_exact and is_met is not None
    return True, is_exact


def fits(demand: Demand, space: Space) -> int:
    """How many VMs with this demand fit into what a host has left.

    Each amount comes from one of the host's providers, different ones from different providers if need be.
    """
    least = -1
    for name, amount in demand.resources.items():
        left = space.left.get(name)
        if left is None:
            if name in space.elsewhere or not space.is_known:
                continue
            return 0
        number = left[0].fits(amount) if len(left) == 1 else sum(one.fits(amount) for one in left)
        if not number:
            return 0
        if least < 0 or number < least:
            least = number
    return max(0, least)


def meets(values: frozenset[str], wanted: str) -> bool | None:
    """Whether one of an aggregate's values is what a flavor wants; None where that is not understood.

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
