"""What is done to VMs and hosts that are there: deploy, action, recover, migrate, status."""

from collections.abc import Callable, Mapping
from typing import Final

from stratoscope.demo.opennebula import states
from stratoscope.demo.opennebula.access import MANAGE, Access, denied
from stratoscope.demo.opennebula.call import Answer, Call, Method
from stratoscope.demo.opennebula.directory import Directory
from stratoscope.demo.opennebula.errors import ACTION, OneError, no_exists
from stratoscope.demo.opennebula.life import OneOperations
from stratoscope.demo.opennebula.pools import Reads
from stratoscope.demo.opennebula.views.hosts import percent
from stratoscope.demo.world.models import CPU_RATIO, RESERVED_MIB, VM, Host
from stratoscope.demo.world.world import World

_Act = Callable[[VM, Call], None]
_WAITS: Final = ("PENDING", "HOLD")
_STARTED: Final = ("RUNNING", "UNKNOWN")
_AT_REST: Final = ("POWEROFF", "SUSPENDED", "UNDEPLOYED")
_FAILED: Final = ("BOOT_FAILURE", "PROLOG_FAILURE")
_RETRY, _DELETE = 2, 3
_ENABLED, _DISABLED, _OFFLINE = 0, 1, 2
"""What `host.status` sets."""


