"""The sweep: finds what is left of earlier runs in a cloud, and deletes what is certainly ours."""

import math
from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.lifecycle import NAME_PREFIX, Mark, Object, RunReason, StepError
from stratoscope.vmprobe.clean_up import left_of
from stratoscope.vmprobe.in_time import in_time
from stratoscope.vmprobe.ledger import Ledger
from stratoscope.vmprobe.tables import Remaining

Key: TypeAlias = tuple[str, str]
"""Kind and id of an object."""
Intended: TypeAlias = tuple[str, str]
"""Run and kind of an object that was intended, and whose id is not known."""

GRACE_S: Final = 600.0
"""So long after its deadline an object is deleted whose run the ledger does not know, and an intent is closed
whose object was never found."""

_MOST_RUNS: Final = 50
"""A sweep handles at most so many runs of one credential; those that waited longest come first."""
_STEP_TIMEOUT_S: Final = 60.0
_FIRST_RETRY_S: Final = 30.0
_LONGEST_RETRY_S: Final = 3600.0
_UNREACHABLE: Final = frozenset({RunReason.API_UNREACHABLE, RunReason.TIMEOUT})
"""After these there is no point in asking the cloud for more in this sweep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """What is left of runs that have ended.

    Attributes:
        is_known: A sweep has counted it.
        by_kind: Objects that should not be there any more. An intent counts only if its cloud could not be
            listed, so that its object may be there.
        oldest: Unix time since which the oldest of them is there; None without any.
        kept: Objects that are left on purpose.
        failed_deletions: By kind: requests that failed, or after which the object was still there when it was
            their turn again.
        failures: By credential: why the last sweep could not do all.
    """

    is_known: bool = False
    by_kind: Mapping[str, int] = field(default_factory=dict)
    oldest: float | None = None
    kept: Mapping[str, int] = field(default_factory=dict)
    failed_deletions: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.by_kind.values())


@dataclass(slots=True)
class _Deletion:
    """Attributes: requests: How many were sent; retry: When the next may be, on the monotonic clock."""

    requests: int = 0
    is_accepted: bool = False
    retry: float = -math.inf


class Sweep:
    """Deletes an object if it has our tag, and the ledger knows its run or its deadline is past by 10 min.

    Objects without a mark, such as ports, are deleted if they belong to such a VM. Runs in progress are left
    alone, and those that are kept. A line of the ledger is closed when its object was seen gone, or when it
    was never found until 10 min after its deadline.

    Whether a deadline is past, both our clock and the cloud's decide, as far as that is known: if one of them
    has jumped, objects are deleted later, never earlier.

    Attributes:
        leaks: What the last sweep left.
    """

    def __init__(self, ledger: Ledger, tag: str, clock: Clock = CLOCK) -> None:
        self.leaks = Leaks()
        self._ledger, self._tag, self._clock = ledger, tag, clock
        self._looked: dict[str, float] = {}
        self._deletions: dict[Key, _Deletion] = {}
        self._failed: Counter[str] = Counter()

    async def once(self, lifecycles: Mapping[str, Lifecycle], running: Container[str]) -> None:
        """Sweep the cloud once, with each credential.

        Nothing waits for deletions: the next sweep sees what they came to. What a credential cannot do is in
        `leaks.failures`.

        Args:
            lifecycles: By credential.
            running: The ids of runs in progress; asked again before each run is touched. A run that is kept
                is marked so in the ledger before it leaves them.

        Raises:
            LedgerError: The ledger cannot be used; `leaks` is as it was.
        """
        failures: dict[str, str] = {}
        absent: set[Intended] = set()
        due: set[str] = set()
        for credential, lifecycle in lifecycles.items():
            visit = _Visit(credential, lifecycle, running, lifecycles.keys())
            try:
                await self._visit(visit)
            except StepError as error:
                visit.fails(error)
            absent |= visit.absent
            due |= visit.due
            if visit.failures:
                failures[credential] = visit.failures[0]
        self._looked = {run: moment for run, moment in self._looked.items() if run in due}
        await self._count(lifecycles, running, absent, failures)

    async def _visit(self, visit: "_Visit") -> None:
        """Sweep with one credential. Raises StepError: the rest has to wait for the next sweep."""
        intended = await self._intended(visit)
        owned = await in_time(visit.lifecycle.owned(self._tag, intended), _STEP_TIMEOUT_S)
        for error in owned.failed.values():
            visit.fails(error)
        visit.unlisted = owned.failed.keys()
        marked = _by_run(owned.objects, self._tag)
        rows: dict[str, list[Remaining]] = {}  # read after the list: what has begun since is in progress
        for row in await self._ledger.remaining():
            rows.setdefault(row.run, []).append(row)
        unknown = await self._strangers(visit, marked.keys() - rows.keys(), marked)
        ours = [run for run, some in rows.items() if self._is_due(visit, some, marked.get(run, ()))]
        visit.due = {*ours, *unknown}
        longest_first = sorted([*ours, *unknown], key=lambda run: self._looked.get(run, -math.inf))
        for run in longest_first[:_MOST_RUNS]:
            if run in visit.running:
                continue
            self._looked[run] = self._clock.monotonic()
            try:
                await self._clean(visit, run, rows.get(run, ()), marked.get(run, ()))
            except StepError as error:
                if error.reason in _UNREACHABLE:
                    raise
                visit.fails(error)

    async def _intended(self, visit: "_Visit") -> Collection[str]:
        """The kinds of objects that may have been created, and whose ids the ledger does not know."""
        rows = [row for row in await self._ledger.remaining() if not row.is_created]
        return {row.object.kind for row in rows if visit.is_of(row)}

    async def _strangers(
        self, visit: "_Visit", runs: Collection[str], marked: Mapping[str, Sequence[Object]]
    ) -> Sequence[str]:
        """Of the runs of which the ledger has no open object, those whose objects are ours."""
        runs = [run for run in runs if run not in visit.running]
        known = await self._ledger.known(runs)
        return [
            run
            for run in runs
            if run in known
            or all(one.mark and self._is_past(visit, one.mark.deadline) for one in marked[run])
        ]

    def _is_due(self, visit: "_Visit", rows: Sequence[Remaining], marked: Sequence[Object]) -> bool:
        """Whether there is something to do about a run of the ledger; notes its absent intents."""
        first = rows[0]
        is_mine = first.credential == visit.credential
        if first.run in visit.running or not (is_mine or (marked and first.credential not in visit.all)):
            return False
        if self._is_kept(first, visit.lifecycle):
            return False
        kinds = {one.kind for one in marked} | visit.unlisted
        intents = [row for row in rows if not row.is_created]
        visit.absent |= {(row.run, row.object.kind) for row in intents if row.object.kind not in kinds}
        if marked or len(intents) < len(rows):
            return True
        return self._is_past(visit, first.deadline)

    async def _clean(
        self, visit: "_Visit", run: str, rows: Sequence[Remaining], marked: Sequence[Object]
    ) -> None:
        """Look what is left of a run, write it down, and request its deletion. Raises StepError."""
        vm_kind = visit.lifecycle.vm_kind
        if not rows or rows[0].credential != visit.credential:
            for one in marked:
                await self._ledger.adopt(visit.credential, one, is_vm=one.kind == vm_kind)
            rows = [row for row in await self._ledger.remaining() if row.run == run]
        there = await self._there(visit, rows, marked)
        unmarked = self._unmarked(run, rows, there, vm_kind)
        visit.failures += [
            f"{kind} {one} does not carry its mark: it is left alone" for kind, one in unmarked
        ]
        await self._write_down(visit, run, rows, there)
        vms = [one for one in there.values() if one.kind == vm_kind]
        for one in vms or there.values():  # what belongs to a VM is deleted with it, or in a later sweep
            if run not in visit.running and (one.kind, one.id) not in unmarked:
                await self._delete(visit, one)

    async def _there(
        self, visit: "_Visit", rows: Sequence[Remaining], marked: Sequence[Object]
    ) -> Mapping[Key, Object]:
        """What is left of a run now: its VM, what belongs to that, and what its steps have created.

        What carries its mark is asked for again: since it was listed, the run itself may have deleted it.
        """
        vm_kind = visit.lifecycle.vm_kind
        vm_ids = [row.vm_id for row in rows if row.vm_id]
        vm_ids += [one.id for one in marked if one.kind == vm_kind]
        created = [row.object for row in rows if _is_of_step(row, vm_kind)]
        created += [one for one in marked if one.kind != vm_kind]
        of_steps = {(one.kind, one.id): one for one in created}
        there: dict[Key, Object] = {}
        for vm_id in dict.fromkeys(vm_ids or ([""] if of_steps else [])):
            left = await in_time(left_of(visit.lifecycle, vm_id, [*of_steps.values()]), _STEP_TIMEOUT_S)
            there |= {(one.kind, one.id): one for one in left}
        return there

    def _unmarked(
        self, run: str, rows: Sequence[Remaining], there: Mapping[Key, Object], vm_kind: str
    ) -> Collection[Key]:
        """Objects of steps that have lost their mark. Raises StepError for a VM, and for another's mark."""
        for one in there.values():
            if (one.mark is None and one.kind == vm_kind) or (one.mark and not self._is_of(one.mark, run)):
                message = f"{one.kind} {one.id} does not carry the mark of run {run}: it is left alone"
                raise StepError(RunReason.CLEANUP, message)
        keys = [(row.object.kind, row.object.id) for row in rows if _is_of_step(row, vm_kind)]
        return [key for key in keys if key in there and there[key].mark is None]

    async def _write_down(
        self, visit: "_Visit", run: str, rows: Sequence[Remaining], there: Mapping[Key, Object]
    ) -> None:
        known = {(row.object.kind, row.object.id) for row in rows}
        for key, one in there.items():
            if key not in known:
                await self._ledger.created(run, one)
        for row in rows:  # an intent that was found has its id by now, and is not closed without it
            is_there = (row.object.kind, row.object.id) in there
            is_absent = row.object.kind not in visit.unlisted and self._is_past(visit, row.deadline)
            if not is_there and (row.is_created or is_absent):
                await self._ledger.gone(run, row.object)

    async def _delete(self, visit: "_Visit", one: Object) -> None:
        """Request a deletion, unless the last request was too short a while ago. Raises if unreachable."""
        deletion = self._deletions.setdefault((one.kind, one.id), _Deletion())
        now = self._clock.monotonic()
        if now < deletion.retry:
            return
        if deletion.is_accepted:
            self._failed[one.kind] += 1
            visit.failures.append(f"{one.kind} {one.id}: its deletion was accepted, and it is still there")
        deletion.retry = now + min(_FIRST_RETRY_S * 2.0 ** min(deletion.requests, 20), _LONGEST_RETRY_S)
        deletion.requests += 1
        deletion.is_accepted = False
        try:
            await in_time(visit.lifecycle.delete(one), _STEP_TIMEOUT_S)
            deletion.is_accepted = True
        except StepError as error:
            self._failed[one.kind] += 1
            if error.reason in _UNREACHABLE:
                raise
            visit.fails(error)

    async def _count(
        self,
        lifecycles: Mapping[str, Lifecycle],
        running: Container[str],
        absent: Container[Intended],
        failures: dict[str, str],
    ) -> None:
        """Count what is left, and forget about what is not."""
        rows = [row for row in await self._ledger.remaining() if row.run not in running]
        kept = [row for row in rows if self._is_kept(row, lifecycles.get(row.credential))]
        runs = {row.run for row in kept}
        left = [
            row
            for row in rows
            if row.run not in runs and (row.is_created or (row.run, row.object.kind) not in absent)
        ]
        for row in left:
            if row.credential not in lifecycles:
                failures[row.credential] = "no probe uses this credential any more, but objects are left"
        keys = {(row.object.kind, row.object.id) for row in rows}
        self._deletions = {key: one for key, one in self._deletions.items() if key in keys}
        self.leaks = Leaks(
            is_known=True,
            by_kind=Counter(row.object.kind for row in left),
            oldest=min((row.since for row in left), default=None),
            kept=Counter(row.object.kind for row in kept),
            failed_deletions=dict(self._failed),
            failures=failures,
        )

    def _is_of(self, mark: Mark, run: str) -> bool:
        return (mark.tag, mark.run) == (self._tag, run)

    def _is_past(self, visit: "_Visit", deadline: float) -> bool:
        return self._now(visit.lifecycle) > deadline + GRACE_S

    def _is_kept(self, row: Remaining, lifecycle: Lifecycle | None) -> bool:
        return row.kept_until is not None and self._now(lifecycle) < row.kept_until

    def _now(self, lifecycle: Lifecycle | None) -> float:
        """Unix time, by whichever clock is behind: ours or the cloud's."""
        skew_s = lifecycle.clock_skew_s if lifecycle else None
        return self._clock.now() + min(0.0, skew_s or 0.0)


