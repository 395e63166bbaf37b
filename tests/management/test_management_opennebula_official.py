"""What OpenNebula's own exporter shows is here, too: the same oned, at the same moment, with the same values.

Theirs names hosts by id, ours by name; what is unknown is 0 there, and absent here.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stratoscope.clouds.opennebula import states
from support.opennebula import seen
from support.replayed_oned import FIXTURES, recorded

PAGE: Final = Path(__file__).parents[2] / "docs" / "from-opennebula-exporter.md"
HOSTS: Final = {
    "0": "dummy-a1", "1": "dummy-a2", "2": "dummy-b1", "3": "dummy-off", "4": "dummy-dsbl", "5": "dummy-err",
    "6": "hx",
}  # fmt: skip
NOT_OF_ONED: Final = {
    f"opennebula_{one}_state" for one in ("oned", "scheduler", "flow", "hem", "gate", "fireedge")
}
"""What systemctl said on the front-end, where no systemd ran."""
PANELS: Final = {
    "opennebula": (
        "Cloud Elements", "Host Memory Usage", "Host CPU Usage", "VM Status", "Host States",
        "Datastore Usage",
    ),
    "hosts": ("Allocated VMs", "Memory", "CPU", "CPU Busy", "RAM Used"),
    "vms": (
        "Network", "Network Statics", "Disks", "Block Device Statics", "vCPU", "Hypervisor CPU",
        "Domain vCPU", "Memory Usage",
    ),
}  # fmt: skip
"""The panels of the three dashboards of 7.4; of those about node_exporter two that ours answers, too."""
Series = Mapping[str, float | str]


@cache
def theirs(name: str, label: str = "") -> Series:
    return _series((FIXTURES / "official_exporter.prom").read_text(encoding="utf-8"), name, label)


def _series(text: str, name: str, label: str, value: str = "") -> Series:
    """The samples of a metric by one label; with `value` that label instead of the number."""
    return {
        sample.labels.get(label, ""): sample.labels[value] if value else sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Series]:
    on = {name: {"enabled": True} for name in ("each_vm", "each_disk")}
    # Between both recordings the VMs of one host became UNKNOWN.
    vms = recorded("vmpool.info").replace("<LCM_STATE>16<", "<LCM_STATE>3<")
    _, page = asyncio.run(seen(tmp_path_factory.mktemp("one"), {"vmpool.info": vms}, **on))
    return lambda name, label="", value="": _series(page, f"stratoscope_management_{name}", label, value)


def of_hosts(series: Series, *, factor: float = 1.0) -> Series:
    """By name instead of id, without zeros."""
    return {HOSTS[one]: float(value) / factor for one, value in series.items() if value}


def known(series: Series) -> Series:
    return {one: value for one, value in series.items() if value}


@pytest.mark.parametrize(
    ("their_name", "our_name", "factor"),
    [
        ("host_mem_total_bytes", "host_memory_bytes", 1),
        ("host_mem_maximum_bytes", "host_memory_allocatable_bytes", 1),
        ("host_mem_usage_bytes", "host_memory_allocated_bytes", 1),
        ("host_cpu_total_ratio", "host_vcpus", 100),
        ("host_cpu_maximum_ratio", "host_vcpus_allocatable", 100),
        ("host_cpu_usage_ratio", "host_vcpus_allocated", 100),
        ("host_vms", "host_running_vms", 1),
    ],
)
def test_hosts_have_the_same_sizes(
    ours: Callable[..., Series], their_name: str, our_name: str, factor: float
) -> None:
    wanted = of_hosts(theirs(f"opennebula_{their_name}", "one_host_id"), factor=factor)
    assert wanted
    assert known(ours(our_name, "host")) == pytest.approx(wanted)


def test_hosts_have_the_same_states(ours: Callable[..., Series]) -> None:
    wanted = theirs("opennebula_host_state", "one_host_id")
    up, enabled = ours("host_up", "host"), ours("host_enabled", "host")
    assert ours("hosts") == theirs("opennebula_host_total") == {"": 7}
    assert {one for one in up if up[one] and enabled[one]} == {
        HOSTS[one] for one in wanted if wanted[one] == 2
    }
    assert {one for one in up if not enabled[one]} == {HOSTS[one] for one in wanted if wanted[one] in (4, 8)}
    assert {one for one in up if not up[one] and enabled[one]} == {
        HOSTS[one] for one in wanted if wanted[one] in (0, 3)
    }


@pytest.mark.parametrize(
    ("their_name", "our_name"),
    [
        ("datastore_total_bytes", "backend_capacity_bytes"),
        ("datastore_used_bytes", "backend_used_bytes"),
        ("datastore_free_bytes", "backend_free_bytes"),
        ("datastore_images", "backend_images"),
    ],
)
def test_datastores_have_the_same_sizes(ours: Callable[..., Series], their_name: str, our_name: str) -> None:
    wanted = theirs(f"opennebula_{their_name}", "one_datastore_name")
    assert len(wanted) == 5
    # Two are on a disk of the machine, which filled up by 0.1 GB between both recordings.
    assert known(ours(our_name, "backend")) == pytest.approx(known(wanted), rel=0.005)


def test_datastores_are_as_many_and_of_the_same_types(ours: Callable[..., Series]) -> None:
    text = (FIXTURES / "official_exporter.prom").read_text(encoding="utf-8")
    types = _series(text, "opennebula_datastore_images", "one_datastore_id", "one_datastore_type")
    assert ours("backend_info", "backend_id", "backend_type") == types
    assert theirs("opennebula_datastore_total") == {"": len(types)}


def test_vms_are_as_many_and_in_the_same_states_on_the_same_hosts(ours: Callable[..., Series]) -> None:
    state, lcm_state = (theirs(f"opennebula_vm_{one}", "one_vm_id") for one in ("state", "lcm_state"))
    wanted = {one: states.vm(int(state[one]), int(lcm_state[one])) for one in state}
    assert ours("vm_state", "vm_id", "state") == wanted
    counted = Counter(wanted.values())
    assert known(ours("vms", "state")) == counted
    assert theirs("opennebula_vm_total") == {"": sum(counted.values())}
    # Theirs has the last host of VMs that are on none any more.
    on = {one: host for one, host in ours("vm_info", "vm_id", "host").items() if host}
    hosts = theirs("opennebula_vm_host_id", "one_vm_id")
    assert on == {one: HOSTS[str(int(hosts[one]))] for one in on}
    assert {wanted[one] for one in hosts if hosts[one] >= 0 and one not in on} == {"STOPPED", "UNDEPLOYED"}


@pytest.mark.parametrize(
    ("their_name", "our_name"),
    [
        ("vm_mem_total_bytes", "each_vm_memory_bytes"),
        ("vm_cpu_ratio", "each_vm_cpus"),
        ("vm_cpu_vcpus", "each_vm_vcpus"),
        ("vm_disks", "each_vm_disks"),
        ("vm_nics", "each_vm_nics"),
    ],
)
def test_each_vm_has_the_same_sizes(ours: Callable[..., Series], their_name: str, our_name: str) -> None:
    wanted = theirs(f"opennebula_{their_name}", "one_vm_id")
    assert len(wanted) == 256
    assert ours(our_name, "vm_id") == wanted


def test_each_disk_has_the_same_size(ours: Callable[..., Series]) -> None:
    text = (FIXTURES / "official_exporter.prom").read_text(encoding="utf-8")
    wanted = {
        f"{sample.labels['one_vm_id']}/{sample.labels['disk_id']}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "opennebula_vm_disk_size_bytes"
    }
    assert len(wanted) == 255
    assert ours("each_disk_size_bytes", "disk_id") == wanted


def test_owners_have_the_sums_of_their_vms(ours: Callable[..., Series]) -> None:
    for their_name, our_name in (("vm_cpu_vcpus", "vcpus"), ("vm_mem_total_bytes", "memory_bytes")):
        wanted = sum(map(float, theirs(f"opennebula_{their_name}", "one_vm_id").values()))
        for owner in ("project", "user"):
            assert sum(map(float, ours(f"{owner}_{our_name}", f"{owner}_id").values())) == wanted


def test_address_ranges_have_the_same_leases_but_for_their_two_digits(ours: Callable[..., Series]) -> None:
    text = (FIXTURES / "official_exporter.prom").read_text(encoding="utf-8")
    total, used = ours("subnet_addresses", "subnet_id"), ours("subnet_addresses_used", "subnet_id")
    wanted = {
        f"{sample.labels['vnet_id']}/{sample.labels['ar_id']}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "opennebula_vnet_free_lease_ratio"
    }
    free = {one: 1 - float(used[one]) / float(total[one]) for one in total}
    assert len(wanted) == 4
    assert free == pytest.approx(wanted, abs=0.01)


def test_oned_answers_where_systemd_says_nothing(ours: Callable[..., Series]) -> None:
    assert ours("endpoint_up", "service") == {"oned": 1}


def test_every_family_of_theirs_is_in_the_documentation() -> None:
    text = (FIXTURES / "official_exporter.prom").read_text(encoding="utf-8")
    names = {family.name for family in text_string_to_metric_families(text)}
    assert len(names) > 25
    shown = PAGE.read_text(encoding="utf-8")
    assert [name for name in names | NOT_OF_ONED if f"`{name}`" not in shown] == []


def test_every_panel_that_is_not_of_node_exporter_has_its_row() -> None:
    part = PAGE.read_text(encoding="utf-8").partition("## Panels of its dashboards")[2].partition("\n## ")[0]
    rows = {line.split(" | ")[0].removeprefix("| ") for line in part.splitlines() if line.startswith("| `")}
    assert rows == {"`hosts.json` all others"} | {
        f"`{dashboard}.json` {panel}" for dashboard, panels in PANELS.items() for panel in panels
    }


def test_percent_is_said_of_the_families_that_are_in_percent() -> None:
    """Of VMs, theirs has CPUs, in spite of the name."""
    text = PAGE.read_text(encoding="utf-8")
    rows = {line.split("`")[1] for line in text.splitlines() if line.endswith("theirs in percent |")}
    assert rows == {f"opennebula_host_cpu_{one}_ratio" for one in ("total", "maximum", "usage")}
    (general,) = [line for line in text.splitlines() if line.startswith("- **CPU**")]
    assert "of hosts is in percent" in general
    assert "in CPUs for VMs (`opennebula_vm_cpu_ratio`)" in general
