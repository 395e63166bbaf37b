"""Metrics declared as data: a Family, the Labels of an object, and the Sample made of both."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from prometheus_client import Counter
from prometheus_client.utils import floatToGoString

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*\Z")
_new: Final = object.__new__
LONGEST: Final = 1024
"""Longest label value in bytes: names are seldom longer than 255, and each is on many lines."""
CUT: Final = Counter(
    "stratoscope_label_values_cut", f"Label values longer than {LONGEST} bytes that were cut.", registry=None
)
"""One counter for the process: labels are made by many threads and outlive collections."""
_SUFFIXES: Final = ("_total", "_info", "_bucket", "_count", "_sum", "_created")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class Labels:
    """The label names and values of one object, escaped once and shared by all its samples.

    `vm + Labels(device="vda")` and `vm.plus(device="vda")` make the labels of a part of that object. Values
    become text by `str()`; lone surrogates (from file names) are replaced, and values are cut at LONGEST
    bytes and counted in CUT.
    """

    __slots__ = ("_parts", "names", "text")

    def __init__(self, /, **labels: object) -> None:
        self._parts: dict[Labels, Labels] | None = None
        names = tuple(labels)
        self.names, pattern = _KNOWN.get(names) or _known(names)
        values = tuple(labels.values())
        text = pattern % values
        self.text = text if _is_plain(text, len(values)) else pattern % tuple(map(_escaped, values))

    def plus(self, /, **labels: object) -> "Labels":
        return self + Labels(**labels)

    def __add__(self, more: "Labels") -> "Labels":
        both = _new(Labels)
        both._parts = None
        names = self.names + more.names
        both.names, _ = _KNOWN.get(names) or _known(names)
        text, more_text = self.text, more.text
        both.text = f"{text},{more_text}" if text and more_text else text or more_text
        return both

    def at(self, part: "Labels") -> "Labels":
        """As `+`, but cached with these labels: only for a `part` that is itself cached."""
        if self._parts is None:
            self._parts = {}
        made = self._parts.get(part)
        if made is None:
            made = self._parts[part] = self + part
        return made

    def __repr__(self) -> str:
        return f"Labels({{{self.text}}})"


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a histogram has observed since it began.

    Attributes:
        counts: How many observations were at most each of the family's bounds (cumulative).
        count: Number of observations.
        sum: Sum of the observations, in the family's unit.
    """

    counts: tuple[int, ...]
    count: int
    sum: float


Sample: TypeAlias = "tuple[Family, Labels, float | Distribution]"


class Family:
    """One metric: called with a value and Labels it makes a sample.

    The kind follows from the name: `_total` is a counter, `_info` a fact with value 1, all else a gauge.
    Identity is the object, so a Family is a module constant.
    """

    __slots__ = ("_pattern", "help", "kind", "labels", "name")

    def __init__(self, name: str, help_text: str, *, labels: Iterable[str]) -> None:
        """Declare a metric.

        Args:
            name: Full name with unit, for example `stratoscope_hypervisor_vm_cpu_seconds_total`.
            help_text: One sentence with a full stop; the source's own name for the value where it differs.
            labels: Label names, in the order in which Labels are made.

        Raises:
            ValueError: The name, a label or the help breaks the rules.
        """
        if not _NAME.match(name):
            raise ValueError(f"metric name {name!r}: small letters, digits and _ only")
        if not help_text.endswith(".") or "\n" in help_text or help_text[0].isspace():
            raise ValueError(f"{name}: the help is one sentence in one line and ends with a full stop")
        self.name = name
        self.help = help_text
        self.kind = "counter" if name.endswith("_total") else "info" if name.endswith("_info") else "gauge"
        self.labels, self._pattern = _known(tuple(labels))

    def __call__(self, value: float, labels: Labels) -> Sample:
        return (self, labels, value)

    def text(self, values: tuple[object, ...]) -> str:
        """The text of its labels with these values, in their order, as Labels has it, in half the time.

        Raises TypeError: They are not as many as the labels.
        """
        text = self._pattern % values
        return text if _is_plain(text, len(values)) else self._pattern % tuple(map(_escaped, values))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"


