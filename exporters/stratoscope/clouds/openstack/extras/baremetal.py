"""Ironic: conductors and nodes. Source: /v1/conductors, /v1/nodes; role admin, or reader of the system."""

from datetime import datetime
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader
from stratoscope.clouds.model import Extra, Service
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Id, Text, moment
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.openstack.extras.extra import (
    NO_AGENTS,
    Agents,
    agents_of,
    counted,
    extra,
    other_service,
)

_SERVICE: Final = "baremetal"
_VERSION: Final = "1.49"
"""The first that lists conductors."""
_WITH_FIELDS: Final = "1.8"
"""The first that can be asked for some fields alone."""


class _Node(msgspec.Struct, frozen=True, gc=False):
    uuid: Id
    provision_state: Text | None = None
    power_state: Text | None = None
    maintenance: bool | None = None


class _Conductor(msgspec.Struct, frozen=True, gc=False):
    hostname: Text
    alive: bool
    conductor_group: Text | None = None
    updated_at: datetime | None = None


_NODES: Final = Listing(_SERVICE, "/v1/nodes", "nodes", _Node, version=_VERSION, oldest=_WITH_FIELDS)
_CONDUCTORS: Final = Listing(_SERVICE, "/v1/conductors", "conductors", _Conductor, version=_VERSION)


class Baremetal(Reader):
    """Ironic's question."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @other_service(
        "baremetal",
        cost="2, and 1 for each further 1,000 nodes",
        role="admin; any other sees the nodes it owns or leases, and no conductors",
    )
    async def read(self) -> Extra:
        """Nodes by provision state, by power state and by whether they are in maintenance."""
        nodes = await counted(
            self._api,
            _NODES,
            {**WHOLE_PAGE, "fields": "uuid,provision_state,power_state,maintenance"},
            {
                "nodes": lambda node: node.provision_state or "",
                "nodes_power": lambda node: node.power_state or "",
                "nodes_maintenance": _maintenance,
            },
            is_whole=(await self._api.access()).is_admin,
        )
        return extra(_SERVICE, await self._conductors(), nodes)

    async def _conductors(self) -> Agents:
        if not await self._api.knows(_SERVICE, _VERSION):
            return NO_AGENTS
        fields = {"fields": "hostname,conductor_group,alive,updated_at"}
        return await agents_of(self._api, _CONDUCTORS, fields, _service)


def _maintenance(node: _Node) -> str:
    return "" if node.maintenance is None else str(node.maintenance).lower()


def _service(conductor: _Conductor) -> Service:
    """A conductor cannot be disabled; its group is what comes closest to a zone."""
    return Service(
        _SERVICE,
        "ironic-conductor",
        conductor.hostname,
        conductor.conductor_group or "",
        conductor.alive,
        True,
        "",
        moment(conductor.updated_at),
    )
