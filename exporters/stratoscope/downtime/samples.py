"""The samples of the downtimes of a moment: pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from stratoscope.core.metrics import Labels, Sample
from stratoscope.downtime import families as of
from stratoscope.downtime.model import DAY_S, Downtime, State
from stratoscope.downtime.scope import LABELS, covered

AHEAD_S: Final = 7 * DAY_S
"""So long before its start a downtime is shown."""
_LONGEST_TITLE: Final = 100


def samples(downtimes: Sequence[Downtime], now: float) -> Iterable[Sample]:
    """Of the downtimes that are active now, and of those that start within AHEAD_S."""
    states = [(one, one.state(now)) for one in downtimes]
    active = [one for one, state in states if state is State.ACTIVE]
    upcoming = [one for one, state in states if state is State.UPCOMING and one.start <= now + AHEAD_S]
    patterns = 0
    for one in active:
        for matchers in one.matcher_sets:
            found = covered(matchers)
            if found is None:
                patterns += 1
                continue
            named = dict(zip(LABELS, found.values, strict=True))
            yield of.ACTIVE(1, _of(one, scope=found.scope, **named, **_kind(one)))
    yield of.ACTIVE_PATTERNS(patterns, Labels())
    for state, found_in in ((State.ACTIVE, active), (State.UPCOMING, upcoming)):
        yield of.DOWNTIMES(len(found_in), Labels(state=state))
    for one in (*active, *upcoming):
        title = one.title[:_LONGEST_TITLE]
        yield of.INFO(1, _of(one, title=title, **_kind(one), source=one.source))
        yield of.START(one.start, _of(one))
        yield of.END(one.end, _of(one))


def _of(one: Downtime, **labels: str) -> Labels:
    return Labels(downtime_id=one.id, **labels)


def _kind(one: Downtime) -> dict[str, str]:
    return {"planned": str(one.planned).lower(), "severity": one.severity}
