"""Migrations. Source: Nova's GET /os-migrations, role admin; GET /servers/{id}/migrations for the progress.

Nova never deletes a migration, so its list is as long as the cloud is old. Read are those that changed
(`changes-since`) and, since that filter leaves out what has not changed since it was created, those in the
states in which one is created; every 30 minutes those in all states in which one is under way.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.migrations import (
    WINDOW_S,
    Ended,
    Migration,
    MigrationLog,
    Migrations,
    Outcome,
    Progress,
)
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Id, Number, Text, moment, segment, unix_seconds
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.core.collector import Every
from stratoscope.core.deadline import at_most_s
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError

_LOG: Final = logging.getLogger(__name__)
MOST: Final = 20
"""Live migrations whose progress is requested at one refresh: those that began first."""
_VERSION: Final = "2.59"
_PATIENCE_S: Final = 15.0
_LISTED_EVERY_S: Final = 1800.0
_OVERLAP_S: Final = 60.0
_CLOCK_OFF_S: Final = 3600.0
"""As of servers.py."""
_LIVE: Final = "live-migration"
_KINDS: Final = (_LIVE, "migration", "resize", "evacuation")
_CREATED: Final = ("accepted", "pre-migrating")
_UNDER_WAY: Final = (
    *_CREATED, "queued", "preparing", "running", "running (post-copy)", "migrating", "post-migrating",
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


class _Row(msgspec.Struct, frozen=True, gc=False):
    id: Number
    instance_uuid: Id
    created_at: datetime
    status: Text = ""
    migration_type: Text | None = None
    source_compute: Text | None = None
    dest_compute: Text | None = None
    updated_at: datetime | None = None


class _InProgress(msgspec.Struct, frozen=True, gc=False):
    id: Number
    memory_total_bytes: Number | None = None
    memory_remaining_bytes: Number | None = None
    disk_total_bytes: Number | None = None
    disk_remaining_bytes: Number | None = None


class _AllInProgress(msgspec.Struct, frozen=True, gc=False):
    migrations: list[_InProgress]


_MIGRATIONS: Final = Listing(
    "compute", "/os-migrations", "migrations", _Row, operation="os-migrations", version=_VERSION,
    oldest=_VERSION,
)  # fmt: skip


@dataclass(slots=True)
class _Known:
    """What is known once everything has been read. Attributes: newest: The latest `updated_at`."""

    until: float
    newest: float
    listed_at: float


class ComputeMigrations(Reader):
    """The migrations of one cloud."""

    def __init__(self, api: Api, clock: Clock = CLOCK) -> None:
        self._api, self._clock = api, clock
        self._log = MigrationLog(_KINDS, clock)
        self._running: dict[str, Migration] = {}
        self._known: _Known | None = None
        self._newest = 0.0

    @question(
        "migrations",
        Every(60, 50, 300),
        cost=f"3, and 1 for each 1,000 that changed, at most {MOST} for the progress of live ones; at the "
        "start 1 for each 1,000 that changed within a day; every 30 minutes 8 more",
        role="admin",
    )
    async def read(self) -> Migrations:
        """Those under way, and those that ended.

        Raises as Api; LeftOutError `absent` for a Nova before 2.59 (Queens), which has no list of changes.
        """
        if not await self._api.knows("compute", _VERSION):
            what = f"compute: os-migrations: microversion {_VERSION} is needed (Queens)"
            raise LeftOutError(LeftOut.ABSENT, what)
        began_at, began, known = self._clock.now(), self._clock.monotonic(), self._known
        is_whole = known is None or began - known.listed_at >= _LISTED_EVERY_S
        since = began_at - WINDOW_S if known is None else _since(known)
        malformed = await (self._read_whole() if is_whole else self._read_states(_CREATED, self._running))
        malformed += await self._read({"changes-since": _text(since)}, self._running)
        listed_at = began if is_whole or known is None else known.listed_at
        self._known = _Known(began_at, self._newest, listed_at)
        return self._log.answer(await self._with_progress(), malformed)

    async def _read_whole(self) -> int:
        """Read all that are under way: others that were known are gone, such as those of an archived VM."""
        found: dict[str, Migration] = {}
        malformed = await self._read_states((*_UNDER_WAY, *_MOVED), found)
        self._running = found
        return malformed

    async def _read_states(self, states: tuple[str, ...], running: dict[str, Migration]) -> int:
        malformed = 0
        for state in states:
            malformed += await self._read({"status": state}, running)
        return malformed

    async def _read(self, query: Mapping[str, str], running: dict[str, Migration]) -> int:
        """Read a list. Returns the number of malformed items."""
        malformed = 0
        async for page in self._api.pages(_MIGRATIONS, {**WHOLE_PAGE, **query}):
            malformed += page.malformed
            for row in page.items:
                self._put(row, running)
            await asyncio.sleep(0)
        return malformed

    def _put(self, row: _Row, running: dict[str, Migration]) -> None:
        migration_id, kind = str(row.id), row.migration_type or ""
        source, target = row.source_compute or "", row.dest_compute or ""
        started, updated = unix_seconds(row.created_at), moment(row.updated_at)
        self._newest = max(self._newest, updated or 0.0)
        outcome = _OUTCOMES.get(row.status)
        if outcome is None:
            one = Migration(migration_id, row.instance_uuid, kind, row.status, source, target, started)
            running[migration_id] = one
            return
        running.pop(migration_id, None)
        seconds = None if updated is None else max(0.0, updated - started)
        ended = Ended(kind, outcome, source, target, updated or started, seconds)
        self._log.end(migration_id, ended, is_new=self._known is not None)

    async def _with_progress(self) -> list[Migration]:
        """Those under way, the first live ones with their progress, as far as it is to be had in time."""
        running = sorted(self._running.values(), key=lambda one: one.started)
        live = [one for one in running if one.kind == _LIVE and one.state not in _CREATED][:MOST]
        found: dict[str, Progress] = {}
        try:
            async with asyncio.timeout(at_most_s(_PATIENCE_S)):
                for one in live:
                    found |= await self._progress(one)
        except (CollectError, LeftOutError, TimeoutError) as error:
            _LOG.debug("cloud=%s migrations: no progress: %s", self._api.cloud, error)
        return [replace(one, progress=found.get(one.migration_id)) for one in running]

    async def _progress(self, one: Migration) -> Mapping[str, Progress]:
        path = f"/servers/{segment(one.vm_id)}/migrations"
        try:
            answer = await self._api.get(
                "compute", path, _AllInProgress, operation="server-migrations", version=_VERSION
            )
        except (ForbiddenError, NotThereError):
            return {}
        return {
            str(row.id): Progress(
                row.memory_total_bytes,
                row.memory_remaining_bytes,
                row.disk_total_bytes,
                row.disk_remaining_bytes,
            )
            for row in answer.migrations
        }


def _since(known: _Known) -> float:
    """The moment since which changes are read, by the earlier of the cloud's clock and this machine's."""
    newest = max(known.newest, known.until - _CLOCK_OFF_S)
    return min(newest, known.until) - _OVERLAP_S


def _text(moment_: float) -> str:
    return datetime.fromtimestamp(moment_, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
