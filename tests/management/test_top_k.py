"""Labels with too many values: the largest are shown, the others counted."""

from collections.abc import Mapping

from stratoscope.core.metrics import Family
from stratoscope.management.top_k import BEYOND, MOST, Row, TopK

VMS = Family("stratoscope_image_vms", "VMs.", labels=("cloud", "image_id"))
BYTES = Family("stratoscope_image_bytes", "Bytes.", labels=("cloud", "image_id"))
FAMILIES = (VMS, BYTES)


def table() -> TopK:
    return TopK("uni", "image_id", FAMILIES)


def kept(of: TopK, rows: Mapping[str, Row]) -> set[bytes]:
    return {line for one in of.lines(rows) for block in one.blocks(100_000) for line in block.splitlines()}


def anew(rows: Mapping[str, Row]) -> set[bytes]:
    return kept(table(), rows)


def test_every_value_has_its_row() -> None:
    rows = {"i1": (1, 10), "": (2, 20)}
    assert anew(rows) == {
        b'stratoscope_image_vms{cloud="uni",image_id="i1"} 1',
        b'stratoscope_image_vms{cloud="uni",image_id=""} 2',
        b'stratoscope_image_bytes{cloud="uni",image_id="i1"} 10',
        b'stratoscope_image_bytes{cloud="uni",image_id=""} 20',
    }


def test_number_that_is_not_known_has_no_line() -> None:
    assert anew({"i1": (1, None)}) == {b'stratoscope_image_vms{cloud="uni",image_id="i1"} 1'}


def test_kept_lines_follow_the_rows() -> None:
    one = table()
    for rows in (
        {"a": (1, 1), "b": (2, 2)},
        {"a": (1, 1), "b": (3, 2)},
        {"c": (1, 1)},
        {},
        {"a": (1, 5)},
        {"a": (1, None)},
        {"a": (1, 6)},
    ):
        assert kept(one, rows) == anew(rows)


def test_value_whose_row_is_the_same_keeps_its_lines() -> None:
    one = table()
    first = one.lines({"a": (1, 1)})[0].blocks(10)
    assert one.lines({"a": (1, 1)})[0].blocks(10)[0] is first[0]


def test_of_too_many_values_the_largest_are_shown_and_the_others_counted() -> None:
    rows = {f"i{number}": (number, 0) for number in range(MOST + 7)}
    shown = anew(rows)
    assert len(shown) == 2 * MOST
    assert b'stratoscope_image_vms{cloud="uni",image_id="i6"} 6' not in shown
    assert b'stratoscope_image_vms{cloud="uni",image_id="i7"} 7' in shown
    family, labels, number = table().beyond(rows)
    assert (family, labels.text, number) == (BEYOND, 'cloud="uni",label="image_id"', 7)


def test_nothing_is_beyond_the_bound_of_few_values() -> None:
    assert table().beyond({"a": (1, 1)})[2] == 0
