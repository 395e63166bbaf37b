"""JSON as users and faulty machines make it: bytes that are no text, half surrogates, depth."""

import json
import time
import tracemalloc
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from stratoscope.clouds.openstack.client.decoding import (
    DEEPEST,
    MOST_VALUES,
    Decoder,
    check,
    repaired,
    with_whole_numbers,
)
from stratoscope.clouds.openstack.client.listing import Listing
from stratoscope.core.errors import CollectError, Reason
from support.fake_api import page_of


class Server(msgspec.Struct):
    id: str
    name: str = ""
    ram: int | None = None
    ratio: float | None = None


ANY: Decoder[Any] = Decoder(object)
SERVERS = Listing("compute", "/servers/detail", "servers", Server)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (b"M\xfcller", "M\ufffdller"),  # Latin-1
        (b"caf\xc3", "caf\ufffd"),  # cut in the middle of a character
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),  # half a surrogate, encoded
        (b"\xc0\xaf", "\ufffd\ufffd"),  # longer than need be
        (rb"a\ud800b", "a\ufffdb"),
        (rb"a\uDFFF", "a\ufffd"),
        (rb"\ud800\ud800", "\ufffd\ufffd"),
        (rb"\ude00\ud83d", "\ufffd\ufffd"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\ud83d\n", "\ufffd\n"),
        (rb"\\ud800\ud800", "\\ud800\ufffd"),  # an escaped backslash is none of it
        (rb"\"\ud800", '"\ufffd'),
        (b"a\x01b\x00c\nd", "a b c d"),
        (rb"\ud83d\ude00" + b"\xff", "\U0001f600\ufffd"),
    ],
)
def test_what_is_no_text_is_replaced_and_the_rest_is_read(text: bytes, read: str) -> None:
    body = b'{"servers": [{"id": "a", "name": "' + text + b'"}, {"id": "b", "name": "good"}]}'
    for which in (body, body.replace(b'"name"', b'"unused"')):
        items, malformed = SERVERS.items(which)
        assert ([item.id for item in items], malformed) == (["a", "b"], 0)
        assert SERVERS.next_query(which) is None
    assert SERVERS.items(body)[0][0].name == read
    read.encode()  # so that it can be shown


@pytest.mark.parametrize("text", [rb"\"" * 500_000, b'"' + rb"\"" * 500_000, b'"a\\'])
@pytest.mark.parametrize("before", [b"[" * 20, b"[NaN, 4.0, \xff, "])
def test_a_text_without_an_end_is_malformed_and_takes_no_longer_than_to_read_it(
    before: bytes, text: bytes
) -> None:
    """With the square of its size a megabyte would take minutes, in which nothing else is done."""
    with pytest.raises(msgspec.DecodeError):
        ANY.decode(before + text)
    with pytest.raises(msgspec.DecodeError):
        Decoder(int).decode(before + text)


def test_a_key_and_a_link_are_repaired_as_well() -> None:
    body = b'{"servers": [], "\xff": "\\ud800", "servers_links": [{"rel": "next", "href": "?marker=\xff"}]}'
    assert SERVERS.next_query(body) == [("marker", "\ufffd")]


def test_beside_a_name_that_is_repaired_an_item_that_makes_no_sense_costs_itself_alone() -> None:
    for text in (b"\xff", rb"\ud800"):
        body = b'{"servers": [{"id": "a' + text + b'"}, {"id": 3}, {"id": "b"}]}'
        items, malformed = SERVERS.items(body)
        assert ([item.id for item in items], malformed) == (["a\ufffd", "b"], 1)


def test_what_was_whole_is_not_touched() -> None:
    whole = json.dumps({"a": '\U0001f600 ü \\ud800 "\n', "b": ["\x7f"]}).encode()
    assert repaired(whole) == whole
    assert repaired("ü 😀 \u2028".encode()) == "ü 😀 \u2028".encode()


