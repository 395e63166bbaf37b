"""A Collector reads a source; with its schedule it is a Collection."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from stratoscope.core.errors import LeftOut
from stratoscope.core.line_cache import CachedLines
from stratoscope.core.metrics import Family, Sample

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OnScrape:
    """Collected when scraped: the source is local and quick. Nothing is cached."""

    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Every:
    """Collected in the background; the last success is shown until it is `max_age_s` old.

    It is at least 2 x interval + timeout, so that one failure hides nothing: the configuration sees to it.
    """

    interval_s: float
    timeout_s: float
    max_age_s: float


@dataclass(frozen=True, slots=True)
class Offer:
    """A collector, or a part of one, as the configuration knows it.

    Attributes:
        name: The key below `collectors`.
        schedule: The default; None for a part, which has its collector's.
        is_on: Whether it runs by default.
        needs: Name of a collector without which it does not run; "" for none.
    """

    name: str
    schedule: OnScrape | Every | None = None
    is_on: bool = True
    needs: str = ""


class Collector(ABC, Generic[T]):
    """Reads one call of a source, and makes samples of the answer.

    Attributes:
        offer: As the configuration knows it.
        name: As the label `collector` and `?collect[]=` spell it.
        cloud: The cloud's name; empty where there is none.
        families: Every Family that `samples` may yield, in the order of the page.
        subjects: Families by the name of a subject that `?collect[]=` can select.
    """

    offer: Offer
    name: str
    cloud: str = ""
    families: Sequence[Family]
    subjects: Mapping[str, Sequence[Family]] = {}

    @property
    def key(self) -> tuple[str, str]:
        """Cloud and name; unique in the exporter."""
        return self.cloud, self.name

    @abstractmethod
    async def fetch(self) -> T:
        """Read the source: all I/O of the collector, within `time_left_s()`.

        Raises:
            CollectError: The source cannot be read; the reason is the metric's.
            LeftOutError: The source lacks the service, or the credential the right; that is no failure, but
                the last snapshot is withdrawn at once.
        """

    @abstractmethod
    def samples(self, data: T, /) -> Iterable[Sample]:
        """The samples of the data. Pure: no I/O, clock or log."""

    def cached(self, data: T, /) -> Iterable[CachedLines]:  # noqa: ARG002 - not used by most
        """Lines of series that are many and seldom change, cached from one collection to the next.

        They are of families that `samples` does not yield. Called in a thread, one at a time.
        """
        return ()

    def kept(self, data: T, as_of: float, /) -> object:  # noqa: ARG002 - not used by most
        """What the exporter's routes get of the data, as `Runner.latest`, as long as its lines are shown.

        Immutable. Called in a thread, one at a time, after `samples`. Args: as_of: Unix seconds at which the
        collection began.
        """
        return None

    def failure(self) -> Iterable[Sample]:
        """The samples of a failed collection: what follows from the failure itself, never old data. Pure.

        Called in the loop when `fetch` has ended; the samples are made in a thread. They are not shown while
        an older snapshot is, nor to a scrape that did not wait for the end.
        """
        return ()

    def malformed(self, data: T, /) -> int:  # noqa: ARG002 - not used by most
        """How many items of the data were left out because they were malformed."""
        return 0


@dataclass(frozen=True, slots=True)
class Collection:
    """A collector with its schedule and its bound on series."""

    collector: Collector[Any]
    schedule: OnScrape | Every
    max_series: int = 200_000


@dataclass(frozen=True, slots=True)
class Absent:
    """A collector that is not run, and why."""

    collector: str
    reason: LeftOut
    cloud: str = ""


@dataclass(frozen=True, slots=True)
class Collections:
    """What a part collects, and what it leaves out."""

    running: Sequence[Collection]
    left_out: Sequence[Absent] = ()
