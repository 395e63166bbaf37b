"""What a cloud can be asked: the protocols that kinds implement and exporters use."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from stratoscope.clouds.client.limiter import Budget
from stratoscope.core.collector import Every

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """One thing that a cloud is asked: what a collector of the management exporter fetches.

    Attributes:
        name: The collector's, as the source names what it lists: `servers`, `network_agents`.
        answer: The class of clouds/model.py that it is answered with; it decides what is shown.
        ask: Does all I/O, within `time_left_s()`. Raises CollectError, or LeftOutError where the cloud lacks
            the service or the credential the right.
        every: The schedule, unless the configuration says otherwise.
        cost: For the documentation: the requests that one refresh makes.
        role: For the documentation: the role that it needs to see the whole cloud.
        is_on: Whether it is asked unless the configuration says so.
    """

    name: str
    answer: type[T]
    ask: Callable[[], Awaitable[T]]
    every: Every
    cost: str
    role: str
    is_on: bool = True


class Management(Protocol):
    """A cloud with a management layer.

    Attributes:
        cloud: The name that the operator gave it.
        budget: What it may be asked, and has been.
    """

    cloud: str
    budget: Budget

    def questions(self) -> Sequence[Question[object]]:
        """Everything that it can be asked; known without asking the cloud."""

    async def close(self) -> None:
        """Close its connections."""
