"""The exporter's numbers against virsh's: other tool, same numbers."""

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from integration.conftest import RunningExporter
from integration.virsh import Page, domstats, page, table, virsh
from support.pages import promtool_findings

pytestmark = pytest.mark.integration

NS, KIB = 1e9, 1024
COUNTERS = {
    "vm_cpu_seconds_total": ("cpu.time", 1 / NS),
    "vm_cpu_user_seconds_total": ("cpu.user", 1 / NS),
    "vm_cpu_system_seconds_total": ("cpu.system", 1 / NS),
    "vm_memory_minor_faults_total": ("balloon.minor_fault", 1),
    "vm_memory_major_faults_total": ("balloon.major_fault", 1),
    "vm_memory_swap_in_bytes_total": ("balloon.swap_in", KIB),
    "vm_memory_swap_out_bytes_total": ("balloon.swap_out", KIB),
}
GUEST = {
    "vm_memory_available_bytes": ("balloon.available", KIB),
    "vm_memory_usable_bytes": ("balloon.usable", KIB),
    "vm_memory_unused_bytes": ("balloon.unused", KIB),
}
"""What the guest says every few seconds: it may speak between two questions."""
EQUAL = {
    "vm_vcpus": ("vcpu.current", 1),
    "vm_memory_current_bytes": ("balloon.current", KIB),
    "vm_memory_maximum_bytes": ("balloon.maximum", KIB),
}
OF_DISK = {
    "read_requests_total": ("rd.reqs", 1),
    "read_bytes_total": ("rd.bytes", 1),
    "read_seconds_total": ("rd.times", 1 / NS),
    "write_requests_total": ("wr.reqs", 1),
    "write_bytes_total": ("wr.bytes", 1),
    "write_seconds_total": ("wr.times", 1 / NS),
    "flush_requests_total": ("fl.reqs", 1),
    "flush_seconds_total": ("fl.times", 1 / NS),
    "allocation_bytes": ("allocation", 1),
    "capacity_bytes": ("capacity", 1),
    "physical_bytes": ("physical", 1),
}
OF_NETWORK = {
    f"{ours}_{name}_total": (f"{theirs}.{key}", 1)
    for ours, theirs in (("receive", "rx"), ("transmit", "tx"))
    for name, key in (("bytes", "bytes"), ("packets", "pkts"), ("errors", "errs"), ("drops", "drop"))
}
GUEST_SLACK = 8 * 2**20
TICK_S = 0.02
"""libvirt reads a vCPU's time in clock ticks, the exporter in nanoseconds."""


def taken(exporter: RunningExporter) -> tuple[dict[str, dict[str, str]], Page, dict[str, dict[str, str]]]:
    """What virsh says before a scrape, the scrape, what virsh says after it."""
    before = domstats()
    text = exporter.get()
    return before, page(text), domstats()


def ids(of_page: Page) -> dict[str, str]:
    """Domain name -> vm_id."""
    return {labels["domain"]: labels["vm_id"] for labels, _ in of_page.all("vm_info")}


@dataclass(frozen=True)
class Span:
    """What virsh said of a value before and after the scrape, in the exporter's unit."""

    before: float
    after: float
    slack: float = 1e-6

    def holds(self, ours: float | None, what: str) -> None:
        assert ours is not None, f"{what} is missing"
        low, high = sorted((self.before, self.after))
        assert low - self.slack <= ours <= high + self.slack, f"{what}: {ours} is not in {low}..{high}"


def span(before: dict[str, str], after: dict[str, str], key: str, factor: float) -> Span:
    return Span(int(before[key]) * factor, int(after[key]) * factor)


