"""Abilities of clouds: the protocols that kinds implement and exporters use."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

from stratoscope.clouds.client.limiter import Budget
from stratoscope.core.collector import Every, Offer

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])

Fetch: TypeAlias = Callable[[], Awaitable[Any]]
"""Does all I/O, within `time_left_s()`. Raises CollectError; LeftOutError if the service or the right is
missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question to a cloud: what a collector of the management exporter fetches.

    Attributes:
        name: The collector's, as the source names what it lists: `servers`, `network_agents`.
        answer: The class of its answer, of clouds/model.py or clouds/objects.py; it decides what is shown.
        every: The schedule, unless the configuration says otherwise.
        cost: For the documentation: the requests that one refresh makes.
        role: For the documentation: the role that it needs to see the whole cloud.
        is_on: Whether it is asked by default.
    """

    name: str
    answer: type
    every: Every
    cost: str
    role: str
    is_on: bool = True

    @property
    def offer(self) -> Offer:
        return Offer(self.name, self.every, self.is_on)


def question(name: str, every: Every, *, cost: str, role: str, is_on: bool = True) -> Callable[[F], F]:
    """Mark a Reader's method as the answer to a question. The question is known without an instance."""

    def mark(method: F) -> F:
        declared = Question(
            name=name, answer=method.__annotations__["return"], every=every, cost=cost, role=role, is_on=is_on
        )
        method.question = declared  # type: ignore[attr-defined]  # mypy knows no attributes of functions
        return method

    return mark


class Reader:
    """Reads one part of a cloud: its methods marked with `question`."""

    @classmethod
    def questions(cls) -> Sequence[Question]:
        """In the order in which they are defined."""
        return [method.question for method in vars(cls).values() if hasattr(method, "question")]

    def fetches(self) -> Mapping[str, Fetch]:
        """The method that answers each question, by the question's name."""
        marked = {name: method for name, method in vars(type(self)).items() if hasattr(method, "question")}
        return {method.question.name: getattr(self, name) for name, method in marked.items()}


class Hypervisor(Protocol):
    """Hosts whose VMs are read on the hosts themselves.

    Attributes:
        name: The name that the operator gave this cloud.
        uris: Where the hosts are.
    """

    name: str
    uris: Sequence[str]


class Management(Protocol):
    """A cloud with a management layer.

    Attributes:
        cloud: The name that the operator gave it.
        budget: The limits on requests to it, and their counts.
        questions: All questions to such a cloud.
    """

    cloud: str
    budget: Budget
    questions: ClassVar[Sequence[Question]]

    async def ask(self, name: str) -> Any:
        """The answer to a question. Raises as Fetch."""

    async def close(self) -> None:
        """Close its connections."""
