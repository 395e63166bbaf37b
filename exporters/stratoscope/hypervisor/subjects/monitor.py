"""Whether a VM's monitor answers. Source: the last call to it."""

from collections.abc import Iterable
from typing import Final

from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.hypervisor.subjects import VM_LABELS, Subject
from stratoscope.hypervisor.vm import VM

BLOCKED = Family(
    "stratoscope_hypervisor_vm_monitor_blocked_seconds",
    "Seconds since the VM's QEMU monitor stopped answering; 0 while it answers.",
    labels=VM_LABELS,
)
AGE = Family(
    "stratoscope_hypervisor_vm_monitor_last_answer_age_seconds",
    "Seconds since the last answer of the VM's QEMU monitor; absent while it answers, and if it never "
    "answered.",
    labels=VM_LABELS,
)


def _samples(vm: VM, labels: Labels) -> Iterable[Sample]:
    monitor = vm.monitor
    if monitor is None:
        return ()
    age_s = monitor.last_answer_age_s if monitor.blocked_s else None
    return optional_samples((BLOCKED, AGE), (monitor.blocked_s, age_s), labels)


MONITOR: Final = Subject(
    "monitor", (BLOCKED, AGE), _samples, series=1, beyond="1 while the monitor does not answer"
)
