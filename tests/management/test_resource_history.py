"""Since when objects are in a list, and since when they no longer are."""

from hypothesis import given
from hypothesis import strategies as st

from stratoscope.clouds.vm_index import VMIndex
from stratoscope.management.resources.history import MOST_GONE, Known, next_known
from stratoscope.management.subjects.vms import VMs
from support.cloud_vms import vm

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


@given(LISTS)
def test_subject_of_vms_says_itself_which_came_and_went(lists: list[frozenset[str]]) -> None:
    subject, known, index = VMs("uni"), None, VMIndex()
    for number, ids in enumerate(lists):
        for one in "abcd":
            if one in ids:
                index.put(vm(one))
            else:
                index.drop(one)
        answer = index.vms({}, {}, is_whole=True)
        list(subject.cached(answer))
        known = next_known(known, answer.vms, 100.0 + number, subject.moved())
    assert known is not None
    assert {one: known.since(one) for one in "abcd"} == {one: said_since(lists, one) for one in "abcd"}
    assert subject.moved() == {}


def test_what_moved_is_not_lost_with_a_list_of_which_nobody_was_told() -> None:
    subject, index = VMs("uni"), VMIndex()
    for one in ("a", "b"):
        index.put(vm(one))
    list(subject.cached(index.vms({}, {}, is_whole=True)))
    known = next_known(None, index.known(), 100.0, subject.moved())
    index.drop("a")
    list(subject.cached(index.vms({}, {}, is_whole=True)))  # then something else fails
    index.put(vm("c"))
    list(subject.cached(index.vms({}, {}, is_whole=True)))
    known = next_known(known, index.known(), 102.0, subject.moved())
    assert {one: known.since(one) for one in "abc"} == {"a": 102.0, "b": 100.0, "c": 102.0}


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
