"""What is dropped from a page, and the pages in both formats."""

import math
from enum import IntEnum

import pytest

from stratoscope.core import exposition
from stratoscope.core.errors import Dropped
from stratoscope.core.exposition import Lines, head, page, render
from stratoscope.core.metrics import Distribution, Family, Histogram, Labels, Sample
from support.pages import joined, parsed, promtool_findings, rendered, text

BYTES = Family("stratoscope_test_vm_memory_bytes", "Memory.", labels=("vm_id",))
SECONDS = Family("stratoscope_test_vm_cpu_seconds_total", "CPU.", labels=("vm_id",))
WAITS = Histogram("stratoscope_test_vm_wait_seconds", "Waits.", labels=("vm_id",), bounds=[0.1, 1])
INFO = Family("stratoscope_test_vm_info", "Identity.", labels=("vm_id", "name"))
FAMILIES = (BYTES, WAITS, SECONDS, INFO)
ONE, TWO = Labels(vm_id="1"), Labels(vm_id="2")


def shown(samples: list[Sample], most: int = 1000) -> tuple[list[str], dict[Dropped, int]]:
    """The lines of a page, without their heads, and what was dropped."""
    lines = render(samples, FAMILIES, most)
    texts = joined(lines).splitlines()
    assert len(texts) == lines.samples
    return [line.removeprefix("stratoscope_test_vm_") for line in texts], dict(lines.dropped)


def test_families_stand_in_their_declared_order() -> None:
    lines, dropped = shown([SECONDS(2, ONE), BYTES(1, ONE), SECONDS(3, TWO)])
    assert lines == [
        'memory_bytes{vm_id="1"} 1',
        'cpu_seconds_total{vm_id="1"} 2',
        'cpu_seconds_total{vm_id="2"} 3',
    ]
    assert dropped == {}


def test_of_duplicates_the_first_stays() -> None:
    lines, dropped = shown([BYTES(1, ONE), BYTES(2, ONE), BYTES(3, TWO), BYTES(4, Labels(vm_id="1"))])
    assert lines == ['memory_bytes{vm_id="1"} 1', 'memory_bytes{vm_id="2"} 3']
    assert dropped == {Dropped.DUPLICATE: 2}


def test_undeclared_family_costs_only_its_own_sample() -> None:
    stranger = Family("stratoscope_test_stranger", "Not declared.", labels=("vm_id",))
    assert shown([stranger(1, ONE), BYTES(1, ONE)]) == (
        ['memory_bytes{vm_id="1"} 1'],
        {Dropped.INVALID: 1},
    )


@pytest.mark.parametrize("labels", [Labels(), Labels(vm="1"), Labels(vm_id="1", name="a")])
def test_other_labels_than_the_familys_cost_only_that_sample(labels: Labels) -> None:
    assert shown([BYTES(1, labels), BYTES(1, TWO)]) == (
        ['memory_bytes{vm_id="2"} 1'],
        {Dropped.INVALID: 1},
    )


@pytest.mark.parametrize("value", [None, "7", b"7", [], 1j, 10**400, -(10**400), 10**5000], ids=type)
@pytest.mark.parametrize("family", [BYTES, SECONDS])
def test_what_is_no_number_costs_only_that_sample(family: Family, value: float) -> None:
    lines, dropped = shown([family(value, ONE), family(1, TWO)])
    assert [line.split("}")[1] for line in lines] == [" 1"]
    assert dropped == {Dropped.INVALID: 1}


@pytest.mark.parametrize("value", [-1, -0.5, math.nan, -math.inf])
def test_counter_that_cannot_be_is_dropped(value: float) -> None:
    lines, dropped = shown([SECONDS(value, ONE), SECONDS(1.5, TWO), BYTES(value, ONE)])
    assert lines[1:] == ['cpu_seconds_total{vm_id="2"} 1.5']
    assert lines[0].startswith("memory_bytes")  # a gauge may be anything
    assert dropped == {Dropped.INVALID: 1}


