"""Host aggregates on the page."""

from stratoscope.clouds import model
from stratoscope.management.subjects.aggregates import Aggregates
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

AGGREGATES = (
    model.Aggregate("north", "north", ("node1", "node2")),
    model.Aggregate("ssd", "", ("node2",)),
    model.Aggregate('the "old" one', "", ()),
)


def shown(answer: model.Aggregates) -> str:
    subject = Aggregates("uni")
    return rendered(subject.samples(answer), subject.families)


def test_aggregates_are_shown_as_the_golden_page_has_it() -> None:
    page = shown(model.Aggregates(AGGREGATES))
    assert_golden("management_aggregates.prom", page)
    assert promtool_findings(page) == ""


def test_hosts_of_an_aggregate_that_does_not_tell_them_are_no_zero() -> None:
    page = shown(model.Aggregates((model.Aggregate("north", "north", None),)))
    assert 'aggregate_info{cloud="uni",aggregate="north",zone="north"} 1\n' in page
    assert "aggregate_hosts{" not in page
    assert "host_aggregate_info{" not in page


def test_no_aggregates_show_nothing() -> None:
    assert "{" not in shown(model.Aggregates(()))