class Histogram(Family):
    """A metric whose value is a Distribution: one line per bucket, one for the count, one for the sum.

    Attributes:
        bounds: Upper bounds of the buckets, without infinity.
        buckets: The label `le` of each bucket, infinity's included.
    """

    __slots__ = ("bounds", "buckets")

    def __init__(self, name: str, help_text: str, *, labels: Iterable[str], bounds: Iterable[float]) -> None:
        """As a Family, with bounds that ascend from 0. Lines add a suffix to the name, and buckets `le`.

        Raises:
            ValueError: The name, a label, the help or the bounds break the rules.
        """
        super().__init__(name, help_text, labels=labels)
        self.kind = "histogram"
        self.bounds = tuple(float(bound) for bound in bounds)
        if name.endswith(_SUFFIXES):
            raise ValueError(f"{name}: no name of a histogram; it ends with none of {', '.join(_SUFFIXES)}")
        if "le" in self.labels:
            raise ValueError(f"{name}: the label le is the buckets' own")
        edges = (*self.bounds, math.inf)
        if len(edges) == 1 or not edges[0] >= 0 or not all(low < high for low, high in pairwise(edges)):
            raise ValueError(f"{name}: bounds: one or more numbers, ascending, none below 0 or infinite")
        self.buckets = tuple(f'le="{floatToGoString(bound)}"' for bound in edges)  # type: ignore[no-untyped-call]  # it has no types

    def with_bounds(self, bounds: Iterable[float]) -> "Histogram":
        """The same metric with other bounds."""
        return Histogram(self.name, self.help, labels=self.labels, bounds=bounds)

    def __call__(self, value: Distribution, labels: Labels) -> Sample:  # type: ignore[override]  # a number is no value of it
        return (self, labels, value)


def _escaped(value: object) -> str:
    """A label value escaped for the text format, without quotes; always encodable as UTF-8."""
    text = str(value)
    if _is_plain(text, 0):
        return text
    encoded = text.encode(errors="replace")
    if len(encoded) > LONGEST:
        CUT.inc()
        encoded = encoded[:LONGEST]
    return encoded.decode(errors="ignore").translate(_ESCAPES)


def _is_plain(text: str, values: int) -> bool:
    """Whether none of so many values in quotes has to be escaped or cut, checked for all at once."""
    return (
        len(text) <= LONGEST
        and text.isascii()
        and "\\" not in text
        and "\n" not in text
        and text.count('"') == 2 * values
    )


def states(family: Family, current: str, of: Mapping[str, Labels], labels: Labels) -> list[Sample]:
    """One 0/1 sample per state; `of` maps each state to Labels(state=...), made once.

    A state that `of` lacks is shown as a further series, so that no state is hidden.
    """
    samples: list[Sample] = [
        (family, labels.at(label), 1 if state == current else 0) for state, label in of.items()
    ]
    if current not in of:
        samples.append((family, labels.plus(state=current), 1))
    return samples


def optional_samples(
    families: Sequence[Family], values: Sequence[float | None], labels: Labels
) -> list[Sample]:
    """A sample for each value that is not None, family by family."""
    return [
        (family, labels, value) for family, value in zip(families, values, strict=True) if value is not None
    ]


_KNOWN: dict[tuple[str, ...], tuple[tuple[str, ...], str]] = {}
"""By label names: their one shared tuple, and their text with a `%s` for each value."""


def _known(names: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The entry of _KNOWN for these label names, which are checked; so names compare by identity."""
    for name in names:
        if not _NAME.match(name):
            raise ValueError(f"label name {name!r}: small letters, digits and _ only")
    if len(set(names)) != len(names):
        raise ValueError(f"label names {names!r}: one is given twice")
    return _KNOWN.setdefault(names, (names, ",".join(f'{name}="%s"' for name in names)))
