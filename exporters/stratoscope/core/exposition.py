"""Samples -> lines per family -> a page, in text format 0.0.4 and OpenMetrics 1.0.

Both formats have the same lines of samples; they differ in the heads and in OpenMetrics' end mark. So lines
are rendered once, when a collection ends, and a scrape only joins bytes.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias

import msgspec

from stratoscope.core.errors import Dropped
from stratoscope.core.metrics import Distribution, Family, Histogram, Sample

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_PLAIN: Final = frozenset({int, float})
_MOST: Final = 2**63 - 1
_encode: Final = msgspec.json.Encoder().encode
"""Writes a list of numbers many times quicker than `repr` does one by one, each as a text that reads back the
same; what JSON has no number for it writes as `null`."""

_AT_ONCE: Final = 2_000
"""Samples that are rendered in one step; each step holds the interpreter, and blocks the event loop."""

_Series: TypeAlias = tuple[list[str], list[Any]]
"""Label texts, and as many values: numbers and Distributions, or what an untyped source delivers."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The rendered lines of one collection.

    Attributes:
        by_family: Encoded sample lines per family, in blocks of whole lines; one without a sample is absent.
        samples: How many lines that is.
        dropped: How many samples were dropped, by reason; for `max_series` how many lines.
    """

    by_family: Mapping[Family, Sequence[bytes]]
    samples: int
    dropped: Mapping[Dropped, int]


def render(samples: Iterable[Sample], families: Iterable[Family], max_series: int) -> Lines:
    """Lines of all samples, in the order of `families`.

    A sample that is a duplicate, of an undeclared family, with other labels than its family's, with a value
    that its family cannot have (see `_number`, `_distribution`), or beyond `max_series` lines is dropped and
    counted; others stay.
    """
    series, undeclared = _sorted_out(samples, families)
    dropped = Counter({Dropped.INVALID: undeclared})
    by_family, written = {}, 0
    for family in list(series):
        texts, values = _once(family, *series.pop(family), dropped)
        blocks, lines = _blocks(family, texts, values, max_series - written, dropped)
        if blocks:
            by_family[family] = blocks
            written += lines
    return Lines(by_family, written, +dropped)


def _sorted_out(samples: Iterable[Sample], families: Iterable[Family]) -> tuple[dict[Family, _Series], int]:
    """The samples of each family, and how many belong to none; every sample passes this loop."""
    series: dict[Family, _Series] = {family: ([], []) for family in families}
    undeclared = 0
    for family, labels, value in samples:
        of_family = series.get(family)
        if of_family is None or labels.names is not family.labels:
            undeclared += 1
        else:
            texts, values = of_family
            texts.append(labels.text)
            values.append(value)
    return series, undeclared


def _once(family: Family, texts: list[str], values: list[Any], dropped: Counter[Dropped]) -> _Series:
    """Each label text once, with its first valid value: an invalid sample does not replace a valid one."""
    different: set[str] = set()
    for start in range(0, len(texts), _AT_ONCE):
        different.update(texts[start : start + _AT_ONCE])
    if len(different) == len(texts):
        return texts, values
    once: dict[str, Any] = {}
    for text, value in zip(texts, values, strict=True):
        if text not in once:
            once[text] = value
        elif _body(family, text, once[text]) is not None:
            dropped[Dropped.DUPLICATE] += 1
        else:
            dropped[Dropped.INVALID] += 1
            once[text] = value
    return list(once), list(once.values())


def _blocks(
    family: Family, texts: list[str], values: list[Any], most: int, dropped: Counter[Dropped]
) -> tuple[list[bytes], int]:
    """A family's lines, at most `most`, in blocks, and how many; dropped ones are counted.

    Both lists are emptied step by step: freeing 100,000s of objects at once would block the event loop.
    """
    start, each = f"{family.name}{{", 1
    if isinstance(family, Histogram):
        start, each = f"{family.name}_bucket{{", len(family.buckets) + 2
    texts.reverse()
    values.reverse()
    blocks, written = [], 0
    while texts:
        some = texts[: -_AT_ONCE - 1 : -1]
        bodies = _bodies(family, some, values[: -_AT_ONCE - 1 : -1])
        del texts[-_AT_ONCE:], values[-_AT_ONCE:]
        room = max(0, most - written) // each
        dropped[Dropped.INVALID] += len(some) - len(bodies)
        dropped[Dropped.MAX_SERIES] += max(0, len(bodies) - room) * each
        del bodies[room:]
        if bodies:
            blocks.append((start + f"\n{start}".join(bodies) + "\n").encode())
            written += len(bodies) * each
    return blocks, written


def _bodies(family: Family, texts: list[str], values: list[Any]) -> list[str]:
    """The rest of the line after the name and opening brace, for each sample with a valid value."""
    numbers = _all_plain(family.kind, values)
    if numbers is not None:
        return list(map("} ".join, zip(texts, numbers, strict=True)))
    bodies = (_body(family, text, value) for text, value in zip(texts, values, strict=True))
    return [body for body in bodies if body is not None]


def _body(family: Family, text: str, value: object) -> str | None:
    if isinstance(family, Histogram):
        return _distribution(family, text, value)
    number = _number(family.kind, value)
    return None if number is None else f"{text}}} {number}"


def _distribution(family: Histogram, text: str, value: object) -> str | None:
    """A histogram's lines, without the start of the first; None for an invalid value.

    Its buckets are as many as the family's and do not fall, the last holds all, and the sum is a counter's.
    """
    if not isinstance(value, Distribution) or len(value.counts) != len(family.bounds):
        return None
    counts = (*value.counts, value.count)
    numbers = [_number("counter", count) if isinstance(count, int) else None for count in counts]
    total = _number("counter", value.sum)
    if total is None or None in numbers or any(low > high for low, high in pairwise(counts)):
        return None
    name, comma = family.name, "," if text else ""
    buckets = [f"{text}{comma}{le}}} {number}" for le, number in zip(family.buckets, numbers, strict=True)]
    return (
        f"\n{name}_bucket{{".join(buckets)
        + f"\n{name}_count{{{text}}} {numbers[-1]}\n{name}_sum{{{text}}} {total}"
    )


def _all_plain(kind: str, values: list[float]) -> list[str] | None:
    """All numbers at once, if all are ordinary; None if one needs a check."""
    types = set(map(type, values))
    if kind == "histogram" or not types <= _PLAIN:
        return None
    if (kind == "counter" and min(values) < 0) or (kind == "info" and values.count(1) < len(values)):
        return None
    if int in types and not (min(values) >= -_MOST and max(values) <= _MOST):
        return None
    text = _encode(values)
    return None if b"null" in text else text[1:-1].decode().split(",")


def _number(kind: str, value: object) -> str | None:
    """A number as Prometheus spells it; None for a value that is invalid for the family.

    OpenMetrics allows no counter that is NaN or below 0 and no info but 1; an int that no float64 can hold
    would make Prometheus refuse the whole page.
    """
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    if (kind == "counter" and not number >= 0) or (kind == "info" and number != 1):
        return None
    if isinstance(value, int):
        return str(int(value))
    if math.isfinite(number):
        return _encode(number).decode()
    return "NaN" if math.isnan(number) else "+Inf" if number > 0 else "-Inf"


def page(parts: Sequence[Lines], *, openmetrics: bool, only: frozenset[Family] | None = None) -> list[bytes]:
    """Chunks of a page: each family's head once, then its lines from all parts, in their order.

    OpenMetrics' end mark is the caller's, since more may follow.
    """
    # By name, not by object: no parser accepts a page with the head of a name twice.
    together: dict[str, tuple[Family, list[bytes]]] = {}
    for part in parts:
        for family, lines in part.by_family.items():
            if only is None or family in only:
                together.setdefault(family.name, (family, []))[1].extend(lines)
    chunks = []
    for family, lines_of in together.values():
        chunks.append(head(family, openmetrics=openmetrics))
        chunks += lines_of
    return chunks


def head(family: Family, *, openmetrics: bool) -> bytes:
    """The HELP and TYPE lines of a family."""
    name, kind = family.name, family.kind
    if openmetrics:
        name = name.removesuffix("_total") if kind == "counter" else name.removesuffix("_info")
        text = family.help.replace("\\", "\\\\").replace('"', '\\"')
    else:
        kind = "gauge" if kind == "info" else kind
        text = family.help.replace("\\", "\\\\")
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n".encode(errors="replace")
