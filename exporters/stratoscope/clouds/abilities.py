"""Abilities of clouds: the protocols that kinds implement and exporters use."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

from stratoscope.clouds.client.limiter import Budget
from stratoscope.clouds.events import Events
from stratoscope.clouds.lifecycle import Object, Owned, Phase, Resolved, Seen, Underway
from stratoscope.clouds.resources import Resources
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
        answer: The class of its answer, of clouds/model.py or a module beside it; it decides what is shown.
        every: The schedule, unless the configuration says otherwise.
        cost: For the documentation: the requests that one refresh makes.
        role: For the documentation: the role that it needs to see the whole cloud.
        is_on: Whether it is asked by default.
        lists: What its answer lists one by one, with ids by which users may ask; None for nothing. One kind
            of resources stands in one question of a cloud.
    """

    name: str
    answer: type
    every: Every
    cost: str
    role: str
    is_on: bool = True
    lists: Resources | None = None

    @property
    def offer(self) -> Offer:
        return Offer(self.name, self.every, self.is_on)


def question(  # noqa: PLR0913 - the attributes of Question
    name: str, every: Every, *, cost: str, role: str, is_on: bool = True, lists: Resources | None = None
) -> Callable[[F], F]:
    """Mark a Reader's method as the answer to a question. The question is known without an instance."""

    def mark(method: F) -> F:
        answer = method.__annotations__["return"]
        declared = Question(
            name=name, answer=answer, every=every, cost=cost, role=role, is_on=is_on, lists=lists
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
        events: Those of its VMs, which `listen` receives; None if the entry of `clouds:` asks for none.
    """

    cloud: str
    budget: Budget
    questions: ClassVar[Sequence[Question]]
    events: Events | None

    async def ask(self, name: str) -> Any:
        """The answer to a question. Raises as Fetch."""

    async def listen(self) -> None:
        """Receive events until the connection is lost. Called only if there are `events`.

        Raises CollectError: It cannot be opened, or was lost.
        """

    async def close(self) -> None:
        """Close its connections."""


class CreatesVMs(Protocol):
    """A cloud in which probes create VMs; see Lifecycle.

    Attributes:
        budget: The limits on requests to it, and their counts; None if they are neither limited nor counted.
    """

    @property
    def budget(self) -> Budget | None: ...

    async def close(self) -> None:
        """Close its connections."""


class Step(Protocol):
    """An optional step of a run: it is begun once, and then looked at until it has ended.

    Raises (each method): StepError, which has the reason; StepLeftOutError if it is not possible here.

    Attributes:
        phase: Its phase.
        creates: The kind of the Object that it creates; "" for none.
        is_before_request: It comes before the VM is requested, which uses what it has created.
        seen: What the last look saw, in words such as `the volume is creating`; "" for nothing.
    """

    phase: Phase
    creates: str
    is_before_request: bool
    seen: str

    async def begin(self, run: Underway) -> Object | None:
        """Request it. Returns the object that it creates, which carries the run's mark.

        Raises with `is_unknown` if it may have been accepted nevertheless. It is never sent twice.
        """

    async def has_ended(self, run: Underway) -> bool:
        """Whether it has ended, by few requests. Raises StepError if it has failed or never will end."""


class Lifecycle(Protocol):
    """One credential that creates and deletes VMs, for one description of a VM.

    Each method is one step: it sends few requests, through the cloud's budget, and does not wait for what it
    started. The caller bounds it in time, polls, and records what is about to be created before it is.

    Raises (each method): StepError, which has the reason.

    Attributes:
        vm_kind: The kind of a VM's Object: `server`, `domain`.
        credential: The name of the credential; "" for the entry's own. What one Lifecycle has created any
            other of the same cloud and credential finds and deletes.
        steps: The optional ones that the description wants, in the order in which they are done.
    """

    vm_kind: str
    credential: str
    steps: Sequence[Step]

    def at(self, host: str) -> "Lifecycle":
        """The same for a run on this host, one of `hosts`: it looks up there what depends on the host."""

    async def authenticate(self) -> None:
        """Log in anew: a token from before proves nothing."""

    async def resolve(self) -> Resolved:
        """Look up what the description names: flavor, image, network, zone.

        Raises `probe_misconfigured` for what does not exist, with the nearest known names.
        """

    async def check_quota(self, resolved: Resolved) -> None:
        """Raise `quota` if the project has no room for the VM."""

    async def request(self, run: Underway, host: str = "") -> str:
        """Request the VM, on that host if one is given. Returns its id: it is accepted, not yet built.

        It may boot from an object of an earlier step. Raises with `is_unknown` if it may have been accepted
        nevertheless. It is never sent twice.
        """

    async def see(self, vm_id: str) -> Seen | None:
        """The VM now; None when it is gone."""

    async def delete(self, one: Object) -> None:
        """Request the deletion of an object; one that is gone is no error. Raises BusyError if it has to be
        requested again later."""

    async def left(self, vm_id: str, objects: Sequence[Object] = ()) -> Sequence[Object]:
        """What is left of a VM and of these objects of steps: the VM, what belongs to it, such as its
        ports, and those of the objects that are still there, with their marks.

        Args: vm_id: "" if no VM was accepted. Then nothing but the objects can be left: ports without a VM
            are of others.
        """

    async def owned(self, tag: str, kinds: Collection[str] = ()) -> Owned:
        """All objects that carry this tag: VMs, and what steps have created. A service that is not there has
        none.

        Args: kinds: Of objects that may exist although no step creates such any more.

        Raises StepError: The VMs cannot be listed. What other kinds raise is in the result.
        """

    async def hosts(self) -> Sequence[str]:
        """The hosts on which VMs can be requested one by one; none if the credential may not."""

    @property
    def clock_skew_s(self) -> float | None:
        """Seconds by which the cloud's clock is ahead of ours, to its resolution; None if unknown."""
