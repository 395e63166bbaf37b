"""Migrations: those under way with their progress, outcomes and durations, and by pair of hosts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from stratoscope.clouds import migrations as model
from stratoscope.clouds.migrations import DURATION_BOUNDS, Ended, Migration, Outcome
from stratoscope.core.metrics import Distribution, Family, Histogram, Labels, Sample, optional_samples
from stratoscope.management.subject import Subject

_PREFIX: Final = "stratoscope_management_migration"
_ONE: Final = ("cloud", "migration_id")
_PAIR: Final = ("cloud", "source_host", "target_host")
_BYTES: Final = "of a live migration in bytes; absent if unknown, and for all but the first 20 live ones."
OTHER: Final = "other"

UNDER_WAY = Family(
    f"{_PREFIX}s", "Migrations under way by kind and state, as the source spells them.",
    labels=("cloud", "kind", "state"),
)  # fmt: skip
OLDEST = Family(
    f"{_PREFIX}s_oldest_timestamp_seconds",
    "When the oldest migration of the kind that is under way was requested, as Unix time.",
    labels=("cloud", "kind"),
)
ENDED = Family(
    f"{_PREFIX}s_ended_total",
    "Migrations that ended since the exporter first read them, each counted once: completed (the VM was "
    "moved), failed or cancelled.",
    labels=("cloud", "kind", "outcome"),
)
DURATION = Histogram(
    f"{_PREFIX}_duration_seconds",
    "Duration of the completed migrations of ..._migrations_ended_total, from request to end, in seconds.",
    labels=("cloud", "kind"),
    bounds=DURATION_BOUNDS,
)
INFO = Family(
    f"{_PREFIX}_info",
    "A migration under way: its VM, kind and state as the source spells them, and its hosts; always 1.",
    labels=(*_ONE, "vm_id", "kind", "state", "source_host", "target_host"),
)
STARTED = Family(
    f"{_PREFIX}_start_timestamp_seconds", "When the migration was requested, as Unix time.", labels=_ONE
)
MEMORY = Family(f"{_PREFIX}_memory_bytes", f"Memory to copy {_BYTES}", labels=_ONE)
MEMORY_LEFT = Family(f"{_PREFIX}_memory_remaining_bytes", f"Memory still to copy {_BYTES}", labels=_ONE)
DISK = Family(f"{_PREFIX}_disk_bytes", f"Disks to copy {_BYTES}", labels=_ONE)
DISK_LEFT = Family(f"{_PREFIX}_disk_remaining_bytes", f"Disks still to copy {_BYTES}", labels=_ONE)
BEYOND = Family(
    f"{_PREFIX}s_beyond_bound",
    "Migrations under way that are not shown one by one because there are too many; the oldest are shown; 0 "
    "if all are.",
    labels=("cloud",),
)
PAIR_FAILED = Family(
    f"{_PREFIX}_pair_failed",
    "Migrations between the two hosts that failed within 24 hours; both are `other` for the pairs that are "
    "not shown.",
    labels=_PAIR,
)
PAIR_COMPLETED = Family(
    f"{_PREFIX}_pair_completed",
    "Migrations between the two hosts that were completed within 24 hours.",
    labels=_PAIR,
)
PAIR_LONGEST = Family(
    f"{_PREFIX}_pair_longest_seconds",
    "Duration of the longest migration between the two hosts that was completed within 24 hours, in seconds; "
    "absent without one.",
    labels=_PAIR,
)
PAIRS_BEYOND = Family(
    f"{_PREFIX}_pairs_beyond_bound",
    "Pairs of hosts that are counted as `other` because there are too many; those with most failures are "
    "shown, then those with the longest migration.",
    labels=("cloud",),
)
_PROGRESS: Final = (MEMORY, MEMORY_LEFT, DISK, DISK_LEFT)

_Pair: TypeAlias = tuple[str, str]
_Row: TypeAlias = tuple[int, int, float]
"""Number of failed and completed ones, and the duration of the longest; below 0 without one."""


class Migrations(Subject[model.Migrations]):
    families = (
        UNDER_WAY, OLDEST, ENDED, DURATION, INFO, STARTED, *_PROGRESS, BEYOND,
        PAIR_FAILED, PAIR_COMPLETED, PAIR_LONGEST, PAIRS_BEYOND,
    )  # fmt: skip

    def samples(self, answer: model.Migrations, /) -> Iterable[Sample]:
        cloud = Labels(cloud=self._cloud)
        yield from _under_way(answer.running, cloud)
        for (kind, outcome), number in answer.outcomes.items():
            yield ENDED(number, cloud.plus(kind=kind, outcome=outcome.value))
        for kind, durations in answer.durations.items():
            *counts, count = durations.counts
            yield DURATION(Distribution(tuple(counts), count, durations.seconds), cloud.plus(kind=kind))
        for one in answer.running[: self.bounds.migrations]:
            yield from _one(one, cloud)
        yield BEYOND(max(0, len(answer.running) - self.bounds.migrations), cloud)
        yield from _pairs(answer.ended, self.bounds.migration_pairs, cloud)


def _under_way(running: Sequence[Migration], cloud: Labels) -> Iterable[Sample]:
    by_state: defaultdict[tuple[str, str], int] = defaultdict(int)
    oldest: dict[str, float] = {}
    for one in running:
        by_state[one.kind, one.state] += 1
        oldest[one.kind] = min(one.started, oldest.get(one.kind, one.started))
    for (kind, state), number in by_state.items():
        yield UNDER_WAY(number, cloud.plus(kind=kind, state=state))
    for kind, started in oldest.items():
        yield OLDEST(started, cloud.plus(kind=kind))


def _one(one: Migration, cloud: Labels) -> Iterable[Sample]:
    labels = cloud.plus(migration_id=one.migration_id)
    facts = Labels(
        vm_id=one.vm_id, kind=one.kind, state=one.state, source_host=one.source, target_host=one.target
    )
    yield INFO(1, labels + facts)
    yield STARTED(one.started, labels)
    its = one.progress
    if its is not None:
        values = (its.memory, its.memory_remaining, its.disk, its.disk_remaining)
        yield from optional_samples(_PROGRESS, values, labels)


def _pairs(ended: Iterable[Ended], most: int, cloud: Labels) -> Iterable[Sample]:
    rows = _by_pair(ended)
    ranked = sorted(rows, key=lambda pair: (-rows[pair][0], -rows[pair][2], pair))
    for pair in ranked[:most]:
        yield from _of_pair(pair, rows[pair], cloud)
    rest = [rows[pair] for pair in ranked[most:]]
    if rest:
        failed, completed, longest = zip(*rest, strict=True)
        yield from _of_pair((OTHER, OTHER), (sum(failed), sum(completed), max(longest)), cloud)
    yield PAIRS_BEYOND(len(rest), cloud)


def _by_pair(ended: Iterable[Ended]) -> Mapping[_Pair, _Row]:
    """Those that were cancelled, or have found no host, say nothing about a pair."""
    rows: dict[_Pair, _Row] = {}
    for one in ended:
        if one.outcome is Outcome.CANCELLED or not one.source or not one.target:
            continue
        failed, completed, longest = rows.get((one.source, one.target), (0, 0, -1.0))
        if one.outcome is Outcome.FAILED:
            failed += 1
        else:
            completed, longest = completed + 1, max(longest, -1.0 if one.seconds is None else one.seconds)
        rows[one.source, one.target] = failed, completed, longest
    return rows


def _of_pair(pair: _Pair, row: _Row, cloud: Labels) -> Iterable[Sample]:
    labels, (failed, completed, longest) = cloud.plus(source_host=pair[0], target_host=pair[1]), row
    yield PAIR_FAILED(failed, labels)
    yield PAIR_COMPLETED(completed, labels)
    if longest >= 0:
        yield PAIR_LONGEST(longest, labels)
