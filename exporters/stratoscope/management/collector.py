"""The one collector of this exporter: a question to a cloud, and the subject that shows the answer."""

from collections.abc import Iterable
from typing import Any

from stratoscope.clouds.abilities import Question
from stratoscope.core.collector import Collector
from stratoscope.core.exposition import Lines
from stratoscope.core.metrics import Sample
from stratoscope.management.subject import Subject


class QuestionCollector(Collector[Any]):
    """One question to one cloud."""

    def __init__(self, question: Question[Any], subject: Subject[Any], cloud: str) -> None:
        self.name, self.cloud, self.families = question.name, cloud, subject.families
        self._question, self._subject = question, subject

    async def fetch(self) -> Any:
        return await self._question.ask()

    def samples(self, data: Any, /) -> Iterable[Sample]:
        return self._subject.samples(data)

    def lines(self, data: Any, max_series: int, /) -> Lines:
        return self._subject.lines(data, max_series)

    def malformed(self, data: Any, /) -> int:
        number: int = data.malformed
        return number