class Actions:
    """Their handlers."""

    def __init__(
        self, world: World, directory: Directory, access: Access, *, reads: Reads, operations: OneOperations
    ) -> None:
        self._world, self._directory, self._access = world, directory, access
        self._reads, self._operations = reads, operations
        self._actions: Mapping[str, tuple[_Act, tuple[str, ...]]] = {
            "terminate": (self._delete, (*_STARTED, *_AT_REST, *_WAITS)),
            "terminate-hard": (self._delete, (*_STARTED, *_AT_REST, *_WAITS, *_FAILED)),
            "hold": (self._hold, ("PENDING",)),
            "release": (self._release, ("HOLD",)),
            "poweroff": (self._stop, _STARTED),
            "poweroff-hard": (self._stop, _STARTED),
            "reboot": (self._reboot, ("RUNNING",)),
            "reboot-hard": (self._reboot, ("RUNNING",)),
            "suspend": (self._suspend, ("RUNNING",)),
            "undeploy": (self._undeploy, (*_STARTED, "POWEROFF")),
            "undeploy-hard": (self._undeploy, (*_STARTED, "POWEROFF")),
            "resume": (self._resume, (*_AT_REST, "UNKNOWN")),
        }

    def methods(self) -> Mapping[str, Method]:
        return {
            "vm.deploy": Method(self._deploy, "ii?bis"),
            "vm.action": Method(self._act, "si"),
            "vm.recover": Method(self._recover, "ii"),
            "vm.migrate": Method(self._migrate, "iib?bii"),
            "host.status": Method(self._host_status, "ii"),
        }

    def _act(self, call: Call) -> Answer:
        action, number = str(call.args[0]), int(call.args[1])
        vm = self._own(call, number, "MANAGE")
        if action not in self._actions:
            raise OneError(ACTION, f'Action "{action}" is not supported')
        act, allowed = self._actions[action]
        state = states.name(vm, self._world.now)
        if state not in allowed:
            text = f'Error performing action "{action}": This action is not available for state {state}'
            raise OneError(ACTION, text)
        act(vm, call)
        return number

    def _deploy(self, call: Call) -> Answer:
        """To a host that the caller names, past the scheduler."""
        number, host_number = int(call.args[0]), int(call.args[1])
        vm = self._own(call, number, "ADMIN")
        host = self._target(call, host_number)
        store = call.arg(3, -1)
        if store not in (-1, 0):
            raise no_exists("datastore", store)
        state = states.name(vm, self._world.now)
        if state not in (*_WAITS, "UNDEPLOYED"):
            raise OneError(ACTION, f"Deploy action is not available for state {state}")
        self._check_room(vm, host, is_enforced=call.arg(2, default=False))
        boots = self._operations.one_boots
        boots.begin(vm)
        boots.start_on(vm, host)
        return number

    def _migrate(self, call: Call) -> Answer:
        number, host_number = int(call.args[0]), int(call.args[1])
        vm = self._own(call, number, "ADMIN")
        host = self._target(call, host_number)
        state = states.name(vm, self._world.now)
        if state != "RUNNING":
            raise OneError(ACTION, f"Migrate action is not available for state {state}")
        if host is vm.host:
            raise OneError(ACTION, f"VM is already running on host [{host_number}]")
        self._check_room(vm, host, is_enforced=True)
        self._operations.migrations.migrate(vm, host)
        return number

    def _recover(self, call: Call) -> Answer:
        number, operation = int(call.args[0]), int(call.args[1])
        vm = self._own(call, number, "ADMIN")
        state = states.name(vm, self._world.now)
        if operation == _DELETE and state != "DONE":
            self._delete(vm, call)
        elif operation == _RETRY and state in _FAILED:
            self._operations.one_boots.retry(vm)
        else:
            raise OneError(ACTION, f"Recover action is not available for state {state}")
        return number

    def _host_status(self, call: Call) -> Answer:
        number, status = int(call.args[0]), int(call.args[1])
        host = self._reads.host(number)
        if not call.caller.is_admin:
            raise denied(call.caller, f"ADMIN HOST [{number}]")
        if status not in (_ENABLED, _DISABLED, _OFFLINE):
            raise OneError(ACTION, f"Wrong status code {status}")
        host.daemon.is_enabled = status == _ENABLED
        host.daemon.disabled_reason = states.OFF if status == _OFFLINE else None
        return number

    # -- What is done ------------------------------------------------------------------------------

    def _delete(self, vm: VM, call: Call) -> None:
        self._operations.delete(vm, call.caller.user)

    def _stop(self, vm: VM, call: Call) -> None:
        self._operations.stop(vm, call.caller.user)

    def _reboot(self, vm: VM, call: Call) -> None:
        self._operations.reboot(vm, user=call.caller.user)

    def _hold(self, vm: VM, _: Call) -> None:
        self._operations.one_boots.hold(vm)

    def _release(self, vm: VM, _: Call) -> None:
        self._operations.one_boots.schedule(vm)

    def _suspend(self, vm: VM, _: Call) -> None:
        self._operations.suspend(vm)

    def _undeploy(self, vm: VM, _: Call) -> None:
        self._operations.undeploy(vm)

    def _resume(self, vm: VM, call: Call) -> None:
        if vm.host is None:
            self._operations.one_boots.schedule(vm)
        elif vm.vm_state == "stopped":
            self._operations.start(vm, call.caller.user)
        else:
            self._operations.resume(vm)

    # -- What is checked ---------------------------------------------------------------------------

    def _own(self, call: Call, number: int, right: str) -> VM:
        """A VM that the caller may change. Raises OneError.

        Args:
            right: MANAGE, which its owner has, or ADMIN, which nobody is given (VM_ADMIN_OPERATIONS).
        """
        vm = self._world.vms.with_key(number)
        if vm is None:
            raise no_exists("virtual machine", number)
        owner = self._access.permissions(vm).owner
        is_owner = right == "MANAGE" and owner.number == call.caller.number
        if not call.caller.is_admin and not is_owner:
            raise denied(call.caller, f"{right} VM [{number}]")
        return vm

    def _target(self, call: Call, number: int) -> Host:
        """A host to which the caller may deploy. Raises OneError."""
        host = self._reads.host(number)
        if not self._access.grants(call.caller, "HOST", MANAGE):
            raise denied(call.caller, f"MANAGE HOST [{number}]")
        if states.of_host(host, self._world.now) == states.OFFLINE:
            raise OneError(ACTION, "Host is offline, cannot use it to deploy VM")
        return host

    def _check_room(self, vm: VM, host: Host, *, is_enforced: bool) -> None:
        """Raises OneError: The host has no room. The world has no VM that does not fit, enforced or not."""
        used, most = percent(host)
        claim = vm.claim
        cpu = claim.vcpus * 100 // CPU_RATIO + claim.pcpus * 100
        memory, free_mib = claim.memory_mib, host.has.memory_mib - RESERVED_MIB - host.used.memory_mib
        text = f"virtual machine [{vm.serial}] does not fit in host [{host.number - 1}]."
        if cpu > most - used:
            raise OneError(ACTION, f"{text} Not enough CPU: {cpu}/{most - used}")
        if memory > free_mib:
            raise OneError(ACTION, f"{text} Not enough memory: {memory << 10}/{free_mib << 10}")
        if not host.fits(claim):
            raise OneError(ACTION, f"{text} Not enough {'capacity' if is_enforced else 'resources'}")
