"""What is done to VMs and hosts that are there: deploy, action, recover, status."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from stratoscope.demo.opennebula import states
from stratoscope.demo.opennebula.access import MANAGE, Access, denied
from stratoscope.demo.opennebula.directory import Account
from stratoscope.demo.opennebula.errors import ACTION, OneError, no_exists
from stratoscope.demo.opennebula.life import OneOperations
from stratoscope.demo.opennebula.method import Answer, Method
from stratoscope.demo.opennebula.pools import Reads
from stratoscope.demo.opennebula.views.objects import percent
from stratoscope.demo.world.models import CPU_RATIO, RESERVED_MIB, VM, Host

_WAITS: Final = ("PENDING", "HOLD")
_STARTED: Final = ("RUNNING", "UNKNOWN")
_AT_REST: Final = ("POWEROFF", "SUSPENDED", "UNDEPLOYED")
_FAILED: Final = ("BOOT_FAILURE", "PROLOG_FAILURE")
_DELETE: Final = 3
"""The operation of `vm.recover` that there is."""
_ENABLED, _DISABLED, _OFFLINE = 0, 1, 2
"""What `host.status` sets."""


class Actions:
    """Their handlers."""

    def __init__(self, access: Access, reads: Reads, operations: OneOperations) -> None:
        self._world, self._access, self._reads, self._operations = operations.world, access, reads, operations
        ends = (*_STARTED, *_AT_REST, *_WAITS)
        self._actions: Mapping[str, tuple[Callable[[VM], None], tuple[str, ...]]] = {
            "terminate": (operations.delete, ends),
            "terminate-hard": (operations.delete, (*ends, *_FAILED)),
            "release": (operations.resume, ("HOLD",)),
            "poweroff": (operations.stop, _STARTED),
            "poweroff-hard": (operations.stop, _STARTED),
            "undeploy-hard": (operations.undeploy, (*_STARTED, "POWEROFF")),
            "resume": (operations.resume, (*_AT_REST, "UNKNOWN")),
        }

    def methods(self) -> Mapping[str, Method]:
        return {
            "vm.deploy": Method(self._deploy, "ii?bis"),
            "vm.action": Method(self._act, "si"),
            "vm.recover": Method(self._recover, "ii"),
            "host.status": Method(self._host_status, "ii"),
        }

    def _act(self, caller: Account, action: str, number: int) -> Answer:
        vm, state = self._own(caller, number, "MANAGE")
        if action not in self._actions:
            raise OneError(ACTION, f'Action "{action}" is not supported')
        act, allowed = self._actions[action]
        if state not in allowed:
            text = f'Error performing action "{action}": This action is not available for state {state}'
            raise OneError(ACTION, text)
        act(vm)
        return number

    def _deploy(self, caller: Account, number: int, host_number: int, *how: Any) -> Answer:
        """To a host that the caller names, past the scheduler."""
        store = (*how, False, -1)[1]
        vm, state = self._own(caller, number, "ADMIN")
        host: Host = self._reads.find(self._reads.host, host_number)
        if not self._access.grants(caller, "HOST", MANAGE):
            raise denied(caller, f"MANAGE HOST [{host_number}]")
        if states.of_host(host, self._world.now) == states.OFFLINE:
            raise OneError(ACTION, "Host is offline, cannot use it to deploy VM")
        if store not in (-1, 0):
            raise no_exists("datastore", store)
        if state not in (*_WAITS, "UNDEPLOYED"):
            raise OneError(ACTION, f"Deploy action is not available for state {state}")
        _check_room(vm, host)
        self._operations.deploy(vm, host)
        return number

    def _recover(self, caller: Account, number: int, operation: int) -> Answer:
        vm, state = self._own(caller, number, "ADMIN")
        if operation != _DELETE or state == "DONE":
            raise OneError(ACTION, f"Recover action is not available for state {state}")
        self._operations.delete(vm)
        return number

    def _host_status(self, caller: Account, number: int, status: int) -> Answer:
        host: Host = self._reads.find(self._reads.host, number)
        if not caller.is_admin:
            raise denied(caller, f"ADMIN HOST [{number}]")
        if status not in (_ENABLED, _DISABLED, _OFFLINE):
            raise OneError(ACTION, f"Wrong status code {status}")
        host.daemon.is_enabled = status == _ENABLED
        host.daemon.disabled_reason = states.OFF if status == _OFFLINE else None
        return number

    def _own(self, caller: Account, number: int, right: str) -> tuple[VM, str]:
        """A VM that the caller may change, and its state. Raises OneError.

        Args:
            right: MANAGE, which its owner has, or ADMIN, which nobody is given (VM_ADMIN_OPERATIONS).
        """
        vm: VM = self._reads.find(self._reads.vm, number)
        is_owner = right == "MANAGE" and self._access.permissions(vm).owner == caller
        if not caller.is_admin and not is_owner:
            raise denied(caller, f"{right} VM [{number}]")
        return vm, states.name(vm, self._world.now)


def _check_room(vm: VM, host: Host) -> None:
    """Raises OneError: The host has no room. The world has no VM that does not fit, enforced or not."""
    used, most = percent(host)
    claim = vm.claim
    cpu = claim.vcpus * 100 // CPU_RATIO + claim.pcpus * 100
    free_mib = host.has.memory_mib - RESERVED_MIB - host.used.memory_mib
    text = f"virtual machine [{vm.serial}] does not fit in host [{host.number - 1}]."
    if cpu > most - used:
        raise OneError(ACTION, f"{text} Not enough CPU: {cpu}/{most - used}")
    if not host.fits(claim):
        raise OneError(ACTION, f"{text} Not enough memory: {claim.memory_mib << 10}/{free_mib << 10}")
