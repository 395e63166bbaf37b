"""Nova's list of migrations, read once for all that need it. Source: GET /os-migrations, role admin.

Nova never deletes a migration, so its list is as long as the cloud is old. Read are those that changed
(`changes-since`) and, since that filter leaves out what has not changed since it was created, those in the
states in which one is created; every 30 minutes those in all states in which one is under way.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.migrations import WINDOW_S, Ended, Migration, MigrationLog, Outcome
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Id, Number, Text, moment, unix_seconds
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.errors import LeftOut, LeftOutError

VERSION: Final = "2.59"
"""The first with a list of changes, and with the ids by which Placement knows migrations (Queens)."""
PAGES: Final = 3
"""Pages of the newest migrations that are looked through for one that ended before the first reading."""
LIVE: Final = "live-migration"
CREATED: Final = ("accepted", "pre-migrating")
_LISTED_EVERY_S: Final = 1800.0
_OVERLAP_S: Final = 60.0
_CLOCK_OFF_S: Final = 3600.0
"""As of servers.py."""
_MOST_OVER: Final = 5_000
"""Migrations that are over and known by id; of more those that were listed longest ago are forgotten."""
_KINDS: Final = (LIVE, "migration", "resize", "evacuation")
_UNDER_WAY: Final = (
    *CREATED, "queued", "preparing", "running", "running (post-copy)", "migrating", "post-migrating",
)  # fmt: skip
_MOVED: Final = ("finished", "done")
"""The VM is moved, and something is still to come: its owner confirms the resize, or the host that was
evacuated comes back."""
_OUTCOMES: Final[Mapping[str, Outcome]] = {
    **dict.fromkeys((*_MOVED, "confirming", "confirmed", "reverting", "reverted"), Outcome.COMPLETED),
    "completed": Outcome.COMPLETED,
    "error": Outcome.FAILED,
    "failed": Outcome.FAILED,
    "cancelled": Outcome.CANCELLED,
}
"""Of the states in which a migration has ended; a state that is unknown is under way."""
_OVER: Final = frozenset({"confirmed", "reverted", "error", "failed", "completed", "cancelled", "done"})
"""The states in which it needs no allocation (nova/db/main/api.py:
migration_get_in_progress_by_host_and_node). `finished` is a resize that waits to be confirmed."""


class _Row(msgspec.Struct, frozen=True, gc=False):
    id: Number
    instance_uuid: Id
    created_at: datetime
    uuid: Id = ""
    status: Text = ""
    migration_type: Text | None = None
    source_compute: Text | None = None
    dest_compute: Text | None = None
    updated_at: datetime | None = None


class _Short(msgspec.Struct, frozen=True, gc=False):
    """What is read of one that is looked for."""

    uuid: Id
    status: Text
    instance_uuid: Id = ""


class Move(msgspec.Struct, frozen=True, gc=False):
    """What Placement's consumer of that id is.

    Attributes:
        vm_id: "" if unknown.
        is_over: It needs no allocation any more.
    """

    vm_id: Id
    is_over: bool


_MIGRATIONS: Final = Listing(
    "compute", "/os-migrations", "migrations", _Row, operation="os-migrations", version=VERSION,
    oldest=VERSION,
)  # fmt: skip
_NEWEST: Final = Listing(
    "compute", "/os-migrations", "migrations", _Short, operation="os-migrations", version=VERSION,
    oldest=VERSION,
)  # fmt: skip


@dataclass(slots=True)
class _Known:
    """What is known once everything has been read. Attributes: newest: The latest `updated_at`."""

    until: float
    newest: float
    listed_at: float


class _UnderWay(NamedTuple):
    """Those under way. Attributes: running: By Nova's number. moves: By id, with resizes that wait."""

    running: dict[str, Migration]
    moves: dict[str, Move]


