"""What the API answers."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from stratoscope.downtime.hosts_off.hosts import HostOff
from stratoscope.downtime.model import Action, Severity
from stratoscope.downtime.shown_json import DowntimeShown, DowntimesShown


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did to a downtime. Attributes: fields: What changed: value before and after, by name."""

    revision: int
    at: int
    who: str
    action: Action
    fields: Mapping[str, tuple[Any, Any]]


class OneDowntime(DowntimeShown, frozen=True, kw_only=True):
    """A downtime, as of a moment.

    Attributes:
        silencing: In words, whether its alerts are silenced; only where it was filed or changed.
        history: Only where it is asked for by its id. Its newest entries, or those before `history_before`,
            oldest first; 100 at most. In them what is longer than 300 characters is cut.
        history_count: How many there are in all.
        history_next: `history_before` of the entries before these; null: there are none.
    """

    as_of: int
    silencing: str | msgspec.UnsetType = msgspec.UNSET
    history: tuple[HistoryEntry, ...] | msgspec.UnsetType = msgspec.UNSET
    history_count: int | msgspec.UnsetType = msgspec.UNSET
    history_next: int | msgspec.UnsetType | None = msgspec.UNSET


class DowntimePage(DowntimesShown, frozen=True):
    """Some of what was found, latest start first. Attributes: next: `after` of the next page."""

    next: str | None


class Active(msgspec.Struct, frozen=True):
    """Whether something is down. Attributes: until, reason, ids: Of the downtimes that it is in."""

    active: bool
    until: int | None
    reason: str
    ids: tuple[str, ...]


class WindowShown(msgspec.Struct, frozen=True, kw_only=True):
    """A recurring window. Attributes: first: By the clocks of `zone`."""

    id: str
    title: str
    text: str
    planned: bool
    severity: Severity
    matcher_sets: tuple[tuple[str, ...], ...]
    silences: bool
    rrule: str
    zone: str
    first: dt.datetime
    duration_s: int
    author: str
    cancelled_at: int | None
    revision: int
    created_at: int
    changed_at: int


class OccurrenceShown(msgspec.Struct, frozen=True):
    """When a window occurs."""

    start: int
    end: int


class OneWindow(WindowShown, frozen=True, kw_only=True):
    """A window, as of a moment.

    Attributes:
        silencing: In words, whether the alerts of its occurrences are silenced.
        next: Its first occurrences that have not ended.
    """

    as_of: int
    silencing: str
    next: tuple[OccurrenceShown, ...]


class WindowPage(msgspec.Struct, frozen=True):
    """Some windows, in order of their filing. Attributes: next: `after` of the next page."""

    as_of: int
    windows: tuple[WindowShown, ...]
    next: str | None


class HostsOff(msgspec.Struct, frozen=True):
    """The hosts that are off or at risk, by cloud and name."""

    as_of: int
    hosts: tuple[HostOff, ...]


class HostBack(msgspec.Struct, frozen=True):
    """A host that is back.

    Attributes:
        ended: The id of the downtime that has ended by that.
        silencing: In words, whether its alerts are silenced still.
    """

    as_of: int
    cloud: str
    host: str
    ended: str | None
    silencing: str | None