@pytest.mark.parametrize("value", [0, 2, math.nan, 0.0])
def test_info_that_is_not_1_is_dropped(value: float) -> None:
    info = [INFO(value, Labels(vm_id="1", name="a")), INFO(1, Labels(vm_id="2", name="b"))]
    assert shown(info) == (['info{vm_id="2",name="b"} 1'], {Dropped.INVALID: 1})


def test_bad_sample_does_not_cost_a_good_one_of_the_same_series() -> None:
    bad = [BYTES(value, ONE) for value in (None, "x")]  # type: ignore[arg-type]  # as a faulty collector might
    assert shown([*bad, BYTES(3, ONE), BYTES(4, ONE)]) == (
        ['memory_bytes{vm_id="1"} 3'],
        {Dropped.INVALID: 2, Dropped.DUPLICATE: 1},
    )


class Level(IntEnum):
    HIGH = 3


class Quantity(float):
    """A float with something more, as number-crunching packages make them."""


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, "0"),
        (-7, "-7"),
        (True, "1"),
        (False, "0"),
        (Level.HIGH, "3"),
        (1.5, "1.5"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (Quantity(1.5), "1.5"),
        (Quantity("nan"), "NaN"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (2**64, str(2**64)),
        (10**300, str(10**300)),
    ],
)
def test_numbers_are_spelled_as_prometheus_reads_them(value: float, number: str) -> None:
    assert shown([BYTES(value, ONE)])[0] == [f'memory_bytes{{vm_id="1"}} {number}']


def test_one_odd_value_does_not_change_how_its_neighbours_are_spelled() -> None:
    values = [1, 1e16, 1.0, 1e-7, 123456789.125]
    alone = [shown([BYTES(value, ONE)])[0][0] for value in values]
    odd = [(BYTES(value, Labels(vm_id=f"{number}"))) for number, value in enumerate([*values, math.nan])]
    assert [line.split("}")[1] for line in shown(odd)[0][:-1]] == [line.split("}")[1] for line in alone]


@pytest.mark.parametrize(("most", "left"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (-1, 0)])
def test_what_exceeds_max_series_is_dropped_and_counted(most: int, left: int) -> None:
    samples = [BYTES(1, ONE), BYTES(2, TWO), SECONDS(3, ONE), SECONDS(4, TWO)]
    everything, _ = shown(samples)
    lines, dropped = shown(samples, most)
    assert lines == everything[:left]
    assert dropped == ({Dropped.MAX_SERIES: 4 - left} if left < 4 else {})


def test_invalid_samples_take_no_room_from_valid_ones() -> None:
    samples = [BYTES(None, ONE), BYTES(2, TWO), SECONDS(3, ONE)]  # type: ignore[arg-type]
    lines, dropped = shown(samples, most=2)
    assert len(lines) == 2
    assert dropped == {Dropped.INVALID: 1}


def test_no_samples_are_no_lines_and_no_heads() -> None:
    lines = render([], FAMILIES, 10)
    assert (lines.by_family, lines.samples, lines.dropped) == ({}, 0, {})
    assert text([lines]) == ""


def test_heads_of_both_formats() -> None:
    family = Family("test_odd_total", 'A "quoted" \\ sentence.', labels=())
    assert head(family, openmetrics=False).decode() == (
        '# HELP test_odd_total A "quoted" \\\\ sentence.\n# TYPE test_odd_total counter\n'
    )
    assert head(family, openmetrics=True).decode() == (
        '# HELP test_odd A \\"quoted\\" \\\\ sentence.\n# TYPE test_odd counter\n'
    )
    assert b"# TYPE stratoscope_test_vm_info gauge\n" in head(INFO, openmetrics=False)
    assert b"# TYPE stratoscope_test_vm info\n" in head(INFO, openmetrics=True)


def of_vm(vm_id: str, *, counts: tuple[int, int] = (1, 3), count: int = 4, total: float = 2.5) -> Sample:
    return WAITS(Distribution(counts, count, total), Labels(vm_id=vm_id))


