"""Memory of a VM.

Source: libvirt's group BALLOON, where the guest's own view comes through the balloon driver; where it was not
asked, `<memory>` and `<currentMemory>` of the live definition; the process's resident size: /proc/PID/stat.
"""

from collections.abc import Iterable
from typing import Final

from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.hypervisor.subjects import VM_LABELS, Subject
from stratoscope.hypervisor.vm import VM

_PREFIX: Final = "stratoscope_hypervisor_vm_memory"
CURRENT = Family(f"{_PREFIX}_current_bytes", "Memory the VM has now (balloon.current).", labels=VM_LABELS)
MAXIMUM = Family(f"{_PREFIX}_maximum_bytes", "Memory the VM may have (balloon.maximum).", labels=VM_LABELS)
RSS = Family(f"{_PREFIX}_rss_bytes", "Resident memory of the VM's process (balloon.rss).", labels=VM_LABELS)
AVAILABLE = Family(
    f"{_PREFIX}_available_bytes", "Memory that the guest's kernel sees (balloon.available).", labels=VM_LABELS
)
USABLE = Family(
    f"{_PREFIX}_usable_bytes",
    "Memory the guest could use without swapping (balloon.usable).",
    labels=VM_LABELS,
)
UNUSED = Family(f"{_PREFIX}_unused_bytes", "Memory the guest left free (balloon.unused).", labels=VM_LABELS)
SWAP_IN = Family(
    f"{_PREFIX}_swap_in_bytes_total", "Bytes the guest swapped in (balloon.swap_in).", labels=VM_LABELS
)
SWAP_OUT = Family(
    f"{_PREFIX}_swap_out_bytes_total", "Bytes the guest swapped out (balloon.swap_out).", labels=VM_LABELS
)
MAJOR = Family(
    f"{_PREFIX}_major_faults_total",
    "Page faults in the guest that read from disk (balloon.major_fault).",
    labels=VM_LABELS,
)
MINOR = Family(
    f"{_PREFIX}_minor_faults_total",
    "Page faults in the guest without I/O (balloon.minor_fault).",
    labels=VM_LABELS,
)
CACHES = Family(
    f"{_PREFIX}_disk_caches_bytes",
    "Memory in the guest's own caches, which it could free without I/O (balloon.disk_caches).",
    labels=VM_LABELS,
)
UPDATED = Family(
    f"{_PREFIX}_last_update_timestamp_seconds",
    "When the guest told its view of its memory, as Unix time (balloon.last-update); absent if it never did.",
    labels=VM_LABELS,
)
HUGE_PAGES = Family(
    f"{_PREFIX}_huge_page_allocations_total",
    "Huge pages that the guest allocated (balloon.hugetlb_pgalloc).",
    labels=VM_LABELS,
)
HUGE_FAILURES = Family(
    f"{_PREFIX}_huge_page_failures_total",
    "Huge pages that the guest failed to allocate (balloon.hugetlb_pgfail).",
    labels=VM_LABELS,
)
_OF_HOST: Final = (CURRENT, MAXIMUM, RSS)
_OF_GUEST: Final = (AVAILABLE, USABLE, UNUSED, CACHES, SWAP_IN, SWAP_OUT, MAJOR, MINOR, UPDATED)
_HUGE: Final = (HUGE_PAGES, HUGE_FAILURES)


def _memory(vm: VM, labels: Labels) -> Iterable[Sample]:
    """By the monitor where it answered, else by the definition and the kernel, which need none."""
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
