"""Clouds whose lists a test gives, behind the resource handle, over real connections."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.client.limiter import Budget, Limits
from stratoscope.clouds.model import Objects, VMs
from stratoscope.clouds.resources import Listed as ListedObjects
from stratoscope.clouds.resources import by_number, by_uuid
from stratoscope.clouds.vm_index import VMIndex
from stratoscope.core.collector import Collection, Every
from stratoscope.core.runner import Runner
from stratoscope.core.web.auth import Access
from stratoscope.management.collector import QuestionCollector
from stratoscope.management.exporter import SUBJECTS
from stratoscope.management.resources.handle import ROUTES, Listed, Watched
from support.cloud_vms import vm
from support.services import FakeService, served
from support.source import Clock

ONE = "6f1b8d2e-3c4a-4b5d-9e6f-7a8b9c0d1e2f"
OTHER = "00000000-3c4a-4b5d-9e6f-7a8b9c0d1e2f"
EVERY = Every(interval_s=60, timeout_s=50, max_age_s=300)


def vms(*ids: str, is_whole: bool = True, is_complete: bool = True, state: str = "ACTIVE") -> VMs:
    """An answer with these VMs."""
    index = VMIndex()
    for one in ids:
        index.put(vm(one, state=state))
    return index.vms({}, {}, is_whole=is_whole, is_complete=is_complete)


def volumes(*ids: str, is_whole: bool = True, is_complete: bool = True) -> Objects:
    """An answer with these volumes."""
    listed = ListedObjects(dict.fromkeys(ids, "in-use"), is_complete)
    return Objects("volumes", {}, None, {}, is_whole=is_whole, listed=listed)


def _question(name: str, answer: type, kind: str, *, numbers: bool) -> Question:
    lists = by_number(kind) if numbers else by_uuid(kind)
    return Question(name=name, answer=answer, every=EVERY, cost="1", role="any", lists=lists)


class Cloud:
    """Implements Management. Attributes: answers: The next one of each question; the last one for ever."""

    questions: ClassVar[Sequence[Question]] = ()

    def __init__(self, name: str, answers: Mapping[str, Sequence[object]], *, numbers: bool) -> None:
        self.cloud, self.budget = name, Budget(Limits())
        self.answers = {question: [*some] for question, some in answers.items()}
        asked = [
            _question("servers", VMs, "vms", numbers=numbers),
            _question("volumes", Objects, "volumes", numbers=numbers),
        ]
        self.collectors = {one: QuestionCollector(one, self, SUBJECTS[one.answer](name)) for one in asked}

    async def ask(self, name: str) -> Any:
        some = self.answers[name]
        answer = some.pop(0) if len(some) > 1 else some[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        """There is nothing to close."""

    def watched(self) -> Watched:
        return Watched(self, {one.lists.kind: Listed(one.lists, its) for one, its in self._pairs()})

    def runners(self, clock: Clock) -> Sequence[Runner]:
        """Of the questions that have answers; the others are switched off."""
        return [
            Runner(Collection(collector, EVERY), monotonic=clock, now=clock, sleep=clock.sleep)
            for question, collector in self._pairs()
            if question.name in self.answers
        ]

    def _pairs(self) -> Iterator[tuple[Any, QuestionCollector]]:
        yield from self.collectors.items()


@dataclass(frozen=True)
class Site:
    """Attributes: url: Of the exporter. handles: Of the first cloud's VMs."""

    url: str
    service: FakeService
    clock: Clock

    def handle(self, one: str = ONE, *, kind: str = "vms", cloud: str = "uni") -> str:
        return f"{self.url}/api/v1/clouds/{cloud}/resources/{kind}/{one}"

    async def refresh(self, after_s: float = 60.0) -> None:
        """The next answer to each question."""
        self.clock.time_s += after_s
        for runner in self.service.runners:
            await runner.first()


@asynccontextmanager
async def handles(
    clouds: Mapping[str, Mapping[str, Sequence[object]]], access: Access | None = None
) -> AsyncIterator[Site]:
    """An exporter. Args: clouds: Answers by question, by NAME/KIND; nothing is asked yet."""
    clock = Clock()
    opened = {
        key: Cloud(key.rpartition("/")[0], answers, numbers=key.endswith("opennebula"))
        for key, answers in clouds.items()
    }
    service = FakeService(
        runners=[runner for cloud in opened.values() for runner in cloud.runners(clock)],
        routes=ROUTES,
        opened={key: cloud.watched() for key, cloud in opened.items()},
    )
    async with served(service, access) as url:
        yield Site(url, service, clock)