def lines_of_vm(vm_id: str) -> list[str]:
    return [
        f'wait_seconds_bucket{{vm_id="{vm_id}",le="0.1"}} 1',
        f'wait_seconds_bucket{{vm_id="{vm_id}",le="1.0"}} 3',
        f'wait_seconds_bucket{{vm_id="{vm_id}",le="+Inf"}} 4',
        f'wait_seconds_count{{vm_id="{vm_id}"}} 4',
        f'wait_seconds_sum{{vm_id="{vm_id}"}} 2.5',
    ]


def test_histogram_is_its_buckets_count_and_sum_one_label_set_after_the_other() -> None:
    lines, dropped = shown([SECONDS(1, ONE), of_vm("1"), BYTES(1, ONE), of_vm("2")])
    assert lines == [
        'memory_bytes{vm_id="1"} 1',
        *lines_of_vm("1"),
        *lines_of_vm("2"),
        'cpu_seconds_total{vm_id="1"} 1',
    ]
    assert dropped == {}


def test_histogram_without_labels_and_without_observations() -> None:
    family = Histogram("stratoscope_test_wait_seconds", "Waits.", labels=(), bounds=[1])
    assert joined(render([family(Distribution((0,), 0, 0), Labels())], [family], 10)) == (
        'stratoscope_test_wait_seconds_bucket{le="1.0"} 0\n'
        'stratoscope_test_wait_seconds_bucket{le="+Inf"} 0\n'
        "stratoscope_test_wait_seconds_count{} 0\n"
        "stratoscope_test_wait_seconds_sum{} 0\n"
    )


