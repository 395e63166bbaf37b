"""Pages are cut from an order that stays right, whatever comes and goes."""

from typing import NamedTuple

import pytest

from stratoscope.demo.world.sorted_index import SortedIndex


class Item(NamedTuple):
    id: str
    number: int


def index(numbers: "list[int] | range", *, newest_first: bool = False) -> SortedIndex[Item]:
    found = SortedIndex[Item]("number", newest_first=newest_first)
    for number in numbers:
        found.add(Item(f"id-{number}", number))
    return found


def numbers(items: "list[Item] | SortedIndex[Item]") -> list[int]:
    return [one.number for one in items]


@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_together_are_the_whole_in_order(*, newest_first: bool) -> None:
    items = index([5, 3, 9, 1, 7], newest_first=newest_first)
    seen: list[int] = []
    marker = ""
    while page := items.page(2, marker, keep=lambda _: True):
        seen += numbers(page)
        marker = page[-1].id
    assert seen == numbers(items) == sorted([5, 3, 9, 1, 7], reverse=newest_first)


def test_page_has_only_what_is_to_be_kept_and_is_full_nevertheless() -> None:
    assert numbers(index(range(10)).page(3, keep=lambda one: one.number % 2 == 1)) == [1, 3, 5]


def test_unknown_marker_begins_anew() -> None:
    assert numbers(index(range(3)).page(None, "nobody", keep=lambda _: True)) == [0, 1, 2]


@pytest.mark.parametrize("many", [3, 1000])
def test_order_holds_while_items_come_and_go(many: int) -> None:
    items = index(range(0, 2 * many, 2))
    for number in range(many, 0, -1):
        items.add(Item(f"odd-{number}", 2 * number + 1))
    for number in range(0, many, 2):
        items.remove(Item(f"id-{2 * number}", 2 * number))
    assert numbers(items) == sorted(numbers(items))
    assert len(items) == many + many // 2
    assert "id-0" not in items
    assert items.get("id-0") is None
    assert items.get("odd-1") == Item("odd-1", 3)
    assert items.at(0).number == 2
