"""Disks of a VM. Source: libvirt's group BLOCK; the QoS limits: `<iotune>` of the live definition."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds.libvirt.model import DiskLimits
from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.hypervisor.subjects import VM_LABELS, Subject, device
from stratoscope.hypervisor.vm import VM

_LABELS: Final = (*VM_LABELS, "device")
_PREFIX: Final = "stratoscope_hypervisor_vm_disk"
READS = Family(f"{_PREFIX}_read_requests_total", "Read requests to the disk (rd.reqs).", labels=_LABELS)
READ_BYTES = Family(f"{_PREFIX}_read_bytes_total", "Bytes read from the disk (rd.bytes).", labels=_LABELS)
READ_TIME = Family(
    f"{_PREFIX}_read_seconds_total",
    "Sum of the durations of all read requests to the disk, in seconds (rd.times).",
    labels=_LABELS,
)
WRITES = Family(f"{_PREFIX}_write_requests_total", "Write requests to the disk (wr.reqs).", labels=_LABELS)
WRITE_BYTES = Family(f"{_PREFIX}_write_bytes_total", "Bytes written to the disk (wr.bytes).", labels=_LABELS)
WRITE_TIME = Family(
    f"{_PREFIX}_write_seconds_total",
    "Sum of the durations of all write requests to the disk, in seconds (wr.times).",
    labels=_LABELS,
)
FLUSHES = Family(f"{_PREFIX}_flush_requests_total", "Flush requests to the disk (fl.reqs).", labels=_LABELS)
FLUSH_TIME = Family(
    f"{_PREFIX}_flush_seconds_total",
    "Sum of the durations of all flush requests to the disk, in seconds (fl.times).",
    labels=_LABELS,
)
ALLOCATION = Family(
    f"{_PREFIX}_allocation_bytes",
    "Offset of the highest written byte of the disk's image (allocation).",
    labels=_LABELS,
)
CAPACITY = Family(
    f"{_PREFIX}_capacity_bytes", "Size of the disk as the VM sees it (capacity).", labels=_LABELS
)
PHYSICAL = Family(
    f"{_PREFIX}_physical_bytes",
    "Bytes that the disk's image occupies on the host's storage, without the holes of a sparse file; for a "
    "block device its size (physical).",
    labels=_LABELS,
)
_FAMILIES: Final = (
    READS, READ_BYTES, READ_TIME, WRITES, WRITE_BYTES, WRITE_TIME, FLUSHES, FLUSH_TIME,
    ALLOCATION, CAPACITY, PHYSICAL,
)  # fmt: skip

_LIMIT: Final = (*_LABELS, "limit")
LIMIT_BYTES = Family(
    f"{_PREFIX}_limit_bytes_per_second",
    "QoS limit of the disk in bytes per second; the label limit is its name in libvirt's iotune; absent if "
    "not set.",
    labels=_LIMIT,
)
LIMIT_REQUESTS = Family(
    f"{_PREFIX}_limit_requests_per_second",
    "QoS limit of the disk in requests per second; the label limit is its name in libvirt's iotune; absent "
    "if not set.",
    labels=_LIMIT,
)
LIMIT_BURST = Family(
    f"{_PREFIX}_limit_burst_seconds",
    "Longest burst above a QoS limit of the disk, in seconds; the label limit is its name in libvirt's "
    "iotune; absent if not set.",
    labels=_LIMIT,
)
LIMIT_SIZE = Family(
    f"{_PREFIX}_limit_request_bytes",
    "Size in bytes above which one request counts as several against the QoS limits (size_iops_sec); absent "
    "if not set.",
    labels=_LIMIT,
)


def _samples(vm: VM, labels: Labels) -> Iterable[Sample]:
    samples: list[Sample] = []
    for disk in vm.domain.disks:
        values = (
            disk.read_requests, disk.read_bytes, disk.read_s,
            disk.write_requests, disk.write_bytes, disk.write_s, disk.flush_requests, disk.flush_s,
            disk.allocation, disk.capacity, disk.physical,
        )  # fmt: skip
        samples += optional_samples(_FAMILIES, values, labels.at(device(disk.name)))
    return samples


def _limits(vm: VM, labels: Labels) -> Iterable[Sample]:
    if vm.identity is None:
        return ()
    return [
        sample for disk in vm.identity.limits for sample in _limits_of(disk, labels + device(disk.device))
    ]


def _limits_of(disk: DiskLimits, labels: Labels) -> Iterable[Sample]:
    for name, value in disk.limits:
        if value:
            yield _limit_family(name)(value, labels.plus(limit=name))


def _limit_family(name: str) -> Family:
    if name == "size_iops_sec":
        return LIMIT_SIZE
    if name.endswith("_length"):
        return LIMIT_BURST
    return LIMIT_BYTES if "bytes" in name else LIMIT_REQUESTS


DISKS: Final = Subject(
    "disks",
    _FAMILIES,
    _samples,
    series=11,
    beyond="11 for each further disk",
    monitor=frozenset({"block"}),
)
LIMITS: Final = Subject(
    "limits",
    (LIMIT_BYTES, LIMIT_REQUESTS, LIMIT_BURST, LIMIT_SIZE),
    _limits,
    series=0,
    beyond="1 for each limit that is set",
)
