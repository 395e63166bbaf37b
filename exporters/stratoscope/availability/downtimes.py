"""Planned outages, also what was filed late. Source: the downtime exporter, GET /api/v1/export/json."""

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec

from stratoscope.core.client.request import AskError, fetched

_LARGEST: Final = 64 * 1024 * 1024
_EQUAL: Final = re.compile(r'(\w+)=("(?:[^"\\]|\\.)+")')
_WHOLES: Final = (frozenset({"cloud"}), frozenset({"cloud", "zone"}), frozenset({"cloud", "service"}))
"""The labels of what has a state of its own. Other sets are a part of it."""


class Planned(msgspec.Struct, frozen=True):
    """A planned outage of a cloud as a whole, or of a zone or service of it.

    Attributes:
        zone, service: "" for all of them.
        start, end: Unix seconds; without the end itself.
    """

    cloud: str
    zone: str
    service: str
    start: int
    end: int

    def overlaps(self, start: float, end: float) -> bool:
        return self.start < end and start < self.end

    def is_on(self, moment: float) -> bool:
        return self.start <= moment < self.end


class _Downtime(msgspec.Struct, frozen=True):
    planned: bool
    severity: str
    start: int
    end: int
    cancelled_at: int | None
    matcher_sets: list[list[str]]


class _Export(msgspec.Struct, frozen=True):
    downtimes: list[_Downtime]


def planned_outages(flags: argparse.Namespace, start: int, end: int) -> Sequence[Planned]:
    """Those that overlap a time.

    Args:
        flags: With `downtimes_url` and `downtimes_token_file`.

    Raises:
        AskError, OSError, http.client.HTTPException: The downtime exporter cannot be asked.
    """
    there = argparse.Namespace(
        url=flags.downtimes_url,
        token_file=flags.downtimes_token_file,
        prefix="downtimes-",
        ca_file=flags.ca_file,
        timeout=flags.timeout,
        user=None,
    )
    path = f"/api/v1/export/json?{urlencode({'from': start, 'to': end})}"
    try:
        found = msgspec.convert(fetched(there, path, largest=_LARGEST), _Export).downtimes
        outages = [each for one in found for each in _outages(one)]
    except (msgspec.DecodeError, ValueError) as error:
        raise AskError(
            "no downtime exporter answers there; allowed: --downtimes-url with the address of one"
        ) from error
    return [each for each in outages if each.overlaps(start, end)]


def _outages(downtime: _Downtime) -> Iterator[Planned]:
    if not downtime.planned or downtime.severity != "outage" or downtime.cancelled_at is not None:
        return
    for matchers in downtime.matcher_sets:
        labels = _labels(matchers)
        if frozenset(labels) in _WHOLES:
            zone, service = labels.get("zone", ""), labels.get("service", "")
            yield Planned(labels["cloud"], zone, service, downtime.start, downtime.end)


def _labels(matchers: Sequence[str]) -> Mapping[str, str]:
    """Those that a set names; none if it has a pattern or a negation. Raises ValueError: One has no text."""
    found = [_EQUAL.fullmatch(one) for one in matchers]
    texts = {} if None in found else {one[1]: one[2] for one in found if one is not None}
    return {label: msgspec.json.decode(text, type=str) for label, text in texts.items()}
