"""The status checks of a VM, by cause: host, vm, storage, network.

Only this file and docs/hypervisor.md have the rules. A VM that is off, or that someone paused, fails no
check.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from stratoscope.clouds.libvirt.model import Domain, Monitor
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.hypervisor.subjects import VM_LABELS, Subject
from stratoscope.hypervisor.vm import VM, Checks, TapView

FAILED = Family(
    "stratoscope_hypervisor_vm_status_check_failed",
    "1 if the VM fails the check, else 0; the check names the cause: host, vm, storage, network "
    "(absent where the state of an interface is unknown).",
    labels=(*VM_LABELS, "check"),
)
FAILED_INFO = Family(
    "stratoscope_hypervisor_vm_failed_check_info",
    "A check that the VM fails, with the names of the VM; always 1, absent while it passes.",
    labels=(*VM_LABELS, "check", "vm_name", "host", "project_id"),
)
MONITOR_BLOCKED_S: Final = 30.0
"""A monitor that has not answered for longer fails the check `host`: QEMU itself hangs."""
PROCESS_STUCK_S: Final = 5.0
"""Least time between the first and the last collection that found the process stuck, or dead: one is no
evidence."""
STORAGE_HUNG_S: Final = 10.0
"""A thread that has waited as long for one request fails the check `storage`: a busy disk answers sooner."""
IO_ERROR_S: Final = 300.0
"""How long after an I/O error event the check `storage` fails."""

_STOPPED: Final = "T"
_BUSY_REASONS: Final = frozenset(
    {"migration", "save", "dump", "from_snapshot", "snapshot", "starting_up", "postcopy", "shutting_down"}
)
"""Reasons of a paused VM whose monitor a libvirt job holds, for minutes while it is migrated to this host."""
_ERRORS: Final = frozenset(
    {
        ("paused", "watchdog"),
        ("paused", "crashed"),
        ("paused", "postcopy_failed"),
        ("paused", "api_error"),
        ("running", "postcopy_failed"),
        ("shutoff", "crashed"),
        ("shutoff", "failed"),
        ("shutoff", "daemon"),
    }
)
"""States and reasons that nobody requested; `daemon`: it found the VM's process gone, or gave it up."""
_HAS_NETWORK: Final = frozenset({"running", "blocked", "nostate"})
"""States in which a VM uses its network: libvirt takes a macvtap down while its VM is paused."""
_LABELS: Final = {check: Labels(check=check) for check in ("host", "vm", "storage", "network")}


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """The evidence for the checks besides the domain's state.

    Attributes:
        process_state: The kernel's state letter of the VM's process; empty if unknown.
        stuck_s: For how long every collection found the process stopped, traced or frozen.
        dead_s: For how long every collection found that it has ended; None if it has not.
        storage_s: For how long a thread of it has waited for one storage request.
        monitor: None if no monitor was read.
        taps: Its interfaces that are known on the host.
        io_error_age_s: Seconds since its last I/O error event; None when there was none.
    """

    process_state: str = ""
    stuck_s: float = 0.0
    dead_s: float | None = None
    storage_s: float = 0.0
    monitor: Monitor | None = None
    taps: tuple[TapView, ...] = ()
    io_error_age_s: float | None = None


def verdict(domain: Domain, evidence: Evidence) -> Checks:
    """The four checks of a VM."""
    hangs = domain.is_active and _hangs(domain, evidence)
    is_deaf = not hangs and _is_deaf(domain, evidence.monitor)  # QEMU's main thread may wait for storage, too
    return Checks(
        host=domain.is_active and (_is_stuck(evidence) or is_deaf),
        vm=_ended_badly(domain) or (domain.is_active and _is_dead(evidence)),
        storage=hangs or _lacks_storage(domain, evidence.io_error_age_s),
        network=_lacks_network(domain, evidence.taps),
    )


def _hangs(domain: Domain, evidence: Evidence) -> bool:
    """After a post-copy migration a vCPU waits in the same way for a page of the other host."""
    return evidence.storage_s >= STORAGE_HUNG_S and not domain.reason.startswith("postcopy")


def _is_stuck(evidence: Evidence) -> bool:
    return evidence.process_state == _STOPPED or evidence.stuck_s >= PROCESS_STUCK_S


def _is_dead(evidence: Evidence) -> bool:
    return evidence.dead_s is not None and evidence.dead_s >= PROCESS_STUCK_S


def _is_deaf(domain: Domain, monitor: Monitor | None) -> bool:
    is_busy = domain.state == "paused" and domain.reason in _BUSY_REASONS
    return monitor is not None and not is_busy and monitor.blocked_s > MONITOR_BLOCKED_S


def _ended_badly(domain: Domain) -> bool:
    return domain.state == "crashed" or (domain.state, domain.reason) in _ERRORS


def _lacks_storage(domain: Domain, io_error_age_s: float | None) -> bool:
    had_error = io_error_age_s is not None and io_error_age_s < IO_ERROR_S
    return domain.is_active and (had_error or (domain.state == "paused" and domain.reason == "ioerror"))


def _lacks_network(domain: Domain, taps: tuple[TapView, ...]) -> bool | None:
    if not domain.is_active or domain.state not in _HAS_NETWORK:
        return False
    if any(False in (tap.is_up, tap.link, tap.is_attached) for tap in taps):
        return True
    return False if sum(tap.is_up is not None for tap in taps) == len(domain.interfaces) else None


def checks(host: str) -> Subject:
    """The subject, for the VMs of one host."""
    return Subject(
        "checks",
        (FAILED, FAILED_INFO),
        _samples(host),
        series=4,
        beyond="1 for each check that it fails",
        taps=True,
        without_daemon=True,
    )


def _samples(host: str) -> Callable[[VM, Labels], Iterable[Sample]]:
    def samples(vm: VM, labels: Labels) -> Iterable[Sample]:
        for check, at in _LABELS.items():
            has_failed = getattr(vm.checks, check)
            if has_failed is not None:
                yield FAILED(has_failed, labels.at(at))
            if has_failed:
                yield FAILED_INFO(1, labels + at + _names(vm, host))

    return samples


def _names(vm: VM, host: str) -> Labels:
    who = vm.identity
    return Labels(vm_name=who.name if who else "", host=host, project_id=who.project_id if who else "")
