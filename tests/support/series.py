"""A page's samples by name and labels, for tests that ask what an operator would see."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from support.pages import parsed

MANAGEMENT = "stratoscope_management"
_FAMILIES: Final = re.compile("^(?=# HELP )", re.MULTILINE)
"""Where each begins."""
Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(frozen=True)
class Page:
    """A page; names without `stratoscope_` are those of the management exporter.

    Attributes:
        text: As it came.
    """

    text: str
    samples: Samples

    def all(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """The samples that have these labels among their own."""
        full = name if name.startswith("stratoscope_") else f"{MANAGEMENT}_{name}"
        wanted = set(labels.items())
        return [
            (dict(have), value)
            for (sample, have), value in self.samples.items()
            if sample == full and wanted <= have
        ]

    def value(self, name: str, **labels: str) -> float | None:
        """The one sample that has these labels; None where there is none."""
        found = self.all(name, **labels)
        assert len(found) <= 1, f"{name}{labels} stands {len(found)} times"
        return found[0][1] if found else None

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """The samples that have these labels, by another, which tells them apart."""
        found = self.all(name, **labels)
        values = {have[label]: value for have, value in found}
        assert len(values) == len(found), f"{name}: several have the same {label}"
        return values

    def info(self, name: str, **labels: str) -> dict[str, str]:
        """The labels of the one sample that has these."""
        ((have, _),) = self.all(name, **labels)
        return have

    def total(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels."""
        return sum(value for _, value in self.all(name, **labels))

    def success(self, collector: str) -> float | None:
        return self.value("stratoscope_collector_success", collector=collector)

    def errors(self, collector: str = "", reason: str = "") -> float:
        """How many collections have failed; of all collectors, for all reasons, unless one is named."""
        labels = {"collector": collector, "reason": reason}
        chosen = {name: value for name, value in labels.items() if value}
        return self.total("stratoscope_collector_errors_total", **chosen)

    def left_out(self) -> dict[str, str]:
        """Collector -> reason."""
        found = self.all("stratoscope_collector_left_out")
        return {have["collector"]: have["reason"] for have, value in found if value}

    def malformed(self, collector: str) -> float:
        return self.total("stratoscope_collector_malformed_items_total", collector=collector)

    def last_success(self, collector: str) -> float:
        """Unix seconds; 0 before the first."""
        return self.total("stratoscope_collector_last_success_timestamp_seconds", collector=collector)

    def requests(self, **labels: str) -> float:
        return self.total("stratoscope_cloud_requests_total", **labels)


def read(text: str) -> Page:
    """Raises ValueError where the text is no page; AssertionError where a series stands twice on it."""
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in _FAMILIES.split(text):
        found = _samples(family)
        assert samples.keys().isdisjoint(found), f"{samples.keys() & found.keys()} stand twice"
        samples |= found
    return Page(text, samples)


@lru_cache(maxsize=2000)
def _samples(text: str) -> Samples:
    """Those of a family; of most the text is on the next page of the same exporter, too."""
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in parsed(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples, f"{key} stands twice"
            samples[key] = sample.value
    return samples
