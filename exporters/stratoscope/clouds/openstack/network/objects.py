"""Neutron: agents, and its objects counted. Source: /v2.0/agents, ports, routers, floatingips and networks.

Whether these are all projects' Neutron does not say. Its policy names the role that is shown all
(`context_is_admin`, by default `admin`); an object of another project that is hidden from others says it too.

Only the fields that are shown are asked for (`fields=`): of 200 ports that is a sixth of the bytes.
"""

from datetime import datetime
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.model import Objects, Service, Services
from stratoscope.clouds.openstack.agents import once, only_admins_see
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.counting import Tally, is_anothers, pages
from stratoscope.clouds.openstack.client.extensions import extension
from stratoscope.clouds.openstack.client.fields import Id, Text, moment
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.core.collector import Every
from stratoscope.core.errors import LeftOut, LeftOutError


class _Agent(msgspec.Struct, frozen=True, gc=False):
    """`description` is where an administrator can say why it is disabled; OVN's may lack the heartbeat."""

    binary: Text
    host: Text
    alive: bool
    admin_state_up: bool | None = None
    availability_zone: Text | None = None
    heartbeat_timestamp: datetime | None = None
    description: str | None = None


class _Port(msgspec.Struct, frozen=True, gc=False, rename={"host": "binding:host_id"}):
    """`host` is told to administrators alone."""

    id: Id
    status: Text = ""
    admin_state_up: bool | None = None
    project_id: Id | None = None
    device_id: Id | None = None
    device_owner: str | None = None
    host: str | None = None


class _FloatingIP(msgspec.Struct, frozen=True, gc=False):
    """Attributes: port_id: None for none, UNSET where it is not told."""

    id: Id
    status: Text = ""
    project_id: Id | None = None
    port_id: Id | msgspec.UnsetType | None = msgspec.UNSET


class _Router(msgspec.Struct, frozen=True, gc=False):
    id: Id
    status: Text = ""
    admin_state_up: bool | None = None
    project_id: Id | None = None


class _Network(msgspec.Struct, frozen=True, gc=False, rename={"is_external": "router:external"}):
    """Shared and external ones are shown to other projects."""

    id: Id
    status: Text = ""
    admin_state_up: bool | None = None
    project_id: Id | None = None
    shared: bool = True
    is_external: bool = True


_AGENTS: Final = Listing("network", "/v2.0/agents", "agents", _Agent)
_PORTS: Final = Listing("network", "/v2.0/ports", "ports", _Port)
_FLOATING_IPS: Final = Listing("network", "/v2.0/floatingips", "floatingips", _FloatingIP)
_ROUTERS: Final = Listing("network", "/v2.0/routers", "routers", _Router)
_NETWORKS: Final = Listing("network", "/v2.0/networks", "networks", _Network)

_OWN: Final = "admin; any other sees its own project's"


