"""What hosts really use, on the page."""

from stratoscope.clouds.usage import HostUsage
from stratoscope.clouds.usage import HostUsages as Answer
from stratoscope.management.subjects.usage import HostUsages
from support.golden import assert_golden
from support.pages import promtool_findings, rendered

WHEN = 1795305600.0
SOME = (
    HostUsage("node1", 12.5, 64 << 30, 100 << 30, WHEN),
    HostUsage("node2", 0.0, None, None, WHEN - 60),
    HostUsage("off", None, None, None, WHEN - 300),
)


def shown(*hosts: HostUsage, old: int = 0) -> str:
    return rendered(HostUsages("uni").samples(Answer(hosts, old)), HostUsages.families)


def test_use_is_shown_as_the_golden_page_has_it() -> None:
    page = shown(*SOME, old=2)
    assert_golden("management_usage.prom", page)
    assert promtool_findings(page) == ""


def test_a_cloud_in_which_nothing_was_measured_says_how_many_hosts_were_measured_before() -> None:
    assert [line for line in shown(old=3).splitlines() if not line.startswith("#")] == [
        'stratoscope_management_hosts_measured_too_long_ago{cloud="uni"} 3'
    ]
