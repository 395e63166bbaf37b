"""Whether each service's endpoint answers, and how quickly: GET of its versions' list, without a token."""

import asyncio
import bisect
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import accumulate
from typing import Final

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.model import LATENCY_BOUNDS, Endpoint
from stratoscope.clouds.model import Endpoints as Answer
from stratoscope.clouds.openstack.client.catalogue import Endpoint as Place
from stratoscope.clouds.openstack.client.services import Client
from stratoscope.core.collector import Every
from stratoscope.core.deadline import at_most_s
from stratoscope.core.errors import CollectError, Reason

SERVICES: Final = (
    "identity", "compute", "placement", "network", "block-storage", "image", "load-balancer", "baremetal",
    "dns", "shared-file-system", "orchestration", "container-infrastructure-management", "key-manager",
    "object-store",
)  # fmt: skip
"""Services that are shown first; others in the catalogue follow."""
MOST: Final = 30

_TIMEOUT_S: Final = 10.0


@dataclass(slots=True)
class _Seen:
    """The results of the checks of one service.

    Attributes:
        is_up: The result of the last check; None if no request could be sent.
        took: Number of answers by bucket; the last bucket has no bound.
    """

    is_up: bool | None = None
    took: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS) + 1))
    seconds: float = 0.0


class Endpoints(Reader):
    """The endpoints of one region, and the results of their checks."""

    def __init__(self, client: Client, timeout_s: float = _TIMEOUT_S) -> None:
        self._client, self._timeout_s = client, timeout_s
        self._seen: dict[str, _Seen] = {}

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
        return Answer(tuple(_endpoint(one, self._seen[one]) for one in asked))

    async def _check(self, service: str, place: Place) -> None:
        """Record one answer, or that there was none.

        `is_up` is unknown if no request could be sent: the budget is used up, or the service is paused after
        a 429. A service that is paused after a 503 is down.
        """
        seen = self._seen.setdefault(service, _Seen())
        try:
            timeout_s = at_most_s(self._timeout_s)
            status, seconds = await self._client.check(service, place, "check", timeout_s)
        except CollectError as error:
            seen.is_up = None if error.reason is Reason.BUSY else False
            return
        seen.is_up = status < HTTPStatus.INTERNAL_SERVER_ERROR
        seen.took[bisect.bisect_left(LATENCY_BOUNDS, seconds)] += 1
        seen.seconds += seconds


def _endpoint(service: str, seen: _Seen) -> Endpoint:
    return Endpoint(service, seen.is_up, tuple(accumulate(seen.took)), seen.seconds)
