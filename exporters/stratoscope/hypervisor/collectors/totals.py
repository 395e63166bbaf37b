"""Totals over the VMs of one URI: number by state, sums of vCPUs and memory, number of unreadable ones."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from stratoscope.clouds.libvirt.vocabulary import STATES
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.hypervisor.collectors import URI_LABELS
from stratoscope.hypervisor.kernel_reader import WHY_UNREADABLE
from stratoscope.hypervisor.vm import VM

_PREFIX: Final = "stratoscope_hypervisor_host"
VMS = Family(
    f"{_PREFIX}_vms",
    "Domains by state (virDomainState); 0 for a state that no domain is in.",
    labels=(*URI_LABELS, "state"),
)
VCPUS_PROMISED = Family(
    f"{_PREFIX}_vcpus_promised",
    "Sum of the virtual CPUs of all active VMs; the host is overcommitted if it exceeds the host's CPUs; "
    "absent if one VM's number is unknown.",
    labels=URI_LABELS,
)
MEMORY_PROMISED = Family(
    f"{_PREFIX}_memory_promised_bytes",
    "Sum of the maximum memory of all active VMs; the host is overcommitted if it exceeds the host's "
    "memory; absent if one VM's is unknown.",
    labels=URI_LABELS,
)
UNIDENTIFIED = Family(
    f"{_PREFIX}_vms_unidentified",
    "Domains whose definition (XML) could not be read, so that series made from it are missing.",
    labels=URI_LABELS,
)
UNREADABLE = Family(
    f"{_PREFIX}_vms_unreadable",
    "Active VMs whose process and cgroup could not be read, by reason; 0 for a reason that applies to none.",
    labels=(*URI_LABELS, "reason"),
)
REFUSED = Family(
    f"{_PREFIX}_vms_refused",
    "Active VMs for which the exporter lacks the right to read this part of the kernel's data; 0 if it may "
    "read all.",
    labels=(*URI_LABELS, "part"),
)
ELSEWHERE = Family(
    "stratoscope_hypervisor_host_vms_elsewhere",
    "Domains whose VM is shown by another URI of the cloud, during a migration or after the VM moved.",
    labels=URI_LABELS,
)
SLICE_KILLS = Family(
    f"{_PREFIX}_slice_oom_kills_total",
    "Processes that the OOM killer killed in the slice of the VMs, which outlives them (oom_kill); absent "
    "on cgroup v1.",
    labels=(*URI_LABELS, "slice"),
)
FAMILIES: Final = (
    VMS, VCPUS_PROMISED, MEMORY_PROMISED, UNIDENTIFIED, UNREADABLE, REFUSED, ELSEWHERE, SLICE_KILLS,
)  # fmt: skip
_PARTS: Final = ("cpu", "vcpus", "throttling", "pressure", "memory", "threads")


def samples(vms: Sequence[VM], host: Labels, *, is_whole: bool) -> Iterable[Sample]:
    """The totals; a sum is absent while it is unknown for one active VM.

    Args:
        vms: The VMs that could be read.
        host: Labels(cloud, host, uri).
        is_whole: Whether these are all VMs.
    """
    by_state = Counter(vm.domain.state for vm in vms)
    for state in sorted({*STATES, *by_state}):
        yield VMS(by_state[state], host.plus(state=state))
    active = [vm for vm in vms if vm.domain.is_active]
    vcpus = [vm.vcpus for vm in active if vm.vcpus is not None]
    if is_whole and len(vcpus) == len(active):
        yield VCPUS_PROMISED(sum(vcpus), host)
    memory = [promised for vm in active if (promised := _memory(vm)) is not None]
    if is_whole and len(memory) == len(active):
        yield MEMORY_PROMISED(sum(memory), host)
    yield UNIDENTIFIED(sum(vm.identity is None for vm in vms), host)


def of_kernel(vms: Sequence[VM], missing: Mapping[str, str], host: Labels) -> Iterable[Sample]:
    """What could not be read from this machine's kernel; `missing` has the reasons by UUID."""
    reasons = Counter(missing.values())
    for reason in WHY_UNREADABLE:
        yield UNREADABLE(reasons[reason], host.plus(reason=reason))
    refused = Counter(part for vm in vms if vm.kernel is not None for part in vm.kernel.refused)
    for part in _PARTS:
        yield REFUSED(refused[part], host.plus(part=part))


def of_slices(kills: Mapping[str, int], host: Labels) -> Iterable[Sample]:
    """Kills by slice, on cgroup v2."""
    for slice_, count in sorted(kills.items()):
        yield SLICE_KILLS(count, host.plus(slice=slice_))


def _memory(vm: VM) -> int | None:
    maximum = vm.domain.balloon.maximum
    if maximum is None and vm.identity is not None:
        maximum = vm.identity.memory_bytes
    return maximum
