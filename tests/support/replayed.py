"""A cloud whose answers are kept, and told again with some of them changed: no HTTP, no log-in."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

from stratoscope.clouds.abilities import Fetch
from stratoscope.clouds.openstack.client.api import Access
from stratoscope.clouds.openstack.client.listing import pairs
from stratoscope.clouds.openstack.client.services import Ask, Client
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.cloud import OpenStack, fetches, readers
from stratoscope.core.collector import Collection
from stratoscope.core.errors import CollectError, LeftOutError
from stratoscope.core.runner import Runner, Status
from stratoscope.management.collector import QuestionCollector
from stratoscope.management.exporter import SUBJECTS

_OF_THE_CLOCK: Final = "changes-since"


class Call(NamedTuple):
    """A request, but for moments in its query."""

    service: str
    path: str
    query: tuple[tuple[str, str], ...]


class Seen(NamedTuple):
    """One collector, run once.

    Attributes:
        series: Values by name and labels.
        asked: What it asked.
    """

    status: Status
    series: Mapping[str, float]
    asked: frozenset[Call]


class Replayed:
    """Stands for a Client: what was answered once is answered again.

    Attributes:
        bodies: What was answered.
        changed: Bodies that are told instead.
    """

    def __init__(self, client: Client) -> None:
        self.bodies: dict[Call, bytes] = {}
        self.changed: Mapping[Call, bytes] = {}
        self._client = client
        self._errors: dict[Call, CollectError | LeftOutError] = {}
        self._asked: set[Call] = set()
        self._known: dict[tuple[str, str], bool] = {}
        self._access: Access | None = None

    async def send(self, ask: Ask) -> bytes:
        query = tuple(one for one in pairs(ask.query) if one[0] != _OF_THE_CLOCK)
        call = Call(ask.service, f"{ask.path}{'+' * (len(query) < len(pairs(ask.query)))}", query)
        self._asked.add(call)
        if call in self._errors:
            raise self._errors[call]
        if call not in self.bodies:
            try:
                self.bodies[call] = await self._client.send(ask)
            except (CollectError, LeftOutError) as error:
                self._errors[call] = error
                raise
        return self.changed.get(call, self.bodies[call])

    async def access(self) -> Access:
        self._access = self._access or await self._client.access()
        return self._access

    async def knows(self, service: str, version: str) -> bool:
        if (service, version) not in self._known:
            self._known[service, version] = await self._client.knows(service, version)
        return self._known[service, version]

    async def require(self, service: str, version: str) -> None:
        await self._client.require(service, version)

    async def seen(self, names: frozenset[str] | None = None) -> Mapping[str, Seen]:
        """An exporter that has just been started: its collectors by name, each run once, in their order.

        Args:
            names: Those that are run; None for all.
        """
        session = Session("demo", cast(Any, self))
        found = {}
        cloud = _Asked(fetches(readers(session)))
        for question in OpenStack.questions:
            if question.name not in cloud.fetches or (names is not None and question.name not in names):
                continue
            self._asked = set()
            asked = QuestionCollector(question, cast(Any, cloud), SUBJECTS[question.answer]("demo"))
            runner = Runner(Collection(asked, question.every, 100_000))
            await runner.first()
            lines, status = await runner.lines(5)
            blocks = () if lines is None else (b for of_one in lines.by_family.values() for b in of_one)
            found[question.name] = Seen(status, _series(b"".join(blocks)), frozenset(self._asked))
        return found


class _Asked:
    """What a collector uses of a Management."""

    cloud = "demo"

    def __init__(self, fetches: Mapping[str, Fetch]) -> None:
        self.fetches = fetches

    async def ask(self, name: str) -> Any:
        return await self.fetches[name]()


def _series(text: bytes) -> Mapping[str, float]:
    pairs_of = (line.rpartition(" ") for line in text.decode().splitlines())
    return {name: float(value) for name, _, value in pairs_of}
