"""Services on the page."""

import pytest
from msgspec.structs import replace

from stratoscope.clouds.model import Service
from stratoscope.clouds.model import Services as Answer
from stratoscope.management.subjects.services import HostServices, Services
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

SOME = (
    Service("compute", "nova-compute", "node1", "az1", True, True, "", 1795305600.0, False),
    Service("compute", "nova-compute", "node2", "az1", False, False, 'AUTO: "libvirt"', 1795300000.0, True),
    Service("network", "neutron-l3-agent", "node1", "", True, True, "", None),
)


def shown(*services: Service) -> str:
    return rendered(Services("uni").samples(Answer(services)), Services.families)


def test_services_are_shown_as_the_golden_page_has_it() -> None:
    page = shown(*SOME)
    assert_golden("management_services.prom", page)
    assert promtool_findings(page) == ""


def test_no_services_show_nothing() -> None:
    assert shown() == ""


def test_service_that_is_forced_down_is_told_apart_from_one_that_died() -> None:
    page = shown(*SOME)
    assert (
        'forced_down{cloud="uni",service="compute",binary="nova-compute",host="node2",zone="az1"} 1' in page
    )
    assert (
        'forced_down{cloud="uni",service="compute",binary="nova-compute",host="node1",zone="az1"} 0' in page
    )
    assert 'forced_down{cloud="uni",service="network"' not in page


def test_of_a_long_text_about_a_service_the_first_1024_bytes_are_shown() -> None:
    service = Service("compute", "nova-compute", "n", "", True, False, "a" * 1023 + "ä" * 10, None)
    assert f'host="n",zone="",text="{"a" * 1023}"}} 1' in shown(service)


def test_service_that_does_not_tell_whether_it_is_enabled_is_neither() -> None:
    page = shown(Service("network", "neutron-l3-agent", "n", "", True, None, "", None))
    assert "_up{" in page
    assert "_enabled{" not in page
    assert "_disabled_info{" not in page


def test_service_that_was_taken_out_without_a_reason_says_so() -> None:
    service = Service("compute", "nova-compute", "n", "", True, False, "", None)
    assert (
        'disabled_info{cloud="uni",service="compute",binary="nova-compute",host="n",zone="",text=""} 1'
        in (shown(service))
    )


def of_host(**more: bool | None) -> list[str]:
    """The values of a host with one service that runs VMs, and one that does not."""
    fields = {"is_up": True, "is_enabled": True, "runs_vms": True} | more
    service = replace(Service("x", "runner", "n", "az1", True, True, "", None), **fields)
    page = rendered(
        HostServices("uni").samples(Answer((service, replace(SOME[2], host="n")))), HostServices.families
    )
    return [
        line.replace('{cloud="uni",service="x",binary="runner",host="n",zone="az1"}', "")
        for line in page.splitlines()
        if line.startswith("stratoscope_management_host_")
    ]


@pytest.mark.parametrize(
    ("more", "up", "wanted"),
    [
        ({}, 1, 1),
        ({"is_up": False}, 0, 1),
        ({"is_enabled": None}, 1, 1),
        ({"is_enabled": False, "is_up": False}, 0, 0),
        ({"is_enabled": False, "is_disabled_by_source": True}, 1, 1),
    ],
)
def test_host_is_up_and_wanted_as_its_service_that_runs_vms(
    more: dict[str, bool | None], up: int, wanted: int
) -> None:
    assert of_host(**more) == [
        f"stratoscope_management_host_up {up}",
        f"stratoscope_management_host_wanted {wanted}",
    ]


def test_service_that_runs_no_vms_makes_no_host() -> None:
    assert of_host(runs_vms=False) == []


def hosts(*services: Service, malformed: int = 0) -> list[str]:
    page = rendered(HostServices("uni").samples(Answer(services, malformed)), HostServices.families)
    return [line for line in page.splitlines() if line.startswith("stratoscope_management_hosts{")]


def test_hosts_are_counted_once_also_where_none_is_listed() -> None:
    twice = [replace(SOME[0], runs_vms=True, binary=one) for one in ("a", "b")]
    assert hosts(*twice, SOME[2]) == ['stratoscope_management_hosts{cloud="uni"} 1']
    assert hosts(SOME[2]) == ['stratoscope_management_hosts{cloud="uni"} 0']


def test_number_of_hosts_is_not_known_where_a_service_could_not_be_read() -> None:
    assert hosts(SOME[2], malformed=1) == []


@pytest.mark.parametrize("is_whole", [True, False])
def test_whether_all_hosts_are_visible_is_said(*, is_whole: bool) -> None:
    answer = Answer(SOME, is_whole=is_whole)
    page = rendered(HostServices("uni").samples(answer), HostServices.families)
    assert f'stratoscope_management_hosts_whole{{cloud="uni"}} {int(is_whole)}\n' in page


@pytest.mark.parametrize(("is_leader", "shown_as"), [(True, [" 1"]), (False, [" 0"]), (None, [])])
def test_which_server_leads_is_shown_of_those_that_have_a_group(
    is_leader: bool | None, shown_as: list[str]
) -> None:
    page = shown(replace(SOME[2], is_leader=is_leader))
    leads = [line for line in page.splitlines() if line.startswith("stratoscope_management_service_leads{")]
    assert [line[-2:] for line in leads] == shown_as
