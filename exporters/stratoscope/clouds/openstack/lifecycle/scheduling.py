"""Whether a host was chosen for a server that no nova-compute has taken yet. Source: Nova's GET
/servers/{id}/os-instance-actions; any role.

Nova names the host once the nova-compute there has taken the server. Earlier, as soon as the scheduler has
chosen the host, Nova records the action `create`.
"""

import asyncio
from typing import Final

import msgspec

from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Text, segment
from stratoscope.clouds.openstack.compute.server import BUILD
from stratoscope.clouds.openstack.lifecycle.server import Server
from stratoscope.core.deadline import at_most_s
from stratoscope.core.errors import CollectError, LeftOutError

_LOOKS: Final = 8
"""So many looks without a host, those of the first 2 s, cost no further request; nor do so many after a
request that failed."""
_PATIENCE_S: Final = 5.0


class _Action(msgspec.Struct, frozen=True):
    action: Text


class _Answer(msgspec.Struct, frozen=True, rename={"actions": "instanceActions"}):
    actions: list[_Action]


class Scheduling:
    """A server that waits for a host. It knows one at a time: runs of one Lifecycle do not overlap."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._vm_id, self._looks, self._is_recorded = "", 0, False

    async def is_over(self, one: Server) -> bool:
        """Whether a host was chosen for a server, as it was just seen.

        False if its actions cannot be read in time: a VM does not need them.
        """
        if one.host or one.host_id or one.status != BUILD:
            return bool(one.host or one.host_id)
        if one.id != self._vm_id:
            self._vm_id, self._looks, self._is_recorded = one.id, 0, False
        self._looks += 1
        if self._looks > _LOOKS and not self._is_recorded:
            self._is_recorded = await self._has_create(one.id)
        return self._is_recorded

    async def _has_create(self, vm_id: str) -> bool:
        path = f"/servers/{segment(vm_id)}/os-instance-actions"
        try:
            async with asyncio.timeout(at_most_s(_PATIENCE_S)):
                answer = await self._api.get("compute", path, _Answer, operation="server_actions")
        except (CollectError, LeftOutError, TimeoutError):
            self._looks = 0
            return False
        return any(one.action == "create" for one in answer.actions)