def test_every_running_domain_has_the_numbers_of_virsh_domstats(exporter: RunningExporter) -> None:
    before, ours, after = taken(exporter)
    vm_ids = ids(ours)
    assert set(before) <= set(vm_ids)
    compared = 0
    for domain, stats in before.items():
        vm_id, later = vm_ids[domain], after[domain]
        for name, (key, factor) in (COUNTERS | EQUAL).items():
            if key in stats:
                span(stats, later, key, factor).holds(ours.value(name, vm_id=vm_id), f"{domain} {name}")
                compared += 1
        for count, prefix, family, of in (
            ("block.count", "block", "vm_disk", OF_DISK),
            ("net.count", "net", "vm_network", OF_NETWORK),
        ):
            for number in range(int(stats[count])):
                device = stats[f"{prefix}.{number}.name"]
                for name, (key, factor) in of.items():
                    value = ours.value(f"{family}_{name}", vm_id=vm_id, device=device)
                    expected = span(stats, later, f"{prefix}.{number}.{key}", factor)
                    expected.holds(value, f"{domain} {device} {name}")
                    compared += 1
        for number in range(int(stats["vcpu.maximum"])):
            for name, theirs, slack in (("seconds", "time", TICK_S), ("delay_seconds", "delay", 1e-6)):
                value = ours.value(f"vm_vcpu_{name}_total", vm_id=vm_id, vcpu=str(number))
                expected = span(stats, later, f"vcpu.{number}.{theirs}", 1 / NS)
                replace(expected, slack=slack).holds(value, f"{domain} {name}")
                compared += 1
    assert compared > 30 * len(before)


def test_the_guests_own_view_of_its_memory_is_what_libvirt_says(exporter: RunningExporter) -> None:
    before, ours, after = taken(exporter)
    compared = 0
    for domain, vm_id in ids(ours).items():
        for name, (key, factor) in GUEST.items():
            if key in before.get(domain, {}):
                expected = replace(span(before[domain], after[domain], key, factor), slack=GUEST_SLACK)
                expected.holds(ours.value(name, vm_id=vm_id), f"{domain} {name}")
                compared += 1
    assert compared >= len(GUEST)


def test_resident_memory_is_what_libvirt_says(exporter: RunningExporter) -> None:
    before, ours, after = taken(exporter)
    for domain, vm_id in ids(ours).items():
        if domain in before:
            expected = span(before[domain], after[domain], "balloon.rss", KIB)
            # The kernel batches this counter per thread.
            replace(expected, slack=4 * 2**20).holds(ours.value("vm_memory_rss_bytes", vm_id=vm_id), domain)


def test_states_and_reasons_are_those_of_virsh_domstate(exporter: RunningExporter) -> None:
    ours = page(exporter.get())
    words = {"running": "running", "paused": "paused", "shut off": "shutoff"}
    for domain, vm_id in ids(ours).items():
        state, reason = virsh("domstate", domain, "--reason").strip().rstrip(")").split(" (")
        shown = [(labels["state"], value) for labels, value in ours.all("vm_state", vm_id=vm_id)]
        assert shown == [(words[state], 1)], domain
        of_page = [labels["reason"] for labels, _ in ours.all("vm_state_reason", vm_id=vm_id)]
        assert of_page == [reason.replace(" ", "_")], domain


def test_a_domain_that_is_shut_off_has_no_cpu_time_of_the_daemon(exporter: RunningExporter) -> None:
    ours = page(exporter.get())
    vm_id = ids(ours)["strato-off"]
    assert ours.value("vm_cpu_seconds_total", vm_id=vm_id) is None
    assert ours.value("vm_state", vm_id=vm_id, state="shutoff") == 1


def test_identity_comes_from_nova_and_from_opennebula(exporter: RunningExporter) -> None:
    ours = page(exporter.get())
    ((nova, _),) = ours.all("vm_info", domain="strato-1")
    assert nova["vm_id"] == nova["domain_uuid"] == "57a70000-0000-4000-8000-000000000001"
    assert (nova["vm_name"], nova["project_id"], nova["user_name"]) == ("vm-1", "project-1", "user1")
    assert (nova["flavor"], nova["image_id"]) == ("strato.small", "image-1")
    ((one, _),) = ours.all("vm_info", domain="one-7")
    assert (one["vm_id"], one["vm_name"], one["project_name"], one["user_id"]) == (
        "7",
        "web & db",
        "physics",
        "4",
    )


