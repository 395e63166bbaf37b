"""Since when objects are in a list, and since when they no longer are."""

from hypothesis import given
from hypothesis import strategies as st

from stratoscope.management.resources.history import MOST_GONE, Known, next_known

LISTS = st.lists(st.frozensets(st.sampled_from("abcd")), min_size=1, max_size=12)


def known_after(*lists: frozenset[str]) -> Known:
    """What is known after these lists, of which the first began at 100, the second at 101 ..."""
    known: Known | None = None
    for number, ids in enumerate(lists):
        known = next_known(known, dict.fromkeys(ids), 100.0 + number)
    assert known is not None
    return known


def said_since(lists: list[frozenset[str]], one: str) -> float | None:
    """The same from all lists, looked at one by one: the first of the last lists that agree on an object."""
    number = len(lists) - 1
    while number and (one in lists[number - 1]) == (one in lists[-1]):
        number -= 1
    return None if not number and one not in lists[-1] else 100.0 + number


@given(LISTS)
def test_since_is_the_first_of_the_last_lists_that_say_the_same(lists: list[frozenset[str]]) -> None:
    known = known_after(*lists)
    for one in "abcd":
        assert known.since(one) == said_since(lists, one)


@given(LISTS)
def test_list_that_follows_changes_nothing_of_what_is_known_of_the_one_before(
    lists: list[frozenset[str]],
) -> None:
    known = known_after(*lists)
    before = {one: known.since(one) for one in "abcd"}
    next_known(known, dict.fromkeys("bcx"), 500.0)
    assert {one: known.since(one) for one in "abcd"} == before


def test_only_the_last_that_are_gone_are_remembered() -> None:
    many = {str(number): None for number in range(MOST_GONE + 5)}
    known = next_known(next_known(None, many, 1.0), {}, 2.0)
    assert len(known.gone) == MOST_GONE
    assert (known.since("4"), known.since("5")) == (None, 2.0)
    known = next_known(next_known(known, {"x": None}, 3.0), {}, 4.0)
    assert (known.since("5"), known.since("6"), known.since("x")) == (None, 2.0, 4.0)


def test_what_came_later_is_forgotten_with_it() -> None:
    known = known_after(frozenset("a"), frozenset("ab"), frozenset("a"))
    assert (dict(known.later), dict(known.gone)) == ({}, {"b": 102.0})
