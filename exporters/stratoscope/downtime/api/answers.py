"""What the API answers."""

from collections.abc import Mapping
from typing import Any

import msgspec

from stratoscope.downtime.feeds.json_feed import DowntimeShown, DowntimesShown
from stratoscope.downtime.model import Action


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did to a downtime. Attributes: fields: What changed: value before and after, by name."""

    revision: int
    at: int
    who: str
    action: Action
    fields: Mapping[str, tuple[Any, Any]]


class OneDowntime(DowntimeShown, frozen=True, kw_only=True):
    """A downtime, as of a moment. Attributes: history: Oldest first; only where it is asked for by its id."""

    as_of: int
    history: tuple[HistoryEntry, ...] | msgspec.UnsetType = msgspec.UNSET


class DowntimePage(DowntimesShown, frozen=True):
    """Some of what was found, latest start first. Attributes: next: `after` of the next page."""

    next: str | None


class Active(msgspec.Struct, frozen=True):
    """Whether something is down. Attributes: until, reason, ids: Of the downtimes that it is in."""

    active: bool
    until: int | None
    reason: str
    ids: tuple[str, ...]
