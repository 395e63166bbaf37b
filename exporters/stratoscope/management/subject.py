"""What one kind of answer shows."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, TypeVar

from stratoscope.core.exposition import Lines, render
from stratoscope.core.metrics import Family, Sample

T = TypeVar("T")


class Subject(ABC, Generic[T]):
    """The series of one class of clouds/model.py; an instance serves one collector.

    Attributes:
        families: Everything that `samples` may yield, in the order of the page.
    """

    families: ClassVar[Sequence[Family]]

    def __init__(self, cloud: str) -> None:
        self._cloud = cloud

    @abstractmethod
    def samples(self, answer: T, /) -> Iterable[Sample]:
        """What the answer says. Pure, but for labels that may be kept for objects that did not change."""

    def lines(self, answer: T, max_series: int, /) -> Lines:
        """The same as lines; one that has very many series may keep those that did not change."""
        return render(self.samples(answer), self.families, max_series)
