"""Whether each service's endpoint answers, and how quickly: GET of its versions' list, without a token."""

import asyncio
from typing import Final

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.checks import Checks
from stratoscope.clouds.model import Endpoints as Answer
from stratoscope.clouds.openstack.client.catalogue import Endpoint as Place
from stratoscope.clouds.openstack.client.services import Client
from stratoscope.core.collector import Every
from stratoscope.core.deadline import at_most_s

SERVICES: Final = (
    "identity", "compute", "placement", "network", "block-storage", "image", "load-balancer", "baremetal",
    "dns", "shared-file-system", "orchestration", "container-infrastructure-management", "key-manager",
    "object-store",
)  # fmt: skip
"""Services that are shown first; others in the catalogue follow."""
MOST: Final = 30

_TIMEOUT_S: Final = 10.0


class Endpoints(Reader):
    """The endpoints of one region, and the results of their checks."""

    def __init__(self, client: Client, timeout_s: float = _TIMEOUT_S) -> None:
        self._client, self._timeout_s = client, timeout_s
        self._checks: dict[str, Checks] = {}

    @question(
        "endpoints",
        Every(30, 30, 120),
        cost=f"1 for each service in the catalogue, {MOST} at most",
        role="any",
    )
    async def read(self) -> Answer:
        """All endpoints; the known ones while Keystone does not answer. Raises CollectError if none is
        known.
        """
        places = await self._client.places()
        asked = [*(one for one in SERVICES if one in places), *sorted(places.keys() - {*SERVICES})][:MOST]
        async with asyncio.TaskGroup() as group:
            for service in asked:
                group.create_task(self._check(service, places[service]))
        return Answer(tuple(self._checks[one].endpoint(one) for one in asked))

    async def _check(self, service: str, place: Place) -> None:
        checks = self._checks.setdefault(service, Checks())
        await checks.record(self._client.check(service, place, "check", at_most_s(self._timeout_s)))
