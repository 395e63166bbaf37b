"""Downtimes on the page."""

from typing import Any

import pytest
from msgspec.structs import replace

from stratoscope.downtime.families import OF_DOWNTIMES
from stratoscope.downtime.matchers import Matcher, MatcherSet, matcher_set
from stratoscope.downtime.model import DAY_S, Downtime, Severity
from stratoscope.downtime.samples import samples
from stratoscope.downtime.scope import Scope, covered
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

NOW = 1_800_000_000


def sets(*texts: str) -> tuple[MatcherSet, ...]:
    return tuple(matcher_set(map(Matcher.parse, text.split(" & "))) for text in texts)


def downtime(**fields: Any) -> Downtime:
    usual = Downtime(
        id="a234567890", title="new switch", start=NOW - 60, end=NOW + 60, silences=True,
        matcher_sets=sets("cloud=uni & host=n1"), author="alice", created_at=0, changed_at=0,
    )  # fmt: skip
    return replace(usual, **fields)


def shown(*downtimes: Downtime) -> str:
    return rendered(samples(downtimes, NOW), OF_DOWNTIMES)


def test_downtimes_are_shown_as_the_golden_page_has_them() -> None:
    page = shown(
        downtime(),
        downtime(
            id="b234567890",
            title='"<b>' + "x" * 200,
            planned=False,
            severity=Severity.DEGRADED,
            source="gocdb:egi",
            matcher_sets=sets("cloud=uni", "service=nova-api & cloud=uni", "host=~n.*", "team=a"),
        ),
        downtime(id="c234567890", start=NOW + DAY_S, end=NOW + 2 * DAY_S),
        downtime(id="d234567890", start=NOW + 8 * DAY_S, end=NOW + 9 * DAY_S),
        downtime(id="e234567890", end=NOW),
        downtime(id="f234567890", cancelled_at=NOW),
    )
    assert_golden("downtime_downtimes.prom", page)
    assert promtool_findings(page) == ""


def test_nothing_filed_shows_zeros() -> None:
    page = shown()
    assert "stratoscope_downtime_active_patterns{} 0" in page
    assert 'stratoscope_downtime_downtimes{state="active"} 0' in page
    assert "stratoscope_downtime_info{" not in page


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("cloud=uni", Scope.CLOUD),
        ("cloud=uni & zone=az1", Scope.ZONE),
        ("cloud=uni & host=n1", Scope.HOST),
        ("cloud=uni & project_id=p", Scope.PROJECT),
        ("cloud=uni & vm_id=v", Scope.VM),
        ("host=n1", Scope.OTHER),
        ("cloud=uni & service=nova", Scope.OTHER),
        ("cloud=uni & host=n1 & zone=az1", Scope.OTHER),
        ('cloud=uni & host=""', Scope.OTHER),
        ("cloud=uni & team=a", None),
        ("cloud=uni & host=~n", None),
        ("cloud=uni & host!=n1", None),
        ("host=n1 & host=n2", None),
    ],
)
def test_a_set_covers_a_scope_if_it_says_nothing_more(text: str, scope: Scope | None) -> None:
    (one,) = sets(text)
    found = covered(one)
    assert (found.scope if found else None) is scope
