"""Neutron: agents, and the number of its objects. Source: /v2.0/agents, ports, routers, floatingips and
networks.

Neutron does not report whether these are all projects' objects. They are if the credential has the role that
its policy names (`context_is_admin`, by default `admin`), or if an object of another project is listed that
others cannot see.

Only the fields that are shown are requested (`fields=`): for 200 ports that is a sixth of the bytes.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.model import Objects, Services
from stratoscope.clouds.openstack.agents import AgentList, only_admins_see
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.counting import CountedList, counted_row
from stratoscope.clouds.openstack.client.extensions import extension
from stratoscope.clouds.openstack.client.fields import Id, Text
from stratoscope.clouds.openstack.client.listing import Listing, fields_of
from stratoscope.clouds.resources import by_uuid
from stratoscope.core.collector import Every
from stratoscope.core.errors import LeftOut, LeftOutError


def _counted(
    sort: str,
    row: type[msgspec.Struct],
    hidden_owner: Callable[[Any], str | None] = lambda row: row.project_id,
    **more: Any,
) -> CountedList:
    """Args: more: As of CountedList."""
    key = sort.replace("_", "")
    listing = Listing("network", f"/v2.0/{key}", key, row)
    return CountedList(sort=sort, listing=listing, query=fields_of(row), hidden_owner=hidden_owner, **more)


def _is_bound_to_nothing(port: Any) -> bool | None:
    """Whether a port is orphaned: device and owner are ""; None if one of them is not reported."""
    if port.device_id or port.device_owner:
        return False
    return None if port.device_id is None or port.device_owner is None else True


_BINDING_FAILED: Final = "binding_failed"
"""The type of a port's interface where no mechanism driver could bind it: its VM has no network."""
_AGENTS: Final = AgentList(
    "network",
    "/v2.0/agents",
    *("binary", "host", "is_up", "is_enabled", "zone", "heartbeat", "description"),
    names={"zone": "availability_zone", "heartbeat": "heartbeat_timestamp"},  # OVN's may lack the heartbeat
)
_PORTS: Final = _counted(
    "ports",
    counted_row(
        {"host": "binding:host_id", "vif_type": "binding:vif_type", "changed": "updated_at"},
        admin_state_up=bool,
        project_id=Id,
        device_id=Id,
        device_owner=str,
        host=str,
        vif_type=Text,
        name=Text,
        changed=datetime,
    ),
    # The owner of a network sees others' ports on it, but not where they are: that only administrators see.
    lambda port: None if port.host is None else port.project_id,
    is_orphan=_is_bound_to_nothing,
    is_named=True,
    error=lambda port: _BINDING_FAILED if port.vif_type == _BINDING_FAILED else "",
)
_ROUTERS: Final = _counted("routers", counted_row(admin_state_up=bool, project_id=Id), extension="router")

_FLOATING_IPS: Final = _counted(
    "floating_ips",
    # None is no port, UNSET a port that is not reported.
    counted_row(
        {"name": "floating_ip_address", "changed": "updated_at"},
        project_id=Id,
        port_id=(Id | msgspec.UnsetType | None, msgspec.UNSET),
        name=Text,
        changed=datetime,
    ),
    extension="router",
    is_orphan=lambda one: None if one.port_id is msgspec.UNSET else not one.port_id,
    is_named=True,
    keeps_each=True,
)
_NETWORKS: Final = _counted(
    "networks",
    counted_row(
        {"is_external": "router:external"},
        admin_state_up=bool,
        project_id=Id,
        shared=(bool, True),
        is_external=(bool, True),
    ),
    # Shared and external ones are shown to other projects.
    lambda one: None if one.shared or one.is_external else one.project_id,
)

_OWN: Final = "admin; any other sees its own project's"


class Network(Reader):
    """Neutron's questions, except for addresses and quotas."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._are_ports_bound = False

    @question("network_agents", Every(60, 30, 180), cost="1", role="admin")
    async def agents(self) -> Services:
        """The agents. `alive` is Neutron's own verdict, after `agent_down_time` (75 s by default)."""
        async with extension(self._api, "agent"):
            agents, malformed = await _AGENTS.read(self._api, fields_of(_AGENTS.listing.kind, {}))
        if not agents and not malformed:
            await only_admins_see(self._api, "Neutron's agents")
            if self._are_ports_bound:
                raise LeftOutError(
                    LeftOut.UNAUTHORIZED, "Neutron's agents: an empty list, but ports are bound to hosts"
                )
        return Services(agents, malformed)

    @question("ports", Every(300, 120, 900), cost="1 for each 1,000 ports", role=_OWN)
    async def ports(self) -> Objects:
        """Ports; one without device_id and device_owner is orphaned, one whose binding failed is in error.

        A trunk's subport has only an owner. A virtual address that moves between VMs has neither.
        """
        hosts: set[str | None] = set()
        counted = await _PORTS.read(self._api, lambda port: hosts.add(port.host))
        self._are_ports_bound = any(hosts)
        return counted

    @question("routers", Every(300, 60, 900), cost="1 for each 1,000 routers", role=_OWN)
    async def routers(self) -> Objects:
        """Routers. One that is administratively down keeps the status ACTIVE."""
        return await _ROUTERS.read(self._api)

    @question(
        "floating_ips",
        Every(300, 60, 900),
        cost="1 for each 1,000 addresses",
        role=_OWN,
        lists=by_uuid("addresses"),
    )
    async def floating_ips(self) -> Objects:
        """Floating IPs; one without a port is orphaned."""
        return await _FLOATING_IPS.read(self._api)

    @question(
        "networks", Every(300, 60, 900), cost="1 for each 1,000 networks", role=f"{_OWN} and the shared ones"
    )
    async def networks(self) -> Objects:
        """Networks. One that is administratively down keeps the status ACTIVE."""
        return await _NETWORKS.read(self._api)
