"""Whether what a downtime covers is silenced, in words: pure."""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from stratoscope.downtime.model import Downtime, State
from stratoscope.downtime.silences.record import SilenceRecord, Standing, is_override
from stratoscope.downtime.silences.report import Report
from stratoscope.downtime.times import echo

_CLOSED: Final = (State.CANCELLED, State.ENDED)


def silencing_of(
    downtime: Downtime, now: float, reports: Sequence[Report], records: Sequence[SilenceRecord]
) -> str:
    """As `silencing`, of a downtime that is filed, and what people did to its silences.

    Args:
        records: All of the downtime.
    """
    state = downtime.state(now)
    overrides = [one for one in records if state not in _CLOSED and is_override(one, downtime)]
    counts = Counter(one.alertmanager for one in overrides)
    return silencing(
        state, reports, silences=downtime.silences, is_past=downtime.end <= downtime.created_at,
        downtime_id=downtime.id, by_hand=[*_taken_over(records, now), *_expired(overrides)],
        overridden=[name for name, count in counts.items() if count == len(downtime.matcher_sets)],
    )  # fmt: skip


def silencing(  # noqa: PLR0913 - all that it depends on
    state: State,
    reports: Sequence[Report],
    *,
    silences: bool,
    is_past: bool = False,
    downtime_id: str = "",
    by_hand: Sequence[str] = (),
    overridden: Collection[str] = (),
) -> str:
    """Such as `silenced by main`, or why nothing is.

    Args:
        reports: How each Alertmanager of the configuration stands.
        silences: Whether silences are kept for it.
        is_past: Whether it was over when it was filed.
        downtime_id: Its id; "" for none, such as for a window.
        by_hand: What people did to its silences, in words.
        overridden: The Alertmanagers that have none of its silences because of that.
    """
    why = _why_not(state, reports, silences=silences, is_past=is_past)
    troubles = {one.alertmanager: one.trouble_of(downtime_id) for one in reports}
    bad = [f"{name} is not in step: {words}" for name, words in troubles.items() if words]
    if why:
        may_mute = bad and silences and not is_past and state in _CLOSED
        said = [*by_hand, *(["its silences may mute on", *bad] if may_mute else [])]
        return f"{why}: {'; '.join(said or ['it silences nothing'])}"
    how = "silenced by" if state is State.ACTIVE else "to be silenced by"
    good = ", ".join(
        one.alertmanager
        for one in reports
        if not troubles[one.alertmanager] and (one.recorded_as or one.alertmanager) not in overridden
    )
    return "; ".join([*([f"{how} {good}"] if good else []), *by_hand, *bad])


def _taken_over(records: Sequence[SilenceRecord], now: float) -> Iterator[str]:
    """What people made theirs, and mutes on."""
    for one in records:
        if one.standing is Standing.TAKEN_OVER and one.ends_at > now:
            yield (
                f"silence {one.silence_id} mutes on in {one.alertmanager} until {echo(one.ends_at, dt.UTC)},"
                f" since {one.owner_in_words} took it over: it is theirs to expire"
            )


def _expired(overrides: Sequence[SilenceRecord]) -> Iterator[str]:
    for one in overrides:
        if one.standing is Standing.OVERRIDDEN:
            yield (
                f"a person expired silence {one.silence_id} in {one.alertmanager}, and no other is written"
                " until it is changed or silenced again"
            )


def _why_not(state: State, reports: Sequence[Report], *, silences: bool, is_past: bool) -> str:
    if state is State.CANCELLED:
        return "it is cancelled"
    if state is State.ENDED:
        return "it is over already" if is_past else "it is over"
    if not silences:
        return "it was filed so"
    if not reports:
        return "no Alertmanager is configured"
    return "dry run" if all(one.is_dry_run for one in reports) else ""
