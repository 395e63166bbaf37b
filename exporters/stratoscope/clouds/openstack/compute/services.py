"""Nova's services, host by host. Source: GET /os-services; role admin."""

from typing import Final

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.model import HostServices
from stratoscope.clouds.openstack.agents import OS_SERVICES, AgentList, only_admins_see
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.collector import Every

_SERVICES: Final = AgentList("compute", "/os-services", *OS_SERVICES, "forced_down", version="2.96")


class ComputeServices(Reader):
    """Schedulers, conductors and computes. Nova-api and the metadata API do not report."""

    def __init__(self, api: Api, clock: Clock = CLOCK) -> None:
        self._api = api
        self._list = TTLCache(lambda: _SERVICES.read(api), clock)

    @question("compute_services", Every(60, 30, 180), cost="1", role="admin")
    async def read(self) -> HostServices:
        """All current services. Raises as Api."""
        services, malformed = await self._list.anew()
        if not services and not malformed:
            await only_admins_see(self._api, "compute services")
        return HostServices(services, malformed)

    async def zones(self, max_age_s: float) -> dict[str, str]:
        """The zone of each compute service by host, "" if not reported; not older than that. Raises as
        Api.
        """
        services, _ = await self._list.not_older_than(max_age_s)
        return {one.host: one.zone for one in services if one.binary == "nova-compute"}
