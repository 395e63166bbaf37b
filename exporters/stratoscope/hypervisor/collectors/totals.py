"""What the VMs of one host come to: how many in which state, and what was promised to them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from stratoscope.clouds.libvirt.vocabulary import STATES
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.hypervisor.kernel.processes import NotFound
from stratoscope.hypervisor.vm import VM

HOST_LABELS: Final = ("cloud", "host")
VMS = Family(
    "stratoscope_hypervisor_host_vms",
    "Number of domains by state (virDomainState).",
    labels=(*HOST_LABELS, "state"),
)
VCPUS_PROMISED = Family(
    "stratoscope_hypervisor_host_vcpus_promised",
    "Virtual CPUs of all active VMs; above the host's CPUs it is over-provisioned.",
    labels=HOST_LABELS,
)
MEMORY_PROMISED = Family(
    "stratoscope_hypervisor_host_memory_promised_bytes",
    "Memory that all active VMs may have; above the host's memory it is over-provisioned.",
    labels=HOST_LABELS,
)
UNREADABLE = Family(
    "stratoscope_hypervisor_host_vms_unreadable",
    "Active VMs whose process and cgroup the exporter could not read, by reason.",
    labels=(*HOST_LABELS, "reason"),
)
FAMILIES: Final = (VMS, VCPUS_PROMISED, MEMORY_PROMISED, UNREADABLE)


def samples(vms: Sequence[VM], missing: Mapping[str, NotFound], host: Labels) -> Iterable[Sample]:
    """The totals; a promise is left out while it is not known of every active VM: part of a sum is no sum."""
    by_state = Counter(vm.domain.state for vm in vms)
    for state in sorted({*STATES, *by_state}):
        yield VMS(by_state[state], host.plus(state=state))
    active = [vm for vm in vms if vm.domain.is_active]
    vcpus = [vm.vcpus for vm in active if vm.vcpus is not None]
    if len(vcpus) == len(active):
        yield VCPUS_PROMISED(sum(vcpus), host)
    memory = [promised for vm in active if (promised := _memory(vm)) is not None]
    if len(memory) == len(active):
        yield MEMORY_PROMISED(sum(memory), host)
    reasons = Counter(missing.values())
    for reason in NotFound:
        yield UNREADABLE(reasons[reason], host.plus(reason=reason))


def _memory(vm: VM) -> int | None:
    maximum = vm.domain.balloon.maximum
    if maximum is None and vm.identity is not None:
        maximum = vm.identity.memory_bytes
    return maximum
