"""What other processes with the same database change, and what they leave to this one when they end."""

import asyncio
from collections.abc import Callable
from typing import Final

from stratoscope.downtime.database.store import Store

EVERY_S: Final = 1.0


class Others:
    """Looks whether downtimes have changed, or this process began to lead."""

    def __init__(self, store: Store, changed: Callable[[], None]) -> None:
        """Args: changed: Called when it is so, and at the first look; of what this process changes, too."""
        self._store, self._changed = store, changed
        self._seen: tuple[bool, int] | None = None

    async def run(self) -> None:
        """Once a second, until it is cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """Raises StoreError."""
        found = self._store.leadership.is_leader, await self._store.revision()
        if found != self._seen:
            self._seen = found
            self._changed()
