"""The collector class of this exporter: sends one question to a cloud; its subject makes the samples."""

from collections.abc import Iterable
from typing import Any

from stratoscope.clouds.abilities import Management, Question
from stratoscope.core.collector import Collector
from stratoscope.core.line_cache import CachedLines
from stratoscope.core.metrics import Sample
from stratoscope.management.resources.lists import Listing, Lists
from stratoscope.management.subject import Bounds, Subject


class QuestionCollector(Collector[Any]):
    """One question to one cloud."""

    def __init__(self, question: Question, cloud: Management, subject: Subject[Any]) -> None:
        self.offer, self.name = question.offer, question.name
        self.cloud, self.families = cloud.cloud, subject.families
        self._source, self._subject = cloud, subject
        self._lists = Lists() if question.lists else None

    @property
    def bounds(self) -> Bounds:
        """How much is shown by name from the next collection on."""
        return self._subject.bounds

    @bounds.setter
    def bounds(self, bounds: Bounds) -> None:
        self._subject.bounds = bounds

    async def fetch(self) -> Any:
        return await self._source.ask(self.name)

    def samples(self, data: Any, /) -> Iterable[Sample]:
        return self._subject.samples(data)

    def cached(self, data: Any, /) -> Iterable[CachedLines]:
        return self._subject.cached(data)

    def kept(self, data: Any, as_of: float, /) -> Listing | None:
        moved = self._subject.moved()
        return self._lists.next(data, as_of, moved) if self._lists else None

    def malformed(self, data: Any, /) -> int:
        number: int = data.malformed
        return number
