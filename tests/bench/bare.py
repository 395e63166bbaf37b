"""The page of 1000 domains written by bare f-strings: what the exporter's own way is measured against.

Labels of a VM and of a device are made once; lines are gathered per family, as a page needs them.
"""

from typing import Any

from stratoscope.clouds.libvirt.host import Listed, Listing
from stratoscope.clouds.libvirt.model import Identity

PREFIX = "stratoscope_hypervisor_vm"
STATES = ("nostate", "running", "blocked", "paused", "shutdown", "shutoff", "crashed", "pmsuspended")
VCPU_STATES = ("offline", "running", "blocked")
SECONDS = [
    ("cpu_seconds_total", "cpu.time"),
    ("cpu_user_seconds_total", "cpu.user"),
    ("cpu_system_seconds_total", "cpu.system"),
]
COUNTS = [
    ("vcpus", "vcpu.current"),
    ("memory_major_faults_total", "balloon.major_fault"),
    ("memory_minor_faults_total", "balloon.minor_fault"),
    ("memory_huge_page_allocations_total", "balloon.hugetlb_pgalloc"),
    ("memory_huge_page_failures_total", "balloon.hugetlb_pgfail"),
    ("memory_last_update_timestamp_seconds", "balloon.last-update"),
]
KIB = [
    ("memory_current_bytes", "balloon.current"),
    ("memory_maximum_bytes", "balloon.maximum"),
    ("memory_rss_bytes", "balloon.rss"),
    ("memory_available_bytes", "balloon.available"),
    ("memory_usable_bytes", "balloon.usable"),
    ("memory_unused_bytes", "balloon.unused"),
    ("memory_disk_caches_bytes", "balloon.disk_caches"),
    ("memory_swap_in_bytes_total", "balloon.swap_in"),
    ("memory_swap_out_bytes_total", "balloon.swap_out"),
]
VCPU = [("vcpu_seconds_total", "time"), ("vcpu_delay_seconds_total", "delay")]
DISK_COUNTS = [
    ("disk_read_requests_total", "rd.reqs"),
    ("disk_read_bytes_total", "rd.bytes"),
    ("disk_write_requests_total", "wr.reqs"),
    ("disk_write_bytes_total", "wr.bytes"),
    ("disk_flush_requests_total", "fl.reqs"),
    ("disk_allocation_bytes", "allocation"),
    ("disk_capacity_bytes", "capacity"),
    ("disk_physical_bytes", "physical"),
]
DISK_SECONDS = [
    ("disk_read_seconds_total", "rd.times"),
    ("disk_write_seconds_total", "wr.times"),
    ("disk_flush_seconds_total", "fl.times"),
]
NETWORK = [
    (f"network_{ours}_{what}_total", f"{theirs}.{key}")
    for ours, theirs in (("receive", "rx"), ("transmit", "tx"))
    for what, key in (("bytes", "bytes"), ("packets", "pkts"), ("errors", "errs"), ("drops", "drop"))
]
CHECKS = ("host", "vm", "storage")

Gathered = dict[str, list[str]]


def bare_loop(listing: Listing, identities: dict[str, Identity]) -> Gathered:
    """The sample lines by family."""
    tables = (SECONDS, COUNTS, KIB, VCPU, DISK_COUNTS, DISK_SECONDS, NETWORK)
    lines: Gathered = {name: [] for table in tables for name, _ in table}
    lines |= {name: [] for name in ("info", "state", "state_reason", "status_check_failed", "vcpu_state")}
    for one in listing.domains:
        stats = one.stats
        vm = f'cloud="uni",vm_id="{one.uuid}"'
        _facts(one, identities[one.uuid], vm, lines)
        for name, key in SECONDS:
            lines[name].append(f"{PREFIX}_{name}{{{vm}}} {stats[key] / 1e9}\n")
        for name, key in COUNTS:
            lines[name].append(f"{PREFIX}_{name}{{{vm}}} {stats[key]}\n")
        for name, key in KIB:
            lines[name].append(f"{PREFIX}_{name}{{{vm}}} {stats[key] * 1024}\n")
        for index in range(stats["vcpu.maximum"]):
            for name, key in VCPU:
                value = stats[f"vcpu.{index}.{key}"] / 1e9
                lines[name].append(f'{PREFIX}_{name}{{{vm},vcpu="{index}"}} {value}\n')
            state = VCPU_STATES[stats[f"vcpu.{index}.state"]]
            lines["vcpu_state"].append(f'{PREFIX}_vcpu_state{{{vm},vcpu="{index}",state="{state}"}} 1\n')
        _devices(stats, vm, lines)
    return lines


def _facts(one: Listed, who: Identity, vm: str, lines: Gathered) -> None:
    lines["info"].append(
        f'{PREFIX}_info{{{vm},vm_name="{who.name}",host="node1",project_id="{who.project_id}",'
        f'project_name="{who.project_name}",user_id="{who.user_id}",user_name="{who.user_name}",'
        f'flavor="{who.flavor}",image_id="{who.image}",zone="",'
        f'domain="{one.name}",domain_uuid="{one.uuid}",arch="",machine="",os_type=""}} 1\n'
    )
    number = one.stats["state.state"]
    lines["state"].append(f'{PREFIX}_state{{{vm},state="{STATES[number]}"}} 1\n')
    lines["state_reason"].append(
        f'{PREFIX}_state_reason{{{vm},state="{STATES[number]}",reason="booted"}} 1\n'
    )
    for check in CHECKS:
        lines["status_check_failed"].append(f'{PREFIX}_status_check_failed{{{vm},check="{check}"}} 0\n')


def _devices(stats: Any, vm: str, lines: Gathered) -> None:
    for index in range(stats["block.count"]):
        device = f'{vm},device="{stats[f"block.{index}.name"]}"'
        for name, key in DISK_COUNTS:
            lines[name].append(f"{PREFIX}_{name}{{{device}}} {stats[f'block.{index}.{key}']}\n")
        for name, key in DISK_SECONDS:
            lines[name].append(f"{PREFIX}_{name}{{{device}}} {stats[f'block.{index}.{key}'] / 1e9}\n")
    for index in range(stats["net.count"]):
        device = f'{vm},device="{stats[f"net.{index}.name"]}"'
        for name, key in NETWORK:
            lines[name].append(f"{PREFIX}_{name}{{{device}}} {stats[f'net.{index}.{key}']}\n")
