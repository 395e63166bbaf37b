"""What is known of resource providers, and what is to be read next."""

import pytest

from stratoscope.clouds.model import Resource
from stratoscope.clouds.openstack.placement.providers import (
    Inventory,
    Part,
    Providers,
    Row,
    Summary,
    resources,
)
from stratoscope.clouds.overcommit import promised

A, B, C = (f"00000000-0000-0000-0000-00000000000{number}" for number in range(3))
SUMMARY = Summary({"VCPU": Summary.Use(8, 2)}, ["X"])


def row(uuid: str, generation: int = 1) -> Row:
    return Row(uuid, f"node-{uuid[-1]}", generation)


def known(providers: Providers, uuid: str, generation: int = 1, **inventories: Inventory) -> None:
    """As if all of it had been read."""
    provider = providers[uuid]
    provider.inventories, provider.usages = inventories, dict.fromkeys(inventories, 1)
    provider.traits = frozenset()
    for part in Part:
        provider.was_read(part, generation, 1.0)


def names(providers: Providers, most: int = 100) -> list[str]:
    return [f"{provider.row.uuid[-1]} {part}" for provider, part in providers.wanted(most)]


def test_what_was_never_tried_comes_first_and_what_was_tried_longest_ago_before_the_rest() -> None:
    providers = Providers()
    providers.found([row(A), row(B), row(C)], 1.0)
    providers.summed_up({A: SUMMARY, B: SUMMARY, C: SUMMARY}, 1.0)
    known(providers, A, VCPU=Inventory(8))
    known(providers, B, VCPU=Inventory(8))
    providers[A].tried(Part.INVENTORIES, 9.0)
    providers[B].tried(Part.INVENTORIES, 8.0)
    assert names(providers) == ["2 inventories"]
    providers.found([row(A, 2), row(B, 2), row(C)], 2.0)
    assert names(providers) == ["2 inventories", "1 inventories", "0 inventories"]
    providers[C].tried(Part.INVENTORIES, 8.5)
    assert names(providers) == ["1 inventories", "2 inventories", "0 inventories"]


def test_usages_that_changed_take_at_most_half_while_there_are_inventories() -> None:
    providers = Providers()
    uuids = [f"00000000-0000-0000-0000-{number:012}" for number in range(8)]
    providers.found([row(uuid) for uuid in uuids], 1.0)
    for uuid in uuids:
        known(providers, uuid, MEMORY_MB=Inventory(8))
    providers.found([row(uuid, 2) for uuid in uuids], 2.0)
    parts = [part for _, part in providers.wanted(6)]
    assert parts == [Part.USAGES] * 3 + [Part.INVENTORIES] * 3
    for uuid in uuids:
        providers[uuid].was_read(Part.INVENTORIES, 2, 2.0)
    assert [part for _, part in providers.wanted(6)] == [Part.USAGES] * 6


def test_traits_are_read_only_of_providers_without_memory_that_no_list_tells_of() -> None:
    providers = Providers()
    providers.found([row(A), row(B)], 1.0)
    for uuid, name in ((A, "CUSTOM_BAREMETAL"), (B, "MEMORY_MB")):
        providers[uuid].inventories = {name: Inventory(1)}
        providers[uuid].was_read(Part.INVENTORIES, 1, 1.0)
    assert sorted(names(providers)) == ["0 traits", "0 usages", "1 usages"]
    providers.summed_up({A: SUMMARY, B: SUMMARY}, 1.0)
    assert names(providers) == []
    assert providers[A].traits == {"X"}


def test_usages_that_a_list_told_are_read_when_it_no_longer_does() -> None:
    providers = Providers()
    providers.found([row(A)], 1.0)
    known(providers, A, MEMORY_MB=Inventory(8))
    providers.summed_up({A: SUMMARY}, 2.0)
    assert names(providers) == []
    providers.summed_up({}, 3.0)
    assert names(providers) == ["0 usages"]


@pytest.mark.parametrize(
    ("reserved", "ratio", "capacity"), [(0, 4.0, 40), (2, 1.5, 12), (1, 1.1, 9), (10, 4.0, 0)]
)
def test_capacity_is_counted_as_placement_counts_it(reserved: int, ratio: float, capacity: int) -> None:
    assert Inventory(10, reserved, allocation_ratio=ratio).capacity == capacity


def test_ratio_of_pieces_is_that_of_all_together() -> None:
    providers = Providers()
    providers.found([row(A), row(B)], 1.0)
    known(providers, A, VCPU=Inventory(12, 2, allocation_ratio=4.0, max_unit=12))
    known(providers, B, VCPU=Inventory(30, 0, allocation_ratio=1.0, max_unit=30))
    assert resources(list(providers)) == {"vcpus": Resource(42, 2, 70 / 40, 2, allocatable=70)}
    assert providers.resources([A, B]) == resources(list(providers))


def test_what_may_be_promised_of_pieces_is_rounded_down_piece_by_piece() -> None:
    providers = Providers()
    providers.found([row(A), row(B)], 1.0)
    for piece in (A, B):
        known(providers, piece, MEMORY_MB=Inventory(10, 1, allocation_ratio=1.1))
    assert resources(list(providers))["memory"].allocatable == (9 + 9) * 2**20


def test_ratio_of_a_piece_that_is_all_reserved_is_its_own() -> None:
    providers = Providers()
    providers.found([row(A)], 1.0)
    known(providers, A, VCPU=Inventory(2, 2, allocation_ratio=4.0))
    assert providers.resources([A])["vcpus"].ratio == 4.0


def test_nothing_is_shown_while_a_piece_is_not_read() -> None:
    providers = Providers()
    providers.found([row(A), row(B)], 1.0)
    known(providers, A, VCPU=Inventory(2))
    assert resources(list(providers)) == {}


@pytest.mark.parametrize(
    ("of_host", "expected"),
    [
        ({"vcpus": Resource(8, 0, 4.0, 12), "pcpus": Resource(4, 0, 1.0, 3)}, (15, 12)),
        ({"vcpus": Resource(8, 0, 4.0, 12)}, (12, 8)),
        ({"vcpus": Resource(8, 0, 4.0, None)}, None),
        ({"vcpus": Resource(None, None, None, None), "pcpus": Resource(4, 0, 1.0, 3)}, None),
        ({"memory": Resource(8, 0, 4.0, 12)}, (0, 0)),
    ],
)
def test_physical_cpu_is_one_whether_shared_or_pinned(
    of_host: dict[str, Resource], expected: tuple[float, float] | None
) -> None:
    assert promised(of_host, "vcpus") == expected
