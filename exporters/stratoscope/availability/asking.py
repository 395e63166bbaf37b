"""The days of a month. Source: Prometheus, GET /api/v1/query, from the records of each minute.

Each minute has a label that says whether its day is even or odd. With it, a window of a day that ends just
before midnight takes the minutes of this day alone, whether windows are closed (Prometheus 2) or open (3).
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec

from stratoscope.availability.months import Day
from stratoscope.core.client.request import AskError, fetched

_DAY_S: Final = 86400
_LARGEST: Final = 64 * 1024 * 1024
_SERIES: Final = (
    "label_replace(max without (day) (sum_over_time("
    'scope:stratoscope_availability_{of}:minute{{day="{day}", scope=~"cloud|zone|image"}}[1d])), '
    '"of", "{of}", "", "")'
)
_PARTS: Final = ("up", "down", "known")


class Subject(msgspec.Struct, frozen=True, order=True):
    """What is available or not: a cloud, one of its zones, or VMs with one of its images."""

    cloud: str = ""
    scope: str = ""
    zone: str = ""
    image_id: str = ""


class _Labels(Subject, frozen=True, kw_only=True):
    of: str


class _Series(msgspec.Struct, frozen=True):
    metric: _Labels
    value: tuple[float, str]


class _Data(msgspec.Struct, frozen=True):
    result: list[_Series]


class _Answer(msgspec.Struct, frozen=True):
    data: _Data


def days_of(first: date, today: date) -> Sequence[date]:
    """The days of a month that are over. Args: first: The first of the month."""
    after = (first + timedelta(days=31)).replace(day=1)
    return [first + timedelta(days=number) for number in range((min(after, today) - first).days)]


def asked(flags: argparse.Namespace, days: Sequence[date]) -> Mapping[Subject, Sequence[Day | None]]:
    """What each subject was like on each of the days; None where nothing is known.

    Raises:
        AskError, OSError, http.client.HTTPException: Prometheus cannot be asked.
    """
    until = time.monotonic() + flags.timeout
    found: dict[Subject, list[Day | None]] = {}
    for number, one in enumerate(days):
        flags.timeout = until - time.monotonic()
        if flags.timeout <= 0:
            raise AskError(f"no answer in time for {one} and later; allowed: a longer --timeout")
        for subject, day in _day(flags, one):
            found.setdefault(subject, [None] * len(days))[number] = day
    return found


def _day(flags: argparse.Namespace, day: date) -> Iterator[tuple[Subject, Day]]:
    begins = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    parity = "odd" if begins // _DAY_S % 2 else "even"
    query = " or ".join(_SERIES.format(of=of, day=parity) for of in _PARTS)
    query = urlencode({"query": query, "time": f"{begins + _DAY_S - 1}.999"})
    minutes: dict[Subject, dict[str, int]] = {}
    for series in _found(flags, query):
        labels = series.metric
        subject = Subject(labels.cloud, labels.scope, labels.zone, labels.image_id)
        counts = minutes.setdefault(subject, {})
        counts[labels.of] = max(counts.get(labels.of, 0), round(float(series.value[1])))  # of replicas
    for subject, counts in minutes.items():
        yield subject, Day(**{of: counts.get(of, 0) for of in _PARTS})


def _found(flags: argparse.Namespace, query: str) -> Sequence[_Series]:
    try:
        answer = fetched(flags, f"/api/v1/query?{query}", largest=_LARGEST)
        return msgspec.convert(answer, _Answer).data.result
    except (msgspec.ValidationError, ValueError) as error:
        raise AskError("no Prometheus answers there; allowed: --url with the address of one") from error
