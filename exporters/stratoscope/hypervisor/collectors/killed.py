"""OOM kills of VMs that libvirt no longer lists, since they were not defined persistently (OpenNebula's)."""

from collections.abc import Mapping
from typing import Final

SHOWN_FOR_S: Final = 3600.0
"""How long a VM's count is shown after it was last listed, so that a scrape sees it rise."""


class Killed:
    """Remembers the ids of VMs for SHOWN_FOR_S after they are gone."""

    def __init__(self) -> None:
        self._ids: dict[str, tuple[str, float]] = {}

    def gone(self, kills: Mapping[str, int], vm_ids: Mapping[str, str], now: float) -> dict[str, int]:
        """OOM kills by VM id, of VMs that are no longer listed.

        Args:
            kills: By UUID.
            vm_ids: VM id by UUID of those that are listed.
            now: By the monotonic clock.
        """
        recent = {uuid: known for uuid, known in self._ids.items() if now - known[1] < SHOWN_FOR_S}
        self._ids = recent | {uuid: (vm_ids[uuid], now) for uuid in kills if uuid in vm_ids}
        return {
            self._ids[uuid][0]: count
            for uuid, count in kills.items()
            if count and uuid not in vm_ids and uuid in self._ids
        }
