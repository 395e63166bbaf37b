"""Magnum: conductors and clusters. Source: /v1/mservices (role admin), /v1/clusters."""

from datetime import datetime
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader
from stratoscope.clouds.model import Extra, Service
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Id, Text, moment
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.openstack.extras.extra import agents_of, counted, extra, other_service

_SERVICE: Final = "container-infrastructure-management"


class _Cluster(msgspec.Struct, frozen=True, gc=False):
    uuid: Id
    status: Text | None = None


class _Conductor(msgspec.Struct, frozen=True, gc=False):
    binary: Text
    host: Text
    state: Text
    disabled: bool | None = False
    disabled_reason: str | None = None
    updated_at: datetime | None = None


_CLUSTERS: Final = Listing(_SERVICE, "/v1/clusters", "clusters", _Cluster)
_CONDUCTORS: Final = Listing(_SERVICE, "/v1/mservices", "mservices", _Conductor)


class ContainerInfra(Reader):
    """Magnum's question."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @other_service(
        "container_infra",
        cost="2, and 1 for each further 1,000 clusters",
        role="admin; any other sees its own project's clusters, and no conductors",
    )
    async def read(self) -> Extra:
        """Clusters by status: an administrator is answered with those of all projects, unasked."""
        clusters = await counted(
            self._api,
            _CLUSTERS,
            WHOLE_PAGE,
            {"clusters": lambda cluster: cluster.status or ""},
            is_whole=(await self._api.access()).is_admin,
        )
        return extra(_SERVICE, await agents_of(self._api, _CONDUCTORS, {}, _service), clusters)


def _service(conductor: _Conductor) -> Service:
    return Service(
        _SERVICE,
        conductor.binary,
        conductor.host,
        "",
        conductor.state == "up",
        None if conductor.disabled is None else not conductor.disabled,
        conductor.disabled_reason or "",
        moment(conductor.updated_at),
    )
