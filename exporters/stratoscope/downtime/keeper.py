"""What the service does by itself: it files occurrences of windows, and moves ends until further notice."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.downtime.database.store import Store
from stratoscope.downtime.model import DAY_S, REARM_S, Downtime, Limit, Rearm, State
from stratoscope.downtime.notices import Notices
from stratoscope.downtime.windows.recurrence import due

log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
WINDOWS_AHEAD_S: Final = 14 * DAY_S
"""Occurrences are filed so long before they begin."""
_REARMED_AT_S: Final = REARM_S // 2
"""So long before its end a downtime until further notice is moved on."""
_WHO: Final = "stratoscope"


class Keeper:
    """Keeps what is filed up to date; of several processes with one database the one that leads does."""

    def __init__(
        self,
        store: Store,
        changed: Callable[[], None],
        notices: Notices,
        clock: Clock = CLOCK,
    ) -> None:
        """Args: changed: Called when something was filed or moved on."""
        self._store, self._changed, self._notices, self._clock = store, changed, notices, clock
        self._noticed: frozenset[tuple[str, Limit]] = frozenset()

    async def run(self) -> None:
        """Once a minute, until it is cancelled."""
        while True:
            if self._store.leadership.is_leader:
                await self.once()
            await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """Raises StoreError."""
        now = int(self._clock.now())
        filed = await self._file_occurrences(now)
        moved = await self._rearm(now)
        await self._notice(now)
        if filed or moved:
            self._changed()

    async def _file_occurrences(self, now: int) -> int:
        filed = 0
        for window in await self._store.windows.all():
            if window.cancelled_at is None:
                known = await self._store.windows.starts(window.id)
                found = due(window.recurrence, known, now, ahead_s=WINDOWS_AHEAD_S)
                if found:
                    filed += len(await self._store.windows.file_occurrences(window.id, found, now=now))
        return filed

    async def _rearm(self, now: int) -> int:
        live = await self._store.live(now, ahead_s=0)
        due = [Rearm(one.id, one.end, end) for one in live if (end := self._next_end(one, now)) > one.end]
        return await self._store.rearm(due, who=_WHO, now=now) if due else 0

    def _next_end(self, one: Downtime, now: int) -> int:
        """The end to which a downtime until further notice is moved on; its own if it is not due."""
        is_due = (
            one.until_further_notice and one.state(now) is State.ACTIVE and one.end - now <= _REARMED_AT_S
        )
        return min(now + REARM_S, one.limit(self._notices.hosts_cap_s).at) if is_due else one.end

    async def _notice(self, now: int) -> None:
        """Log each downtime that ends soon, once unless its end is moved."""
        live = await self._store.live(now, ahead_s=0)
        soon = {(one.id, limit): one for one, limit in self._notices.of(live, now)}
        for (id_, limit), one in soon.items():
            if (id_, limit) not in self._noticed:
                of = "cap" if limit.is_cap else "end"
                log.warning("downtime ends soon downtime=%s of=%s title=%r", id_, of, one.title)
        self._noticed = frozenset(soon)
