"""Counters of the kernel's that go back or away with their cgroup, and what the exporter keeps of them."""

from pathlib import Path

import pytest
from guests import host
from guests.definitions import Guest

from integration.conftest import RunningExporter
from integration.own_guest import own_guest
from integration.scrapes import scrape
from integration.virsh import Page, virsh, wait_for

pytestmark = pytest.mark.integration

THROTTLED, THROTTLED_ID = "strato-3", "57a70000-0000-4000-8000-000000000003"
OTHER_ID = "57a70000-0000-4000-8000-000000000002"
COUNTS = ("vm_cpu_periods_total", "vm_cpu_throttled_periods_total", "vm_cpu_throttled_seconds_total")


def throttled(page: Page) -> tuple[float, ...]:
    values = [page.value(name, vm_id=THROTTLED_ID) for name in COUNTS]
    assert None not in values
    return tuple(value for value in values if value is not None)


def test_throttling_does_not_go_back_when_a_quota_is_taken_away(exporter: RunningExporter) -> None:
    """A vCPU's quota beside the VM's: the sum of both loses one of them."""
    virsh("schedinfo", THROTTLED, "--live", "--set", "vcpu_quota=9000")
    try:
        wait_for(lambda: throttled(scrape(exporter)[0])[2] > 0)
        before = throttled(scrape(exporter)[0])
        virsh("schedinfo", THROTTLED, "--live", "--set", "vcpu_quota=-1")
        after = throttled(scrape(exporter)[0])
        assert all(now >= was for was, now in zip(before, after, strict=True))
        virsh("schedinfo", THROTTLED, "--live", "--set", "global_quota=-1")
        still = throttled(scrape(exporter)[0])
        assert all(now >= was for was, now in zip(after, still, strict=True))
    finally:
        virsh("schedinfo", THROTTLED, "--live", "--set", "vcpu_quota=-1")
        virsh("schedinfo", THROTTLED, "--live", "--set", "global_quota=10000")
    again = throttled(scrape(exporter)[0])
    assert all(now >= was for was, now in zip(still, again, strict=True))


def kernels_count() -> int:
    words = Path("/proc/vmstat").read_text().split()
    return int(words[words.index("oom_kill") + 1])


def test_kill_for_want_of_memory_is_counted_by_the_host_and_blames_the_vm(exporter: RunningExporter) -> None:
    with own_guest(Guest("strato-76", 76), host.FOLDER / "disks" / "76", start=False) as guest:
        ours, _ = scrape(exporter)
        before = ours.value("host_oom_kills_total")
        assert before == kernels_count()
        virsh("memtune", guest.name, "--hard-limit", "40000", "--live")
        virsh("resume", guest.name)
        wait_for(lambda: kernels_count() > before, 60)
        wait_for(lambda: guest.name not in virsh("list", "--name").split())
        ours, _ = scrape(exporter)
        assert ours.value("host_oom_kills_total") == kernels_count()
        assert ours.value("vm_status_check_failed", vm_id=guest.vm_id, check="vm") == 1
        assert ours.value("vm_status_check_failed", vm_id=OTHER_ID, check="vm") == 0
