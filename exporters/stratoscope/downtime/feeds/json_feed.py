"""Downtimes as JSON, as the API shows them."""

from collections.abc import Iterable
from typing import Final

import msgspec

from stratoscope.downtime.model import Downtime, Severity, State

CONTENT_TYPE: Final = "application/json"


class DowntimeShown(msgspec.Struct, frozen=True, kw_only=True):
    """A downtime, with its state now. All moments are Unix seconds, see `Downtime`.

    Attributes:
        matcher_sets: Matchers as Prometheus writes them.
    """

    id: str
    title: str
    text: str
    planned: bool
    severity: Severity
    state: State
    start: int
    end: int
    until_further_notice: bool
    matcher_sets: tuple[tuple[str, ...], ...]
    silences: bool
    author: str
    source: str
    external_id: str
    window_id: str
    cancelled_at: int | None
    revision: int
    created_at: int
    changed_at: int


class DowntimesShown(msgspec.Struct, frozen=True):
    """Many downtimes, as of a moment."""

    as_of: int
    downtimes: tuple[DowntimeShown, ...]


def json_feed(downtimes: Iterable[Downtime], now: int) -> bytes:
    """`{"as_of": now, "downtimes": [...]}`, see `as_json`."""
    return msgspec.json.encode(DowntimesShown(now, tuple(as_json(one, now) for one in downtimes)))


def as_json(downtime: Downtime, now: int) -> DowntimeShown:
    """The fields of a downtime, and its `state` now."""
    fields = msgspec.structs.asdict(downtime)
    fields["matcher_sets"] = tuple(tuple(map(str, matchers)) for matchers in downtime.matcher_sets)
    return DowntimeShown(**fields, state=downtime.state(now))
