"""Migrations. Source: the list of migrations; Nova's GET /servers/{id}/migrations for the progress."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.migrations import Migration, Migrations, Progress
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Number, segment
from stratoscope.clouds.openstack.compute.migration_list import CREATED, LIVE, VERSION, MigrationList
from stratoscope.core.collector import Every
from stratoscope.core.deadline import at_most_s
from stratoscope.core.errors import CollectError, LeftOutError

_LOG: Final = logging.getLogger(__name__)
MOST: Final = 20
"""Live migrations whose progress is requested at one refresh: those that began first."""
_LISTS_S: Final = 20.0
_PATIENCE_S: Final = 15.0


class _InProgress(msgspec.Struct, frozen=True, gc=False):
    id: Number
    memory_total_bytes: Number | None = None
    memory_remaining_bytes: Number | None = None
    disk_total_bytes: Number | None = None
    disk_remaining_bytes: Number | None = None


class _AllInProgress(msgspec.Struct, frozen=True, gc=False):
    migrations: list[_InProgress]


class ComputeMigrations(Reader):
    """The migrations of one cloud."""

    def __init__(self, api: Api, migrations: MigrationList) -> None:
        self._api, self._list = api, migrations

    @question(
        "migrations",
        Every(60, 50, 300),
        cost="3, and 1 for each 1,000 that changed, unless `allocations` has just read them; at most "
        f"{MOST} for the progress of live ones; at the start 1 for each 1,000 that changed within a day; "
        "every 30 minutes 8 more",
        role="admin",
    )
    async def read(self) -> Migrations:
        """Those under way, and those that ended. Raises as MigrationList.refresh."""
        malformed = await self._list.refresh(_LISTS_S)
        return self._list.log.answer(await self._with_progress(), malformed)

    async def _with_progress(self) -> list[Migration]:
        """Those under way, the first live ones with their progress, as far as it is to be had in time."""
        running = sorted(self._list.running, key=lambda one: one.started)
        live = [one for one in running if one.kind == LIVE and one.state not in CREATED][:MOST]
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
                "compute", path, _AllInProgress, operation="server-migrations", version=VERSION
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
