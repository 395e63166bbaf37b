"""The days of a month. Source: Prometheus, from the records of each minute.

Each minute has a label that says whether its day is even or odd. With it, a window of a day that ends just
before midnight takes the minutes of this day alone, whether windows are closed (Prometheus 2) or open (3).
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from stratoscope.availability.anew import counted_anew
from stratoscope.availability.downtimes import Planned
from stratoscope.availability.months import OLA, Bounds, Day
from stratoscope.availability.query import DAY_S, at_end, begin, finite, queried
from stratoscope.availability.subject import Subject
from stratoscope.core.client.request import AskError

_SERIES: Final = (
    "label_replace(max without (day) (sum_over_time("
    'scope:stratoscope_availability_{of}:minute{{day="{day}", scope=~"cloud|zone|image"}}[1d])), '
    '"of", "{of}", "", "")'
)
_PARTS: Final = ("up", "down", "known")
_BOUNDS: Final = (
    'label_replace({__name__=~"global:ola_.+_ratio:threshold"}, '
    '"of", "$1", "__name__", "global:ola_(.+)_ratio:threshold")'
)


class _Labels(Subject, frozen=True, kw_only=True):
    of: str


class _Series(msgspec.Struct, frozen=True):
    metric: _Labels
    value: tuple[float, str]


def days_of(first: date, today: date) -> Sequence[date]:
    """The days of a month that are over. Args: first: The first of the month."""
    after = (first + timedelta(days=31)).replace(day=1)
    return [first + timedelta(days=number) for number in range((min(after, today) - first).days)]


def bounds(flags: argparse.Namespace) -> Bounds:
    """Those of the rules that Prometheus has; EGI's where it has none. Raises: As `asked`."""
    found = {one.metric.of: finite(one.value[1]) for one in queried(flags, _Series, _BOUNDS)}
    percent = {of: round(100 * ratio, 5) for of, ratio in found.items()}
    return Bounds(
        percent.get("availability", OLA.availability),
        percent.get("reliability", OLA.reliability),
        percent.get("unknown", OLA.unknown),
    )


def asked(
    flags: argparse.Namespace, days: Sequence[date], planned: Sequence[Planned] = ()
) -> Mapping[Subject, Sequence[Day | None]]:
    """What each subject was like on each of the days; None where nothing is known.

    Args:
        planned: Outages with which their days are counted anew.

    Raises:
        AskError, OSError, http.client.HTTPException: Prometheus cannot be asked.
    """
    until = time.monotonic() + flags.timeout
    found: dict[Subject, list[Day | None]] = {}
    for number, one in enumerate(days):
        flags.timeout = until - time.monotonic()
        if flags.timeout <= 0:
            raise AskError(f"no answer in time for {one} and later; allowed: a longer --timeout")
        outages = [each for each in planned if each.overlaps(begin(one), begin(one) + DAY_S)]
        for subject, day in {**_day(flags, one), **counted_anew(flags, one, outages)}.items():
            found.setdefault(subject, [None] * len(days))[number] = day
    return found


def _day(flags: argparse.Namespace, day: date) -> Mapping[Subject, Day]:
    parity = "odd" if begin(day) // DAY_S % 2 else "even"
    query = " or ".join(_SERIES.format(of=of, day=parity) for of in _PARTS)
    minutes: dict[Subject, dict[str, int]] = {}
    for series in queried(flags, _Series, query, at_end(day)):
        labels = series.metric
        subject = Subject(labels.cloud, labels.scope, labels.zone, labels.image_id)
        counts = minutes.setdefault(subject, {})
        counts[labels.of] = max(counts.get(labels.of, 0), round(finite(series.value[1])))  # of replicas
    return {subject: Day(**{of: counts.get(of, 0) for of in _PARTS}) for subject, counts in minutes.items()}
