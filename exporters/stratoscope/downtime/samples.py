"""The samples of the downtimes of a moment, of silences and of imports: pure."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from stratoscope.core.errors import Reason
from stratoscope.core.metrics import Labels, Sample, optional_samples
from stratoscope.downtime import families as of
from stratoscope.downtime.database.errors import Refusal
from stratoscope.downtime.hosts_off.hosts import hosts_off
from stratoscope.downtime.imports import report as imports
from stratoscope.downtime.imports.announced import Skip
from stratoscope.downtime.keeper import Stuck
from stratoscope.downtime.model import DAY_S, SCRIPT, Downtime, Limit, State
from stratoscope.downtime.scope import LABELS, covered
from stratoscope.downtime.silences import report as silences

AHEAD_S: Final = 7 * DAY_S
"""So long before its start a downtime is shown."""
_LONGEST_TITLE: Final = 100


def samples(downtimes: Sequence[Downtime], now: float, overridden: Collection[str] = ()) -> Iterable[Sample]:
    """Of the downtimes that are active now, and of those that start within AHEAD_S.

    Args:
        overridden: The ids of those of which a person expired a silence.
    """
    states = [(one, one.state(now)) for one in downtimes]
    active = [one for one, state in states if state is State.ACTIVE]
    upcoming = [one for one, state in states if state is State.UPCOMING and one.start <= now + AHEAD_S]
    for one in active:
        patterns = 0
        silenced = str(one.silences and one.id not in overridden).lower()
        for matchers in one.matcher_sets:
            found = covered(matchers)
            if found is None:
                patterns += 1
                continue
            named = dict(zip(LABELS, found.values, strict=True))
            yield of.ACTIVE(1, _of(one, scope=found.scope, **named, **_kind(one), silences=silenced))
        if patterns:
            yield of.ACTIVE_PATTERNS(patterns, _of(one))
    for state, found_in in ((State.ACTIVE, active), (State.UPCOMING, upcoming)):
        yield of.DOWNTIMES(len(found_in), Labels(state=state))
    for one in (*active, *upcoming):
        title = one.title[:_LONGEST_TITLE]
        yield of.INFO(1, _of(one, title=title, **_kind(one), source=one.source))
        yield of.START(one.start, _of(one))
        yield of.END(one.end, _of(one))


def of_notices(soon: Iterable[tuple[Downtime, Limit]]) -> Iterable[Sample]:
    """Of the downtimes that end soon."""
    for one, limit in soon:
        yield of.NOTICE(1, _of(one, of="cap" if limit.is_cap else "end"))


def of_leader(*, leads: bool) -> Sample:
    """Whether this process leads."""
    return of.LEADER(int(leads), Labels())


def of_database(refused: Refusal | None) -> Iterable[Sample]:
    """Why the last change was not stored; None if it was."""
    for reason in Refusal:
        yield of.REFUSED(int(reason is refused), Labels(reason=reason))


def of_windows(stuck: Collection[Stuck]) -> Iterable[Sample]:
    """Of the windows of which no occurrence can be filed."""
    for reason in Stuck:
        yield of.WINDOWS_STUCK(sum(one is reason for one in stuck), Labels(reason=reason))


def of_scripts(downtimes: Sequence[Downtime], now: float) -> Iterable[Sample]:
    """Of the hosts of which a script says that they are off."""
    filed = [one for one in downtimes if one.source.startswith(SCRIPT)]
    for host in hosts_off(filed, now, 0):
        yield of.HOST_OFF_BY_SCRIPT(1, Labels(cloud=host.cloud, host=host.host))


def of_silences(report: silences.Report) -> Iterable[Sample]:
    """How one Alertmanager stands."""
    labels = Labels(alertmanager=report.alertmanager)
    yield of.OVERRIDDEN(report.overridden, labels.plus(how="expired"))
    yield of.OVERRIDDEN(report.taken_over, labels.plus(how="taken_over"))
    yield of.IN_STEP(report.is_in_step, labels)
    for reason, number in report.errors.items():
        yield of.SYNC_ERRORS(number, labels.plus(reason=reason))
    yield from optional_samples(
        (of.WANTED, of.PRESENT, of.LAST_SYNC, of.AM_SKEW),
        (report.wanted, report.present, report.last_success, report.ahead_s),
        labels,
    )


def of_import(report: imports.Report) -> Iterable[Sample]:
    """How the imports from one source go."""
    labels = Labels(source=report.source)
    yield of.IMPORTED(report.rows, labels)
    yield of.UNMAPPED(report.unmapped, labels)
    yield of.HELD(report.held, labels)
    for skip in Skip:
        yield of.SKIPPED(report.skipped.get(skip, 0), labels.plus(reason=skip))
    for reason in Reason:
        yield of.IMPORT_ERRORS(report.errors.get(reason, 0), labels.plus(reason=reason))
    yield from optional_samples((of.LAST_IMPORT,), (report.imported_at,), labels)


def _of(one: Downtime, **labels: str) -> Labels:
    return Labels(downtime_id=one.id, **labels)


def _kind(one: Downtime) -> dict[str, str]:
    return {"planned": str(one.planned).lower(), "severity": one.severity}
