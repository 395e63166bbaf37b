"""Neutron's agents, for administrators alone, and the routers that those of layer 3 have."""

from collections.abc import Iterable
from typing import Final

from stratoscope.demo.openstack.asking import Answer, Ask, Json, RefusalError
from stratoscope.demo.openstack.neutron import views
from stratoscope.demo.openstack.neutron.collection import only
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.texts import spaced
from stratoscope.demo.openstack.things import Daemon
from stratoscope.demo.openstack.world import World

_L3: Final = "L3 agent"


class Agents:
    """All of them."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "/v2.0/agents", self._agents)
        yield Route("GET", "/v2.0/agents/{agent}", self._agent)
        yield Route("GET", "/v2.0/agents/{agent}/l3-routers", self._routers)

    def _agents(self, ask: Ask) -> Answer:
        if not ask.who.is_admin:
            return Answer({"agents": []})
        shown = [_shown(ask, daemon) for daemon in self._daemons()]
        for name in ("binary", "host", "agent_type", "alive", "id"):
            if (wanted := ask.query.get(name)) is not None:
                shown = [one for one in shown if str(one[name]).lower() == wanted.lower()]
        fields = ask.query.getall("fields", ())
        return Answer({"agents": [only(one, fields) for one in shown]})

    def _agent(self, ask: Ask) -> Answer:
        return Answer({"agent": _shown(ask, self._asked(ask))})

    def _daemons(self) -> list[Daemon]:
        agents = (daemon for daemon in self._world.daemons if daemon.service == "network")
        return sorted(agents, key=lambda daemon: daemon.daemon_id)

    def _routers(self, ask: Ask) -> Answer:
        """A router is with the agent of the host that its gateway's port is on."""
        agent = self._asked(ask)
        mine = [
            one for one in self._world.routers if agent.agent_type == _L3 and one.gateway.host == agent.host
        ]
        return Answer({"routers": [views.scheduled_router(ask, one) for one in mine]})

    def _asked(self, ask: Ask) -> Daemon:
        for daemon in self._daemons():
            if daemon.daemon_id == ask.args["agent"] and ask.who.is_admin:
                return daemon
        raise nothing()


def _shown(ask: Ask, daemon: Daemon) -> Json:
    return {
        "id": daemon.daemon_id,
        "agent_type": daemon.agent_type,
        "binary": daemon.binary,
        "topic": daemon.topic,
        "host": daemon.host,
        "admin_state_up": daemon.is_enabled,
        "created_at": spaced(daemon.started),
        "started_at": spaced(daemon.started),
        "heartbeat_timestamp": spaced(daemon.heartbeat(ask.now)),
        "description": None,
        "resources_synced": None,
        "availability_zone": daemon.zone,
        "alive": daemon.is_up(ask.now),
        "configurations": daemon.configurations,
    }


def nothing() -> RefusalError:
    return RefusalError(404, "The resource could not be found.", "HTTPNotFound")
