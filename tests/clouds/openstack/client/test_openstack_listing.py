"""The ways in which services tell where the next page is."""

import msgspec
import pytest

from stratoscope.clouds.openstack.client.listing import Listing, limit_of, pairs
from stratoscope.core.errors import CollectError, Reason
from support.fake_api import page_of


class Item(msgspec.Struct):
    id: str


ITEMS = Listing("image", "/v2/images", "images", Item, operation="listed")


@pytest.mark.parametrize(
    "rest",
    [
        {"next": "/v2/images?limit=2&marker=m"},
        {"links": {"next": "http://elsewhere/v3/images?limit=2&marker=m", "self": "x"}},
        {"links": [{"rel": "self", "href": "x"}, {"rel": "next", "href": "?limit=2&marker=m"}]},
        {"images_links": [{"rel": "next", "href": "http://elsewhere/?limit=2&marker=m"}]},
    ],
)
def test_every_service_s_way_is_understood(rest: dict[str, object]) -> None:
    body = msgspec.json.encode({"images": [{"id": "a"}], **rest})
    page = page_of(ITEMS, body)
    assert page.items == [Item("a")]
    assert page.next_query is not None
    assert pairs(page.next_query) == [("limit", "2"), ("marker", "m")]


@pytest.mark.parametrize(
    "rest",
    [
        {},
        {"next": None},
        {"next": ""},
        {"links": None},
        {"links": {"self": "x"}},
        {"links": {"next": None, "previous": None}},
        {"links": [], "images_links": [{"rel": "previous", "href": "?a=b"}]},
        {"links": [{"rel": "next", "href": None}]},
        {"images_links": [{"rel": None, "href": "?a=b"}, {"rel": "next"}]},
    ],
)
def test_the_last_page_has_none(rest: dict[str, object]) -> None:
    assert ITEMS.next_query(msgspec.json.encode({"images": [], **rest})) is None


def test_names_that_stand_twice_and_empty_values_are_kept() -> None:
    body = msgspec.json.encode({"images": [], "next": "?fields=id&fields=name&deleted="})
    assert ITEMS.next_query(body) == [("fields", "id"), ("fields", "name"), ("deleted", "")]


def test_a_link_goes_before_the_query_that_was_asked() -> None:
    body = msgspec.json.encode({"images": [], "next": "?limit=2&marker=n&fields=id"})
    asked = {"limit": "1000", "marker": "m", "fields": "name", "all_tenants": "1"}
    assert ITEMS.next_query(body, asked) == [
        ("all_tenants", "1"),
        ("limit", "2"),
        ("marker", "n"),
        ("fields", "id"),
    ]
    assert ITEMS.next_query(b'{"images": []}', asked) is None


@pytest.mark.parametrize("rest", [{"next": 3}, {"links": "x"}, {"images_links": {"next": "x"}}])
def test_a_link_that_cannot_be_read_is_no_end(rest: dict[str, object]) -> None:
    with pytest.raises(CollectError, match="image: listed: ") as caught:
        page_of(ITEMS, msgspec.json.encode({"images": [], **rest}))
    assert caught.value.reason is Reason.MALFORMED


def test_queries_are_mappings_or_pairs() -> None:
    assert pairs({"a": "b"}) == pairs([("a", "b")]) == [("a", "b")]
    assert pairs(()) == []


def test_a_whole_list_of_which_nothing_makes_sense_is_no_list_of_nothing() -> None:
    assert ITEMS.items(b'{"images": [{"id": 7}, {"id": null}]}') == ([], 2)
    with pytest.raises(CollectError, match="all 2 items are malformed: Expected `str`, got `int`") as caught:
        ITEMS.check(0, 2)
    assert caught.value.reason is Reason.MALFORMED
    ITEMS.check(1, 2)
    ITEMS.check(0, 0)


def test_a_list_tells_each_once_however_often_it_stands_there() -> None:
    once = ITEMS.deduplicate()
    assert once([Item("a"), Item("b"), Item("a")]) == [Item("a"), Item("b")]
    assert once([Item("b"), Item("c")]) == [Item("c")]
    assert ITEMS.deduplicate()([Item("b")]) == [Item("b")]


def test_a_list_whose_items_may_be_newer_the_second_time_tells_them_again() -> None:
    once = Listing("compute", "/servers", "servers", Item, is_repeated=True).deduplicate()
    assert once([Item("a")]) + once([Item("a")]) == [Item("a"), Item("a")]


def test_what_has_no_id_cannot_be_told_apart() -> None:
    class Nameless(msgspec.Struct):
        host: str

    once = Listing("network", "/v2.0/agents", "agents", Nameless).deduplicate()
    assert once([Nameless("a")]) + once([Nameless("a")]) == [Nameless("a"), Nameless("a")]


@pytest.mark.parametrize(
    ("rest", "is_cut"),
    [
        ({"truncated": True}, True),
        ({"truncated": True, "links": {"next": None}}, True),
        ({"truncated": True, "links": {"next": "http://elsewhere/?marker=m"}}, False),
        ({"truncated": False}, False),
        ({"truncated": "perhaps"}, False),
        ({}, False),
    ],
)
def test_a_list_that_ends_early_says_so(rest: dict[str, object], is_cut: bool) -> None:
    assert page_of(ITEMS, msgspec.json.encode({"images": [{"id": "a"}], **rest})).is_cut is is_cut


def test_an_item_that_is_called_truncated_cuts_no_list() -> None:
    assert not page_of(ITEMS, b'{"images": [{"id": "truncated", "truncated": true}]}').is_cut


def test_a_field_that_makes_no_sense_is_counted_and_the_item_kept() -> None:
    class Named(msgspec.Struct):
        id: str
        name: str | None = None

    listing = Listing("image", "/v2/images", "images", Named)
    body = b'{"images": [{"id": "a", "name": 7}, {"id": "b", "name": null}, {"id": 7}]}'
    assert listing.items(body) == ([Named("a"), Named("b")], 2)


def test_a_page_that_is_nested_too_deep_and_makes_no_sense_is_malformed() -> None:
    deep = b'{"id": 7, "more": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    with pytest.raises(CollectError, match=r"^image: listed: nested too deep$") as caught:
        page_of(ITEMS, b'{"images": [{"id": "a"}, ' + deep + b"]}")
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(("limit", "read"), [("0", None), ("x", None), ("9" * 5_000, None), ("020", 20)])
def test_limit_of_a_query_is_a_number_that_a_page_can_have(limit: str, read: int | None) -> None:
    assert limit_of({"limit": limit}) == read
