"""How many VMs fit into a host."""

import pytest

from stratoscope.clouds.flavors import Room
from stratoscope.clouds.openstack.placement.free_slots import (
    FreeResource,
    HostCapacity,
    accepts,
    free_slots,
    meets,
    slots,
)
from stratoscope.clouds.openstack.placement.providers import Inventory
from stratoscope.clouds.openstack.placement.requirements import ResourceRequest

NONE: frozenset[str] = frozenset()
DEMAND = {"VCPU": 2, "MEMORY_MB": 1024}


def demand(
    amounts: dict[str, int] | None = None,
    *,
    required: frozenset[str] = NONE,
    forbidden: frozenset[str] = NONE,
    is_exact: bool = True,
    **metadata: str,
) -> ResourceRequest:
    return ResourceRequest(amounts or DEMAND, required, forbidden, metadata, is_exact)


def space(
    zone: str = "az1",
    *,
    elsewhere: frozenset[str] = NONE,
    traits: frozenset[str] = NONE,
    is_exact: bool = True,
    metadata: dict[str, frozenset[str]] | None = None,
    **free: int,
) -> HostCapacity:
    """A host with 10 vCPUs and 4 GiB of memory free, but for these."""
    left = {"VCPU": 10, "MEMORY_MB": 4096} | free
    inventory = Inventory(10_000_000)
    return HostCapacity(
        zone, {name: [FreeResource(number, inventory)] for name, number in left.items()}, elsewhere, traits,
        metadata or {}, is_exact,
    )  # fmt: skip


def found(wanted: ResourceRequest, host: HostCapacity) -> tuple[int, bool]:
    """How many fit, and whether that is exact."""
    is_taken, is_exact = accepts(host, wanted)
    return (slots(wanted, host) if is_taken else 0), is_exact


@pytest.mark.parametrize(
    ("free", "vms"),
    [
        ({}, 4),
        ({"VCPU": 5}, 2),
        ({"VCPU": 1}, 0),
        ({"VCPU": 0}, 0),
        ({"VCPU": -3}, 0),
        ({"MEMORY_MB": 1023}, 0),
        ({"DISK_GB": 0}, 4),
    ],
)
def test_scarcest_resource_decides(free: dict[str, int], vms: int) -> None:
    assert found(demand(), space(**free)) == (vms, True)


def test_host_without_the_resource_has_no_room() -> None:
    assert found(demand({"PCPU": 1}), space()) == (0, True)


def test_storage_that_others_share_with_the_host_does_not_count_and_is_not_exact() -> None:
    wants_disk = demand(DEMAND | {"DISK_GB": 10})
    assert found(wants_disk, space()) == (0, True)
    assert found(wants_disk, space(elsewhere=frozenset({"DISK_GB"}))) == (4, False)


@pytest.mark.parametrize(
    ("inventory", "amount", "vms"),
    [
        (Inventory(100, max_unit=4), 4, 2),
        (Inventory(100, max_unit=4), 5, 0),
        (Inventory(100, min_unit=3), 2, 0),
        (Inventory(100, step_size=2), 3, 0),
        (Inventory(100, step_size=2), 4, 2),
        (None, 5, 2),
    ],
)
def test_bounds_on_one_vm_hold(inventory: Inventory | None, amount: int, vms: int) -> None:
    assert FreeResource(10, inventory).fits(amount) == vms


def test_amount_must_come_from_one_piece_of_the_host() -> None:
    numa = HostCapacity(
        "az1", {"PCPU": [FreeResource(3, None), FreeResource(5, None)]}, NONE, NONE, {}, is_exact=True
    )
    assert found(demand({"PCPU": 2}), numa) == (1 + 2, True)
    assert found(demand({"PCPU": 4}), numa) == (1, True)
    assert found(demand({"PCPU": 6}), numa) == (0, True)


def test_traits_decide() -> None:
    fast = frozenset({"FAST"})
    assert found(demand(required=fast), space()) == (0, True)
    assert found(demand(required=fast), space(traits=fast)) == (4, True)
    assert found(demand(forbidden=fast), space(traits=fast)) == (0, True)
    assert found(demand(forbidden=fast), space()) == (4, True)


def test_aggregates_decide() -> None:
    ssd = {"ssd": frozenset({"true"})}
    assert found(demand(ssd="true"), space()) == (0, True)
    assert found(demand(ssd="true"), space(metadata=ssd)) == (4, True)
    assert found(demand(ssd="false"), space(metadata=ssd)) == (0, True)
    assert found(demand(ssd=">= 1"), space(metadata=ssd)) == (4, False)


def test_what_is_not_known_exactly_makes_an_upper_bound() -> None:
    assert found(demand(is_exact=False), space()) == (4, False)
    assert found(demand(), space(is_exact=False)) == (4, False)


@pytest.mark.parametrize(
    ("values", "wanted", "expected"),
    [
        (set(), "true", False),
        ({"true"}, "true", True),
        ({"a", "b"}, "b", True),
        ({"a"}, "<or> a <or> b", True),
        ({"c"}, "<or> a <or> b", False),
        ({"a"}, "s== a", True),
        ({"a"}, "s== b", False),
        ({"a"}, "s==", False),
        ({"7"}, ">= 5", None),
        ({"abc"}, "<in> b", None),
        ({"a"}, "", False),
    ],
)
def test_aggregates_metadata_is_compared_as_nova_does(
    values: set[str], wanted: str, expected: bool | None
) -> None:
    assert meets(frozenset(values), wanted) is expected


def test_room_is_that_of_all_hosts_of_the_zone_and_zones_without_room_say_so() -> None:
    spaces = [space("az1"), space("az1", VCPU=4), space("az2", VCPU=0), space("az3", is_exact=False)]
    wanted = {"m1": demand(), "free": ResourceRequest({}, NONE, NONE, {}, is_exact=True)}
    assert free_slots(wanted, spaces, ["az3", "az1", "az2", "az4"]) == [
        Room("m1", "az1", 6, is_upper_bound=False),
        Room("m1", "az2", 0, is_upper_bound=False),
        Room("m1", "az3", 4, is_upper_bound=True),
        Room("m1", "az4", 0, is_upper_bound=False),
    ]
