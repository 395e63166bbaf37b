"""Which L3 agent has which router. Source: /v2.0/agents/{id}/l3-routers, agent by agent; role admin.

Neutron has no list of all: it lists the routers of one agent, or the agents of one router. There are fewer
agents than routers, so the agents are read, a few at each refresh. With OVN there are none.
"""

from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.objects import Each, RouterAgent
from stratoscope.clouds.openstack.agents import only_admins_see
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.extensions import extension
from stratoscope.clouds.openstack.client.fields import Id, Text, segment
from stratoscope.clouds.openstack.client.listing import Listing
from stratoscope.clouds.openstack.each.object_list import MOST
from stratoscope.clouds.round_robin import RoundRobin
from stratoscope.core.collector import Every

_NAME: Final = "router_agents"
_PER_SECOND: Final = 0.2
_MOST: Final = 60
"""Agents read in one refresh, so that their rate is `_PER_SECOND`."""


class _Agent(msgspec.Struct, frozen=True, gc=False):
    id: Id
    host: Text


class _Router(msgspec.Struct, frozen=True, gc=False):
    id: Id


class _Routers(msgspec.Struct, frozen=True, gc=False):
    routers: list[_Router]


_AGENTS: Final = Listing("network", "/v2.0/agents", "agents", _Agent)
_QUERY: Final = (("agent_type", "L3 agent"), ("fields", "id"), ("fields", "host"))


class RouterAgents(Reader):
    """The question; the routers of each agent are cached over refreshes."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._round_robin: RoundRobin[tuple[str, ...]] = RoundRobin(_NAME, per_second=_PER_SECOND, most=_MOST)

    @question(
        _NAME,
        Every(300, 120, 900),
        cost=f"1, and 1 for each L3 agent in turn, at most {_MOST}, and {_PER_SECOND:g} a second",
        role="admin",
        is_on=False,
    )
    async def read(self) -> Each:
        """Reads the agents whose turn it is, and returns all known routers. Raises as Api."""
        async with extension(self._api, "agent"):
            agents, malformed = await self._api.items(_AGENTS, _QUERY)
        if not agents and not malformed:
            await only_admins_see(self._api, "Neutron's agents")
        hosts = {agent.id: agent.host for agent in agents}
        async with extension(self._api, "l3_agent_scheduler"):
            await self._round_robin.turn(hosts, self._routers_of)
        found = [
            RouterAgent(router_id, hosts[agent_id])
            for agent_id, router_ids in self._round_robin.values().items()
            for router_id in router_ids
        ]
        return Each(
            kind=RouterAgent,
            collector=_NAME,
            objects=tuple(found[:MOST]),
            beyond=max(0, len(found) - MOST),
            is_whole=True,
            malformed=malformed + self._round_robin.failed,
            spread=self._round_robin.spread(),
        )

    async def _routers_of(self, agent_id: str) -> tuple[str, ...]:
        answer = await self._api.get(
            "network", f"/v2.0/agents/{segment(agent_id)}/l3-routers", _Routers, operation="l3-routers"
        )
        return tuple(router.id for router in answer.routers)
