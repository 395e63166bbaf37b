"""Whether what a downtime covers is silenced, in words: pure."""

from collections.abc import Sequence
from typing import Final

from stratoscope.downtime.model import State
from stratoscope.downtime.silences.report import Report

_CLOSED: Final = (State.CANCELLED, State.ENDED)


def silencing(
    state: State, reports: Sequence[Report], *, silences: bool, is_past: bool = False, downtime_id: str = ""
) -> str:
    """Such as `silenced by main`, or why nothing is.

    Args:
        reports: How each Alertmanager of the configuration stands.
        silences: Whether silences are kept for it.
        is_past: Whether it was over when it was filed.
        downtime_id: Its id; "" for none, such as for a window.
    """
    why = _why_not(state, reports, silences=silences, is_past=is_past)
    troubled = [one for one in reports if one.trouble and downtime_id in (one.trouble_of or {downtime_id})]
    bad = [f"{one.alertmanager} is not in step: {one.trouble}" for one in troubled]
    if why and bad and silences and not is_past and state in _CLOSED:
        return "; ".join([f"{why}: its silences may mute on", *bad])
    if why:
        return f"{why}: it silences nothing"
    how = "silenced by" if state is State.ACTIVE else "to be silenced by"
    good = ", ".join(one.alertmanager for one in reports if one not in troubled)
    return "; ".join([*([f"{how} {good}"] if good else []), *bad])


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