class MigrationList:
    """The migrations of one cloud, as far as they are known.

    Attributes:
        log: Those that have ended.
    """

    def __init__(self, api: Api, clock: Clock = CLOCK) -> None:
        self._api, self._clock = api, clock
        self.log = MigrationLog(_KINDS, clock)
        self._under_way = _UnderWay({}, {})
        self._over: dict[str, Move] = {}
        self._lists = TTLCache(self._ask, clock)
        self._known: _Known | None = None
        self._newest = 0.0

    @property
    def running(self) -> Iterable[Migration]:
        return self._under_way.running.values()

    async def is_supported(self) -> bool:
        return await self._api.knows("compute", VERSION)

    async def refresh(self, max_age_s: float) -> int:
        """Read what changed if the last reading is older than that. Returns the number of malformed items.

        Raises as Api; LeftOutError `absent` for a Nova before 2.59.
        """
        return await self._lists.not_older_than(max_age_s)

    def move(self, migration_uuid: str) -> Move | None:
        """The migration with this id; None if none is known."""
        return self._under_way.moves.get(migration_uuid) or self._over.get(migration_uuid)

    async def look_through(self, wanted: Iterable[str]) -> Mapping[str, Move]:
        """Those of these ids that are among the newest: they may have ended before the first reading. Raises
        as `refresh`.
        """
        left, number = {*wanted}, 0
        found: dict[str, Move] = {}
        async with aclosing(self._api.pages(_NEWEST, WHOLE_PAGE)) as pages:
            async for page in pages:
                for row in page.items:
                    if row.uuid in left:
                        found[row.uuid] = Move(row.instance_uuid, row.status in _OVER)
                        left.discard(row.uuid)
                number += 1
                if not left or number == PAGES:
                    break
        return found

    async def _ask(self) -> int:
        if not await self.is_supported():
            what = f"compute: os-migrations: microversion {VERSION} is needed (Queens)"
            raise LeftOutError(LeftOut.ABSENT, what)
        began_at, began, known = self._clock.now(), self._clock.monotonic(), self._known
        is_whole = known is None or began - known.listed_at >= _LISTED_EVERY_S
        since = began_at - WINDOW_S if known is None else _since(known)
        malformed = await (self._read_whole() if is_whole else self._read_states(CREATED, self._under_way))
        malformed += await self._read({"changes-since": _text(since)}, self._under_way)
        listed_at = began if is_whole or known is None else known.listed_at
        self._known = _Known(began_at, self._newest, listed_at)
        return malformed

    async def _read_whole(self) -> int:
        """Read all that are under way: others that were known are gone, such as those of an archived VM."""
        found = _UnderWay({}, {})
        malformed = await self._read_states((*_UNDER_WAY, *_MOVED), found)
        self._under_way = found
        return malformed

    async def _read_states(self, states: tuple[str, ...], into: _UnderWay) -> int:
        malformed = 0
        for state in states:
            malformed += await self._read({"status": state}, into)
        return malformed

    async def _read(self, query: Mapping[str, str], into: _UnderWay) -> int:
        """Read a list. Returns the number of malformed items."""
        malformed = 0
        async for page in self._api.pages(_MIGRATIONS, {**WHOLE_PAGE, **query}):
            malformed += page.malformed
            for row in page.items:
                self._put(row, into)
            await asyncio.sleep(0)
        return malformed

    def _put(self, row: _Row, into: _UnderWay) -> None:
        self._newest = max(self._newest, moment(row.updated_at) or 0.0)
        self._move(row, into)
        outcome = _OUTCOMES.get(row.status)
        if outcome is None:
            into.running[str(row.id)] = _running(row)
            return
        into.running.pop(str(row.id), None)
        self.log.end(str(row.id), _ended(row, outcome), is_new=self._known is not None)

    def _move(self, row: _Row, into: _UnderWay) -> None:
        if row.status not in _OVER:
            into.moves[row.uuid] = Move(row.instance_uuid, is_over=False)
            return
        into.moves.pop(row.uuid, None)
        self._over.pop(row.uuid, None)
        self._over[row.uuid] = Move(row.instance_uuid, is_over=True)
        if len(self._over) > _MOST_OVER:
            del self._over[next(iter(self._over))]


def _running(row: _Row) -> Migration:
    kind, source, target = row.migration_type or "", row.source_compute or "", row.dest_compute or ""
    started = unix_seconds(row.created_at)
    return Migration(str(row.id), row.instance_uuid, kind, row.status, source, target, started)


def _ended(row: _Row, outcome: Outcome) -> Ended:
    started, updated = unix_seconds(row.created_at), moment(row.updated_at)
    seconds = None if updated is None else max(0.0, updated - started)
    return Ended(
        row.migration_type or "",
        outcome,
        row.source_compute or "",
        row.dest_compute or "",
        updated or started,
        seconds,
    )


def _since(known: _Known) -> float:
    """The moment since which changes are read, by the earlier of the cloud's clock and this machine's."""
    newest = max(known.newest, known.until - _CLOCK_OFF_S)
    return min(newest, known.until) - _OVERLAP_S


def _text(moment_: float) -> str:
    return datetime.fromtimestamp(moment_, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
