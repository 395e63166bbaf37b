"""Series by a label with an unlimited number of values, such as images: the largest are shown, the others
counted."""

import heapq
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from stratoscope.core.line_cache import CachedLines
from stratoscope.core.metrics import Family, Labels, Sample

MOST: Final = 5_000
"""Values of one label that are shown: those with most VMs. Enough for the hosts and users of a large cloud;
every snapshot is an image, and a script that makes one each hour soon has more."""

BEYOND: Final = Family(
    "stratoscope_management_values_beyond_bound",
    "Values of the label that are not shown because there are too many; those with the fewest VMs are left "
    "out; 0 if all are shown.",
    labels=("cloud", "label"),
)

Row: TypeAlias = tuple[int, *tuple[int | None, ...]]
"""The numbers of one value, one per family, None for unknown; the first number decides which values are the
largest."""


class TopK:
    """Families of one cloud with one label besides `cloud`, and the same values of it."""

    def __init__(self, cloud: str, label: str, families: Sequence[Family]) -> None:
        self._cached = [CachedLines(family) for family in families]
        self._cloud, self._label = cloud, label
        self._shown: Mapping[str, Row] = {}

    def lines(self, rows: Mapping[str, Row]) -> Sequence[CachedLines]:
        """The lines of the largest; those of unchanged rows are cached."""
        known, self._shown = self._shown, _largest(rows)
        for value, row in self._shown.items():
            if known.get(value) != row:
                for lines, number in zip(self._cached, row, strict=True):
                    if number is None:
                        lines.drop(value)
                    else:
                        lines.put(value, (self._cloud, value), number)
        for value in known.keys() - self._shown.keys():
            for lines in self._cached:
                lines.drop(value)
        return self._cached

    def beyond(self, rows: Mapping[str, object]) -> Sample:
        """How many values are not shown."""
        number = max(0, len(rows) - MOST)
        return BEYOND(number, Labels(cloud=self._cloud, label=self._label))


def _largest(rows: Mapping[str, Row]) -> Mapping[str, Row]:
    if len(rows) <= MOST:
        return rows
    return dict(heapq.nlargest(MOST, rows.items(), key=lambda item: (item[1][0], item[0])))
