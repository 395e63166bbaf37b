"""A downtime as JSON: the same in the API, in feeds and in exports."""

import msgspec

from stratoscope.downtime.model import Downtime, Severity, State


class DowntimeShown(msgspec.Struct, frozen=True, kw_only=True):
    """A downtime. All moments are Unix seconds; it lasts from start up to end, without end itself.

    Attributes:
        planned: Whether it was announced.
        state: Where it stands now.
        matcher_sets: An alert is explained if it matches all of one set; written as Prometheus does.
        silences: Whether silences are kept for it.
        author: The user who filed it, or the source.
        source: `person`, or what filed it, such as `gocdb:egi`.
        external_id: Its id at the source; "" if a person filed it.
        window_id: The recurring window of which it is an occurrence; "" for none.
        cancelled_at: When it was cancelled; null if it was not.
        revision: 1 when filed; one more with each edit.
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


def as_json(downtime: Downtime, now: int) -> DowntimeShown:
    """The fields of a downtime, and its `state` now."""
    fields = msgspec.structs.asdict(downtime)
    fields["matcher_sets"] = tuple(tuple(map(str, matchers)) for matchers in downtime.matcher_sets)
    return DowntimeShown(**fields, state=downtime.state(now))
