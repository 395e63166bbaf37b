"""What the VM's cgroup tells of pressure, throttling, memory and the lack of it; no monitor is asked.

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
    "Time in which some task of the VM waited for the resource (PSI some).",
    labels=(*VM_LABELS, "resource"),
)
FULL = Family(
    "stratoscope_hypervisor_vm_pressure_full_seconds_total",
    "Time in which all tasks of the VM that had work waited for the resource (PSI full).",
    labels=(*VM_LABELS, "resource"),
)
PERIODS = Family(
    "stratoscope_hypervisor_vm_cpu_periods_total",
    "Periods of the CPU quota in which the VM ran (nr_periods); absent before the first quota.",
    labels=VM_LABELS,
)
THROTTLED_PERIODS = Family(
    "stratoscope_hypervisor_vm_cpu_throttled_periods_total",
    "Periods in which the VM used up its CPU quota (nr_throttled); absent before the first quota.",
    labels=VM_LABELS,
)
THROTTLED = Family(
    "stratoscope_hypervisor_vm_cpu_throttled_seconds_total",
    "Time the VM was held back by its CPU quota (throttled_usec); absent before the first quota.",
    labels=VM_LABELS,
)
OOM_KILLS = Family(
    "stratoscope_hypervisor_vm_oom_kills_total",
    "Processes of the VM that the host's kernel killed for want of memory (oom_kill).",
    labels=VM_LABELS,
)
CHARGED = Family(
    "stratoscope_hypervisor_vm_cgroup_memory_bytes",
    "Memory charged to the VM, the host's page cache for it included (memory.current).",
    labels=VM_LABELS,
)
SWAPPED = Family(
    "stratoscope_hypervisor_vm_cgroup_swap_bytes",
    "Memory of the VM that the host swapped out (memory.swap.current, or VmSwap).",
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