@dataclass(slots=True)
class _Visit:
    """A sweep with one credential.

    Attributes:
        all: All credentials of this sweep.
        absent: Intended objects that the list does not show.
        unlisted: The kinds of objects that could not be listed.
        due: Runs about which there is something to do.
        failures: What could not be done, one line each.
    """

    credential: str
    lifecycle: Lifecycle
    running: Container[str]
    all: Container[str]
    absent: set[Intended] = field(default_factory=set)
    unlisted: AbstractSet[str] = frozenset()
    due: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    def is_of(self, row: Remaining) -> bool:
        """Whether this credential looks for an object: its own, or that of a credential that is gone."""
        return row.credential == self.credential or row.credential not in self.all

    def fails(self, error: StepError) -> None:
        self.failures.append(f"{error.reason}: {error}")


def _by_run(objects: Iterable[Object], tag: str) -> dict[str, list[Object]]:
    """The objects that carry a mark with this tag, by its run."""
    found: dict[str, list[Object]] = {}
    for one in objects:
        if one.mark is not None and one.mark.tag == tag:
            found.setdefault(one.mark.run, []).append(one)
    return found


def _is_of_step(row: Remaining, vm_kind: str) -> bool:
    """Whether it is an object that a step has created: only those have the run's name besides the VM."""
    return row.is_created and row.object.kind != vm_kind and row.object.name == f"{NAME_PREFIX}{row.run}"
