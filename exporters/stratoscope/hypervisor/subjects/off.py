"""Sizes of a VM that is off, in families of their own: sums over VMs that run stay as they are.

Source: the definition; of disks virDomainGetBlockInfo, once per change.
"""

from collections.abc import Iterable
from typing import Final

from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.hypervisor.subjects import VM_LABELS, Subject, device
from stratoscope.hypervisor.vm import VM

_PREFIX: Final = "stratoscope_hypervisor_vm_off"
_DISK: Final = (*VM_LABELS, "device")
VCPUS = Family(f"{_PREFIX}_vcpus", "Virtual CPUs that a VM which is off will start with.", labels=VM_LABELS)
MEMORY = Family(f"{_PREFIX}_memory_bytes", "Memory that a VM which is off may have.", labels=VM_LABELS)
CAPACITY = Family(
    f"{_PREFIX}_disk_capacity_bytes",
    "Size that the VM will see of a disk while it is off (capacity).",
    labels=_DISK,
)
ALLOCATION = Family(
    f"{_PREFIX}_disk_allocation_bytes",
    "Bytes that the image takes on the host's storage while the VM is off (allocation).",
    labels=_DISK,
)
PHYSICAL = Family(
    f"{_PREFIX}_disk_physical_bytes",
    "Length of the image's file or device while the VM is off (physical).",
    labels=_DISK,
)


def _samples(vm: VM, labels: Labels) -> Iterable[Sample]:
    if vm.domain.is_active:
        return ()
    samples = []
    if vm.identity is not None:
        samples += optional_samples((VCPUS, MEMORY), (vm.identity.vcpus, vm.identity.memory_bytes), labels)
    for disk in vm.off_disks:
        sizes = (disk.capacity, disk.allocation, disk.physical)
        samples += optional_samples((CAPACITY, ALLOCATION, PHYSICAL), sizes, labels.at(device(disk.device)))
    return samples


OFF: Final = Subject(
    "off",
    (VCPUS, MEMORY, CAPACITY, ALLOCATION, PHYSICAL),
    _samples,
    series=0,
    beyond="2 while it is off, and 3 for each disk",
)