class Network(Reader):
    """Neutron's questions, but for addresses and quotas."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._are_ports_bound = False

    @question("network_agents", Every(60, 30, 180), cost="1", role="admin")
    async def agents(self) -> Services:
        """The agents. `alive` is Neutron's own verdict, after `agent_down_time` (75 s by default)."""
        async with extension(self._api, "agent"):
            agents, malformed = await self._api.items(_AGENTS, _fields("binary", *_OF_AGENTS))
        if not agents and not malformed:
            await only_admins_see(self._api, "Neutron's agents")
            if self._are_ports_bound:
                raise LeftOutError(
                    LeftOut.UNAUTHORIZED, "Neutron's agents: an empty list, but ports are bound to hosts"
                )
        return Services(once(map(_service, agents)), malformed)

    @question("ports", Every(300, 120, 900), cost="1 for each 1,000 ports", role=_OWN)
    async def ports(self) -> Objects:
        """Ports; one without device and owner of a device is bound to nothing.

        A trunk's subport has an owner alone. A virtual address that VMs hand over to each other has neither.
        """
        tally, access = Tally("ports", has_orphans=True, has_admin_state=True), await self._api.access()
        are_bound = False
        fields = _fields("id", *_OF_PORTS, is_paged=True)
        async for listed in pages(self._api, tally, _PORTS, fields):
            for port in listed:
                # The owner of a network sees others' ports on it, but not where they are.
                is_others = port.host is not None and is_anothers(port.project_id, access)
                tally.add(
                    port.status,
                    port.project_id or "",
                    is_orphan=_is_bound_to_nothing(port),
                    is_others=is_others,
                    is_admin_down=_is_taken_down(port.admin_state_up),
                )
                are_bound = are_bound or bool(port.host)
        self._are_ports_bound = are_bound
        return tally.objects(is_whole=access.is_admin)

    @question("routers", Every(300, 60, 900), cost="1 for each 1,000 routers", role=_OWN)
    async def routers(self) -> Objects:
        """Routers. One that is taken down by its owner or an administrator keeps the status ACTIVE."""
        tally, access = Tally("routers", has_admin_state=True), await self._api.access()
        fields = _fields("id", "status", "admin_state_up", "project_id", is_paged=True)
        async with extension(self._api, "router"):
            async for listed in pages(self._api, tally, _ROUTERS, fields):
                for router in listed:
                    is_others = is_anothers(router.project_id, access)
                    is_down = _is_taken_down(router.admin_state_up)
                    tally.add(
                        router.status, router.project_id or "", is_others=is_others, is_admin_down=is_down
                    )
        return tally.objects(is_whole=access.is_admin)

    @question("floating_ips", Every(300, 60, 900), cost="1 for each 1,000 addresses", role=_OWN)
    async def floating_ips(self) -> Objects:
        """Floating IPs; one without a port is bound to nothing."""
        tally, access = Tally("floating_ips", has_orphans=True), await self._api.access()
        fields = _fields("id", "status", "project_id", "port_id", is_paged=True)
        async with extension(self._api, "router"):
            async for listed in pages(self._api, tally, _FLOATING_IPS, fields):
                for one in listed:
                    is_orphan = None if one.port_id is msgspec.UNSET else not one.port_id
                    is_others = is_anothers(one.project_id, access)
                    tally.add(one.status, one.project_id or "", is_orphan=is_orphan, is_others=is_others)
        return tally.objects(is_whole=access.is_admin)

    @question(
        "networks", Every(300, 60, 900), cost="1 for each 1,000 networks", role=f"{_OWN} and the shared ones"
    )
    async def networks(self) -> Objects:
        """Networks. One that is taken down by its owner or an administrator keeps the status ACTIVE."""
        tally, access = Tally("networks", has_admin_state=True), await self._api.access()
        names = ("id", "status", "admin_state_up", "project_id", "shared", "router:external")
        fields = _fields(*names, is_paged=True)
        async for listed in pages(self._api, tally, _NETWORKS, fields):
            for network in listed:
                is_hidden = not network.shared and not network.is_external
                is_others = is_hidden and is_anothers(network.project_id, access)
                is_down = _is_taken_down(network.admin_state_up)
                tally.add(
                    network.status, network.project_id or "", is_others=is_others, is_admin_down=is_down
                )
        return tally.objects(is_whole=access.is_admin)


_OF_AGENTS: Final = (
    "host", "alive", "admin_state_up", "availability_zone", "heartbeat_timestamp", "description",
)  # fmt: skip
_OF_PORTS: Final = ("status", "admin_state_up", "project_id", "device_id", "device_owner", "binding:host_id")


def _fields(*names: str, is_paged: bool = False) -> list[tuple[str, str]]:
    """The query for these fields alone."""
    page = list(WHOLE_PAGE.items()) if is_paged else []
    return page + [("fields", name) for name in names]


def _is_bound_to_nothing(port: _Port) -> bool | None:
    """Without device and owner, which both are "" then; None where one of them is not told."""
    if port.device_id or port.device_owner:
        return False
    return None if port.device_id is None or port.device_owner is None else True


def _is_taken_down(admin_state_up: bool | None) -> bool | None:
    return None if admin_state_up is None else not admin_state_up


def _service(agent: _Agent) -> Service:
    return Service(
        "network",
        agent.binary,
        agent.host,
        agent.availability_zone or "",
        agent.alive,
        agent.admin_state_up,
        (agent.description or "") if agent.admin_state_up is False else "",
        moment(agent.heartbeat_timestamp),
    )
