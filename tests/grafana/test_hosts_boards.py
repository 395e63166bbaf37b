"""What the boards about hosts say of a small cloud: their queries, asked by promtool."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from support import board_values
from support.board_values import query

UPDATED: Final = (
    '{hypervisor="QEMU", hypervisor_version="10.0.2", libvirt="libvirt 11.3.0", libvirt_version="11.3.0"}'
)
OLD: Final = (
    '{hypervisor="QEMU", hypervisor_version="8.2.0", libvirt="libvirt 10.0.0", libvirt_version="10.0.0"}'
)
SEVERAL: Final = '{hypervisor="several"}'


def check(folder: Path, expr: str, series: Mapping[str, str], found: Mapping[str, float]) -> None:
    """The query finds these values in these series, with the records of technologies."""
    board_values.check(folder, expr, series, found, ["technology"])


def host(name: str, zone: str, version: str = "") -> dict[str, str]:
    """What is recorded of a host; without a version it has no exporter of its own."""
    identity = f'cloud="uni", host="{name}"'
    nova = f'{identity}, zone="{zone}", hypervisor="QEMU", hypervisor_version="8002000", instance="m"'
    found = {
        f'host:stratoscope_management_host_wanted:max{{{identity}, zone="{zone}"}}': "1x100",
        f'host:stratoscope_management_host_up:max{{{identity}, zone="{zone}"}}': "1x100",
        f"stratoscope_management_host_info{{{nova}}}": "1x100",
    }
    if version:
        hypervisor, libvirt = version.split()
        runs = f'hypervisor="QEMU", hypervisor_version="{hypervisor}", libvirt_version="{libvirt}"'
        found[f'stratoscope_hypervisor_host_info{{{identity}, {runs}, instance="{name}"}}'] = "1x100"
    return found


def probe(name: str, zone: str, *, failed: str) -> dict[str, str]:
    """What a probe shows that runs once a minute."""
    identity = f'cloud="uni", probe="{name}"'
    return {
        f'stratoscope_vmprobe_probe_info{{{identity}, zone="{zone}"}}': "1x100",
        f"stratoscope_vmprobe_runs_total{{{identity}}}": "0+1x100",
        f'stratoscope_vmprobe_failed_runs_total{{{identity}, blame="cloud"}}': failed,
        f'stratoscope_vmprobe_failed_runs_total{{{identity}, blame="project"}}': "0+1x100",
    }


MIXED: Final = {
    **host("n1", "old", "8.2.0 10.0.0"),
    **host("n2", "updated", "10.0.2 11.3.0"),
    **host("n3", "mixed", "8.2.0 10.0.0"),
    **host("n4", "mixed", "10.0.2 11.3.0"),
}


def test_probe_counts_for_what_the_hosts_of_its_zone_run_or_for_several(tmp_path: Path) -> None:
    probes = {
        **probe("a", "old", failed="0+0x100"),
        **probe("b", "updated", failed="0+0.5x100"),
        **probe("c", "mixed", failed="0+1x100"),
        **probe("d", "", failed="0+0x100"),
    }
    expr = f"round({query('technologies', 'Runs that work')}, 0.001)"
    check(tmp_path, expr, {**MIXED, **probes}, {OLD: 1, UPDATED: 0.5, SEVERAL: 0.5})


def test_probe_without_a_zone_counts_for_a_cloud_whose_hosts_are_all_alike(tmp_path: Path) -> None:
    series = {
        **host("n1", "a", "8.2.0 10.0.0"),
        **host("n2", "b", "8.2.0 10.0.0"),
        **probe("p", "", failed="0+0x100"),
    }
    check(tmp_path, query("technologies", "Runs that work"), series, {OLD: 1})


def test_host_without_an_exporter_runs_what_the_management_layer_says(tmp_path: Path) -> None:
    series = {**host("n1", "a", "8.2.0 10.0.0"), **host("n2", "a"), **host("n3", "a")}
    nova = '{hypervisor="QEMU", hypervisor_version="8.2.0"}'
    check(tmp_path, query("technologies", "Side by side"), series, {OLD: 1, nova: 2})


def test_mean_is_of_all_requests_of_the_hosts_of_a_group(tmp_path: Path) -> None:
    record = "host:stratoscope_hypervisor_vm_disk_read"
    series = {
        **MIXED,
        f'{record}_seconds:rate5m_sum{{cloud="uni", host="n1"}}': "0.5x100",
        f'{record}_requests:rate5m_sum{{cloud="uni", host="n1"}}': "50x100",
        f'{record}_seconds:rate5m_sum{{cloud="uni", host="n3"}}': "2.5x100",
        f'{record}_requests:rate5m_sum{{cloud="uni", host="n3"}}': "100x100",
    }
    check(tmp_path, query("technologies", "How long a read takes"), series, {OLD: 0.02})


@pytest.mark.parametrize(("panel", "ref"), [("Side by side", "G"), ("Throttling", "A")])
def test_throttling_is_of_all_periods_of_the_hosts_of_a_group(panel: str, ref: str, tmp_path: Path) -> None:
    """A host with one small VM that is always throttled weighs little."""
    record = "host:stratoscope_hypervisor_vm_cpu"
    series = {
        **MIXED,
        f'{record}_throttled_periods:rate5m_sum{{cloud="uni", host="n1"}}': "10x100",
        f'{record}_periods:rate5m_sum{{cloud="uni", host="n1"}}': "10x100",
        f'{record}_throttled_periods:rate5m_sum{{cloud="uni", host="n3"}}': "0x100",
        f'{record}_periods:rate5m_sum{{cloud="uni", host="n3"}}': "990x100",
        f'{record}_throttled_periods:rate5m_sum{{cloud="uni", host="n2"}}': "0x100",
        f'{record}_periods:rate5m_sum{{cloud="uni", host="n2"}}': "0x100",
    }
    check(tmp_path, query("technologies", panel, ref), series, {OLD: 0.01})


def test_groups_are_compared_by_their_vms_not_by_their_hosts(tmp_path: Path) -> None:
    """Of 1000 VMs: one of 10, and none of 90, of two hosts that run the same."""
    vms = "stratoscope_hypervisor_host_vms"
    failed = "vm_check:stratoscope_hypervisor_vm_failed_check_info:max"
    known = "cloud_check:stratoscope_hypervisor_vm_status_check_failed:known"
    series = {
        **MIXED,
        f'{known}{{cloud="uni", check="vm"}}': "1x100",
        f'{vms}{{cloud="uni", host="n1", instance="n1", uri="u", state="running"}}': "8x100",
        f'{vms}{{cloud="uni", host="n1", instance="n1", uri="u", state="shutoff"}}': "2x100",
        f'{vms}{{cloud="uni", host="n3", instance="n3", uri="u", state="running"}}': "90x100",
        f'{failed}{{cloud="uni", host="n1", vm_id="1", check="vm"}}': "1x100",
        f'{failed}{{cloud="uni", host="n3", vm_id="2", check="host"}}': "1x100",
    }
    check(tmp_path, query("technologies", "Crashed VMs, of 1000"), series, {OLD: 10})


def test_kill_is_one_bar(tmp_path: Path) -> None:
    """At each step of the hour that the graph shows; a host that starts anew counts from 0."""
    kills = 'stratoscope_hypervisor_host_oom_kills_total{cloud="uni", host="%s", instance="%s"}'
    series = {kills % ("n1", "n1"): "5x60 7x40", kills % ("n2", "n2"): "5x60 0x40"}
    asked = query("hosts", "Processes that the kernel killed")
    of_n1 = '{cloud="uni", host="n1"}'
    check(tmp_path, f"sum_over_time(({asked})[1h:1m])", series, {of_n1: 2})
    check(tmp_path, f"count_over_time(({asked})[1h:1m])", series, {of_n1: 1})


def test_lines_are_of_the_hosts_that_were_highest_for_a_while(tmp_path: Path) -> None:
    """Of twelve: two are always in the middle, one has the most for a while."""
    record = 'stratoscope_hypervisor_libvirt_round_trip_seconds{cloud="uni", host="%s"}'
    series = {record % f"high{number}": "0.8x100" for number in range(9)}
    series |= {record % "once": "0.1x60 0.9 0.1x40", record % "a": "0.5x100", record % "b": "0.5x100"}
    steps = {"once": 61, **{f"high{number}": 61 for number in range(9)}}
    found = {f'{{cloud="uni", host="{name}"}}': count for name, count in steps.items()}
    check(tmp_path, f"count_over_time(({query('hosts', 'How soon libvirt answers')})[1h:1m])", series, found)


def test_lines_are_of_the_same_hosts_at_all_steps(tmp_path: Path) -> None:
    """Of twelve: two are always in the middle, one has the least for a while."""
    record = 'host:stratoscope_hypervisor_host_memory_available_bytes:ratio{cloud="uni", host="%s"}'
    series = {record % f"low{number}": "0.2x100" for number in range(9)}
    series |= {record % "once": "0.9x60 0.1 0.9x40", record % "a": "0.5x100", record % "b": "0.5x100"}
    asked = query("hosts", "Memory available")
    steps = {"once": 61, **{f"low{number}": 61 for number in range(9)}}
    found = {f'{{cloud="uni", host="{name}"}}': count for name, count in steps.items()}
    check(tmp_path, f"count_over_time(({asked})[1h:1m])", series, found)


def test_hosts_in_a_planned_outage_are_not_down(tmp_path: Path) -> None:
    series = {**host("up", "a"), **host("planned", "a"), **host("failed", "a")}
    for name in ("planned", "failed"):
        series[f'host:stratoscope_management_host_up:max{{cloud="uni", host="{name}", zone="a"}}'] = "0+0x100"
    of = 'cloud="uni", host="planned", scope="host", planned="true", severity="outage"'
    series[f"stratoscope_downtime_active{{{of}}}"] = "1x100"
    nova = '{hypervisor="QEMU", hypervisor_version="8.2.0"}'
    for title, ref in (("Hosts that are up", "A"), ("Side by side", "B")):
        check(tmp_path, query("technologies", title, ref), series, {nova: 0.5})
