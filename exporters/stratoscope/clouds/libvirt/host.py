"""One libvirt URI: the state that outlives a collection, and the calls of the collectors.

At most one call of each kind is in progress: a daemon that hangs costs one thread per kind, not per scrape.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from stratoscope.clouds.libvirt import (
    background,
    block_jobs,
    daemon,
    events,
    identity,
    listing,
    mirrors,
    off_disks,
)
from stratoscope.clouds.libvirt.config import LibvirtCloud, is_local
from stratoscope.clouds.libvirt.connection import Connection, connect
from stratoscope.clouds.libvirt.connections import Connections
from stratoscope.clouds.libvirt.definition import vm_id
from stratoscope.clouds.libvirt.devices import Devices
from stratoscope.clouds.libvirt.listener import Listener
from stratoscope.clouds.libvirt.listing import Listed, Listing
from stratoscope.clouds.libvirt.model import BlockJob, Daemon, DiskFacts, Identity, Job, Network, Node, Pool
from stratoscope.clouds.libvirt.monitors import MOST_HUNG, PIECES, Monitors
from stratoscope.clouds.libvirt.stats import Stats
from stratoscope.core.deadline import time_left_s
from stratoscope.core.errors import CollectError, Reason
from stratoscope.core.singleflight import SingleFlight

__all__ = ["LibvirtHost", "Listed", "Listing"]

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)

_OTHERS: Final = 12 + mirrors.MOST_UNDER_WAY
"""Limit on calls in progress, hung ones included, beside those to monitors: one of each kind, and the
mirrors'."""
_RESERVE: Final = 0.85
"""The share of the time left that calls may take; the rest is for the following work."""
LEAST_TIME_S: Final = 0.8
"""With less time than this, a daemon that does not answer is not considered to be away."""
_VERSION_S: Final = 3600.0
"""How long a hypervisor's version is cached. If QEMU's user may not open /dev/kvm, libvirt starts QEMU four
times to find it, which takes 4 s (seen on 9.0)."""
_OFF_DISKS_S: Final = 10.0
"""Time limit of one call that reads sizes of disks; the next call reads the rest."""
_LOOP: Final = 0.7
"""The share of the time left after which a call that reads domain by domain leaves out the rest."""