@pytest.mark.parametrize("body", [b"\xff", b'{"a": "\xff', b"{\xff}", b"\xff\xfe{\x00}\x00", b""])
def test_what_is_no_json_stays_malformed(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        ANY.decode(body)


NESTED = (
    (b"[", b"]"),
    (b'{"a":', b"}"),
    (b'[{"a":', b"}]"),
    (b'["]",', b',"["]'),
    (rb'["\"]",', rb',"\"["]'),
    (rb'["\\","]",', rb',"[","\\"]'),
    (rb'["]\\\"]",', rb',"[\\\"["]'),
    (b'{"}":', b',"{":0}'),
)
"""What stands to the left and to the right of something nested; texts in it hide its depth."""


@pytest.mark.parametrize("depth", [9_000, 100_000, 1_000_000])
@pytest.mark.parametrize(("left", "right"), NESTED)
def test_depth_in_what_nobody_asks_for_is_passed_over_or_malformed(
    depth: int, left: bytes, right: bytes
) -> None:
    """How deep is too deep differs by Python's release: 1,000 levels, 10,000 or what the stack holds."""
    body = b'{"unused": ' + left * depth + b"1" + right * depth + b', "servers": []}'
    with suppress(CollectError):
        assert page_of(SERVERS, body).items == []
    with pytest.raises(
        CollectError, match=r"^compute: servers: (nested too deep|more than|JSON is malformed|Input)"
    ):
        page_of(SERVERS, body[: -len(right) * depth - 16])


@pytest.mark.parametrize("depth", [DEEPEST + 1, 900, 20_000])
@pytest.mark.parametrize(("left", "right"), NESTED)
@pytest.mark.parametrize("fault", [b"NaN", b'"\xff"'])
def test_what_is_nested_too_deep_is_not_repaired(depth: int, left: bytes, right: bytes, fault: bytes) -> None:
    if b"[{" in left:
        depth = -(-depth // 2)
    assert ANY.decode(left * (DEEPEST // 2) + fault + right * (DEEPEST // 2)) is not None
    with pytest.raises(msgspec.DecodeError, match=r"^nested too deep$"):
        ANY.decode(left * depth + fault + right * depth)


@pytest.mark.parametrize("depth", [10, DEEPEST])
def test_what_is_not_nested_too_deep_is_read(depth: int) -> None:
    assert ANY.decode(b"[" * depth + b"]" * depth) is not None
    assert ANY.decode(b'{"a":' * depth + b"1" + b"}" * depth) is not None


def test_brackets_inside_texts_are_not_nested() -> None:
    texts = ["[" * 300, "{[" * 300, '"[' * 100, "\\[" * 100, "]}" * 50, '\\"[' * 99]
    body = json.dumps({"servers": [{"id": "a", "name": text} for text in texts * 50]}).encode()
    assert [item.name for item in SERVERS.items(body)[0]] == texts * 50


def test_a_text_without_an_end_is_looked_at_once() -> None:
    for text in (b'"' + b"\\a[" * 100_000, b'"' * 100_001 + b"[" * 200, b"\\" * 200_000):
        began = time.monotonic()
        with suppress(msgspec.DecodeError):
            check(b"[" * 200 + text)
        repaired(text + b"\xff")
        assert time.monotonic() - began < 20


@pytest.mark.parametrize("value", [b"0", b"{}", b'""', b"[[]]"])
def test_too_many_items_that_make_no_sense_are_malformed_at_once(value: bytes) -> None:
    body = b'{"servers":[' + b",".join([value] * (MOST_VALUES + 1)) + b"]}"
    with pytest.raises(CollectError, match=r"^compute: servers: more than 1048576 values$") as error:
        SERVERS.items(body)
    assert error.value.reason is Reason.MALFORMED


def test_commas_in_texts_are_no_values() -> None:
    text = "," * (MOST_VALUES + 1)
    check(json.dumps([text, f'"{text}']).encode())


@pytest.mark.parametrize("odd", [b'["\xff", NaN, 1.0', b'["\xff'])
@pytest.mark.parametrize("many", [b',""', b"\\n", b'"', b",NaN", b",1.0"])
def test_repair_takes_little_more_memory_than_the_body(odd: bytes, many: bytes) -> None:
    body = odd + many * 20_000
    tracemalloc.start()
    try:
        repaired(body)
        with_whole_numbers(body)
        with suppress(msgspec.DecodeError):
            check(body)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 12 * len(body)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_null_and_a_text_that_is_called_so_stays(number: str) -> None:
    name = f'{number}, \\"{number}\\": {number}'
    for key in ("ratio", "unused", "ram"):
        body = f'{{"servers": [{{"id": "a", "name": "{name}", "{key}": {number}}}, {{"id": "b"}}]}}'.encode()
        items, malformed = SERVERS.items(body)
        assert [(item.id, item.ratio, item.ram) for item in items] == [
            ("a", None, None),
            ("b", None, None),
        ]
        assert items[0].name == name.replace("\\", "")
        assert malformed == 0
        assert SERVERS.next_query(body) is None


def test_a_number_that_is_none_costs_the_item_that_needs_it_alone() -> None:
    class Needs(msgspec.Struct):
        id: str
        size: int

    body = b'{"servers": [{"id": "a", "size": NaN}, {"id": "b", "size": 3}]}'
    items, malformed = Listing("compute", "/s", "servers", Needs).items(body)
    assert ([(item.id, item.size) for item in items], malformed) == ([("b", 3)], 1)


def test_a_byte_order_mark_is_no_part_of_it() -> None:
    body = b'\xef\xbb\xbf{"servers": [{"id": "a", "name": "\xef\xbb\xbf"}]}'
    assert page_of(SERVERS, body).items == [Server("a", "\ufeff")]


@pytest.mark.parametrize(("text", "ram"), [("4.0", 4), ("-2.000", -2), ("0.0", 0), ("100", 100)])
def test_a_whole_number_may_have_a_fraction_of_zero(text: str, ram: int) -> None:
    body = f'{{"servers": [{{"id": "a", "name": "v1.0, {text}", "ram": {text}, "ratio": 1.5}}]}}'.encode()
    items, malformed = SERVERS.items(body)
    assert (items, malformed) == ([Server("a", f"v1.0, {text}", ram, 1.5)], 0)
    assert Decoder(dict[str, int]).decode(f'{{"a.0": {text}}}'.encode()) == {"a.0": ram}


@pytest.mark.parametrize("text", ["4.5", "4.05", "1.0e1", "1e999", '"4.0"'])
def test_what_is_no_whole_number_is_none(text: str) -> None:
    body = f'{{"servers": [{{"id": "a", "ram": {text}}}, {{"id": "b"}}]}}'.encode()
    items, malformed = SERVERS.items(body)
    assert ([(item.id, item.ram) for item in items], malformed) == ([("a", None), ("b", None)], 1)


@pytest.mark.parametrize("faulty", [b"\xff", b"\xef\xbb\xbf", b"NaN"])
def test_depth_that_only_shows_when_it_was_repaired_is_malformed(faulty: bytes) -> None:
    """On the way of the repair a text in brackets makes it look shallow as well."""
    deep = b'["]",' * 20_000 + b'"["]' * 20_000
    body = {
        b"NaN": b"[NaN," + deep + b"]",
        b"\xff": b'["\xff",' + deep + b"]",
        b"\xef\xbb\xbf": faulty + deep,
    }[faulty]
    with pytest.raises(msgspec.DecodeError, match="too deep"):
        ANY.decode(body)
