"""The verdict on a VM, split by blame: host, vm, storage, network. The rules stand here and in the docs alone."""

from collections.abc import Iterable, Mapping
from typing import Final

from stratoscope.clouds.libvirt.model import Domain, Monitor
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.hypervisor.subjects import VM_LABELS, Subject
from stratoscope.hypervisor.vm import VM, Checks, TapView

FAILED = Family(
    "stratoscope_hypervisor_vm_status_check_failed",
    "1 if the check fails: the host, the VM itself, its storage or its network is to blame; else 0.",
    labels=(*VM_LABELS, "check"),
)
BLOCKED_AFTER_S: Final = 30.0
"""A monitor that has not answered for so long blames the host: QEMU itself hangs."""
IO_ERROR_FOR_S: Final = 300.0
"""An I/O error event blames the storage for so long after it."""
_STOPPED: Final = frozenset("TtXZ")
_PAUSED_BY_ERROR: Final = frozenset({"watchdog", "crashed", "postcopy_failed", "api_error"})
_ENDED_BY_ERROR: Final = frozenset({"crashed", "failed"})
_HOST, _VM, _STORAGE, _NETWORK = (Labels(check=check) for check in ("host", "vm", "storage", "network"))


def verdict(
    domain: Domain,
    *,
    process_state: str,
    blocked_before: bool,
    monitor: Monitor | None,
    taps: Iterable[TapView],
    io_error_age_s: float | None,
) -> Checks:
    """The four checks of a VM.

    Args:
        domain: As libvirt has it.
        process_state: The kernel's letter for the VM's process; empty where unknown.
        blocked_before: Whether the process was in uninterruptible sleep (D) in the collection before, too.
        monitor: None where no monitor was asked.
        taps: Its interfaces.
        io_error_age_s: Seconds since its last I/O error event; None when there was none.
    """
    state, reason = domain.state, domain.reason
    is_blocked = process_state in _STOPPED if process_state else False
    is_blocked = is_blocked or (process_state == "D" and blocked_before)
    is_deaf = monitor is not None and monitor.blocked_s > BLOCKED_AFTER_S
    had_io_error = io_error_age_s is not None and io_error_age_s < IO_ERROR_FOR_S
    return Checks(
        host=domain.is_active and (is_blocked or is_deaf),
        vm=state == "crashed"
        or (state == "paused" and reason in _PAUSED_BY_ERROR)
        or (state == "shutoff" and reason in _ENDED_BY_ERROR),
        storage=(state == "paused" and reason == "ioerror") or had_io_error,
        network=domain.is_active and any(not tap.is_up for tap in taps),
    )


def host_failed(cloud: str, vm_ids: Mapping[str, str]) -> Iterable[Sample]:
    """The one verdict that an unreachable daemon allows, for the VMs that it had."""
    for vm_id in vm_ids.values():
        yield FAILED(1, Labels(cloud=cloud, vm_id=vm_id) + _HOST)


def _samples(vm: VM, labels: Labels) -> Iterable[Sample]:
    checks = vm.checks
    yield FAILED(checks.host, labels + _HOST)
    yield FAILED(checks.vm, labels + _VM)
    yield FAILED(checks.storage, labels + _STORAGE)
    yield FAILED(checks.network, labels + _NETWORK)


CHECKS: Final = Subject("checks", (FAILED,), _samples, series=4)
