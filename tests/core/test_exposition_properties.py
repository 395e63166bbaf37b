"""Whatever is put on a page, prometheus_client reads it back, and promtool has nothing against it."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from stratoscope.core.errors import Dropped
from stratoscope.core.exposition import render
from stratoscope.core.metrics import Distribution, Family, Histogram, Labels, Sample
from support.pages import joined, parsed, promtool_findings, rendered, text

Series = tuple[str, tuple[tuple[str, str], ...]]

names = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
any_text = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates among it
nasty_text = st.text(st.sampled_from('\\"\n\r{}=, #\t\x00\u2028é\ud800'), max_size=12)
help_texts = (any_text | nasty_text).map(lambda help_text: help_text.replace("\n", " ").strip() + ".")
big_ints = st.integers(300, 5000).flatmap(lambda digits: st.sampled_from([10**digits, -(10**digits)]))
numbers = st.floats() | st.integers() | st.booleans() | big_ints | st.sampled_from([0, 1, 1.0, -0.0])
plain_help = st.text('abc \\"é\u2028{}#', max_size=12).map(lambda words: f"Help {words}.")
values = numbers | st.none() | st.text(max_size=3)


@st.composite
def families(draw: st.DrawFn) -> list[Family]:
    """Some families; the number in the name keeps them apart in OpenMetrics, too, where suffixes fall off."""
    stems = draw(st.lists(names, min_size=1, max_size=4))
    return [
        Family(
            f"stratoscope_{number}_{stem}{draw(st.sampled_from(['', '_total', '_info', '_bytes']))}",
            draw(help_texts),
            labels=draw(st.lists(names, max_size=3, unique=True)),
        )
        for number, stem in enumerate(stems)
    ]


STEMS = (
    "cpu_seconds_total",
    "memory_bytes",
    "info",
    "pressure_ratio",
    "network_receive_bytes_total",
    "vcpus",
)


@st.composite
def proper_samples(draw: st.DrawFn) -> list[Sample]:
    """Samples of families named as the naming rules have it, with values that each can have."""
    samples = []
    for stem in draw(st.lists(st.sampled_from(STEMS), min_size=1, unique=True)):
        labels = draw(st.lists(st.sampled_from(["cloud", "vm_id", "device"]), unique=True))
        family = Family(f"stratoscope_test_vm_{stem}", draw(plain_help), labels=labels)
        allowed = {
            "info": st.just(1),
            "counter": st.floats(0, allow_nan=False) | st.integers(0, 2**64),
            "gauge": st.floats() | st.integers(-(2**64), 2**64),
        }[family.kind]
        for _ in range(draw(st.integers(1, 3))):
            named = {name: draw(any_text | nasty_text) for name in labels}
            samples.append(family(draw(allowed), Labels(**named)))
    return samples


@st.composite
def collections(draw: st.DrawFn) -> tuple[list[Family], list[tuple[Family, dict[str, str], object]]]:
    """Families, and raw samples of them: few label values, so that duplicates are frequent."""
    declared = draw(families())
    label_values = st.sampled_from(draw(st.lists(any_text | nasty_text, min_size=1, max_size=4)))
    raw = [
        (family, {name: draw(label_values) for name in family.labels}, draw(values))
        for family in draw(st.lists(st.sampled_from(declared), max_size=12))
    ]
    return declared, raw


Raw = tuple[Histogram, dict[str, str], Distribution]


@st.composite
def histograms(draw: st.DrawFn) -> tuple[list[Histogram], list[Raw]]:
    """Histograms and what they hold: some of it cannot be, some label sets stand twice."""
    label_values = st.sampled_from(draw(st.lists(any_text | nasty_text, min_size=1, max_size=4)))
    declared: list[Histogram] = []
    raw: list[Raw] = []
    for number in range(draw(st.integers(1, 3))):
        bounds = sorted(draw(st.sets(st.floats(0, 1e300), min_size=1, max_size=5)))
        named = draw(st.lists(st.sampled_from(["cloud", "vm_id", "device"]), unique=True))
        family = Histogram(f"stratoscope_test_{number}_seconds", "Help.", labels=named, bounds=bounds)
        declared.append(family)
        for _ in range(draw(st.integers(0, 4))):
            counts = [draw(st.integers(-1, 2**64)) for _ in (*bounds, math.inf)]
            if draw(st.booleans()):
                counts = sorted(abs(count) for count in counts)
            total = draw(st.floats(-1, 1e9) | st.integers(0, 2**64) | st.just(math.nan))
            raw.append(
                (
                    family,
                    {name: draw(label_values) for name in named},
                    Distribution(tuple(counts[:-1]), counts[-1], total),
                )
            )
    return declared, raw


def read_back(family: Histogram, labels: dict[str, str], value: Distribution) -> dict[Series, float]:
    """What a parser makes of a distribution; nothing of one that cannot be."""
    counts = [0, *value.counts, value.count]
    if counts != sorted(counts) or not value.sum >= 0:
        return {}
    shown = {name: readable(text) for name, text in labels.items()}

    def series(suffix: str, **le: str) -> Series:
        return family.name + suffix, tuple(sorted((shown | le).items()))

    edges = [bucket.removeprefix('le="').removesuffix('"') for bucket in family.buckets]
    buckets = {
        series("_bucket", le=edge): float(count) for edge, count in zip(edges, counts[1:], strict=True)
    }
    return buckets | {series("_count"): float(value.count), series("_sum"): float(value.sum)}


@settings(deadline=None, max_examples=50)
@given(histograms())
def test_histograms_are_read_back_by_both_parsers_and_promtool_likes_them(
    drawn: tuple[list[Histogram], list[Raw]],
) -> None:
    declared, raw = drawn
    wanted: dict[Series, float] = {}
    for one in raw:
        wanted = read_back(*one) | wanted  # of two the first stays
    lines = render([(family, Labels(**labels), value) for family, labels, value in raw], declared, 1000)

    sets = {(name, labels) for name, labels in wanted if name.endswith("_count")}
    assert (lines.samples, len(sets) + sum(lines.dropped.values())) == (len(wanted), len(raw))
    for openmetrics in (False, True):
        metrics = parsed(text([lines], openmetrics=openmetrics), openmetrics=openmetrics)
        assert {metric.type for metric in metrics} <= {"histogram"}
        got = {
            (sample.name, tuple(sorted(sample.labels.items()))): float(sample.value)
            for metric in metrics
            for sample in metric.samples
        }
        assert got == wanted
    assert promtool_findings(text([lines])) == ""


def is_possible(family: Family, value: object) -> bool:
    """Whether Prometheus and OpenMetrics allow such a value for such a family."""
    if not isinstance(value, int | float):
        return False
    try:
        number = float(value)
    except OverflowError:
        return False
    if family.kind == "info":
        return number == 1
    return family.kind != "counter" or number >= 0


def readable(value: str) -> str:
    return value.encode(errors="replace").decode()


def spelled(value: float) -> tuple[str, float | str]:
    """Something by which two equal values are equal, signed zeros differ and NaN is itself."""
    return repr(float(value)), "NaN" if math.isnan(value) else value


@settings(deadline=None)
@given(collections())
def test_both_parsers_give_back_what_was_put_on_the_page(
    drawn: tuple[list[Family], list[tuple[Family, dict[str, str], object]]],
) -> None:
    declared, raw = drawn
    wanted: dict[Series, float] = {}
    for family in declared:
        for of_family, labels, value in raw:
            if of_family is family and is_possible(family, value):
                series = (family.name, tuple(sorted((key, readable(text)) for key, text in labels.items())))
                wanted.setdefault(series, value)  # type: ignore[arg-type]  # possible, so it is a number
    samples: list[Sample] = [(family, Labels(**labels), value) for family, labels, value in raw]  # type: ignore[misc]
    lines = render(samples, declared, 1000)

    assert lines.samples == len(wanted)
    assert lines.samples + sum(lines.dropped.values()) == len(raw)
    assert Dropped.MAX_SERIES not in lines.dropped
    for openmetrics in (False, True):
        got = [
            ((sample.name, tuple(sorted(sample.labels.items()))), spelled(sample.value))
            for metric in parsed(text([lines], openmetrics=openmetrics), openmetrics=openmetrics)
            for sample in metric.samples
        ]
        assert dict(got) == {series: spelled(value) for series, value in wanted.items()}
        assert len(got) == len(wanted)
        in_order = [name for (name, _), _ in got]
        assert in_order == [name for name, _ in wanted]  # of families; within one the order says nothing


@settings(deadline=None)
@given(families())
def test_both_parsers_give_back_kind_and_help(declared: list[Family]) -> None:
    samples = [family(1, Labels(**dict.fromkeys(family.labels, "x"))) for family in declared]
    lines = render(samples, declared, 1000)
    for openmetrics in (False, True):
        got = parsed(text([lines], openmetrics=openmetrics), openmetrics=openmetrics)
        assert [metric.documentation for metric in got] == [readable(family.help) for family in declared]
        kinds = [family.kind for family in declared]
        assert [metric.type for metric in got] == [
            "gauge" if kind == "info" and not openmetrics else kind for kind in kinds
        ]


@settings(deadline=None, max_examples=25)
@given(proper_samples())
def test_promtool_has_nothing_against_a_page(samples: list[Sample]) -> None:
    shown = list(dict.fromkeys(family for family, _, _ in samples))
    page_text = rendered(samples, shown)
    assert all(f"# TYPE {family.name} " in page_text for family in shown)
    assert promtool_findings(page_text) == ""


@settings(deadline=None)
@given(st.lists(st.tuples(any_text, st.floats(allow_nan=False)), max_size=20), st.integers(0, 10))
def test_max_series_is_never_exceeded_and_nothing_is_lost_uncounted(
    pairs: list[tuple[str, float]], most: int
) -> None:
    family = Family("stratoscope_test_bytes", "Help.", labels=("vm",))
    lines = render([family(value, Labels(vm=name)) for name, value in pairs], [family], most)
    assert lines.samples <= most
    assert lines.samples == joined(lines).count("\n")
    assert lines.samples + sum(lines.dropped.values()) == len(pairs)
