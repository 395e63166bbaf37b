"""What is asked, and when: a Collector, its schedule, and both together as a Collection."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from stratoscope.core.errors import LeftOut
from stratoscope.core.line_cache import CachedLines
from stratoscope.core.metrics import Family, Sample

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OnScrape:
    """Collected when scraped: the source is local and quick. Nothing is kept."""

    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        _more_than_0("timeout", self.timeout_s)


@dataclass(frozen=True, slots=True)
class Every:
    """Collected in the background; the last success is shown until it is `max_age_s` old."""

    interval_s: float
    timeout_s: float
    max_age_s: float

    def __post_init__(self) -> None:
        _more_than_0("interval", self.interval_s)
        _more_than_0("timeout", self.timeout_s)
        if not self.max_age_s >= 2 * self.interval_s + self.timeout_s:  # NaN is refused, too
            raise ValueError("max_age: at least 2 x interval + timeout, so that one failure hides nothing")


def _more_than_0(key: str, value_s: float) -> None:
    if not 0 < value_s < math.inf:
        raise ValueError(f"{key}: {value_s:g} s is no time to wait; allowed: more than 0 s")


@dataclass(frozen=True, slots=True)
class Offer:
    """A collector, or a part of one, as the configuration knows it.

    Attributes:
        name: The key below `collectors`.
        schedule: Unless the configuration says otherwise; None of a part: it goes with its collector.
        is_on: Whether it is run, unless the configuration says so.
        needs: Another one without which it is not run; "" for none.
    """

    name: str
    schedule: OnScrape | Every | None = None
    is_on: bool = True
    needs: str = ""


class Collector(ABC, Generic[T]):
    """One call to a source and what it shows.

    Attributes:
        offer: As the configuration knows it.
        name: As the label `collector` and `?collect[]=` spell it.
        cloud: The cloud's name; empty where there is none.
        families: Every Family that `samples` may yield, in the order of the page.
        subjects: Parts of it that `?collect[]=` can choose: their families, by name.
    """

    offer: Offer
    name: str
    cloud: str = ""
    families: Sequence[Family]
    subjects: Mapping[str, Sequence[Family]] = {}

    @abstractmethod
    async def fetch(self) -> T:
        """Ask the source: all I/O of the collector, within `time_left_s()`.

        Raises:
            CollectError: The source cannot be read; the reason is the metric's.
            LeftOutError: The source has no such thing, or gives no right to it; that is no failure, but what
                was shown before is withdrawn at once.
        """

    @abstractmethod
    def samples(self, data: T, /) -> Iterable[Sample]:
        """What the data say. Pure: no I/O, clock or log."""

    def cached(self, data: T, /) -> Iterable[CachedLines]:  # noqa: ARG002 - not used by most
        """Series that are many and seldom change, kept from one collection to the next.

        They are of families that `samples` does not yield. Called in a thread, one at a time.
        """
        return ()

    def failure(self) -> Iterable[Sample]:
        """What a failed collection shows: verdicts that follow from the failure itself, never old data. Pure.

        It is asked when `fetch` has ended, in the loop; its samples are made in a thread. Not shown while an
        older success is, nor for a scrape that did not wait for the end.
        """
        return ()

    def malformed(self, data: T, /) -> int:  # noqa: ARG002 - not used by most
        """How many items of the data were left out because they made no sense."""
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
    """What an opened exporter collects, and what it leaves out."""

    running: Sequence[Collection]
    left_out: Sequence[Absent] = field(default_factory=tuple)
