"""Migrations of VMs, in one vocabulary for all cloud kinds: those under way, and how the others ended.

A migration is anything that moves a VM to another host, or tries to: live or not, by resize, by evacuation.
Its end is counted once, by its id, whatever the source lists later: lists cover a time, counts do not.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from stratoscope.clouds.client.clock import Clock

WINDOW_S: Final = 86400.0
"""Pairs of hosts are told of the migrations that ended within this time."""
MOST: Final = 20_000
"""Ended migrations that are remembered; of more the ones that were listed longest ago are forgotten."""
DURATION_BOUNDS: Final = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
"""Upper bounds of the buckets of durations, in seconds, without infinity."""


class Outcome(StrEnum):
    """How a migration ended. One that was moved is completed, whether it is confirmed later or taken back."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Progress(msgspec.Struct, frozen=True, gc=False):
    """How far a live migration is, in bytes; None if the source does not report it."""

    memory: int | None
    memory_remaining: int | None
    disk: int | None
    disk_remaining: int | None


class Migration(msgspec.Struct, frozen=True, gc=False):
    """One that is under way.

    Attributes:
        kind: As the source spells it: `live-migration`, `resize`.
        source, target: Hosts; "" while there is none.
        started: When it was requested.
        progress: None if it is not known.
    """

    migration_id: str
    vm_id: str
    kind: str
    state: str
    source: str
    target: str
    started: float
    progress: Progress | None = None


class Ended(msgspec.Struct, frozen=True, gc=False):
    """One that has ended. Attributes: seconds: From request to end; None if unknown."""

    kind: str
    outcome: Outcome
    source: str
    target: str
    ended: float
    seconds: float | None


class Durations(msgspec.Struct, frozen=True):
    """Attributes: counts: So many took at most each of DURATION_BOUNDS, then all (cumulative)."""

    counts: tuple[int, ...]
    seconds: float


class Migrations(msgspec.Struct, frozen=True):
    """Migrations of one cloud.

    Attributes:
        running: Those under way, the oldest first.
        ended: Those that ended within WINDOW_S.
        outcomes: How many have ended since the first reading, by kind and outcome; 0 for each kind that the
            source has.
        durations: Of those that were completed since then, by kind.
    """

    running: tuple[Migration, ...]
    ended: tuple[Ended, ...]
    outcomes: Mapping[tuple[str, Outcome], int]
    durations: Mapping[str, Durations]
    malformed: int = 0


class MigrationLog:
    """Remembers the migrations that have ended, and counts each once."""

    def __init__(self, kinds: Iterable[str], clock: Clock) -> None:
        """Args: kinds: Those that are always reported."""
        self._clock = clock
        self._ended: dict[str, Ended | None] = {}
        self._outcomes = {(kind, outcome): 0 for kind in kinds for outcome in Outcome}
        self._buckets: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(DURATION_BOUNDS) + 1))
        self._seconds: defaultdict[str, float] = defaultdict(float)
        for kind, _ in self._outcomes:
            self._buckets[kind]  # a counter that begins above 0 hides its first step

    def __contains__(self, migration_id: str) -> bool:
        return migration_id in self._ended

    def end(self, migration_id: str, one: Ended, *, is_new: bool) -> None:
        """Record the end of a migration, unless it is known already.

        Args:
            is_new: It ended since the first reading, and is counted.
        """
        if migration_id in self._ended:  # listed again: the last to be forgotten
            self._ended[migration_id] = self._ended.pop(migration_id)
            return
        self._ended[migration_id] = one
        if is_new:
            self._count(one)

    def answer(self, running: Iterable[Migration], malformed: int) -> Migrations:
        self._forget()
        return Migrations(
            running=tuple(sorted(running, key=lambda one: (one.started, one.migration_id))),
            ended=tuple(one for one in self._ended.values() if one is not None),
            outcomes=dict(self._outcomes),
            durations={kind: self._durations(kind) for kind in self._buckets},
            malformed=malformed,
        )

    def _count(self, one: Ended) -> None:
        for outcome in Outcome:
            self._outcomes.setdefault((one.kind, outcome), 0)
        self._outcomes[one.kind, one.outcome] += 1
        if one.outcome is Outcome.COMPLETED and one.seconds is not None:
            self._buckets[one.kind][bisect_left(DURATION_BOUNDS, one.seconds)] += 1
            self._seconds[one.kind] += one.seconds

    def _forget(self) -> None:
        """What is too old keeps its id alone."""
        too_old = self._clock.now() - WINDOW_S
        for migration_id in list(self._ended)[: max(0, len(self._ended) - MOST)]:
            del self._ended[migration_id]
        for migration_id, one in self._ended.items():
            if one is not None and one.ended < too_old:
                self._ended[migration_id] = None

    def _durations(self, kind: str) -> Durations:
        counts, so_far = [], 0
        for number in self._buckets[kind]:
            so_far += number
            counts.append(so_far)
        return Durations(tuple(counts), self._seconds[kind])
