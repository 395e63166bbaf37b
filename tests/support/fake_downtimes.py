"""Downtimes, and what stands beside them on the pages, that are made up."""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from stratoscope.core.errors import Reason
from stratoscope.downtime.imports.announced import Announced, Skip
from stratoscope.downtime.imports.report import Report
from stratoscope.downtime.matchers import Matcher, MatcherSet, matcher_set, set_texts
from stratoscope.downtime.model import DAY_S, Action, Change, Downtime, Severity
from stratoscope.downtime.silences import report as silences

NOW = 1_796_000_000
"""2026-11-30 00:53:20 UTC, a Monday."""
HOUR_S = 3600
BAD = '<script>alert("x")</script> & \N{SNOWMAN}'


def sets(*texts: str) -> tuple[MatcherSet, ...]:
    return tuple(sorted(matcher_set(map(Matcher.parse, set_texts(text))) for text in texts))


def downtime(
    number: int = 1, *on: str, now: int = NOW, after: int = -HOUR_S, lasts: int = 2 * HOUR_S, **more: Any
) -> Downtime:
    """A downtime. Args: on: Its matcher sets. after: From now until it starts, in seconds."""
    usual = Downtime(
        id=f"a{number:09}", title=f"new switch {number}", start=now + after, end=now + after + lasts,
        silences=True, matcher_sets=sets(*(on or ("cloud=uni, host=n1",))), author="alice",
        created_at=now - DAY_S, changed_at=now - DAY_S,
    )  # fmt: skip
    return replace(usual, **more)


def few(now: int = NOW) -> Iterator[Downtime]:
    """Of every kind."""
    yield downtime(1, now=now, text=f"The switch of rack 7 is replaced.\n{BAD}", revision=3)
    yield downtime(
        2, "cloud=uni", now=now, severity=Severity.AT_RISK, after=-DAY_S, lasts=3 * DAY_S, title=BAD
    )
    yield downtime(
        3, 'cloud=uni, service=~"nova.*"', *(f"cloud=uni, host=n{n}" for n in range(1, 6)), now=now,
        severity=Severity.DEGRADED, planned=False, after=-3 * HOUR_S, lasts=DAY_S, until_further_notice=True,
        title="Nova answers slowly",
    )  # fmt: skip
    yield downtime(4, now=now, after=5 * HOUR_S, planned=False, title="host n1 is broken")
    yield downtime(5, now=now, after=2 * DAY_S, cancelled_at=now, title="cancelled: no spare part")
    yield downtime(
        6,
        "cloud=uni, zone=nova",
        now=now,
        after=DAY_S,
        lasts=9 * HOUR_S,
        source="gocdb:egi",
        external_id="G42",
    )
    yield downtime(
        7, "cloud=uni, project_id=6f70656e737461636b20697320612063", now=now, after=-5 * HOUR_S, lasts=HOUR_S
    )
    yield downtime(
        8, "cloud=far, vm_id=6e0c1f0a-0000-4000-8000-000000000001", now=now, after=4 * DAY_S, lasts=60
    )


def many(now: int = NOW, count: int = 10_000, hosts: int = 300) -> Iterator[Downtime]:
    """So many, spread over a year around now."""
    for number in range(count):
        after = (number - count // 2) * 365 * DAY_S // count
        yield downtime(
            number, f"cloud=uni, host=n{number * 7919 % hosts}", now=now, after=after, lasts=8 * HOUR_S
        )


def changes(now: int = NOW) -> Iterator[Change]:
    """The history of the first downtime."""
    one = "a000000001"
    yield Change(
        downtime_id=one,
        revision=1,
        at=now - DAY_S,
        who="alice",
        action=Action.FILED,
        fields={"title": (None, "new switch 1")},
    )
    fields = {
        "end": (now, now + HOUR_S), "until_further_notice": (False, True), "text": ("", f"line\n{BAD}"),
        "matcher_sets": ([['host="n1"']], [['cloud="uni"', 'host="n1"'], ['service=~"nova.*"']]),
        "revision": (1, 2), "cancelled_at": (now, None),
    }  # fmt: skip
    yield Change(
        downtime_id=one, revision=2, at=now - HOUR_S, who="bob", action=Action.CHANGED, fields=fields
    )
    yield Change(downtime_id=one, revision=2, at=now - 60, who="eve", action=Action.OVERRIDDEN)


def alertmanagers(now: int = NOW) -> Iterator[silences.Report]:
    """One in each state."""
    usual = silences.Report(alertmanager="am-1", wanted=4, present=4, is_in_step=True, last_success=now - 5)
    yield replace(usual, overridden=1)
    yield replace(
        usual, alertmanager="am-2", present=1, last_success=now - 900, is_in_step=False,
        trouble=f"connection refused {BAD}",
    )  # fmt: skip
    yield replace(usual, alertmanager="am-3", present=0, last_success=None, is_in_step=False)
    yield replace(
        usual, alertmanager="am-4", present=2, is_in_step=False, writes=1, expiries=1, is_dry_run=True
    )


def imports(now: int = NOW) -> Iterator[Report]:
    """One in each state."""
    row = Announced(
        external_id="G43", title=BAD, planned=True, severity=Severity.OUTAGE, start=now, end=now + 60,
        hosts=("ce.example.org", "se.example.org"), services=("CREAM-CE",),
    )  # fmt: skip
    yield Report(
        source="gocdb:egi", tried_at=now - 60, imported_at=now - 60, rows=40, unmapped=23, held=2,
        unmapped_rows=(row, replace(row, external_id="G44", hosts=(), services=())),
        skipped={Skip.MALFORMED: 1, Skip.REFUSED: 2}, skipped_words=("G45: ends before it starts",),
    )  # fmt: skip
    yield Report(
        source="osg:uni",
        tried_at=now - 60,
        reason=Reason.TIMEOUT,
        words="no answer within 30 s",
        imported_at=now - 2 * DAY_S,
    )
    yield Report(source="ical:uni")
