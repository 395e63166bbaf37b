"""Subject: makes the samples of one class of answers."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, ClassVar, Generic, TypeVar

import msgspec

from stratoscope.core.line_cache import CachedLines
from stratoscope.core.metrics import Family, Sample

T = TypeVar("T")

_Most = Annotated[int, msgspec.Meta(ge=0, le=5_000)]


class Bounds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is shown by name; the rest is counted.

    Attributes:
        orphans: Objects of one sort.
        migrations: Migrations under way.
        migration_pairs: Pairs of hosts.
        disagreements: Allocations that do not fit the VMs.
    """

    orphans: _Most = 200
    migrations: _Most = 200
    migration_pairs: _Most = 50
    disagreements: _Most = 100


class Subject(ABC, Generic[T]):
    """The series of one class of answers; an instance serves one collector.

    Attributes:
        families: Everything that `samples` and `cached` may yield, in the order of the page.
        bounds: As the configuration in force says.
    """

    families: ClassVar[Sequence[Family]]
    bounds = Bounds()

    def __init__(self, cloud: str) -> None:
        self._cloud = cloud

    @abstractmethod
    def samples(self, answer: T, /) -> Iterable[Sample]:
        """The samples of the answer. Pure."""

    def cached(self, answer: T, /) -> Iterable[CachedLines]:  # noqa: ARG002 - not used by most
        """The other lines of the answer, of series that are many and seldom change; see Collector.cached."""
        return ()

    def moved(self) -> Mapping[str, bool] | None:
        """Which ids came (true) or went (false) since the last call, of what `cached` has seen; None from a
        subject that does not compare its answers."""
        return None
