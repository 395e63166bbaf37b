"""How long a VM has waited for its storage. Source: /proc/PID/task/TID/{stat,status}; see kernel.threads."""

from collections.abc import Iterable
from typing import Final

from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.hypervisor.subjects import VM_LABELS, Subject
from stratoscope.hypervisor.vm import VM

BLOCKED = Family(
    "stratoscope_hypervisor_vm_storage_blocked_seconds",
    "Longest time for which a thread of the VM's process has been waiting for one storage request, in "
    "seconds; 0 if none waits; absent for a container.",
    labels=VM_LABELS,
)


def _samples(vm: VM, labels: Labels) -> Iterable[Sample]:
    return () if vm.kernel is None else optional_samples((BLOCKED,), (vm.kernel.blocked_s,), labels)


STORAGE: Final = Subject(
    "storage",
    (BLOCKED,),
    _samples,
    series=1,
    beyond="none for a container",
    without_daemon=True,
    from_kernel=True,
)
