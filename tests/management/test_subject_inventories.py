"""What hosts have and promised, and over-provisioning, on the page."""

import pytest
from msgspec.structs import replace

from stratoscope.clouds.model import Inventories as Answer
from stratoscope.clouds.model import Resource, Spread
from stratoscope.management.subjects.inventories import Inventories
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

GIB = 2**30
SPREAD = Spread("inventories", 3, 2, 1795305600.0, 1.0)
NODE1 = {
    "vcpus": Resource(64, 4, 4.0, 120, allocatable=240),
    "pcpus": Resource(16, 0, 1.0, 8, allocatable=16),
    "memory": Resource(256 * GIB, 16 * GIB, 1.0, 100 * GIB, allocatable=240 * GIB),
    "disk": Resource(4096 * GIB, 0, 1.5, 8192 * GIB, allocatable=6144 * GIB),
    "VGPU": Resource(8, 2, 1.5, 3, allocatable=9),
}
NODE2 = {"vcpus": Resource(16, 0, 2.0, 0), "memory": Resource(64 * GIB, 0, 1.0, 64 * GIB)}
SOME = Answer(
    {"node1": NODE1, "node2": NODE2, "nfs": {"disk": Resource(10 * GIB, 0, 1.0, 5 * GIB)}},
    {"node1": "az1", "node2": "az1"},
    SPREAD,
    {"p1": {"vcpus": (36.0, 32.0), "memory": (8.0 * GIB, 16.0 * GIB), "disk": (0.0, 0.0)}},
)


def shown(answer: Answer) -> str:
    return rendered(Inventories("uni").samples(answer), Inventories.families)


def test_inventories_are_shown_as_the_golden_page_has_it() -> None:
    page = shown(SOME)
    assert_golden("management_inventories.prom", page)
    assert promtool_findings(page) == ""


def test_every_family_is_shown() -> None:
    page = shown(SOME)
    missing = [family.name for family in Inventories.families if f"# TYPE {family.name} " not in page]
    assert missing == ["stratoscope_management_project_disk_overprovisioning_ratio"]


def test_how_full_a_host_is_comes_from_one_source() -> None:
    page = shown(SOME)
    of_host = '{cloud="uni",host="node1"}'
    assert f"stratoscope_management_host_vcpus_allocatable{of_host} 240\n" in page
    assert f"stratoscope_management_host_pcpus_allocatable{of_host} 16\n" in page
    assert f"stratoscope_management_host_memory_allocatable_bytes{of_host} {240 * GIB}\n" in page
    assert f"stratoscope_management_host_disk_allocatable_bytes{of_host} {6144 * GIB}\n" in page


def test_resource_class_without_families_of_its_own_tells_as_much_as_cpus() -> None:
    page = shown(SOME)
    metric, of_class = "stratoscope_management_host_resource", '{cloud="uni",host="node1",resource="VGPU"}'
    values = {"": 8, "_reserved": 2, "_allocation_ratio": 1.5, "_allocatable": 9, "_allocated": 3}
    for name, value in values.items():
        assert f"\n{metric}{name}{of_class} {value}\n" in page


def test_what_may_be_promised_is_absent_where_the_source_does_not_count_it() -> None:
    assert 'allocatable{cloud="uni",host="node2"}' not in shown(SOME)


def test_overprovisioning_is_what_was_promised_over_what_is_there() -> None:
    page = shown(SOME)
    prefix = "stratoscope_management"
    assert f'{prefix}_host_vcpus_overprovisioning_ratio{{cloud="uni",host="node1"}} 1.6\n' in page  # 128 / 80
    assert f'{prefix}_zone_vcpus_overprovisioning_ratio{{cloud="uni",zone="az1"}} {128 / 96}\n' in page
    assert f'{prefix}_zone_memory_overprovisioning_ratio{{cloud="uni",zone="az1"}} {164 / 320}\n' in page
    assert f'{prefix}_zone_disk_overprovisioning_ratio{{cloud="uni",zone="az1"}} 2.0\n' in page
    assert f'{prefix}_project_vcpus_overprovisioning_ratio{{cloud="uni",project_id="p1"}} 1.125\n' in page


@pytest.mark.parametrize("unclear", [{"total": None}, {"allocated": None}], ids=str)
def test_overprovisioning_of_a_zone_is_not_said_where_one_of_its_hosts_does_not_tell(
    unclear: dict[str, None],
) -> None:
    node1 = NODE1 | {"pcpus": replace(NODE1["pcpus"], **unclear)}
    page = shown(Answer({"node1": node1, "node2": NODE2}, {"node1": "az1", "node2": "az1"}, SPREAD))
    prefix = "stratoscope_management"
    assert f"\n{prefix}_zone_vcpus_overprovisioning_ratio{{" not in page
    assert f'{prefix}_host_vcpus_overprovisioning_ratio{{cloud="uni",host="node1"}}' not in page
    assert f'{prefix}_host_vcpus_overprovisioning_ratio{{cloud="uni",host="node2"}} 0.0\n' in page
    assert f'{prefix}_zone_memory_overprovisioning_ratio{{cloud="uni",zone="az1"}} {164 / 320}\n' in page


def test_before_anything_is_read_only_how_far_it_is_shows() -> None:
    page = shown(Answer({}, {}, Spread("inventories", 3, 0, None, 1.0)))
    assert [line for line in page.splitlines() if not line.startswith("#")] == [
        'stratoscope_management_spread_items{cloud="uni",collector="inventories"} 3',
        'stratoscope_management_spread_known_items{cloud="uni",collector="inventories"} 0',
        'stratoscope_management_spread_requests_per_second{cloud="uni",collector="inventories"} 1.0',
    ]
