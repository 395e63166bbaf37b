"""Migrations: the history of those VMs that have changed their host, which `vmpool.infoset` tells in full.

A VM's history has a record for each time that it was put on a host: where, when, and by which action it
ended. A migration is two records: one that ended by one of _ACTIONS, and the next one. The pool has only the
number of the last record. Read are the histories of VMs whose number has changed, and of VMs on their way.

A live migration that fails is taken back: oned adds a third record with the first one's host, and the second
one has no action (LifeCycleManager::trigger_deploy_failure of oned).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.migrations import Ended, Migration, MigrationLog, Migrations, Outcome
from stratoscope.clouds.opennebula.client.access import Access, checked
from stratoscope.clouds.opennebula.client.items import Element, amount, fields, identity, number
from stratoscope.clouds.opennebula.client.pools import Pools, Search
from stratoscope.clouds.opennebula.vms import Row, VMs
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.collector import Every

AT_ONCE: Final = 200
"""VMs whose histories are read by one request."""
MOST: Final = 20
"""Requests for histories in one refresh."""
_YOUNG_S: Final = 75.0
"""A pool that is not older is not read again: by default `vms` reads it each minute."""
_CLOCK_OFF_S: Final = 60.0
"""By so much oned's clock may be behind this machine's. It matters for a VM that is seen for the first time:
its migrations count that ended since the first reading, by oned's clock. Those of others need no clock."""
_ACTIONS: Final[Mapping[int, str]] = {
    1: "migrate", 2: "live-migrate", 48: "poff-migrate", 49: "poff-hard-migrate",
}  # fmt: skip
"""By number, as oned names them (History::VMAction)."""
_MOVING: Final = frozenset({
    "MIGRATE", "SAVE_MIGRATE", "PROLOG_MIGRATE", "BOOT_MIGRATE", "PROLOG_MIGRATE_POWEROFF",
    "PROLOG_MIGRATE_SUSPEND", "PROLOG_MIGRATE_UNKNOWN",
})  # fmt: skip
_FAILED: Final = "_FAILURE"
_NONE: Final = 0
_UNMOVED: Final = (0, "")
"""The stage of a VM that has had one host, or none."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of a VM's history. Moments are Unix seconds, 0 for one that is still to come.

    Attributes:
        began, ended: On this host.
        copied: When its disks had been moved to this host.
        ran: When it began to run on it.
        action: By which it ended, as oned numbers it.
    """

    number: int
    host: str
    began: int
    ended: int
    copied: int
    ran: int
    action: int


