"""Hosts on the page."""

from stratoscope.clouds.model import Host, Resource
from stratoscope.clouds.model import Hosts as Answer
from stratoscope.management.subjects.hosts import Hosts
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

GIB = 2**30
STATES = ("up", "down")
RESOURCES = {
    "vcpus": Resource(64, None, None, 80),
    "memory": Resource(256 * GIB, None, None, 100 * GIB),
    "disk": Resource(4096 * GIB, None, None, 500 * GIB),
}
SOME = (
    Host("node1", "az1", "up", True, "", "QEMU", "7002000", 12, 3, 17 * GIB, RESOURCES),
    Host("node2", "", "down", False, "new memory", "QEMU", "7002000", None, None, None, {}),
)


def shown(*hosts: Host) -> str:
    return rendered(Hosts("uni").samples(Answer(hosts, STATES)), Hosts.families)


def test_hosts_are_shown_as_the_golden_page_has_it() -> None:
    page = shown(*SOME)
    assert_golden("management_hosts.prom", page)
    assert promtool_findings(page) == ""


def test_no_hosts_show_nothing() -> None:
    assert shown() == ""


def test_state_that_the_source_may_add_is_one_more_series() -> None:
    page = shown(Host("n", "", "fenced", True, "", "QEMU", "1", None, None, None, {}))
    states = [line for line in page.splitlines() if line.startswith("stratoscope_management_host_state{")]
    assert [line.rpartition(",")[2] for line in states] == [
        'state="up"} 0',
        'state="down"} 0',
        'state="fenced"} 1',
    ]


def test_what_was_promised_and_is_not_told_is_absent() -> None:
    page = shown(
        Host("n", "", "up", True, "", "QEMU", "1", None, None, None, {"vcpus": Resource(8, None, None, None)})
    )
    assert 'host_vcpus{cloud="uni",host="n"} 8' in page
    assert "vcpus_used" not in page
