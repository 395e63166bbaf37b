"""Room for more VMs on the page."""

from stratoscope.clouds.flavors import Capacity as Answer
from stratoscope.clouds.flavors import Room
from stratoscope.management.subjects.capacity import Capacity
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

ROOM = (
    Room("m1.small", "az1", 17, is_upper_bound=False),
    Room("m1.small", "az2", 0, is_upper_bound=False),
    Room("gpu", "az1", 2, is_upper_bound=True),
    Room("gpu", "az3", 1, is_upper_bound=True),
)
SOME = Answer(ROOM, {"az1": ROOM[0], "az3": ROOM[3]})


def shown(answer: Answer) -> str:
    return rendered(Capacity("uni").samples(answer), Capacity.families)


def test_capacity_is_shown_as_the_golden_page_has_it() -> None:
    page = shown(SOME)
    assert_golden("management_capacity.prom", page)
    assert promtool_findings(page) == ""


def test_no_room_shows_nothing() -> None:
    assert shown(Answer((), {})) == ""


def test_every_room_says_whether_it_is_an_upper_bound() -> None:
    page = shown(SOME)
    assert 'flavor_room_upper_bound{cloud="uni",flavor="m1.small",zone="az2"} 0\n' in page
    assert 'flavor_room_upper_bound{cloud="uni",flavor="gpu",zone="az1"} 1\n' in page
    assert page.count("flavor_room_upper_bound{") == page.count("flavor_room_vms{") == len(ROOM)


def test_largest_flavor_whose_room_is_an_upper_bound_is_marked() -> None:
    page = shown(SOME)
    assert 'largest_flavor_info{cloud="uni",zone="az1",flavor="m1.small",upper_bound="false"} 1\n' in page
    assert 'largest_flavor_info{cloud="uni",zone="az3",flavor="gpu",upper_bound="true"} 1\n' in page


def test_zone_into_which_nothing_fits_has_no_largest_flavor() -> None:
    page = shown(SOME)
    assert 'flavor_room_vms{cloud="uni",flavor="m1.small",zone="az2"} 0\n' in page
    assert 'largest_flavor_info{cloud="uni",zone="az2"' not in page
