"""CPU of a VM.

Source: its cgroup and /proc/PID/task/TID/schedstat; if the exporter cannot read these, libvirt's groups
CPU_TOTAL and VCPU; the states of vCPUs are also in the definition. Halt-poll times are collected in the
background.
"""

import functools
from collections.abc import Iterable
from typing import Final

from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.hypervisor.subjects import VM_LABELS, Subject
from stratoscope.hypervisor.vm import VM

_VCPU: Final = (*VM_LABELS, "vcpu")
VCPUS = Family(
    "stratoscope_hypervisor_vm_vcpus",
    "Online virtual CPUs of the VM (vcpu.current); absent while it is off.",
    labels=VM_LABELS,
)
TOTAL = Family(
    "stratoscope_hypervisor_vm_cpu_seconds_total",
    "CPU seconds used by the VM, including its emulator and I/O threads (cpu.time).",
    labels=VM_LABELS,
)
USER = Family(
    "stratoscope_hypervisor_vm_cpu_user_seconds_total",
    "CPU seconds that the VM used in the host's user mode, which includes running the guest (cpu.user).",
    labels=VM_LABELS,
)
SYSTEM = Family(
    "stratoscope_hypervisor_vm_cpu_system_seconds_total",
    "CPU seconds that the VM used in the host's kernel (cpu.system).",
    labels=VM_LABELS,
)
VCPU_TIME = Family(
    "stratoscope_hypervisor_vm_vcpu_seconds_total",
    "CPU seconds used by the thread of the virtual CPU (vcpu.N.time).",
    labels=_VCPU,
)
VCPU_DELAY = Family(
    "stratoscope_hypervisor_vm_vcpu_delay_seconds_total",
    "Seconds in which the virtual CPU was ready to run but waited for a CPU of the host; the guest sees "
    "steal (vcpu.N.delay).",
    labels=_VCPU,
)
VCPU_WAIT = Family(
    "stratoscope_hypervisor_vm_vcpu_wait_seconds_total",
    "Seconds in which the virtual CPU waited for a CPU of the host, by the scheduler's statistics "
    "(vcpu.N.wait); absent unless kernel.sched_schedstats is on.",
    labels=_VCPU,
)
VCPU_STATE = Family(
    "stratoscope_hypervisor_vm_vcpu_state",
    "State that the virtual CPU is in (virVcpuState); always 1; offline means that it can be plugged in.",
    labels=(*_VCPU, "state"),
)
_VCPU_TIMES: Final = (VCPU_TIME, VCPU_DELAY, VCPU_WAIT)
_NUMBERS: Final = tuple(Labels(vcpu=number) for number in range(64))


def _samples(vm: VM, labels: Labels) -> Iterable[Sample]:
    kernel, domain = vm.kernel, vm.domain
    cpu = kernel.cpu if kernel is not None else None
    times: tuple[float | None, ...]
    if cpu is not None:
        times = cpu.total, cpu.user, cpu.system
    else:
        times = domain.cpu_s, domain.user_s, domain.system_s
    total, user, system = times
    samples = optional_samples((VCPUS, TOTAL), (vm.vcpus, total), labels)
    if total is not None and user is not None and system is not None:
        samples += USER(user, labels), SYSTEM(system, labels)
    if domain.is_active:  # by the driver if it was asked, else by the definition
        defined = vm.identity.vcpu_states if vm.identity is not None else ()
        samples += [
            VCPU_STATE(1, labels.at(_state(number, state))) for number, state in domain.vcpu_states or defined
        ]
    if kernel is not None and kernel.vcpus:
        for number, vcpu in kernel.vcpus.items():
            samples += optional_samples(
                _VCPU_TIMES, (vcpu.run, vcpu.delay, vcpu.wait), _numbered(number, labels)
            )
    else:
        for one in domain.vcpus:
            samples += optional_samples(
                _VCPU_TIMES, (one.time_s, one.delay_s, one.wait_s), _numbered(one.number, labels)
            )
    return samples


@functools.lru_cache(maxsize=4096)
def _state(number: int, state: str) -> Labels:
    return Labels(vcpu=number, state=state)


def _numbered(number: int, vm: Labels) -> Labels:
    return vm.at(_NUMBERS[number]) if number < len(_NUMBERS) else vm.plus(vcpu=number)


CPU: Final = Subject(
    "cpu",
    (VCPUS, TOTAL, USER, SYSTEM, VCPU_TIME, VCPU_DELAY, VCPU_WAIT, VCPU_STATE),
    _samples,
    series=7,
    beyond="3 for each further vCPU; 1 for each vCPU where kernel.sched_schedstats is on",
    cpu=True,
    without_daemon=True,
)