class VMMigrations(Reader):
    """The migrations of one zone."""

    def __init__(self, pools: Pools, access: TTLCache[Access], vms: VMs, clock: Clock) -> None:
        self._pools, self._access, self._vms, self._clock = pools, access, vms, clock
        self._log = MigrationLog(_ACTIONS.values(), clock)
        self._read_at: dict[str, tuple[int, str]] = {}
        self._running: dict[str, Migration] = {}
        self._is_first = True
        self._since = 0.0

    @question(
        "migrations",
        Every(60, 50, 300),
        cost=f"1 for each {AT_ONCE} VMs that changed their host, {MOST} at most; 1 for each 2,000 VMs unless "
        "`vms` has just read them, or `events` arrive",
        role="group oneadmin, or VM/* USE; any other sees what it may use",
    )
    async def read(self) -> Migrations:
        """Raises as Pools, and LeftOutError; `absent` if oned has no `vmpool.infoset`."""
        self._since = self._since or self._clock.now()
        rows, malformed = await self._vms.rows(_YOUNG_S)
        await checked(self._access, "VM", rows, malformed, "vmpool.info")
        current = {one.vm_id: one for one in rows if one.moves}
        unmoved = dict.fromkeys((one.vm_id for one in rows if not one.moves), _UNMOVED)
        self._read_at = {vm_id: at for vm_id, at in self._read_at.items() if vm_id in current} | unmoved
        self._running = {vm_id: one for vm_id, one in self._running.items() if vm_id in current}
        wanted = [one for one in current.values() if self._read_at.get(one.vm_id) != _stage(one)]
        # Those on their way first, then those that came last: their migrations are the newest.
        wanted.sort(key=lambda one: (one.state not in _MOVING, -int(one.vm_id)))
        search = self._pools.search()
        for start in range(0, min(len(wanted), MOST * AT_ONCE), AT_ONCE):
            malformed += await self._read_histories(wanted[start : start + AT_ONCE], search)
        self._is_first = self._is_first and len(wanted) > MOST * AT_ONCE
        return self._log.answer(self._running.values(), malformed)

    async def _read_histories(self, rows: Sequence[Row], search: Search) -> int:
        """Read those of some VMs. Returns the number of malformed ones."""
        ids = [one.vm_id for one in rows]
        found, malformed = await self._pools.chosen("VM", history, ids, is_extended=True, search=search)
        histories = dict(found)
        for one in rows:
            records = histories.get(one.vm_id)
            if records is not None:
                before, self._read_at[one.vm_id] = self._read_at.get(one.vm_id), _stage(one)
                self._put(one, records, before)
        return malformed

    def _put(self, vm: Row, records: Sequence[Record], before: tuple[int, str] | None) -> None:
        """Args: before: The VM's stage when it was last read; None if it was not there."""
        self._running.pop(vm.vm_id, None)
        for source, target, after in _moves(records):
            migration_id, kind = f"{vm.vm_id}/{target.number}", _ACTIONS[source.action]
            is_last = after is None
            if is_last and vm.state in _MOVING:
                self._running[vm.vm_id] = Migration(
                    migration_id, vm.vm_id, kind, vm.state, source.host, target.host, float(target.began)
                )
                continue
            is_failed = _is_taken_back(source, target, after) or (is_last and vm.state.endswith(_FAILED))
            ended = _end(source, target, is_failed=is_failed) or self._clock.now()
            outcome = Outcome.FAILED if is_failed else Outcome.COMPLETED
            seconds = max(0.0, ended - target.began)
            one = Ended(kind, outcome, source.host, target.host, ended, seconds)
            is_new = _is_after(target, before) if before else ended >= self._since - _CLOCK_OFF_S
            self._log.end(migration_id, one, is_new=is_new and not self._is_first)


def history(element: Element) -> tuple[str, list[Record]]:
    """A VM's id and its records, in their order. Raises ValueError, KeyError if one makes no sense."""
    records = [_record(fields(one)) for one in element.iterfind("HISTORY_RECORDS/HISTORY")]
    return number(identity(element)), sorted(records, key=lambda one: one.number)


def _record(found: Mapping[str, str]) -> Record:
    began, ended, copied, ran = (amount(found, name) for name in ("STIME", "ETIME", "PETIME", "RSTIME"))
    return Record(int(found["SEQ"]), found["HOSTNAME"], began, ended, copied, ran, int(found["ACTION"]))


def _stage(vm: Row) -> tuple[int, str]:
    """What changes with each record, and when one is on its way, has come or has failed."""
    if vm.state in _MOVING:
        return vm.moves, vm.state
    return vm.moves, _FAILED if vm.state.endswith(_FAILED) else ""


def _is_after(target: Record, before: tuple[int, str]) -> bool:
    """Whether a migration has ended since the VM was in a stage, whatever oned's clock says."""
    moves, state = before
    return target.number > moves or (target.number == moves and state in _MOVING)


def _moves(records: Sequence[Record]) -> Iterator[tuple[Record, Record, Record | None]]:
    """The two records of each migration, and the one after them."""
    for place, (source, target) in enumerate(pairwise(records)):
        if source.action in _ACTIONS and target.number == source.number + 1:
            yield source, target, records[place + 2] if place + 2 < len(records) else None


def _is_taken_back(source: Record, target: Record, after: Record | None) -> bool:
    return after is not None and target.action == _NONE and after.host == source.host


def _end(source: Record, target: Record, *, is_failed: bool) -> float:
    """When a migration ended; 0.0 if the history does not tell."""
    if is_failed:
        return float(target.ended)
    return float(target.ran or target.copied or source.ended)
