"""VMs that were killed for want of memory and are listed no more: nobody had defined them (OpenNebula's)."""

from collections.abc import Mapping
from typing import Final

SHOWN_FOR_S: Final = 3600.0
"""So long after the VM was last listed, so that whoever scrapes sees its count rise."""


class Killed:
    """Remembers the ids of VMs for a while after they are gone."""

    def __init__(self) -> None:
        self._ids: dict[str, tuple[str, float]] = {}

    def gone(self, kills: Mapping[str, int], vm_ids: Mapping[str, str], now: float) -> dict[str, int]:
        """How many processes were killed, by VM id, of those that are listed no more.

        Args:
            kills: By UUID.
            vm_ids: VM id by UUID of those that are listed.
            now: By the monotonic clock.
        """
        kept = {uuid: known for uuid, known in self._ids.items() if now - known[1] < SHOWN_FOR_S}
        self._ids = kept | {uuid: (vm_ids[uuid], now) for uuid in kills if uuid in vm_ids}
        return {
            self._ids[uuid][0]: count
            for uuid, count in kills.items()
            if count and uuid not in vm_ids and uuid in self._ids
        }
