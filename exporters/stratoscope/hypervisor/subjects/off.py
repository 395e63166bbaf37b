"""Sizes of a VM that is off, in families of their own, so that sums over running VMs do not include it.

Source: the definition; for disks virDomainGetBlockInfo, once per change.
"""

from collections.abc import Iterable
from typing import Final

from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.hypervisor.subjects import VM_LABELS, Subject, device
from stratoscope.hypervisor.vm import VM

_PREFIX: Final = "stratoscope_hypervisor_vm_off"
_DISK: Final = (*VM_LABELS, "device")
VCPUS = Family(
    f"{_PREFIX}_vcpus", "Virtual CPUs with which the VM will start; absent while it runs.", labels=VM_LABELS
)
MEMORY = Family(
    f"{_PREFIX}_memory_bytes",
    "Maximum memory of the VM once it is started; absent while it runs.",
    labels=VM_LABELS,
)
CAPACITY = Family(
    f"{_PREFIX}_disk_capacity_bytes",
    "Size of the disk as the VM will see it (capacity); absent while the VM runs.",
    labels=_DISK,
)
ALLOCATION = Family(
    f"{_PREFIX}_disk_allocation_bytes",
    "Bytes that the disk's image occupies on the host's storage (allocation); absent while the VM runs.",
    labels=_DISK,
)
PHYSICAL = Family(
    f"{_PREFIX}_disk_physical_bytes",
    "Length of the disk's image file or device (physical); absent while the VM runs.",
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
