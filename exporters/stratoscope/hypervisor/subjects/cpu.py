"""CPU of a VM.

Source: its cgroup and /proc/PID/task/TID/schedstat; where the exporter cannot read these, libvirt's groups
CPU_TOTAL and VCPU; the states of vCPUs also stand in the definition. Halt-poll times are collected in the
background.
"""

import functools
from collections.abc import Iterable
from typing import Final

from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.hypervisor.subjects import VM_LABELS, Subject
from stratoscope.hypervisor.vm import VM

_VCPU: Final = (*VM_LABELS, "vcpu")
VCPUS = Family("stratoscope_hypervisor_vm_vcpus", "Online virtual CPUs of an active VM.", labels=VM_LABELS)
TOTAL = Family(
    "stratoscope_hypervisor_vm_cpu_seconds_total",
    "CPU time of the VM with its emulator and I/O threads (cpu.time).",
    labels=VM_LABELS,
)
USER = Family(
    "stratoscope_hypervisor_vm_cpu_user_seconds_total",
    "CPU time that the VM's process spent in user mode (cpu.user).",
    labels=VM_LABELS,
)
SYSTEM = Family(
    "stratoscope_hypervisor_vm_cpu_system_seconds_total",
    "CPU time that the VM's process spent in the host's kernel (cpu.system).",
    labels=VM_LABELS,
)
VCPU_TIME = Family(
    "stratoscope_hypervisor_vm_vcpu_seconds_total",
    "CPU time of the virtual CPU's thread (vcpu.N.time).",
    labels=_VCPU,
)
VCPU_DELAY = Family(
    "stratoscope_hypervisor_vm_vcpu_delay_seconds_total",
    "Time the virtual CPU was ready to run but waited for a CPU of the host: steal (vcpu.N.delay).",
    labels=_VCPU,
)
VCPU_WAIT = Family(
    "stratoscope_hypervisor_vm_vcpu_wait_seconds_total",
    "As delay, by the scheduler's own statistics (vcpu.N.wait); absent where kernel.sched_schedstats is off.",
    labels=_VCPU,
)
VCPU_STATE = Family(
    "stratoscope_hypervisor_vm_vcpu_state",
    "1 for the state of the virtual CPU (virVcpuState); offline is one that could be plugged.",
    labels=(*_VCPU, "state"),
)
_NUMBERS: Final = tuple(Labels(vcpu=number) for number in range(64))


def _samples(vm: VM, labels: Labels) -> Iterable[Sample]:
    if vm.vcpus is not None:
        yield VCPUS(vm.vcpus, labels)
    kernel, domain = vm.kernel, vm.domain
    yield from _states(vm, labels)
    cpu = kernel.cpu if kernel is not None else None
    if cpu is not None:
        yield TOTAL(cpu.total, labels)
        if cpu.user is not None and cpu.system is not None:
            yield USER(cpu.user, labels)
            yield SYSTEM(cpu.system, labels)
    elif domain.cpu_s is not None:
        yield TOTAL(domain.cpu_s, labels)
        if domain.user_s is not None and domain.system_s is not None:
            yield USER(domain.user_s, labels)
            yield SYSTEM(domain.system_s, labels)
    if kernel is not None and kernel.vcpus:
        for number, vcpu in kernel.vcpus.items():
            yield from _vcpu(number, vcpu.run, vcpu.delay, vcpu.wait, labels)
    else:
        for one in domain.vcpus:
            yield from _vcpu(one.number, one.time_s, one.delay_s, one.wait_s, labels)


def _states(vm: VM, labels: Labels) -> Iterable[Sample]:
    """By the driver where it was asked, else by the definition."""
    if vm.domain.is_active:
        defined = vm.identity.vcpu_states if vm.identity is not None else ()
        for number, state in vm.domain.vcpu_states or defined:
            yield VCPU_STATE(1, labels.at(_state(number, state)))


@functools.lru_cache(maxsize=4096)
def _state(number: int, state: str) -> Labels:
    return Labels(vcpu=number, state=state)


def _vcpu(
    number: int, time_s: float | None, delay_s: float | None, wait_s: float | None, vm: Labels
) -> Iterable[Sample]:
    labels = vm.at(_NUMBERS[number]) if number < len(_NUMBERS) else vm.plus(vcpu=number)
    if time_s is not None:
        yield VCPU_TIME(time_s, labels)
    if delay_s is not None:
        yield VCPU_DELAY(delay_s, labels)
    if wait_s is not None:
        yield VCPU_WAIT(wait_s, labels)


CPU: Final = Subject(
    "cpu",
    (VCPUS, TOTAL, USER, SYSTEM, VCPU_TIME, VCPU_DELAY, VCPU_WAIT, VCPU_STATE),
    _samples,
    series=7,
    beyond="3 for each further vCPU; 1 for each vCPU where kernel.sched_schedstats is on",
    cpu=True,
    without_daemon=True,
)
