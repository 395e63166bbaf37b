"""What people do to silences of ours, told from what we do, and from what crashes and ends do. Pure."""

from collections.abc import Mapping
from math import inf
from typing import Final

import msgspec
from msgspec.structs import replace

from stratoscope.core.errors import one_line
from stratoscope.downtime.matchers import matcher_set, written
from stratoscope.downtime.model import Action, Downtime
from stratoscope.downtime.silences.listed import Listed
from stratoscope.downtime.silences.record import SilenceRecord, Standing, record_key
from stratoscope.downtime.silences.silence import CREATED_BY, Silence

_TOGETHER_S: Final = 0.02
"""An edit that needs another id expires the old silence and creates the new one within this time; the new
one does not start before."""
_SURE_S: Final = 2.0
"""After a start of this service: so long after our own write another one is a person's; before, it may be an
older one of ours that a crash brought back, since the clocks are not compared more exactly."""
_LATEST: Final = 253_370_764_800
"""The begin of the year 9999: later moments cannot be shown in every time zone."""
_LONGEST_OWNER: Final = 100
_LONGEST_COMMENT: Final = 300
_UNKNOWN: Final = "by hand"
"""An edit that leaves our author does not say whose it is."""


class ByHand(msgspec.Struct, frozen=True):
    """What a person did, seen for the first time.

    Attributes:
        record: As it is from now on.
        fields: Of the entry in the downtime's history: the silence, its matchers and what changed.
    """

    record: SilenceRecord
    action: Action
    fields: Mapping[str, tuple[object, object]]


def overridden(record: SilenceRecord, listed: Listed, now: float) -> ByHand | None:
    """That a person expired what we wrote, or made it theirs; None: it was lost, or came to its end.

    Args:
        record: WRITTEN, and Alertmanager has no live silence with its key.
        now: By our own clock.
    """
    heir = _heir(record, listed)
    if heir is not None:
        fields: dict[str, tuple[object, object]] = {
            "silence": (record.silence_id, heir.id),
            "matchers": (record.matchers, written(matcher_set(heir.matchers))),
            "author": (CREATED_BY, _owner(heir) or _UNKNOWN),
            "end": (record.ends_at, _moment(heir.ends_at)),
        }
        if heir.key_in_comment is None:  # it may say who did it
            fields["comment"] = (None, one_line(heir.comment)[:_LONGEST_COMMENT])
        return ByHand(_taken_over(record, heir, now), Action.TAKEN_OVER, fields)
    found = listed.by_id.get(record.silence_id)
    if found is None or not (found.key is None or found.is_expired_by_request):
        return None
    after = replace(record, standing=Standing.OVERRIDDEN, changed_at=int(now))
    fields = {"silence": (record.silence_id, None), "matchers": (record.matchers, None)}
    return ByHand(after, Action.OVERRIDDEN, fields)


def followed(record: SilenceRecord, listed: Listed, now: float) -> SilenceRecord:
    """An override as it stands now: what was taken over may be moved, or expired, by its owner."""
    if record.standing is not Standing.TAKEN_OVER:
        return record
    heir = _heir(record, listed)
    after = (
        replace(record, standing=Standing.OVERRIDDEN, owner="")
        if heir is None
        else _taken_over(record, heir, record.changed_at)
    )
    return after if after == record else replace(after, changed_at=int(now))


def moved(
    record: SilenceRecord | None, silence: Silence, downtime: Downtime, listed: Listed, now: float
) -> ByHand | None:
    """That a person gave a silence of ours, which is live, another start or end; it is about to be undone."""
    if record is None or not was_written_so(record, downtime):
        return None  # we ourselves are about to move it
    if silence.updated_at <= _ours_until(record, silence.id, listed, now):
        return None  # an older one of ours, that a crash brought back
    starts_at = downtime.start if silence.state == "active" else _moment(silence.starts_at)
    moments = {"start": (starts_at, downtime.start), "end": (_moment(silence.ends_at), downtime.end)}
    changed = {name: pair for name, pair in moments.items() if pair[0] != pair[1]}
    if not changed:
        return None  # our own clock was set
    fields: dict[str, tuple[object, object]] = {
        "silence": (silence.id, silence.id),
        "matchers": (record.matchers, record.matchers),
        **changed,
    }
    after = replace(record, standing=Standing.WRITING, silence_id=silence.id, changed_at=int(now))
    return ByHand(after, Action.RESTORED, fields)


def _ours_until(record: SilenceRecord, silence_id: str, listed: Listed, now: float) -> float:
    """Until when, by Alertmanager's clock, the silence had been written before our last write of it."""
    if listed.before is None:
        return record.changed_at + _SURE_S + listed.now - now
    return listed.before.get(silence_id, -inf)


def was_written_so(record: SilenceRecord, downtime: Downtime) -> bool:
    """Whether the silence was written as the downtime says now."""
    as_it_is = downtime.revision, downtime.start, downtime.end
    written_so = record.revision, record.starts_at, record.ends_at
    return record.standing is Standing.WRITTEN and written_so == as_it_is


def _heir(record: SilenceRecord, listed: Listed) -> Silence | None:
    """The live silence that a person has made of ours; None for none."""
    found = listed.by_id.get(record.silence_id)
    if found is None:
        return None
    if found.is_live:
        return found if found.key is None else None
    if not found.is_expired_by_request:
        return None
    within_s = {record_key(record): inf, None: _TOGETHER_S}
    heirs = (
        one
        for one in listed.edited
        if one.starts_at - found.ends_at > -_TOGETHER_S
        and one.updated_at - found.ends_at < within_s.get(one.key_in_comment, -inf)
    )
    return max(heirs, key=lambda one: one.updated_at, default=None)


def _taken_over(record: SilenceRecord, heir: Silence, now: float) -> SilenceRecord:
    return replace(
        record,
        standing=Standing.TAKEN_OVER,
        silence_id=heir.id,
        ends_at=_moment(heir.ends_at),
        owner=_owner(heir),
        changed_at=int(now),
    )


def _owner(silence: Silence) -> str:
    """Its author; "" if that is still ours."""
    return "" if silence.created_by == CREATED_BY else one_line(silence.created_by)[:_LONGEST_OWNER]


def _moment(at: float) -> int:
    return min(round(at), _LATEST)
