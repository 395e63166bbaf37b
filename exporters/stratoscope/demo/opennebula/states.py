"""The states of VMs and hosts by number, from those of the world."""

from typing import Final

from stratoscope.demo.opennebula.errors import OF_DRIVER
from stratoscope.demo.world.models import VM, Host

PENDING, HOLD, ACTIVE, SUSPENDED, DONE, POWEROFF, UNDEPLOYED = 1, 2, 3, 5, 6, 8, 9
RUNNING, UNKNOWN, BOOT_FAILURE, PROLOG_FAILURE = 3, 16, 36, 39
ON_A_HOST: Final = frozenset({ACTIVE, SUSPENDED, POWEROFF})
NAMES: Final = {
    PENDING: "PENDING", HOLD: "HOLD", ACTIVE: "ACTIVE", SUSPENDED: "SUSPENDED", DONE: "DONE",
    POWEROFF: "POWEROFF", UNDEPLOYED: "UNDEPLOYED",
}  # fmt: skip
LCM_NAMES: Final = {
    1: "PROLOG", 2: "BOOT", RUNNING: "RUNNING", 4: "MIGRATE", 12: "SHUTDOWN", UNKNOWN: "UNKNOWN",
    18: "SHUTDOWN_POWEROFF", 20: "BOOT_POWEROFF", 21: "BOOT_SUSPENDED", 26: "HOTPLUG_SAVEAS",
    29: "SHUTDOWN_UNDEPLOY", BOOT_FAILURE: "BOOT_FAILURE", PROLOG_FAILURE: "PROLOG_FAILURE",
    66: "HOTPLUG_RESIZE",
}  # fmt: skip
_TASKS: Final = {
    "deleting": 12, "powering-off": 18, "powering-on": 20, "resuming": 21, "migrating": 4,
    "undeploying": 29, "image_snapshot_pending": 26, "image_snapshot": 26, "image_uploading": 26,
    "resize_prep": 66, "resize_migrating": 66,
}  # fmt: skip
"""The LCM state of a VM with a host, by its task state."""
_BUILDS: Final = {"scheduling": (PENDING, 0), "held": (HOLD, 0), "spawning": (ACTIVE, 2)}
_STATES: Final = {
    "stopped": POWEROFF, "paused": SUSPENDED, "suspended": SUSPENDED, "shelved_offloaded": UNDEPLOYED,
    "deleted": DONE,
}  # fmt: skip

MONITORED, ERROR, DISABLED, OFFLINE = 2, 3, 4, 8
OFF: Final = "offline"
"""The reason for which a host is disabled that is switched off."""


def of_vm(vm: VM, now: float) -> tuple[int, int]:
    """STATE and LCM_STATE."""
    if vm.task_state in _TASKS and vm.host is not None:
        return ACTIVE, _TASKS[vm.task_state]
    if vm.vm_state == "building":
        return _BUILDS.get(vm.task_state or "", (ACTIVE, 1))
    if vm.vm_state == "error":
        is_boot = vm.fault is not None and vm.fault.message.startswith(OF_DRIVER)
        return ACTIVE, BOOT_FAILURE if is_boot else PROLOG_FAILURE
    if vm.vm_state in _STATES:
        return _STATES[vm.vm_state], 0
    is_seen = vm.host is None or vm.host.daemon.is_up(now)
    return ACTIVE, RUNNING if is_seen else UNKNOWN


def name(vm: VM, now: float) -> str:
    """As oned's messages call the state."""
    state, lcm = of_vm(vm, now)
    return LCM_NAMES[lcm] if state == ACTIVE else NAMES[state]


def of_host(host: Host, now: float) -> int:
    if not host.daemon.is_enabled:
        return OFFLINE if host.daemon.disabled_reason == OFF else DISABLED
    return MONITORED if host.daemon.is_up(now) else ERROR
