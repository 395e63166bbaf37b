"""Addresses on the page."""

from msgspec.structs import replace

from stratoscope.clouds.address_pools import Pool
from stratoscope.clouds.address_pools import Pools as Answer
from stratoscope.management.subjects.pools import Pools
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

POOLS = (
    Pool("n1", "web", "s1", "web4", "p1", 4, False, 253.0, 12.0, "10.0.0.0/24"),
    Pool("n1", "web", "s2", "web4b", "p1", 4, False, 100.0, 100.0),
    Pool("n1", "web", "s6", "web6", "p1", 6, False, 2.0**64, 3.0, "2001:db8::/64"),
    Pool("n2", "internet", "s3", "", "admin", 4, True, 253.0, 0.0),
)


def shown(answer: Answer) -> str:
    subject = Pools("uni")
    return rendered(subject.samples(answer), subject.families)


def test_addresses_are_shown_as_the_golden_page_has_it() -> None:
    page = shown(Answer(POOLS))
    assert_golden("management_pools.prom", page)
    assert promtool_findings(page) == ""


def test_addresses_of_a_network_are_summed_for_each_ip_version_apart() -> None:
    page = shown(Answer(POOLS))
    assert 'network_addresses{cloud="uni",network_id="n1",ip_version="4"} 353.0\n' in page
    assert 'network_addresses_used{cloud="uni",network_id="n1",ip_version="6"} 3.0\n' in page


def test_sum_of_a_network_is_not_shown_where_a_subnet_does_not_tell() -> None:
    unknown = Pool("n1", "web", "s2", "web4b", "p1", 4, False, 100.0, None)
    page = shown(Answer((POOLS[0], unknown, POOLS[2])))
    assert 'network_addresses{cloud="uni",network_id="n1",ip_version="4"} 353.0\n' in page
    assert 'network_addresses_used{cloud="uni",network_id="n1",ip_version="4"}' not in page
    assert 'network_addresses_used{cloud="uni",network_id="n1",ip_version="6"} 3.0\n' in page
    assert 'subnet_addresses{cloud="uni",subnet_id="s2"} 100.0\n' in page
    assert 'subnet_addresses_used{cloud="uni",subnet_id="s2"}' not in page


def test_sum_of_a_network_is_not_shown_where_a_subnet_of_it_is_not_known() -> None:
    page = shown(Answer(POOLS, partial={"n1"}))
    assert 'network_addresses{cloud="uni",network_id="n1"' not in page
    assert 'network_addresses_used{cloud="uni",network_id="n1"' not in page
    assert 'network_info{cloud="uni",network_id="n1",network_name="web",external="false"} 1\n' in page
    assert 'network_addresses{cloud="uni",network_id="n2",ip_version="4"} 253.0\n' in page
    assert 'subnet_addresses{cloud="uni",subnet_id="s1"} 253.0\n' in page


def test_network_of_which_it_is_not_known_whether_it_is_external_has_an_empty_label() -> None:
    page = shown(Answer((replace(POOLS[0], is_external=None),)))
    assert 'network_info{cloud="uni",network_id="n1",network_name="web",external=""} 1\n' in page


def test_no_subnets_show_nothing() -> None:
    assert shown(Answer(())) == ""
