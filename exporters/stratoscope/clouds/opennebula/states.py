"""States by number, as oned names them: tables of our own, since those of clients end too early.

A number that no table has is shown as it is (`STATE_12`, `LCM_STATE_72`), never as another state.
"""

from collections.abc import Mapping
from typing import Final

from stratoscope.clouds.condition import Condition, FaultReason

ACTIVE: Final = 3
DONE: Final = 6
PENDING: Final = "PENDING"
ON_A_HOST: Final = frozenset({ACTIVE, 5, 8})
"""States in which a VM has a host: active, suspended, powered off. In others its last one is history."""
_VM: Final[Mapping[int, str]] = {
    0: "INIT", 1: PENDING, 2: "HOLD", 3: "ACTIVE", 4: "STOPPED", 5: "SUSPENDED", 6: "DONE", 7: "FAILED",
    8: "POWEROFF", 9: "UNDEPLOYED", 10: "CLONING", 11: "CLONING_FAILURE",
}  # fmt: skip
_LCM: Final[Mapping[int, str]] = {
    0: "LCM_INIT", 1: "PROLOG", 2: "BOOT", 3: "RUNNING", 4: "MIGRATE", 5: "SAVE_STOP", 6: "SAVE_SUSPEND",
    7: "SAVE_MIGRATE", 8: "PROLOG_MIGRATE", 9: "PROLOG_RESUME", 10: "EPILOG_STOP", 11: "EPILOG",
    12: "SHUTDOWN", 15: "CLEANUP_RESUBMIT", 16: "UNKNOWN", 17: "HOTPLUG", 18: "SHUTDOWN_POWEROFF",
    19: "BOOT_UNKNOWN", 20: "BOOT_POWEROFF", 21: "BOOT_SUSPENDED", 22: "BOOT_STOPPED",
    23: "CLEANUP_DELETE", 24: "HOTPLUG_SNAPSHOT", 25: "HOTPLUG_NIC", 26: "HOTPLUG_SAVEAS",
    27: "HOTPLUG_SAVEAS_POWEROFF", 28: "HOTPLUG_SAVEAS_SUSPENDED", 29: "SHUTDOWN_UNDEPLOY",
    30: "EPILOG_UNDEPLOY", 31: "PROLOG_UNDEPLOY", 32: "BOOT_UNDEPLOY", 33: "HOTPLUG_PROLOG_POWEROFF",
    34: "HOTPLUG_EPILOG_POWEROFF", 35: "BOOT_MIGRATE", 36: "BOOT_FAILURE", 37: "BOOT_MIGRATE_FAILURE",
    38: "PROLOG_MIGRATE_FAILURE", 39: "PROLOG_FAILURE", 40: "EPILOG_FAILURE", 41: "EPILOG_STOP_FAILURE",
    42: "EPILOG_UNDEPLOY_FAILURE", 43: "PROLOG_MIGRATE_POWEROFF", 44: "PROLOG_MIGRATE_POWEROFF_FAILURE",
    45: "PROLOG_MIGRATE_SUSPEND", 46: "PROLOG_MIGRATE_SUSPEND_FAILURE", 47: "BOOT_UNDEPLOY_FAILURE",
    48: "BOOT_STOPPED_FAILURE", 49: "PROLOG_RESUME_FAILURE", 50: "PROLOG_UNDEPLOY_FAILURE",
    51: "DISK_SNAPSHOT_POWEROFF", 52: "DISK_SNAPSHOT_REVERT_POWEROFF", 53: "DISK_SNAPSHOT_DELETE_POWEROFF",
    54: "DISK_SNAPSHOT_SUSPENDED", 56: "DISK_SNAPSHOT_DELETE_SUSPENDED", 57: "DISK_SNAPSHOT",
    59: "DISK_SNAPSHOT_DELETE", 60: "PROLOG_MIGRATE_UNKNOWN", 61: "PROLOG_MIGRATE_UNKNOWN_FAILURE",
    62: "DISK_RESIZE", 63: "DISK_RESIZE_POWEROFF", 64: "DISK_RESIZE_UNDEPLOYED", 65: "HOTPLUG_NIC_POWEROFF",
    66: "HOTPLUG_RESIZE", 67: "HOTPLUG_SAVEAS_UNDEPLOYED", 68: "HOTPLUG_SAVEAS_STOPPED", 69: "BACKUP",
    70: "BACKUP_POWEROFF", 71: "RESTORE",
}  # fmt: skip
EVENTS: Final = frozenset(
    {*(f"VM/{one}/LCM_INIT" for one in _VM.values()), *(f"VM/ACTIVE/{one}" for one in _LCM.values())}
)
"""The names of the events of VMs: an LCM state is told of those that are active alone."""
_HOST: Final[Mapping[int, str]] = {
    0: "INIT", 1: "MONITORING_MONITORED", 2: "MONITORED", 3: "ERROR", 4: "DISABLED", 5: "MONITORING_ERROR",
    6: "MONITORING_INIT", 7: "MONITORING_DISABLED", 8: "OFFLINE",
}  # fmt: skip
HOSTS: Final = ("INIT", "MONITORED", "ERROR", "DISABLED", "OFFLINE")
"""The states of a host that are always reported; the others are of releases before 5.12."""
_IMAGE: Final[Mapping[int, str]] = {
    0: "INIT", 1: "READY", 2: "USED", 3: "DISABLED", 4: "LOCKED", 5: "ERROR", 6: "CLONE", 7: "DELETE",
    8: "USED_PERS", 9: "LOCKED_USED", 10: "LOCKED_USED_PERS",
}  # fmt: skip
SOLO: Final = "SOLO"
LEADER: Final = "LEADER"
CANDIDATE: Final = "CANDIDATE"
_RAFT: Final[Mapping[int, str]] = {0: SOLO, 1: CANDIDATE, 2: "FOLLOWER", 3: LEADER}
_ZONE: Final[Mapping[int, str]] = {0: "ENABLED", 1: "DISABLED"}

