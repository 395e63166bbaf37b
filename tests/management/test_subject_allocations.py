"""Disagreements of Placement and the cloud on the page."""

from stratoscope.clouds.disagreements import Allocations as Answer
from stratoscope.clouds.disagreements import Disagreement, DisagreementReason
from stratoscope.clouds.model import Spread
from stratoscope.management.subject import Bounds
from stratoscope.management.subjects.allocations import INFO, NUMBER, OF_OTHERS, UNJUDGED, Allocations
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

SPREAD = Spread("allocations", 3, 2, 1795305600.0, 0.5)
SOME = (
    Disagreement(DisagreementReason.ALLOCATION_WITHOUT_VM, "vm-9", "", "node1", 1795305600.0),
    Disagreement(DisagreementReason.ENDED_MIGRATION, "m-1", "vm-1", "node1", 1795305601.0),
    Disagreement(DisagreementReason.OTHER_HOST, "vm-2", "vm-2", "node2", 1795305602.0),
    Disagreement(DisagreementReason.VM_WITHOUT_ALLOCATION, "vm-3", "vm-3", "node1", 1795305603.0),
    Disagreement(DisagreementReason.VM_WITHOUT_ALLOCATION, "vm-4", "vm-4", "node1", 1795305603.0),
)


def page(answer: Answer, most: int = 100) -> str:
    subject = Allocations("uni")
    subject.bounds = Bounds(disagreements=most)
    return rendered(subject.samples(answer), subject.families)


def test_disagreements_are_shown_as_the_golden_page_has_it() -> None:
    shown = page(Answer(SOME, SPREAD, of_others={"CONTAINER": 3}))
    assert_golden("management_allocations.prom", shown)
    assert promtool_findings(shown) == ""


def test_all_are_counted_and_the_oldest_are_named() -> None:
    shown = page(Answer(SOME, SPREAD), most=2)
    assert f'{NUMBER.name}{{cloud="uni",reason="vm_without_allocation"}} 2\n' in shown
    named = [line for line in shown.splitlines() if line.startswith(INFO.name)]
    assert ["vm-9" in named[0], "m-1" in named[1], len(named)] == [True, True, 2]


def test_types_of_other_services_are_bounded_and_the_rest_is_counted() -> None:
    shown = page(Answer((), SPREAD, of_others={f"T{number:02}": 20 - number for number in range(12)}))
    lines = [line for line in shown.splitlines() if line.startswith(OF_OTHERS.name)]
    assert len(lines) == 11
    assert lines[0] == f'{OF_OTHERS.name}{{cloud="uni",consumer_type="T00"}} 20'
    assert lines[-1] == f'{OF_OTHERS.name}{{cloud="uni",consumer_type="other"}} {10 + 9}'


def test_hosts_that_cannot_be_judged_are_counted_though_nothing_else_is() -> None:
    shown = page(Answer(None, SPREAD, unjudged_hosts=3))
    assert f'{UNJUDGED.name}{{cloud="uni"}} 3\n' in shown
    assert NUMBER.name not in shown


def test_nothing_is_counted_that_is_not_known() -> None:
    shown = page(Answer(None, SPREAD))
    assert NUMBER.name not in shown
    assert 'stratoscope_management_spread_items{cloud="uni",collector="allocations"} 3\n' in shown
