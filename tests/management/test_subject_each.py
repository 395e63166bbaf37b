"""Objects one by one on the page."""

import msgspec
import pytest

from stratoscope.clouds import objects
from stratoscope.clouds.model import Spread
from stratoscope.core.metrics import LONGEST
from stratoscope.management.subjects.each import SORTS, Each
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

GIB = 2**30
WHEN = 1795305600.0
OBJECTS: tuple[msgspec.Struct, ...] = (
    objects.Router("r1", 'edge "1"', "p1", "n9", True, False, "ACTIVE", False),
    objects.Router("r2", "", "p2", "", None, None, "ALLOCATING", None),
    objects.RouterAgent("r1", "net1"),
    objects.RouterAgent("r1", "net2"),
    objects.Port(
        "o1", "", "p1", "n1", "vm-1", "compute:az1", "vm-1", "fa:16:3e:00:00:01", "node1", "ovs",
        "ACTIVE", True,
        (objects.PortAddress("s1", "10.0.0.5"), objects.PortAddress("s2", "2001:db8::5")),
    ),
    objects.Port("o2", "spare", "p1", "n1", "", "", "", "", "", "unbound", "DOWN", None, ()),
    objects.FloatingIP("f1", "198.51.100.7", "p1", "n9", "r1", "o1", "10.0.0.5", "ACTIVE"),
    objects.FloatingIP("f2", "198.51.100.8", "p1", "n9", "", "", "", "DOWN"),
    objects.Network("n1", "inside", "p1", False, False, "vxlan", "", "183", "ACTIVE", True, 1450),
    objects.Network("n9", "outside", "p0", None, True, "", "", "", "ACTIVE", False, None),
    objects.Subnet(
        "s1", "inside-v4", "p1", "n1", "sp1", "4", "10.0.0.0/24", "10.0.0.1", True, 256.0,
        (objects.Nameserver("10.0.0.2"), objects.Nameserver("10.0.0.2")),
    ),
    objects.Subnet("s2", "", "p1", "n1", "", "6", "2001:db8::/64", "", None, 2.0**64, ()),
    objects.SubnetPool(
        "sp1", "tens", "p0", "4", True, "26", 512.0,
        (objects.Prefix("10.0.0.0/24"), objects.Prefix("10.0.1.0/24")),
    ),
    objects.Volume(
        "v1", "data", "p1", "u1", "nova", "store1@thin#hdd", "ssd", True, False, None, "in-use",
        7 * GIB, WHEN,
        (objects.Attachment("vm-1", "node1", "/dev/vdb"),),
    ),
    objects.Volume("v2", "", "p1", "", "", "", "", None, None, None, "error", None, None, ()),
    objects.Image("i1", "cirros", "p0", "public", False, True, "qcow2", "bare", "active", 65536, WHEN),
    objects.Image("i2", "", "", "shared", None, None, "", "", "queued", None, None),
    objects.VM("7", "web", "100", "2", "node1", 2, 0.5, 4 * GIB, 1, 2, WHEN),
    objects.VM(
        "9", "busy", "100", "2", "node1", 2, 0.5, 4 * GIB, 1, 2, WHEN, 1.25, 3 * GIB, 10, 20, 30, 40, 5, 6,
        WHEN + 60,
    ),
    objects.VM("8", "", "100", "2", "", None, None, None, None, None, None),
    objects.Disk("7/0", "7", "3", "default", 20 * GIB),
    objects.KeystoneDomain("d1", "Default", "The default domain", "enabled"),
    objects.Project("p1", "physics", "d1", "d1", "Ring 3,\nroom 7", "disabled", (objects.Tag("paid"),)),
)  # fmt: skip


def answer(*of: msgspec.Struct, beyond: int = 0, spread: Spread | None = None) -> objects.Each:
    return objects.Each(
        kind=type(of[0]),
        collector=f"each_{type(of[0]).__name__}",
        objects=of,
        beyond=beyond,
        is_whole=True,
        malformed=0,
        spread=spread,
    )


def shown(*answers: objects.Each) -> str:
    return rendered((one for each in answers for one in Each("uni").samples(each)), Each.families)


def all_of(kind: type[msgspec.Struct]) -> objects.Each:
    return answer(*(one for one in OBJECTS if type(one) is kind))


def test_every_sort_is_shown_as_the_golden_page_has_it() -> None:
    page = shown(*map(all_of, SORTS))
    assert_golden("management_each.prom", page)
    assert promtool_findings(page) == ""


@pytest.mark.parametrize("kind", SORTS, ids=lambda kind: kind.__name__)
def test_every_family_of_a_sort_is_shown_by_some_object_of_it(kind: type[msgspec.Struct]) -> None:
    page = shown(all_of(kind))
    assert [one.name for one in SORTS[kind].families() if f"# TYPE {one.name} " not in page] == []


@pytest.mark.parametrize("kind", SORTS, ids=lambda kind: kind.__name__)
def test_no_sort_has_a_label_that_means_something_else_elsewhere(kind: type[msgspec.Struct]) -> None:
    labels = {label for family in SORTS[kind].families() for label in family.labels}
    assert not labels & {"name", "image", "type", "domain", "instance", "job", "reason", "id"}


def test_object_shows_the_state_that_it_is_in_alone() -> None:
    page = shown(all_of(objects.Router))
    assert [
        line for line in page.splitlines() if line.startswith("stratoscope_management_each_router_state")
    ] == [
        'stratoscope_management_each_router_state{cloud="uni",router_id="r1",state="ACTIVE"} 1',
        'stratoscope_management_each_router_state{cloud="uni",router_id="r2",state="ALLOCATING"} 1',
    ]


def test_what_the_source_does_not_tell_is_absent_or_empty_and_no_zero() -> None:
    page = shown(
        answer(*(one for one in OBJECTS if isinstance(one, objects.Volume) and one.volume_id == "v2"))
    )
    assert "size_bytes" not in page
    assert "created" not in page
    assert 'volume_type="",bootable="",encrypted="",multiattach=""} 1' in page


def test_free_words_of_an_object_are_cut() -> None:
    page = shown(answer(objects.KeystoneDomain("d", "D", "x" * 5000, "enabled")))
    assert f'text="{"x" * LONGEST}"}} 1' in page


def test_those_beyond_the_bound_are_counted_and_the_spread_is_told() -> None:
    spread = Spread("router_agents", 3, 2, WHEN, 0.2)
    page = shown(answer(objects.RouterAgent("r1", "net1"), beyond=7, spread=spread))
    assert 'each_beyond_bound{cloud="uni",collector="each_RouterAgent"} 7\n' in page
    assert 'spread_known_items{cloud="uni",collector="router_agents"} 2\n' in page


def test_no_objects_show_that_there_are_none_beyond() -> None:
    page = shown(objects.Each(kind=objects.Port, collector="each_port", objects=(), beyond=0, is_whole=False))
    assert [line for line in page.splitlines() if not line.startswith("#")] == [
        'stratoscope_management_each_whole{cloud="uni",collector="each_port"} 0',
        'stratoscope_management_each_beyond_bound{cloud="uni",collector="each_port"} 0',
    ]
