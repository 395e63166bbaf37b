"""Pressure, throttling, OOM kills and memory of the VM's cgroup; without the monitor.

Source: cgroup {cpu,io,memory}.pressure, cpu.stat, memory.{events,current,swap.current} (v1: cpu.stat,
memory.{oom_control,usage_in_bytes}, and /proc/PID/status).
"""

from collections.abc import Iterable
from typing import Final

from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.hypervisor.kernel.pressure import Pressure
from stratoscope.hypervisor.subjects import VM_LABELS, Subject
from stratoscope.hypervisor.vm import VM

SOME = Family(
    "stratoscope_hypervisor_vm_pressure_some_seconds_total",
    "Seconds in which at least one task of the VM waited for the resource (PSI some); absent on cgroup v1.",
    labels=(*VM_LABELS, "resource"),
)
FULL = Family(
    "stratoscope_hypervisor_vm_pressure_full_seconds_total",
    "Seconds in which all non-idle tasks of the VM waited for the resource at once (PSI full); absent on "
    "cgroup v1, and for cpu before Linux 5.13.",
    labels=(*VM_LABELS, "resource"),
)
PERIODS = Family(
    "stratoscope_hypervisor_vm_cpu_periods_total",
    "CPU quota periods with runnable tasks, summed over the quotas of the VM, its vCPUs, emulator and I/O "
    "threads (nr_periods); absent until a quota is set.",
    labels=VM_LABELS,
)
THROTTLED_PERIODS = Family(
    "stratoscope_hypervisor_vm_cpu_throttled_periods_total",
    "CPU quota periods in which the quota was used up, summed over the quotas of the VM, its vCPUs, "
    "emulator and I/O threads (nr_throttled); absent until a quota is set.",
    labels=VM_LABELS,
)
THROTTLED = Family(
    "stratoscope_hypervisor_vm_cpu_throttled_seconds_total",
    "Seconds of throttling by CPU quotas, summed over the quotas of the VM, its vCPUs, emulator and I/O "
    "threads (throttled_usec); absent until a quota is set.",
    labels=VM_LABELS,
)
OOM_KILLS = Family(
    "stratoscope_hypervisor_vm_oom_kills_total",
    "Processes of the VM that the host's OOM killer killed (oom_kill); absent before Linux 4.13.",
    labels=VM_LABELS,
)
CHARGED = Family(
    "stratoscope_hypervisor_vm_cgroup_memory_bytes",
    "Memory charged to the VM's cgroup, with the host's page cache for it (memory.current; v1: "
    "memory.usage_in_bytes).",
    labels=VM_LABELS,
)
SWAPPED = Family(
    "stratoscope_hypervisor_vm_cgroup_swap_bytes",
    "Memory of the VM that is swapped out on the host (memory.swap.current; without it VmSwap of the QEMU "
    "process).",
    labels=VM_LABELS,
)
_CPU, _IO, _MEMORY = (Labels(resource=resource) for resource in ("cpu", "io", "memory"))


def _pressure(vm: VM, labels: Labels) -> Iterable[Sample]:
    pressure = vm.kernel.pressure if vm.kernel is not None else None
    if pressure is not None:
        yield from _of(pressure.cpu, labels.at(_CPU))
        yield from _of(pressure.io, labels.at(_IO))
        yield from _of(pressure.memory, labels.at(_MEMORY))


def _of(pressure: Pressure | None, labels: Labels) -> Iterable[Sample]:
    if pressure is not None:
        yield SOME(pressure.some, labels)
        if pressure.full is not None:
            yield FULL(pressure.full, labels)


def _throttling(vm: VM, labels: Labels) -> Iterable[Sample]:
    throttling = vm.kernel.throttling if vm.kernel is not None else None
    if throttling is None:
        return ()
    values = throttling.periods, throttling.throttled_periods, throttling.throttled
    return optional_samples((PERIODS, THROTTLED_PERIODS, THROTTLED), values, labels)


def _oom(vm: VM, labels: Labels) -> Iterable[Sample]:
    return () if vm.oom_kills is None else (OOM_KILLS(vm.oom_kills, labels),)


def _cgroup_memory(vm: VM, labels: Labels) -> Iterable[Sample]:
    memory = vm.kernel.memory if vm.kernel is not None else None
    return (
        () if memory is None else optional_samples((CHARGED, SWAPPED), (memory.current, memory.swap), labels)
    )


PRESSURE: Final = Subject(
    "pressure",
    (SOME, FULL),
    _pressure,
    series=6,
    beyond="only 5 before Linux 5.13, none on cgroup v1",
    without_daemon=True,
    from_kernel=True,
)
THROTTLING: Final = Subject(
    "throttling",
    (PERIODS, THROTTLED_PERIODS, THROTTLED),
    _throttling,
    series=0,
    beyond="3 where a CPU quota is set, or was while the exporter ran",
    without_daemon=True,
    from_kernel=True,
)
OOM: Final = Subject("oom", (OOM_KILLS,), _oom, series=1, without_daemon=True, from_kernel=True)
CGROUP_MEMORY: Final = Subject(
    "cgroup_memory",
    (CHARGED, SWAPPED),
    _cgroup_memory,
    series=2,
    without_daemon=True,
    from_kernel=True,
    is_on=False,
)
