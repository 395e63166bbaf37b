"""Designate: services and zones. Source: /v2/service_statuses (role admin), /v2/zones."""

from datetime import datetime
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader
from stratoscope.clouds.model import Extra, Service
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Id, Text, moment
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.openstack.extras.extra import agents_of, counted, extra, other_service

_SERVICE: Final = "dns"


class _Zone(msgspec.Struct, frozen=True, gc=False):
    id: Id
    status: Text = ""


class _Status(msgspec.Struct, frozen=True, gc=False):
    service_name: Text
    hostname: Text
    status: Text
    heartbeated_at: datetime | None = None


_ZONES: Final = Listing(_SERVICE, "/v2/zones", "zones", _Zone)
_ALL_ZONES: Final = Listing(_SERVICE, "/v2/zones", "zones", _Zone, headers={"X-Auth-All-Projects": "true"})
_STATUSES: Final = Listing(_SERVICE, "/v2/service_statuses", "service_statuses", _Status)


class DNS(Reader):
    """Designate's question."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @other_service(
        "dns",
        cost="2, and 1 for each further 1,000 zones",
        role="admin; any other sees its own project's zones, and no services",
    )
    async def read(self) -> Extra:
        """Zones by status; a service by what it last said of itself."""
        is_admin = (await self._api.access()).is_admin
        listing = _ALL_ZONES if is_admin else _ZONES  # the header is 403 for others
        zones = await counted(
            self._api, listing, WHOLE_PAGE, {"zones": lambda zone: zone.status}, is_whole=is_admin
        )
        return extra(_SERVICE, await agents_of(self._api, _STATUSES, {}, _service), zones)


def _service(status: _Status) -> Service:
    """It cannot be disabled, and has no zone of the kind that other services have."""
    return Service(
        _SERVICE,
        f"designate-{status.service_name}",
        status.hostname,
        "",
        status.status == "UP",
        True,
        "",
        moment(status.heartbeated_at),
    )
