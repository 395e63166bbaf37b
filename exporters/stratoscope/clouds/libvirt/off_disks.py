"""Sizes of the disks of domains that are off. Source: virDomainGetBlockInfo.

The daemon opens the image for it, and while the storage does not answer it locks the domain: no list of
domains ends meanwhile (seen on 9.0). So each domain is read once after its definition changed, and then
seldom: nobody writes to the disks of a domain that is off. The exporter first checks whether it can reach the
image.
"""

import asyncio
import logging
import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import libvirt

from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.errors import GONE
from stratoscope.clouds.libvirt.model import DiskFacts, DiskSizes
from stratoscope.core.errors import CollectError

log = logging.getLogger(__name__)

READ_ANEW_AFTER_S: Final = 3600.0
"""An image may be resized while its domain is off."""
FAILED_AGAIN_AFTER_S: Final = 300.0
"""Pause for a domain of which no size could be read."""
WAIT_S: Final = 0.5
"""How long a collection waits for sizes that are being read; later ones show them."""

_ON_THIS_HOST: Final = frozenset({"file", "block"})

Disks: TypeAlias = tuple[DiskFacts, ...]
Sizes: TypeAlias = tuple[DiskSizes, ...]
Read: TypeAlias = dict[str, Sizes]


@dataclass(frozen=True, slots=True)
class _Known:
    disks: Disks
    sizes: Sizes
    until: float


class OffDisks:
    """The known sizes; at most one call that reads sizes is in progress."""

    def __init__(
        self,
        start: "Callable[[Mapping[str, Disks]], asyncio.Future[Read]]",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: start: Starts to read sizes in a thread; raises CollectError if none is free."""
        self._start, self._monotonic = start, monotonic
        self._known: dict[str, _Known] = {}
        self._under_way: asyncio.Future[Read] | None = None

    async def sizes(self, off: Mapping[str, Disks], within_s: float) -> Mapping[str, Sizes]:
        """The known sizes of the domains that are off, by UUID.

        Args:
            off: Their disks by UUID.
            within_s: How long to wait for sizes that are read now, at most WAIT_S.
        """
        now = self._monotonic()
        self._known = {uuid: known for uuid, known in self._known.items() if off.get(uuid) == known.disks}
        missing = {
            uuid: disks
            for uuid, disks in off.items()
            if uuid not in self._known or now >= self._known[uuid].until
        }
        if missing and self._under_way is None:
            await self._begin(missing, min(within_s, WAIT_S))
        return {uuid: known.sizes for uuid, known in self._known.items()}

    async def _begin(self, missing: Mapping[str, Disks], within_s: float) -> None:
        try:
            reading = self._start(missing)
        except CollectError as error:
            log.debug("sizes not read error=%r", str(error))
            return
        self._under_way = reading
        reading.add_done_callback(lambda done: self._learn(missing, done))
        await asyncio.wait({reading}, timeout=within_s)

    def _learn(self, asked: Mapping[str, Disks], reading: "asyncio.Future[Read]") -> None:
        self._under_way = None
        if reading.cancelled() or reading.exception() is not None:
            log.debug("sizes not read")
            return
        now = self._monotonic()
        for uuid, sizes in reading.result().items():
            again_s = READ_ANEW_AFTER_S if sizes else FAILED_AGAIN_AFTER_S
            self._known[uuid] = _Known(asked[uuid], sizes, now + again_s)


def read(connection: Connection, wanted: Mapping[str, Disks], within_s: float) -> Read:
    """Sizes by UUID, of as many domains as can be read in `within_s`; blocks.

    Raises:
        libvirt.libvirtError: The daemon is gone.
    """
    until = time.monotonic() + within_s
    found: Read = {}
    for uuid, disks in wanted.items():
        if time.monotonic() > until:
            break
        try:
            found[uuid] = tuple(_sizes(connection, connection.domain(uuid), disks))
        except libvirt.libvirtError as error:
            if error.get_error_code() not in GONE:
                raise
    return found


def _is_reached(disk: DiskFacts) -> bool:
    """Whether the image exists and its storage answers; if it hangs, this call waits and not the daemon.

    `statvfs` sends a request to a file server, `stat` may not. The daemon reads the beginning of an image
    that is no raw device, which this process may not: a device that hangs would block it.
    """
    if disk.source_type not in _ON_THIS_HOST:
        return False  # a drive without a medium has no path
    try:
        os.statvfs(disk.source)
        mode = Path(disk.source).stat().st_mode
    except OSError as error:
        log.debug("image not reached device=%s error=%r", disk.device, str(error))
        return False
    return stat.S_ISREG(mode) or (stat.S_ISBLK(mode) and disk.format == "raw")


def _sizes(connection: Connection, domain: libvirt.virDomain, disks: Disks) -> Iterable[DiskSizes]:
    for disk in disks:
        if not _is_reached(disk):
            continue
        try:
            capacity, allocation, physical = domain.blockInfo(disk.device)
        except libvirt.libvirtError as error:
            if not connection.is_alive():
                raise
            log.debug("no size device=%s error=%r", disk.device, str(error))
            continue
        yield DiskSizes(disk.device, capacity, allocation, physical)
