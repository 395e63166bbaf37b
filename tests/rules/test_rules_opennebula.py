"""What rules read of a cloud, an OpenNebula shows, but for what docs/management.md says that it has not."""

import re
from pathlib import Path

from stratoscope.clouds.condition import Condition
from stratoscope.management.exporter import SUBJECTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "tests/golden/management_opennebula.prom").read_text(encoding="utf-8")
NOTHING_FOR = {
    "stratoscope_management_allocation_disagreement_info",
    "stratoscope_management_allocation_disagreements",
    "stratoscope_management_floating_ips_orphaned",
    "stratoscope_management_host_pcpus_allocatable",
    "stratoscope_management_host_pcpus_allocated",
    "stratoscope_management_ports_orphaned",
    "stratoscope_management_volumes_orphaned",
}
"""CPUs for pinning, orphans, and Placement."""
NOT_ON_THIS_PAGE = {
    "stratoscope_management_endpoint_latency_seconds",
    "stratoscope_management_migration_info",
    "stratoscope_management_migrations_oldest_timestamp_seconds",
    "stratoscope_management_spread_oldest_timestamp_seconds",
}
"""They are of the moment: two are there while VMs migrate, the last with several address ranges."""


def read_by_rules() -> set[str]:
    """The metrics of the management exporter that rules read; of a histogram its own name."""
    rules = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "prometheus/rules").glob("*.yml"))
    words = re.findall(r"(?<![:\w])(stratoscope_management_\w+?)(?:_bucket|_count|_sum)?(?![:\w])", rules)
    return set(words) & {family.name for subject in SUBJECTS.values() for family in subject.families}


def test_an_opennebula_shows_what_rules_read() -> None:
    shown = set(re.findall(r"^# TYPE (\w+) ", PAGE, re.MULTILINE))
    assert len(read_by_rules()) > 30
    assert read_by_rules() - shown == NOTHING_FOR | NOT_ON_THIS_PAGE


def test_an_opennebula_has_vms_in_each_condition() -> None:
    found = re.findall(r'^stratoscope_management_condition_vms\{.*condition="(\w+)"', PAGE, re.MULTILINE)
    assert set(found) == {*Condition}


def of_hosts(name: str) -> dict[str, str]:
    pattern = rf'^stratoscope_management_host_{name}\{{.*host="([\w-]+)".* (\d)$'
    return dict(re.findall(pattern, PAGE, re.MULTILINE))


def test_hosts_are_told_apart_by_what_is_up_and_what_is_wanted() -> None:
    up, wanted = of_hosts("up"), of_hosts("wanted")
    assert {(up[host], wanted[host]) for host in up} == {("1", "1"), ("1", "0"), ("0", "1"), ("0", "0")}
    assert (up["dummy-err"], wanted["dummy-err"], wanted["dummy-off"]) == ("0", "1", "0")
