"""Faults that lists of servers lack. Source: Nova's GET /servers/{id}.

A list has only the faults of one cell, the one in nova-api's own database: either of servers that were built,
or of those in cell0, for which no host was found (fill_faults in nova/objects/instance.py queries no other
cell, up to at least 2025.1). So servers in error without a fault are requested one by one, a few at each
refresh, once for each change.
"""

import asyncio
from typing import Final

import msgspec
from msgspec.structs import replace

from stratoscope.clouds.condition import FaultReason
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.model import VM
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import segment
from stratoscope.clouds.openstack.compute.server import Fault, reason_of
from stratoscope.clouds.vm_index import VMIndex
from stratoscope.core.deadline import at_most_s
from stratoscope.core.errors import CollectError, LeftOutError

MOST: Final = 20
_PATIENCE_S: Final = 30.0


class _Server(msgspec.Struct, frozen=True, gc=False):
    fault: Fault | None = None


class _One(msgspec.Struct, frozen=True, gc=False):
    server: _Server


class MissingFaults:
    """Why servers are in error, by id: known reasons, and servers that are still to be requested."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._found: dict[str, tuple[float, FaultReason]] = {}
        self._open: dict[str, None] = {}

    def explained(self, vm: VM) -> VM:
        """A VM in error whose list lacks the fault, with the reason that was last read."""
        changed, reason = self._found.get(vm.vm_id, (None, FaultReason.UNKNOWN))
        if changed != vm.changed:
            self._open[vm.vm_id] = None
        return replace(vm, fault=reason)

    def __contains__(self, vm_id: str) -> bool:
        return vm_id in self._found or vm_id in self._open

    def drop(self, vm_id: str) -> None:
        """Forget a server: it is no longer in error, its list has the fault, or it is gone."""
        self._found.pop(vm_id, None)
        self._open.pop(vm_id, None)

    async def ask(self, index: VMIndex) -> None:
        """Request a few, within half of the remaining time: servers must not wait for faults."""
        try:
            async with asyncio.timeout(at_most_s(_PATIENCE_S)):
                for vm_id in list(self._open)[:MOST]:
                    self._open[vm_id] = self._open.pop(vm_id)  # to the end, should it fail
                    reason = await self._ask(vm_id)
                    self._open.pop(vm_id, None)
                    vm = index.get(vm_id)
                    if vm is not None and vm.fault is not None:
                        self._found[vm_id] = vm.changed, reason
                        index.put(replace(vm, fault=reason))
        except (CollectError, LeftOutError, TimeoutError):
            return

    async def _ask(self, vm_id: str) -> FaultReason:
        path = f"/servers/{segment(vm_id)}"
        try:
            one = await self._api.get("compute", path, _One, operation="server", version="2.96")
        except (ForbiddenError, NotThereError):
            return FaultReason.UNKNOWN
        return reason_of(one.server.fault)
