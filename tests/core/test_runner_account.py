"""The series that every exporter shows of its collectors: names, labels, values."""

from collections import Counter

from stratoscope.core.collector import Absent, Collection, Every, OnScrape
from stratoscope.core.errors import Dropped, LeftOut, Reason
from stratoscope.core.exposition import render
from stratoscope.core.metrics import Sample
from stratoscope.core.runner import FAMILIES, Runner, Status, left_out
from support.golden import assert_golden
from support.pages import parsed, promtool_findings, rendered, text
from support.source import Source

FINE = Status(
    success=True,
    duration_s=0.125,
    last_success=1_750_000_000.25,
    samples=1234,
    errors=Counter({Reason.TIMEOUT: 2}),
    dropped=Counter({Dropped.MAX_SERIES: 7}),
    malformed=3,
)
DOWN = Status(
    success=False,
    reason=Reason.UNAVAILABLE,
    message="connection refused",
    duration_s=2.5,
    last_success=1_750_000_000,
    errors=Counter({Reason.UNAVAILABLE: 4, Reason.INTERNAL: 1}),
)


def runner_of(name: str, cloud: str, schedule: OnScrape | Every) -> Runner:
    source = Source()
    source.name, source.cloud = name, cloud
    return Runner(Collection(source, schedule))


def accounts() -> list[Sample]:
    """One collector of each sort: fine, failing, not yet run, left out."""
    return [
        *runner_of("domains", "uni", OnScrape(9.5)).account(FINE),
        *runner_of("pools", "uni", Every(60, 50, 300)).account(DOWN),
        *runner_of("process", "", OnScrape()).account(Status()),
        left_out(Absent("rapl", LeftOut.ABSENT)),
        left_out(Absent("jobs", LeftOut.UNAUTHORIZED, "uni")),
    ]


def test_account_is_golden() -> None:
    assert_golden("core_account.prom", rendered(accounts(), FAMILIES))


def test_account_is_a_good_page_in_both_formats() -> None:
    lines = render(accounts(), FAMILIES, 1000)
    assert (lines.samples, lines.dropped) == (len(accounts()), {})
    for openmetrics in (False, True):
        metrics = parsed(text([lines], openmetrics=openmetrics), openmetrics=openmetrics)
        assert [sample.name for metric in metrics for sample in metric.samples[:1]] == [
            family.name for family in FAMILIES
        ]
    assert promtool_findings(text([lines])) == ""
