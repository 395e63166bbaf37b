"""Downtimes on the page."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from msgspec.structs import replace

from stratoscope.core.errors import CollectError, Reason
from stratoscope.downtime.collector import Downtimes, Facts
from stratoscope.downtime.database.errors import Refusal, StoreError
from stratoscope.downtime.families import OF_DOWNTIMES, OF_IMPORTS, OF_SILENCES
from stratoscope.downtime.imports import report as imports
from stratoscope.downtime.imports.announced import Skip
from stratoscope.downtime.keeper import Stuck
from stratoscope.downtime.matchers import Matcher, MatcherSet, matcher_set
from stratoscope.downtime.model import DAY_S, Downtime, Severity
from stratoscope.downtime.notices import Notices
from stratoscope.downtime.samples import of_import, of_notices, of_scripts, of_silences, samples
from stratoscope.downtime.scope import Scope, covered
from stratoscope.downtime.silences import report as silences
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


@pytest.mark.parametrize(
    ("fields", "now", "of"),
    [
        ({}, NOW + 3600, ""),
        ({}, NOW + 3601, "end"),
        ({}, NOW + 7200, ""),
        ({"start": NOW + 1}, NOW, ""),
        ({"until_further_notice": True}, NOW + 7000, ""),
        ({"until_further_notice": True, "end": NOW + 30 * DAY_S}, NOW + 30 * DAY_S - 3599, "cap"),
        ({"source": "cloud:uni"}, NOW + 7000, ""),
        ({"source": "cloud:uni", "end": NOW + 7 * DAY_S}, NOW + 7 * DAY_S - 3599, "cap"),
        ({"source": "script:uni"}, NOW + 3601, "end"),
        ({"source": "script:uni", "until_further_notice": True}, NOW + 7000, ""),
        (
            {"source": "script:uni", "until_further_notice": True, "end": NOW + 7 * DAY_S},
            NOW + 7 * DAY_S - 3599,
            "cap",
        ),
    ],
)
def test_a_downtime_that_ends_for_good_within_the_hour_has_a_notice(
    fields: dict[str, Any], now: int, of: str
) -> None:
    one = downtime(**{"id": "a", "start": NOW, "end": NOW + 7200} | fields)
    page = rendered(of_notices(Notices(3599, 7 * DAY_S).of([one], now)), OF_DOWNTIMES)
    found = [line for line in page.splitlines() if line.startswith("stratoscope_downtime_notice{")]
    assert found == ([f'stratoscope_downtime_notice{{downtime_id="a",of="{of}"}} 1'] if of else [])


def test_a_host_that_a_script_switched_off_is_shown() -> None:
    fields = {"start": NOW, "end": NOW + 60, "source": "script:uni", "external_id": "n1"}
    here = downtime(**fields)
    others = [replace(here, id="b", source="cloud:uni"), replace(here, id="c", start=NOW + 1)]
    page = rendered(of_scripts([here, *others], NOW), OF_DOWNTIMES)
    assert 'stratoscope_downtime_host_off_by_script{cloud="uni",host="n1"} 1\n' in page
    assert page.count("host_off_by_script{") == 1


@pytest.mark.parametrize(
    ("filed", "overridden", "silences"),
    [
        (True, (), "true"),
        (False, (), "false"),
        (True, ["a234567890"], "false"),
        (True, ["b234567890"], "true"),
    ],
)
def test_what_silences_nothing_is_told_apart(filed: bool, overridden: Sequence[str], silences: str) -> None:
    page = rendered(samples([downtime(silences=filed)], NOW, overridden), OF_DOWNTIMES)
    assert f'severity="outage",silences="{silences}"}} 1\n' in page


def test_silences_and_imports_are_shown_as_the_golden_page_has_them() -> None:
    in_step = silences.Report(
        alertmanager="main",
        wanted=3,
        present=2,
        overridden=1,
        taken_over=2,
        is_in_step=True,
        last_success=NOW,
        ahead_s=0.5,
    )
    import_ = imports.Report(
        source="gocdb:egi", imported_at=NOW, rows=5, unmapped=2, held=3, skipped={Skip.MALFORMED: 1},
        errors={Reason.TIMEOUT: 4},
    )  # fmt: skip
    away, never = silences.Report(alertmanager="away"), imports.Report(source="osg:all")
    left = silences.Report(alertmanager="left", wanted=29, trouble="gone", last_success=NOW)
    found = [
        *of_silences(in_step),
        *of_silences(away),
        *of_silences(left),
        *of_import(import_),
        *of_import(never),
    ]
    page = rendered(found, (*OF_SILENCES, *OF_IMPORTS))
    assert_golden("downtime_in_step.prom", page)
    assert promtool_findings(page) == ""


@pytest.mark.parametrize("leads", [True, False])
def test_a_process_that_does_not_lead_shows_nothing_of_silences_and_windows(leads: bool) -> None:
    report = silences.Report(alertmanager="main", is_in_step=True)
    facts = Facts(
        now=NOW, downtimes=[], overridden=(), silences=[report],
        imports=[imports.Report(source="osg:all", rows=5)],
        windows=[Stuck.ZONE, Stuck.ZONE], refused=Refusal.FULL, leads=leads,
    )  # fmt: skip
    collector = Downtimes(cast(Any, None), [], [], keeper=cast(Any, None), notices=Notices(0, 0))
    page = rendered(collector.samples(facts), collector.families)
    assert f"stratoscope_downtime_leader{{}} {int(leads)}\n" in page
    assert ('stratoscope_downtime_windows_stuck{reason="zone"} 2\n' in page) is leads
    assert ('stratoscope_downtime_windows_stuck{reason="rule"} 0\n' in page) is leads
    assert ('stratoscope_downtime_silences_in_step{alertmanager="main"} 1\n' in page) is leads
    assert 'stratoscope_downtime_import_rows{source="osg:all"} 5\n' in page
    assert 'stratoscope_downtime_database_refused{reason="full"} 1\n' in page
    assert 'stratoscope_downtime_database_refused{reason="read_only"} 0\n' in page


class Broken:
    """A store that cannot be read."""

    async def live(self, *_: int, **__: int) -> Sequence[Downtime]:
        raise StoreError("file", "no space left")


async def test_a_database_that_cannot_be_read_is_a_failed_collection() -> None:
    with pytest.raises(CollectError, match="database file: no space left") as raised:
        await Downtimes(cast(Any, Broken()), [], [], keeper=cast(Any, None), notices=Notices(0, 0)).fetch()
    assert raised.value.reason is Reason.UNAVAILABLE


def test_nothing_filed_shows_zeros() -> None:
    page = shown()
    assert "stratoscope_downtime_active_patterns{" not in page
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
