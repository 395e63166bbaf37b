"""Flavors on the page."""

from stratoscope.clouds.flavors import Flavor
from stratoscope.clouds.flavors import Flavors as Answer
from stratoscope.management.subjects.flavors import Flavors
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

GIB = 2**30
SOME = (
    Flavor("f1", "m1.small", 1, 2 * GIB, 20 * GIB, is_public=True, costs={"cpu": 0.5, "disk": 0.0}),
    Flavor("f2", "gpu", 8, 64 * GIB, 0, is_public=False),
)


def shown(*flavors: Flavor) -> str:
    return rendered(Flavors("uni").samples(Answer(flavors)), Flavors.families)


def test_flavors_are_shown_as_the_golden_page_has_it() -> None:
    page = shown(*SOME)
    assert_golden("management_flavors.prom", page)
    assert promtool_findings(page) == ""


def test_no_flavors_show_nothing() -> None:
    assert shown() == ""


def test_a_disk_that_is_unknown_is_absent() -> None:
    page = shown(Flavor("3", "web", 1, GIB, None, is_public=True))
    assert "flavor_vcpus" in page
    assert "flavor_disk" not in page
