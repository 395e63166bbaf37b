"""What the service does by itself: it moves ends until further notice, files occurrences of windows, and
cancels what sources have filed that are not configured any more."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Final

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.downtime.database.store import Store
from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.model import REARM_S, Downtime, Limit, Rearm, State
from stratoscope.downtime.notices import Notices
from stratoscope.downtime.windows.recurrence import due
from stratoscope.downtime.windows.window import AHEAD_S, Window

log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
_REARMED_AT_S: Final = REARM_S // 2
"""So long before its end a downtime until further notice is moved on."""
_WHO: Final = "stratoscope"


class Stuck(StrEnum):
    """Why no occurrence of a window can be filed."""

    ZONE = "zone"
    RULE = "rule"


class Keeper:
    """Keeps what is filed up to date; of several processes with one database the one that leads does.

    Attributes:
        stuck: Windows of which no occurrence could be filed in the last round: id -> why. The others go on.
    """

    def __init__(
        self,
        store: Store,
        changed: Callable[[], None],
        notices: Notices,
        *,
        sources: Collection[str] = (),
        clock: Clock = CLOCK,
    ) -> None:
        """Take what it works with.

        Args:
            changed: Called when something was filed, moved on or cancelled.
            sources: Of the imports that are configured.
        """
        self._store, self._changed, self._notices, self._clock = store, changed, notices, clock
        self._sources = sources
        self.stuck: Mapping[str, Stuck] = {}
        self._noticed: frozenset[tuple[str, Limit]] = frozenset()

    async def run(self) -> None:
        """Once a minute, until it is cancelled."""
        while True:
            await self._store.try_again()
            if self._store.leadership.is_leader:
                await self.once()
            await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """Raises StoreError."""
        now = int(self._clock.now())
        moved = await self._rearm(now)
        cancelled = await self._cancel_orphans(now)
        filed = await self._file_windows(now)
        await self._notice(now)
        if moved or cancelled or filed:
            self._changed()

    async def _file_windows(self, now: int) -> int:
        filed, stuck = 0, dict[str, Stuck]()
        for window in await self._store.windows.open():
            try:
                filed += await self._file_occurrences(window, now)
            except FieldError as error:  # such as a zone that a new tzdata lacks
                stuck[window.id] = self._stuck(window.id, error)
        self.stuck = stuck
        return filed

    def _stuck(self, window_id: str, error: FieldError) -> Stuck:
        if window_id not in self.stuck:
            log.error("occurrences cannot be filed window=%s error=%r", window_id, str(error))
        return Stuck.ZONE if error.field == "zone" else Stuck.RULE

    async def _file_occurrences(self, window: Window, now: int) -> int:
        """Raises FieldError: As `due`."""
        recurrence = window.recurrence
        known = await self._store.windows.starts(window.id, now - recurrence.duration_s)
        found = await asyncio.to_thread(due, recurrence, known, now, ahead_s=AHEAD_S)
        return len(await self._store.windows.file_occurrences(window.id, found, now=now)) if found else 0

    async def _cancel_orphans(self, now: int) -> bool:
        """Nobody would end what a source has filed that is not configured any more, or has another name."""
        orphans = sorted(set(await self._store.importing(now)) - set(self._sources))
        for source in orphans:
            await self._store.upsert_external(source, {}, now=now)
            log.warning("downtimes of a source that is not configured are cancelled source=%s", source)
        return bool(orphans)

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
