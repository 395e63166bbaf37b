"""Metrics declared once, as data: a Family, the Labels of an object, and the samples both make."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*\Z")
_LABEL: Final = re.compile(r"[a-z][a-z0-9_]*\Z")
_new: Final = object.__new__
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class Labels:
    """The label names and values of one object, escaped once and shared by all its samples.

    `vm + Labels(device="vda")` and `vm.plus(device="vda")` make the labels of a part of that object. Values
    become text by `str()`; what UTF-8 cannot hold (lone surrogates from file names) is replaced.
    """

    __slots__ = ("_parts", "names", "text")

    def __init__(self, /, **labels: object) -> None:
        self._parts: dict[Labels, Labels] | None = None
        self.names: tuple[str, ...] = _names(tuple(labels))
        self.text: str = ",".join([f'{name}="{escaped(str(value))}"' for name, value in labels.items()])

    def plus(self, /, **labels: object) -> "Labels":
        return self + Labels(**labels)

    def __add__(self, more: "Labels") -> "Labels":
        both = _new(Labels)
        both._parts = None
        names, more_names = self.names, more.names
        both.names = _SUMS.get((id(names), id(more_names))) or _sum(names, more_names)
        text, more_text = self.text, more.text
        both.text = f"{text},{more_text}" if text and more_text else text or more_text
        return both

    def at(self, part: "Labels") -> "Labels":
        """As `+`, but made once and kept with these labels: only for a `part` that is itself kept."""
        if self._parts is None:
            self._parts = {}
        made = self._parts.get(part)
        if made is None:
            made = self._parts[part] = self + part
        return made

    def __repr__(self) -> str:
        return f"Labels({{{self.text}}})"


Sample: TypeAlias = "tuple[Family, Labels, float]"


class Family:
    """One metric: called with a value and Labels it makes a sample.

    The kind follows from the name, as the naming rules have it: `_total` is a counter, `_info` a fact with
    value 1, all else a gauge. Identity is the object, so a Family is a module constant.
    """

    __slots__ = ("help", "kind", "labels", "name")

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
        self.labels = _names(tuple(labels))

    def __call__(self, value: float, labels: Labels) -> Sample:
        return (self, labels, value)

    def __repr__(self) -> str:
        return f"Family({self.name})"


def escaped(value: str) -> str:
    """A label value as the text format wants it, without the quotes; always encodable as UTF-8."""
    if '"' in value or "\\" in value or "\n" in value:
        value = value.translate(_ESCAPES)
    return value if value.isascii() else value.encode(errors="replace").decode()


def states(family: Family, current: str, of: Mapping[str, Labels], labels: Labels) -> list[Sample]:
    """One 0/1 sample per state; `of` maps each state to Labels(state=...), made once.

    A state that `of` lacks is shown as a further series: what the source says is never hidden.
    """
    samples: list[Sample] = [
        (family, labels.at(label), 1 if state == current else 0) for state, label in of.items()
    ]
    if current not in of:
        samples.append((family, labels.plus(state=current), 1))
    return samples


def given(families: Sequence[Family], values: Sequence[float | None], labels: Labels) -> list[Sample]:
    """A sample for each value that there is, family by family."""
    return [
        (family, labels, value) for family, value in zip(families, values, strict=True) if value is not None
    ]


_KNOWN: dict[tuple[str, ...], tuple[str, ...]] = {}
# By identity: each tuple of names is one object for ever, and hashing two of them costs more than the rest.
_SUMS: dict[tuple[int, int], tuple[str, ...]] = {}


def _names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The one shared tuple for these label names, checked the first time; so that `is` tells them apart."""
    known = _KNOWN.get(names)
    if known is None:
        for name in names:
            if not _LABEL.match(name):
                raise ValueError(f"label name {name!r}: small letters, digits and _ only")
        if len(set(names)) != len(names):
            raise ValueError(f"label names {names!r}: one is given twice")
        known = _KNOWN.setdefault(names, names)
    return known


def _sum(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    both = _names(first + second)
    return _SUMS.setdefault((id(first), id(second)), both)
