"""Whether a host was chosen for a server that no nova-compute has taken yet. Source: Nova's GET
/servers/{id}/os-instance-actions; any role.

Nova names the host once its nova-compute has taken the server. Before that, when the scheduler has answered,
it records the action `create`.
"""

import asyncio
from collections import Counter
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
    """The servers of one Lifecycle that wait for a host."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._looks: Counter[str] = Counter()
        self._scheduled: set[str] = set()

    async def is_over(self, one: Server) -> bool:
        """Whether a host was chosen for a server, as it was just seen.

        False if its actions cannot be read in time: a VM does not need them.
        """
        if one.host or one.host_id or one.status != BUILD:
            self.forget(one.id)
            return bool(one.host or one.host_id)
        self._looks[one.id] += 1
        if self._looks[one.id] > _LOOKS and one.id not in self._scheduled and await self._is_recorded(one.id):
            self._scheduled.add(one.id)
        return one.id in self._scheduled

    def forget(self, vm_id: str) -> None:
        """It is gone, or no longer waits."""
        self._looks.pop(vm_id, None)
        self._scheduled.discard(vm_id)

    async def _is_recorded(self, vm_id: str) -> bool:
        path = f"/servers/{segment(vm_id)}/os-instance-actions"
        try:
            async with asyncio.timeout(at_most_s(_PATIENCE_S)):
                answer = await self._api.get("compute", path, _Answer, operation="server_actions")
        except (CollectError, LeftOutError, TimeoutError):
            self._looks[vm_id] = 0
            return False
        return any(one.action == "create" for one in answer.actions)
