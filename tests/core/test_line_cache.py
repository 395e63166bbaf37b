"""Lines that are kept: what is on the page is what was put last."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.core.collector import Collection, Collector, OnScrape
from stratoscope.core.errors import Dropped
from stratoscope.core.exposition import Lines, render
from stratoscope.core.line_cache import CachedLines, together
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.core.runner import Runner

FAMILY = Family("stratoscope_x", "X.", labels=("key",))
OTHER = Family("stratoscope_y", "Y.", labels=("key",))
ENOUGH = 1_000_000


def filled(number: int, family: Family = FAMILY) -> CachedLines:
    kept = CachedLines(family)
    for key in range(number):
        kept.put(f"{key}", (key,))
    return kept


def lines(kept: CachedLines, most: int = ENOUGH) -> list[bytes]:
    return b"".join(kept.blocks(most)).splitlines()


@given(st.lists(st.tuples(st.integers(0, 600), st.one_of(st.none(), st.integers(0, 9))), max_size=60))
def test_lines_are_those_that_rendering_anew_makes(steps: list[tuple[int, int | None]]) -> None:
    """A key is put with a value, or dropped."""
    kept, expected = filled(600), {f"{key}": 1 for key in range(600)}
    for number, value in steps:
        key = f"{number}"
        if value is None:
            kept.drop(key)
            expected.pop(key, None)
        else:
            kept.put(key, (key,), value)
            expected[key] = value
        kept.blocks(ENOUGH)
    samples = [FAMILY(value, Labels(key=key)) for key, value in expected.items()]
    anew = b"".join(render(samples, [FAMILY], ENOUGH).by_family.get(FAMILY, ()))
    assert sorted(lines(kept)) == sorted(anew.splitlines())
    assert len(kept) == len(expected)


def test_blocks_without_a_change_stay_the_same_objects() -> None:
    kept = filled(1000)
    before = kept.blocks(ENOUGH)
    kept.put("300", (300,), 7)
    after = kept.blocks(ENOUGH)
    assert [one is other for one, other in zip(before, after, strict=True)] == [True, False, True, True]


def test_block_without_lines_is_gone() -> None:
    kept = filled(300)
    for key in range(256):
        kept.drop(f"{key}")
    assert [len(block.splitlines()) for block in kept.blocks(ENOUGH)] == [44]
    kept.drop("unknown")
    assert len(kept) == 44


@pytest.mark.parametrize(("most", "shown"), [(300, 300), (299, 299), (1, 1), (0, 0), (-5, 0)])
def test_no_more_lines_are_shown_than_there_is_room_for(most: int, shown: int) -> None:
    assert len(lines(filled(300), most)) == shown


@pytest.mark.parametrize("values", [(), ("a", "b")])
def test_values_are_as_many_as_the_labels(values: tuple[str, ...]) -> None:
    with pytest.raises(TypeError, match="arguments"):
        CachedLines(FAMILY).put("a", values)


@pytest.mark.parametrize("value", ["a", "", 7, 'a"b', "a\\b", "a\nb", "é", "\udc80", "a" * 1025, "é" * 513])
def test_values_are_escaped_and_cut_as_those_of_labels(value: object) -> None:
    kept = CachedLines(FAMILY)
    kept.put("a", (value,))
    made = render([FAMILY(1, Labels(key=value))], [FAMILY], ENOUGH)
    assert kept.blocks(ENOUGH) == made.by_family[FAMILY]


def test_kept_lines_come_after_those_made_anew_and_share_their_room() -> None:
    anew = render([FAMILY(1, Labels(key=key)) for key in range(3)], [FAMILY], ENOUGH)
    both = together(anew, [filled(300, OTHER)], 103)
    assert (both.samples, both.dropped) == (103, {Dropped.MAX_SERIES: 200})
    assert {family: len(b"".join(blocks).splitlines()) for family, blocks in both.by_family.items()} == {
        FAMILY: 3, OTHER: 100,
    }  # fmt: skip


def test_family_without_room_is_absent_and_counted() -> None:
    anew = Lines({}, 5, {Dropped.MAX_SERIES: 1})
    both = together(anew, [filled(2), filled(3, OTHER)], 5)
    assert (both.by_family, both.samples, both.dropped) == ({}, 5, {Dropped.MAX_SERIES: 6})


def test_nothing_is_dropped_where_there_is_room() -> None:
    assert together(Lines({}, 0, {}), [filled(2)], 2).dropped == {}


class Both(Collector[int]):
    """Shows a number anew, and as many lines that are kept."""

    name = "both"
    families = (OTHER, FAMILY)

    def __init__(self) -> None:
        self.numbers = CachedLines(FAMILY)

    async def fetch(self) -> int:
        return 2

    def samples(self, data: int, /) -> Iterable[Sample]:
        yield OTHER(data, Labels(key="a"))

    def cached(self, data: int, /) -> Iterable[CachedLines]:
        for number in range(data):
            self.numbers.put(str(number), (str(number),))
        return [self.numbers]


@pytest.mark.parametrize(("most", "shown"), [(10, [OTHER, FAMILY]), (1, [OTHER])])
async def test_collection_shows_samples_then_what_is_kept_within_one_bound(
    most: int, shown: list[Family]
) -> None:
    lines, status = await Runner(Collection(Both(), OnScrape(), most)).lines(5)
    assert lines is not None
    assert list(lines.by_family) == shown
    assert status.samples == min(3, most)
    assert dict(status.dropped) == ({} if most > 3 else {Dropped.MAX_SERIES: 2})
