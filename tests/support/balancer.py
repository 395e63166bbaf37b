"""A load balancer in front of Alertmanagers: each request goes to the next of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle

from stratoscope.downtime.silences.alertmanager import SilenceList, Status
from stratoscope.downtime.silences.silence import Written
from support.fake_alertmanager import FakeAlertmanager


class Balancer:
    """Implements Client, over these members in turn."""

    name = "am"

    def __init__(self, members: Sequence[FakeAlertmanager]) -> None:
        self.members = members
        self._next = cycle(members)

    @property
    def requests(self) -> list[str]:
        return [request for one in self.members for request in one.requests]

    async def silences(self) -> SilenceList:
        return await next(self._next).silences()

    async def status(self, timeout_s: float | None = None) -> Status:
        return await next(self._next).status(timeout_s)

    async def write(self, silence: Written) -> str:
        return await next(self._next).write(silence)

    async def expire(self, silence_id: str) -> None:
        await next(self._next).expire(silence_id)

    @contextmanager
    def only(self, number: int) -> Iterator[None]:
        """The status comes from this member alone, as by a path of its own."""
        was = self.status
        self.status = self.members[number].status  # type: ignore[method-assign]
        try:
            yield
        finally:
            self.status = was  # type: ignore[method-assign]