@pytest.mark.parametrize(
    "value",
    [
        7,
        None,
        Distribution((1,), 4, 2.5),
        Distribution((1, 3, 4), 4, 2.5),
        Distribution((3, 1), 4, 2.5),
        Distribution((1, 5), 4, 2.5),
        Distribution((-1, 3), 4, 2.5),
        Distribution((1, 10**400), 10**400, 2.5),
        Distribution((1, 2.5), 4, 2.5),  # type: ignore[arg-type]  # as an untyped source might give it
        Distribution((1, None), 4, 2.5),  # type: ignore[arg-type]
        Distribution((1, 3), 4, math.nan),
        Distribution((1, 3), 4, -1),
        Distribution((1, 3), 4, None),  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_what_is_no_distribution_of_the_family_costs_only_itself(value: object) -> None:
    samples: list[Sample] = [(WAITS, ONE, value), of_vm("2")]  # type: ignore[list-item]  # that is the point
    assert shown(samples) == (lines_of_vm("2"), {Dropped.INVALID: 1})
    again = [*samples, of_vm("1"), of_vm("1", total=9)]
    assert shown(again) == (
        [*lines_of_vm("1"), *lines_of_vm("2")],
        {Dropped.INVALID: 1, Dropped.DUPLICATE: 1},
    )


def test_distribution_is_no_number() -> None:
    samples: list[Sample] = [(BYTES, ONE, Distribution((1,), 1, 1)), BYTES(2, TWO)]
    assert shown(samples) == (['memory_bytes{vm_id="2"} 2'], {Dropped.INVALID: 1})


def test_histogram_that_does_not_fit_into_max_series_is_dropped_as_a_whole() -> None:
    samples = [BYTES(1, ONE), of_vm("1"), of_vm("2"), SECONDS(1, ONE)]
    lines, dropped = shown(samples, most=10)
    assert lines == ['memory_bytes{vm_id="1"} 1', *lines_of_vm("1"), 'cpu_seconds_total{vm_id="1"} 1']
    assert dropped == {Dropped.MAX_SERIES: 5}  # lines, as they are what max_series counts


@pytest.mark.parametrize("openmetrics", [False, True])
def test_histograms_of_two_clouds_are_one_family_to_both_parsers(openmetrics: bool) -> None:
    parts = [render([of_vm("1")], FAMILIES, 10), render([of_vm("2"), BYTES(1, TWO)], FAMILIES, 10)]
    shown_text = text(parts, openmetrics=openmetrics)
    assert shown_text.count("# TYPE stratoscope_test_vm_wait_seconds histogram\n") == 1
    waits, _ = parsed(shown_text, openmetrics=openmetrics)
    assert (waits.name, waits.type, len(waits.samples)) == (WAITS.name, "histogram", 10)
    assert b"".join(page(parts, openmetrics=openmetrics, only=frozenset([WAITS]))).count(b"\n") == 12


def test_large_family_is_made_in_blocks_and_loses_nothing() -> None:
    at_once = exposition._AT_ONCE
    samples = [BYTES(n if n % 7 else math.nan, Labels(vm_id=str(n))) for n in range(2 * at_once + 10)]
    alone = [joined(render([sample], FAMILIES, 1)) for sample in samples]
    samples[3] = (BYTES, Labels(vm_id="3"), None)  # type: ignore[assignment]  # as an untyped source might give it
    lines = render([*samples, BYTES(1, Labels(vm_id="5"))], FAMILIES, 2 * at_once)
    assert [block.count(b"\n") for block in lines.by_family[BYTES]] == [at_once - 1, at_once, 1]
    assert joined(lines) == "".join([*alone[:3], *alone[4 : 2 * at_once + 1]])
    assert lines.samples == 2 * at_once
    assert lines.dropped == {Dropped.INVALID: 1, Dropped.DUPLICATE: 1, Dropped.MAX_SERIES: 9}


def page_of_two_clouds() -> list[Lines]:
    return [
        render([BYTES(1, ONE), SECONDS(1, ONE)], FAMILIES, 10),
        render([SECONDS(2, TWO), BYTES(2, TWO)], FAMILIES, 10),
    ]


@pytest.mark.parametrize("openmetrics", [False, True])
def test_a_familys_head_stands_once_over_all_parts(openmetrics: bool) -> None:
    shown_text = text(page_of_two_clouds(), openmetrics=openmetrics)
    assert shown_text.count("# TYPE") == 2
    assert [len(metric.samples) for metric in parsed(shown_text, openmetrics=openmetrics)] == [2, 2]


@pytest.mark.parametrize("openmetrics", [False, True])
def test_a_name_that_was_declared_twice_stands_once(openmetrics: bool) -> None:
    again = Family(BYTES.name, "The same once more.", labels=("vm_id",))
    parts = [render([BYTES(1, ONE)], [BYTES], 10), render([again(2, TWO)], [again], 10)]
    (metric,) = parsed(text(parts, openmetrics=openmetrics), openmetrics=openmetrics)
    assert [sample.value for sample in metric.samples] == [1, 2]


def test_only_the_families_asked_for_are_shown() -> None:
    chunks = b"".join(page(page_of_two_clouds(), openmetrics=False, only=frozenset([SECONDS])))
    assert b"cpu_seconds_total" in chunks
    assert b"memory_bytes" not in chunks


def test_promtool_has_nothing_against_a_page() -> None:
    values = [
        "vm-1",
        "",
        'say "hi"',
        "a\\b",
        "one\ntwo",
        "Universität Köln",
        "\udcff",
        "{a=b}",
        "# EOF",
        "\x00",
    ]
    vms = [(Labels(vm_id=str(n)), Labels(vm_id=str(n), name=value)) for n, value in enumerate(values)]
    samples = [INFO(1, named) for _, named in vms]
    numbers = [0, 1.5, math.nan, math.inf, -math.inf, 10**300, 2**64, 1e-300, 1e16, True]
    samples += [BYTES(number, vm) for (vm, _), number in zip(vms, numbers, strict=True)]
    samples += [SECONDS(number, vm) for (vm, _), number in zip(vms, numbers, strict=True)]
    odd_page = rendered(samples, FAMILIES)
    assert odd_page.count("\n") == 6 + 10 + 10 + 8  # heads, info, gauges, counters without NaN and -Inf
    assert promtool_findings(odd_page) == ""
