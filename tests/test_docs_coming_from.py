"""The pages for those who come from another exporter: names in remarks and values in queries exist, too."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.openstack.client.endpoints import SERVICES
from stratoscope.clouds.openstack.cloud import OpenStack
from support.declared import FAMILIES

ROOT: Final = Path(__file__).parents[1]
THEIRS: Final[Mapping[str, Sequence[str]]] = {
    "from-opennebula-exporter": (
        "one_host_id", "one_vm_id", "opennebula_vm_cpu_ratio",  # the other exporter's
        "vm_transition_seconds",  # a threshold of the rules
    ),
    "from-openstack-exporter": (
        "availability_zone", "tenant_id", "in_use", "ha_state", "is_domain",  # the other exporter's
        "agent_alive", "agent_admin_up", "host_id", "operating_status", "provisioning_status",
        "cpu_info",  # Nova's
        "group_left", "stratoscope_build_info",  # PromQL's word, and a family of the client's
    ),
}  # fmt: skip
"""Names in the text that are not ours, and are meant."""
NOT_READ: Final = ("metric", "database")
"""Services whose endpoints alone are shown."""
PREFIXES: Final = ("stratoscope_management_", "stratoscope_hypervisor_")


def text(page: str) -> str:
    """Without blocks of code, and without their names in the first column."""
    found = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    found = re.sub(r"^```.*?^```", "", found, flags=re.DOTALL | re.MULTILINE)
    return "\n".join(
        line.partition(" | ")[2] if line.startswith("| `") else line for line in found.splitlines()
    )


def named(page: str) -> set[str]:
    """Words with an underscore, in code, that are no value of a label."""
    code = re.findall(r"`([^`]+)`", text(page))
    word = re.compile(r'(?<![\w"])(?:\.\.\._)?([a-z]+(?:_[a-z0-9]+)+)(?![\w"])')
    return {name for one in code for name in word.findall(one)}


def values(page: str, label: str) -> set[str]:
    return set(re.findall(rf'\b{label}="([^"]+)"', text(page)))


@pytest.mark.parametrize("page", THEIRS)
def test_every_name_in_the_text_is_a_family_a_label_or_a_collector_of_ours(page: str) -> None:
    families = {family.name for family in FAMILIES}
    short = {name.removeprefix(prefix) for name in families for prefix in PREFIXES}
    labels = {label for family in FAMILIES for label in family.labels}
    collectors = {question.name for question in (*OpenStack.questions, *OpenNebula.questions)}
    known = families | short | labels | collectors
    assert named(page) - known == {*THEIRS[page]}


@pytest.mark.parametrize("page", THEIRS)
def test_every_service_and_sort_in_a_query_is_one_that_is_shown(page: str) -> None:
    folder = ROOT / "exporters" / "stratoscope" / "clouds"
    source = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))
    assert values(page, "service") - {*SERVICES, *NOT_READ, "oned"} == set()
    assert {sort for sort in values(page, "sort") if f'"{sort}"' not in source} == set()


def test_every_resource_in_a_query_is_one_whose_quota_was_recorded() -> None:
    folder = ROOT / "tests" / "fixtures" / "openstack"
    recorded = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*quota*")))
    wanted = {one.partition("_.")[0] for one in values("from-openstack-exporter", "resource")}
    assert len(wanted) > 15
    assert {one for one in wanted if f'"{one}"' not in recorded} == set()