_RUNNING: Final = "RUNNING"
_STOPPED: Final = ("HOLD", "STOPPED", "SUSPENDED", "POWEROFF", "UNDEPLOYED")
_FAILED: Final = tuple(name for name in (*_VM.values(), *_LCM.values()) if name.endswith("_FAILURE"))
COMMON: Final = (PENDING, "PROLOG", "BOOT", _RUNNING, *_STOPPED, "UNKNOWN", "BOOT_FAILURE", "PROLOG_FAILURE")
"""States that are counted even if no VM is in them."""
CONDITIONS: Final[Mapping[str, Condition]] = {
    _RUNNING: Condition.RUNNING,
    "UNKNOWN": Condition.UNKNOWN,
    **dict.fromkeys(_STOPPED, Condition.STOPPED),
    **dict.fromkeys((*_FAILED, "FAILED"), Condition.ERROR),
}
_MOST: Final = 255
"""A state beyond is none; the numbers of oned 7.4 end at 71."""
_KNOWN: Final = frozenset({*_VM.values(), *_LCM.values()})
_BOOTS: Final = "BOOT"


def vm(state: int, lcm_state: int) -> str:
    """The LCM state of an active VM, else its state. Raises ValueError, as all that name a number."""
    return _named(_LCM, lcm_state, "LCM_STATE") if state == ACTIVE else _named(_VM, state)


def transition(state: str) -> str:
    """The state itself if a VM does not stay in it, else "": what is unknown counts as staying."""
    return state if state in _KNOWN and state not in CONDITIONS else ""


def fault(state: str) -> FaultReason | None:
    """Why a VM in such a state is in error; None if it is not.

    The driver that boots a VM is the hypervisor's; all others that fail move its disks.
    """
    if CONDITIONS.get(state) is not Condition.ERROR:
        return None
    if state == "FAILED":
        return FaultReason.UNKNOWN
    return FaultReason.HYPERVISOR if state.startswith(_BOOTS) else FaultReason.IMAGE


def host(state: int) -> str:
    return _named(_HOST, state)


def image(state: int) -> str:
    return _named(_IMAGE, state)


def raft(state: int) -> str:
    return _named(_RAFT, state)


def zone(state: int) -> str:
    return _named(_ZONE, state)


def _named(names: Mapping[int, str], number: int, what: str = "STATE") -> str:
    """The name of a state. Raises ValueError for a number that no release has: names would have no bound."""
    if not 0 <= number <= _MOST:
        raise ValueError(f"{what}: no state")
    return names.get(number, f"{what}_{number}")
