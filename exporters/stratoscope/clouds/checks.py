"""What the checks of an endpoint came to, for all cloud kinds."""

import bisect
from collections.abc import Awaitable
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import accumulate

from stratoscope.clouds.model import LATENCY_BOUNDS, Endpoint
from stratoscope.core.errors import CollectError, Reason


def is_verdict(status: int) -> bool:
    """Whether a status says enough, whoever answers: that the endpoint fails, or limits requests."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS


@dataclass(slots=True)
class Checks:
    """The results of the checks of one endpoint.

    Attributes:
        is_up: The result of the last check; None if no request could be sent.
        took: Number of answers by bucket; the last bucket has no bound.
    """

    is_up: bool | None = None
    took: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS) + 1))
    seconds: float = 0.0

    async def record(self, check: Awaitable[tuple[int, float]]) -> None:
        """Record one answer of the service, its status and its seconds, or that there was none.

        `is_up` is unknown if no request could be sent: the budget is used up, or the service is paused after
        a 429. A service that is paused after a 503 is down.
        """
        try:
            status, seconds = await check
        except CollectError as error:
            self.is_up = None if error.reason is Reason.BUSY else False
            return
        self.is_up = status < HTTPStatus.INTERNAL_SERVER_ERROR
        self.took[bisect.bisect_left(LATENCY_BOUNDS, seconds)] += 1
        self.seconds += seconds

    def endpoint(self, name: str) -> Endpoint:
        """What is shown of it."""
        return Endpoint(name, self.is_up, tuple(accumulate(self.took)), self.seconds)
