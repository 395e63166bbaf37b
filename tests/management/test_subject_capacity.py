"""Room for more VMs on the page."""

from stratoscope.clouds.model import Capacity as Answer
from stratoscope.clouds.model import Flavor, Room
from stratoscope.management.subjects.capacity import Capacity
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

GIB = 2**30
FLAVORS = (
    Flavor("f1", "m1.small", 1, 2 * GIB, 20 * GIB, is_public=True),
    Flavor("f2", "gpu", 8, 64 * GIB, 0, is_public=False),
)
ROOM = (
    Room("m1.small", "az1", 17, is_upper_bound=False),
    Room("m1.small", "az2", 0, is_upper_bound=False),
    Room("gpu", "az1", 2, is_upper_bound=True),
)


def shown(answer: Answer) -> str:
    return rendered(Capacity("uni").samples(answer), Capacity.families)


def test_capacity_is_shown_as_the_golden_page_has_it() -> None:
    page = shown(Answer(FLAVORS, ROOM, {"az1": "gpu"}))
    assert_golden("management_capacity.prom", page)
    assert promtool_findings(page) == ""


def test_no_flavors_show_nothing() -> None:
    assert shown(Answer((), (), {})) == ""


def test_zone_into_which_nothing_fits_has_no_largest_flavor() -> None:
    page = shown(Answer(FLAVORS, ROOM, {"az1": "gpu"}))
    assert 'flavor_room_vms{cloud="uni",flavor="m1.small",zone="az2"} 0\n' in page
    assert 'largest_flavor_info{cloud="uni",zone="az2"' not in page
