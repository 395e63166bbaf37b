"""Services that are not asked in depth, on the page."""

from stratoscope.clouds import model
from stratoscope.management.subjects.other_services import OtherServices
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

SERVICE = model.OtherService(
    "baremetal",
    (
        model.Service("baremetal", "ironic-conductor", "metal1", "", True, True, "", 1795305600.0),
        model.Service("baremetal", "ironic-conductor", "metal2", "rack2", False, False, "moved", None),
    ),
    (
        model.Objects("nodes", {"active": model.Count(3), "error": model.Count(1)}, None, {}),
        model.Objects("nodes_power", {"": model.Count(4)}, None, {}, is_whole=False),
    ),
    are_agents_listed=True,
)


def shown(answer: model.OtherService) -> str:
    subject = OtherServices("uni")
    return rendered(subject.samples(answer), subject.families)


def test_objects_and_agents_are_shown_as_the_golden_page_has_it() -> None:
    page = shown(SERVICE)
    assert_golden("management_other_services.prom", page)
    assert promtool_findings(page) == ""


def test_agents_that_may_not_be_listed_are_told_from_none() -> None:
    metric = "stratoscope_management_services_listed"
    for are_listed in (False, True):
        page = shown(model.OtherService("dns", (), (), are_agents_listed=are_listed))
        assert f'{metric}{{cloud="uni",service="dns"}} {int(are_listed)}\n' in page


def test_service_without_objects_and_agents_shows_nothing() -> None:
    assert shown(model.OtherService("baremetal", (), ())) == ""