def test_limits_throttling_and_a_link_that_is_down_show(exporter: RunningExporter) -> None:
    ours = page(exporter.get())
    vm_ids = ids(ours)
    limited = vm_ids["strato-2"]
    assert ours.value("vm_disk_limit_bytes_per_second", vm_id=limited, limit="total_bytes_sec") == 10485760
    assert ours.value("vm_disk_limit_requests_per_second", vm_id=limited, limit="read_iops_sec") == 400
    throttled = ours.value("vm_cpu_throttled_seconds_total", vm_id=vm_ids["strato-3"])
    assert throttled is not None
    assert throttled > 0
    assert ours.value("vm_cpu_throttled_seconds_total", vm_id=vm_ids["strato-1"]) is None
    assert ours.value("vm_status_check_failed", vm_id=vm_ids["strato-5"], check="network") == 1
    assert ours.value("vm_status_check_failed", vm_id=vm_ids["strato-1"], check="network") == 0


def test_the_host_is_that_of_virsh_nodeinfo(exporter: RunningExporter) -> None:
    ours = page(exporter.get())
    info = table("nodeinfo")
    assert ours.value("host_cpus") == int(info["CPU(s)"])
    assert ours.value("host_numa_cells") == int(info["NUMA cell(s)"])
    # nodeinfo's memory is what the daemon saw when it started; nodememstats is of now.
    memory = table("nodememstats")
    assert ours.value("host_memory_bytes") == int(memory["total"].split()[0]) * 1024
    cpu = table("nodecpustats")
    user = sum(ours.value("host_cpu_seconds_total", mode=mode) or 0 for mode in ("user", "nice"))
    assert user == pytest.approx(int(cpu["user"]) / NS, rel=0.02, abs=2)


def test_versions_pools_networks_and_totals_are_virshs(exporter: RunningExporter) -> None:
    ours = page(exporter.get())
    ((info, _),) = ours.all("host_info")
    assert f"libvirt {info['libvirt_version']}" in virsh("version")
    assert f"QEMU {info['hypervisor_version']}" in virsh("version")
    assert ours.value("libvirt_reachable") == 1
    pool = table("pool-info", "strato", "--bytes")
    assert ours.value("host_pool_state", pool="strato", state="running") == 1
    assert ours.value("host_pool_capacity_bytes", pool="strato") == int(pool["Capacity"])
    assert ours.value("host_network_active", network="strato") == 1
    running = virsh("list", "--name", "--state-running").split()
    assert ours.value("host_vms", state="running") == len(running)
    promised = sum(int(stats["vcpu.current"]) for stats in domstats().values())
    assert ours.value("host_vcpus_promised") == promised


def test_promtool_finds_nothing_and_a_vm_has_at_most_61_series(exporter: RunningExporter) -> None:
    text = exporter.get()
    assert promtool_findings(text) == ""
    ours = page(text)
    vm_id = ids(ours)["strato-1"]
    series = [
        name for name, labels in ours.samples if ("vm_id", vm_id) in labels and "event" not in dict(labels)
    ]
    assert 45 <= len(series) <= 61, sorted(series)


def test_nobody_in_the_group_libvirt_sees_every_family_of_vms(exporter: RunningExporter) -> None:
    as_root = page(exporter.get())
    program = Path(__file__).with_name("as_nobody.py")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    as_nobody = {name for name, _ in page(done.stdout).samples}
    assert {name for name, _ in as_root.samples if "_hypervisor_vm_" in name} <= as_nobody
    assert {name for name, _ in as_root.samples if "_hypervisor_host_" in name} <= as_nobody
