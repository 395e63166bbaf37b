"""Memory of a VM.

Source: libvirt's group BALLOON, with the statistics that the guest's balloon driver reports; if it was not
read, `<memory>` and `<currentMemory>` of the live definition; resident memory: /proc/PID/stat.
"""

from collections.abc import Iterable
from typing import Final

from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.hypervisor.subjects import VM_LABELS, Subject
from stratoscope.hypervisor.vm import VM

_PREFIX: Final = "stratoscope_hypervisor_vm_memory"
CURRENT = Family(
    f"{_PREFIX}_current_bytes",
    "Memory that the VM has now, as set by its balloon (balloon.current).",
    labels=VM_LABELS,
)
MAXIMUM = Family(f"{_PREFIX}_maximum_bytes", "Maximum memory of the VM (balloon.maximum).", labels=VM_LABELS)
RSS = Family(
    f"{_PREFIX}_rss_bytes", "Resident memory of the VM's process on the host (balloon.rss).", labels=VM_LABELS
)
AVAILABLE = Family(
    f"{_PREFIX}_available_bytes",
    "Total memory as the guest's kernel sees it (balloon.available); absent if the guest does not report it.",
    labels=VM_LABELS,
)
USABLE = Family(
    f"{_PREFIX}_usable_bytes",
    "Memory that the guest can use without swapping (balloon.usable); absent if the guest does not report "
    "it.",
    labels=VM_LABELS,
)
UNUSED = Family(
    f"{_PREFIX}_unused_bytes",
    "Memory that the guest does not use at all (balloon.unused); absent if the guest does not report it.",
    labels=VM_LABELS,
)
SWAP_IN = Family(
    f"{_PREFIX}_swap_in_bytes_total",
    "Bytes that the guest swapped in (balloon.swap_in); absent if the guest does not report it.",
    labels=VM_LABELS,
)
SWAP_OUT = Family(
    f"{_PREFIX}_swap_out_bytes_total",
    "Bytes that the guest swapped out (balloon.swap_out); absent if the guest does not report it.",
    labels=VM_LABELS,
)
MAJOR = Family(
    f"{_PREFIX}_major_faults_total",
    "Page faults in the guest that needed disk I/O (balloon.major_fault); absent if the guest does not "
    "report it.",
    labels=VM_LABELS,
)
MINOR = Family(
    f"{_PREFIX}_minor_faults_total",
    "Page faults in the guest that needed no disk I/O (balloon.minor_fault); absent if the guest does not "
    "report it.",
    labels=VM_LABELS,
)
CACHES = Family(
    f"{_PREFIX}_disk_caches_bytes",
    "Memory in the guest's caches that it can reclaim without I/O (balloon.disk_caches); absent if the "
    "guest does not report it.",
    labels=VM_LABELS,
)
UPDATED = Family(
    f"{_PREFIX}_last_update_timestamp_seconds",
    "Unix time of the guest's last report of its memory statistics (balloon.last-update); absent if it "
    "never reported.",
    labels=VM_LABELS,
)
HUGE_PAGES = Family(
    f"{_PREFIX}_huge_page_allocations_total",
    "Successful huge page allocations in the guest (balloon.hugetlb_pgalloc); absent if the guest does not "
    "report it.",
    labels=VM_LABELS,
)
HUGE_FAILURES = Family(
    f"{_PREFIX}_huge_page_failures_total",
    "Failed huge page allocations in the guest (balloon.hugetlb_pgfail); absent if the guest does not "
    "report it.",
    labels=VM_LABELS,
)
_OF_HOST: Final = (CURRENT, MAXIMUM, RSS)
_OF_GUEST: Final = (AVAILABLE, USABLE, UNUSED, CACHES, SWAP_IN, SWAP_OUT, MAJOR, MINOR, UPDATED)
_HUGE: Final = (HUGE_PAGES, HUGE_FAILURES)


def _memory(vm: VM, labels: Labels) -> Iterable[Sample]:
    """From the monitor if it answered, else from the definition and the kernel."""
    balloon, who = vm.domain.balloon, vm.identity
    current, maximum = balloon.current, balloon.maximum
    if current is None and who is not None and vm.domain.is_active:
        current, maximum = who.current_memory_bytes, who.memory_bytes
    rss = vm.kernel.rss if vm.kernel is not None and vm.kernel.rss is not None else balloon.rss
    return optional_samples(_OF_HOST, (current, maximum, rss), labels)


def _guest_memory(vm: VM, labels: Labels) -> Iterable[Sample]:
    balloon = vm.domain.balloon
    values = (
        balloon.available, balloon.usable, balloon.unused, balloon.caches,
        balloon.swap_in, balloon.swap_out, balloon.major_faults, balloon.minor_faults, balloon.updated_at,
    )  # fmt: skip
    return optional_samples(_OF_GUEST, values, labels)


def _guest_huge_pages(vm: VM, labels: Labels) -> Iterable[Sample]:
    balloon = vm.domain.balloon
    return optional_samples(_HUGE, (balloon.huge_page_allocations, balloon.huge_page_failures), labels)


MEMORY: Final = Subject("memory", _OF_HOST, _memory, series=3, without_daemon=True)
GUEST_MEMORY: Final = Subject(
    "guest_memory",
    _OF_GUEST,
    _guest_memory,
    series=9,
    beyond="none where the guest has no balloon driver, or its device no statistics period",
    monitor=frozenset({"balloon"}),
)
GUEST_HUGE_PAGES: Final = Subject(
    "guest_huge_pages", _HUGE, _guest_huge_pages, series=2, monitor=frozenset({"balloon"}), is_on=False
)