class LibvirtHost:
    """One URI of a cloud."""

    def __init__(
        self, cloud: LibvirtCloud, uri: str, *, connect: Callable[[str], Connection] = connect
    ) -> None:
        self.cloud, self.uri, self.host, self.is_local = cloud.name, uri, cloud.host_of(uri), is_local(uri)
        self.tag = cloud.tag_of(uri)
        self._connections = Connections(
            uri, kept=PIECES + 1, most=PIECES + MOST_HUNG + _OTHERS, connect=connect
        )
        self._flight: SingleFlight[str, Any] = SingleFlight()
        self._devices = Devices()
        self._identities = identity.Identities()
        self.vm_ids: Mapping[str, str] = {}
        """VM id by UUID of every domain in the last listing."""
        self._active: frozenset[str] = frozenset()
        self._off_disks = off_disks.OffDisks(
            lambda missing: self._connections.start(off_disks.read, missing, _OFF_DISKS_S)
        )
        self.events = events.Events(self._changed)
        self._listener = Listener(self._connections, self.events.count, self._forget_all)
        self._version: str | None = None
        self._version_until = -math.inf
        self.monitors = Monitors(self._connections)
        self._mirrors = mirrors.Mirrors(self._connections)

    async def listing(self, groups: frozenset[str]) -> Listing:
        """All domains with the statistics that need no monitor, or with `groups` if the driver has no bulk
        statistics.

        Raises:
            CollectError: The daemon does not answer.
        """
        wanted, within_s = groups | {"state", "interface"}, time_left_s() * _LOOP
        found = await self._one("list", listing.listing, wanted, self._devices, within_s)
        self.vm_ids = {one.uuid: vm_id(one.uuid, one.name) for one in found.domains}
        self._active = frozenset(one.uuid for one in found.domains if one.domain_id >= 0)
        self.events.keep({one.uuid: one.domain_id for one in found.domains}, found.began)
        await self._listener.listen(time_left_s() * _RESERVE)
        return found

    async def identities(self, domains: Iterable[Listed]) -> tuple[Mapping[str, Identity], int]:
        """Identities by UUID, and how many definitions were malformed this time.

        Identities that cannot be read in time are missing or as read before: they never fail a scrape.
        """
        ids = {domain.uuid: domain.domain_id for domain in domains}
        missing, malformed = self._identities.missing(ids), 0
        if missing:
            try:
                within_s = time_left_s() * _LOOP
                wanted = {uuid: ids[uuid] for uuid in missing}
                known = self._identities.digests()
                read = await self._one("identities", identity.read, wanted, known, within_s)
                self._identities.learn(read)
                malformed = read.malformed
            except CollectError as error:
                log.debug("identities not read error=%r", str(error))
        return self._identities.known(), malformed

    async def off_disks(self, off: Mapping[str, off_disks.Disks]) -> Mapping[str, off_disks.Sizes]:
        """Sizes of disks of domains that are off, by UUID, if they are on this machine: see OffDisks."""
        if not self.is_local:
            return {}
        return await self._off_disks.sizes(off, time_left_s() * _RESERVE)

    async def ask(self, wanted: Mapping[str, frozenset[str]]) -> dict[str, Stats]:
        """The answers of active domains' monitors: see Monitors.ask."""
        return await self.monitors.ask(wanted, time_left_s() * _RESERVE)

    async def daemon(self) -> Daemon:
        """Whether and how quickly the daemon answers, and which hypervisor it drives.

        Raises:
            CollectError: No request was sent: no thread was free, or there was too little time.
        """
        had_time = time_left_s() >= LEAST_TIME_S
        try:
            answer = await self._one("daemon", daemon.answer)
        except CollectError as error:
            if error.reason is Reason.BUSY or not had_time:
                raise
            log.debug("not reachable error=%r", str(error))
            return Daemon(
                reachable=False,
                round_trip_s=None,
                hung_calls=self.monitors.hung,
                waiting_connections=self._connections.waiting,
            )
        return Daemon(
            reachable=True,
            round_trip_s=answer.round_trip_s,
            hung_calls=self.monitors.hung,
            waiting_connections=self._connections.waiting,
            hypervisor=answer.hypervisor,
            hypervisor_version=await self._hypervisor_version(),
            libvirt_version=answer.library,
        )

    async def _hypervisor_version(self) -> str | None:
        """The last known version, None before; read again when it is old, and after missed events."""
        if time.monotonic() >= self._version_until:
            try:
                await self._shared("version", self._ask_version)
            except CollectError as error:
                log.debug("version not read error=%r", str(error))
        return self._version

    def _ask_version(self) -> "asyncio.Future[str]":
        def learn(future: "asyncio.Future[str]") -> None:
            """Stores the version even if nobody waits for it any more."""
            if future.exception() is None:
                self._version, self._version_until = future.result(), time.monotonic() + _VERSION_S

        future = self._connections.start(daemon.version)
        future.add_done_callback(learn)
        return future

    async def node(self) -> Node:
        """The host as libvirt sees it. Raises CollectError."""
        return await self._one("node", daemon.node)

    async def pools(self) -> list[Pool]:
        """Storage pools, not refreshed. Raises CollectError."""
        return await self._one("pools", background.storage_pools)

    async def networks(self) -> list[Network]:
        """Virtual networks. Raises CollectError."""
        return await self._one("networks", background.networks)

    async def jobs(self) -> list[Job]:
        """Jobs in progress, without those of VMs whose monitor does not answer. Raises CollectError."""
        silent = {uuid for uuid in self.vm_ids if self.monitors.state(uuid).blocked_s}
        return await self._one("jobs", background.jobs, silent, time_left_s() / 2)

    async def mirrors(self) -> list[BlockJob]:
        """Block jobs of disks whose definition has a mirror, except of hung VMs. Raises CollectError."""
        devices = {
            uuid: [disk.device for disk in disks if disk.mirror]
            for uuid, disks in self._disks().items()
            if any(disk.mirror for disk in disks)
        }
        found = await self._mirrors.ask(devices, time_left_s() * _RESERVE)
        return [job for job in found if job.job in block_jobs.MIRRORS]

    async def block_jobs(self) -> list[BlockJob]:
        """All other block jobs: one request to a monitor per disk. Raises CollectError."""
        devices = {
            uuid: [disk.device for disk in disks if not disk.mirror] for uuid, disks in self._disks().items()
        }
        found = await self._one("block jobs", block_jobs.read, devices, time_left_s() / 2)
        return [job for job in found if job.job not in block_jobs.MIRRORS]

    def _disks(self) -> Mapping[str, Sequence[DiskFacts]]:
        """Disks by UUID of the active domains whose monitor answers."""
        known = self._identities.known()
        return {
            uuid: known[uuid].disks
            for uuid in self._active
            if uuid in known and not self.monitors.state(uuid).blocked_s
        }

    async def halt_poll(self) -> dict[str, Stats]:
        """CPU_TOTAL of all active domains: the only source of halt-poll times. Raises CollectError."""
        return await self._one("halt_poll", listing.cpu_total)

    async def hears_events(self) -> bool:
        """Whether the connection that carries events is open."""
        return await self._listener.hears(time_left_s() * _RESERVE)

    async def close(self) -> None:
        """Close all connections; waits at most a second."""
        self._listener.close()
        await self._connections.close()

    def _forget_all(self) -> None:
        """Events were missed: it may be another daemon now."""
        self._identities.forget_all()
        self._version_until = -math.inf

    def _changed(self, uuid: str) -> None:
        self._identities.forget(uuid)
        self._devices.forget(uuid)

    async def _one(
        self, kind: str, call: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        return await self._shared(kind, lambda: self._connections.start(call, *args, **kwargs))

    async def _shared(self, kind: str, start: "Callable[[], asyncio.Future[R]]") -> R:
        within_s = time_left_s() * _RESERVE
        outcome: R = await self._flight.share(kind, start, within_s, f"{self.uri}: no answer to {kind}")
        return outcome
