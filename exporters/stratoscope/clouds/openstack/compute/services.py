"""Nova's services, host by host. Source: GET /os-services; role admin."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.model import Service, Services
from stratoscope.clouds.openstack.agents import only_admins_see
from stratoscope.clouds.openstack.api import Api
from stratoscope.clouds.openstack.fields import Text, moment
from stratoscope.clouds.openstack.listing import Listing
from stratoscope.core.collector import Every


class ServiceRow(msgspec.Struct, frozen=True, gc=False):
    """One of `services`.

    Since 2.69 one of a cell that does not answer has its binary and host alone, and the status UNKNOWN: it is
    down for all who need it, and nobody disabled it.
    """

    binary: Text
    host: Text
    status: Text
    state: Text = "down"
    zone: Text | None = None
    updated_at: datetime | None = None
    disabled_reason: Text | None = None

    @property
    def is_enabled(self) -> bool:
        return self.status != "disabled"

    def service(self) -> Service:
        return Service(
            "compute",
            self.binary,
            self.host,
            self.zone or "",
            self.state == "up",
            self.is_enabled,
            self.disabled_reason or "",
            moment(self.updated_at),
        )


SERVICES: Final = Listing("compute", "/os-services", "services", ServiceRow, version="2.96")


class ComputeServices:
    """Schedulers, conductors and computes. Nova-api and the metadata API do not report."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def questions(self) -> Sequence[Question[Services]]:
        return (
            Question("compute_services", Services, self.read, Every(60, 30, 180), cost="1", role="admin"),
        )

    async def read(self) -> Services:
        """All services as they are now. Raises as Api."""
        rows, malformed = await self._api.items(SERVICES)
        if not rows and not malformed:
            await only_admins_see(self._api, "compute services")
        return Services(tuple(row.service() for row in rows), malformed)
