"""One host behind one libvirt URI: what outlives a collection, and each question that collectors ask.

Of each kind of call at most one is under way: a daemon that hangs costs one thread a kind, not one a scrape.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import libvirt
import msgspec

from stratoscope.clouds.libvirt import background, events, identity, per_domain, vocabulary
from stratoscope.clouds.libvirt.config import LibvirtCloud, is_local
from stratoscope.clouds.libvirt.connections import Connection, Connections
from stratoscope.clouds.libvirt.model import Daemon, Identity, Job, Network, Node, Pool
from stratoscope.clouds.libvirt.monitors import MOST_HUNG, PIECES, Monitors
from stratoscope.clouds.libvirt.stats import Stats, bits
from stratoscope.core.collector import time_left_s
from stratoscope.core.errors import CollectError
from stratoscope.core.flights import Flights

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)

_KINDS_OF_CALLS: Final = 9
_BULK_DRIVERS: Final = {"QEMU"}
"""Drivers whose bulk statistics are complete; the others are read per domain."""
_RESERVE: Final = 0.85
"""The share of the time left that calls may take; the rest is for what follows them."""


class Listed(msgspec.Struct, frozen=True, gc=False):
    """A domain as the list without monitors gives it; `stats` is complete where the driver is read per domain."""

    uuid: str
    name: str
    domain_id: int
    stats: Stats


class Listing(msgspec.Struct, frozen=True, gc=False):
    """All domains; `complete` where their statistics hold all groups already."""

    domains: list[Listed]
    complete: bool


class LibvirtHost:
    """One URI of a cloud."""

    def __init__(self, cloud: LibvirtCloud, uri: str) -> None:
        self.cloud, self.uri, self.host, self.is_local = cloud.name, uri, cloud.host_of(uri), is_local(uri)
        self.tag = cloud.tag_of(uri)
        self._connections = Connections(uri, kept=PIECES + 1, most=PIECES + MOST_HUNG + _KINDS_OF_CALLS)
        self._flights = Flights(uri)
        self._devices = per_domain.Devices()
        self._identities = identity.Identities()
        self._event_connection: Connection | None = None
        self.vm_ids: Mapping[str, str] = {}
        """VM id by UUID of every domain that the last listing held."""
        self.events = events.Events(self._identities.forget)
        self.monitors = Monitors(self._connections)

    async def listing(self, groups: frozenset[str]) -> Listing:
        """All domains with what needs no monitor, or with `groups` where the driver has no bulk statistics.

        Raises:
            CollectError: The daemon does not answer.
        """
        listing = await self._one("list", _list, groups | {"state", "interface"}, self._devices)
        self.vm_ids = {domain.uuid: identity.vm_id(domain.uuid, domain.name) for domain in listing.domains}
        self.events.keep(self.vm_ids)
        await self._subscribe()
        return listing

    async def identities(self, domains: Iterable[Listed]) -> tuple[Mapping[str, Identity], int]:
        """Identities by UUID, and how many definitions made no sense this time.

        What cannot be read in time is left out or is what was read before: identity never costs a scrape.
        """
        ids = {domain.uuid: domain.domain_id for domain in domains}
        missing, malformed = self._identities.missing(ids), 0
        if missing:
            try:
                read, malformed = await self._one("identities", identity.read, missing, ids)
                self._identities.learn(read)
            except CollectError as error:
                log.debug("identities not read error=%r", str(error))
        return self._identities.known(), malformed

    async def ask(self, wanted: Mapping[str, frozenset[str]]) -> dict[str, Stats]:
        """What the monitors of active domains answer: see Monitors.ask."""
        return await self.monitors.ask(wanted, time_left_s() * _RESERVE)

    async def daemon(self) -> Daemon:
        """Whether the daemon answers, how quickly, and what it drives."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            versions = await self._one("daemon", _versions)
        except CollectError:
            return Daemon(reachable=False, round_trip_s=None)
        return Daemon(True, versions.pop("round_trip_s", loop.time() - began), **versions)

    async def node(self) -> Node:
        """The host as libvirt sees it. Raises CollectError."""
        return await self._one("node", _node)

    async def pools(self) -> list[Pool]:
        """Storage pools, not refreshed. Raises CollectError."""
        return await self._one("pools", background.storage_pools)

    async def networks(self) -> list[Network]:
        """Virtual networks. Raises CollectError."""
        return await self._one("networks", background.networks)

    async def jobs(self) -> list[Job]:
        """Jobs that run now. Raises CollectError."""
        return await self._one("jobs", background.jobs)

    async def halt_poll(self) -> dict[str, Stats]:
        """CPU_TOTAL of all active domains: the one source of halt-poll times. Raises CollectError."""
        return await self._one("halt_poll", _cpu_total)

    async def close(self) -> None:
        connection, self._event_connection = self._event_connection, None
        if connection is not None:
            connection.close()
        await self._connections.close()

    async def _subscribe(self) -> None:
        """Have events come; after a gap, read every definition anew: what changed meanwhile was not told."""
        if self._event_connection is not None and self._event_connection.is_alive():
            return
        old, self._event_connection = self._event_connection, None
        if old is not None:
            old.close()
        loop = asyncio.get_running_loop()
        try:
            connection = await self._connections.open_own()
        except CollectError as error:
            log.debug("no event connection error=%r", str(error))
            return
        self._event_connection = connection
        try:
            lacking = events.subscribe(connection, self.events.count, loop)
        except libvirt.libvirtError as error:
            log.debug("no events uri=%s error=%r", self.uri, str(error))
            return
        for uuid in self._identities.known():
            self._identities.forget(uuid)
        if lacking:
            log.debug("driver lacks events uri=%s events=%s", self.uri, ",".join(lacking))

    async def _one(
        self, kind: str, call: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        return await self._flights.share(
            kind, lambda: self._connections.start(call, *args, **kwargs), time_left_s() * _RESERVE
        )


def _list(connection: Connection, groups: frozenset[str], devices: per_domain.Devices) -> Listing:
    if connection.virt.getType() not in _BULK_DRIVERS:
        read = per_domain.read(connection, groups, devices)
        return Listing([Listed(*one) for one in read], complete=True)
    flags = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
    got = connection.virt.getAllDomainStats(bits(("state", "interface")), flags)
    domains, objects = [], {}
    for domain, stats in got:
        uuid = domain.UUIDString()
        objects[uuid] = domain
        domains.append(Listed(uuid, domain.name(), domain.ID(), stats))
    connection.learn(objects)
    return Listing(domains, complete=False)


def _versions(connection: Connection) -> dict[str, Any]:
    virt = connection.virt
    began = time.perf_counter()
    library = virt.getLibVersion()
    took = time.perf_counter() - began
    try:
        number = vocabulary.version(virt.getVersion())
    except libvirt.libvirtError:
        number = ""  # not every driver has a version of its own
    return {
        "round_trip_s": took,
        "hypervisor": virt.getType(),
        "hypervisor_version": number,
        "libvirt_version": vocabulary.version(library),
    }


def _node(connection: Connection) -> Node:
    virt = connection.virt
    model, memory_mib, cpus, _mhz, cells, *_ = virt.getInfo()
    try:
        memory = virt.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)
        cpu = virt.getCPUStats(libvirt.VIR_NODE_CPU_STATS_ALL_CPUS)
    except libvirt.libvirtError:
        memory, cpu = {}, {}  # the driver has none
    free = memory.get("free")
    seconds = {mode: ns / 1e9 for mode, ns in cpu.items()}
    return Node(model, cpus, cells, memory_mib << 20, None if free is None else free << 10, seconds)


def _cpu_total(connection: Connection) -> dict[str, Any]:
    flags = (
        libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE
    )
    got = connection.virt.getAllDomainStats(bits(("cpu",)), flags)
    return {domain.UUIDString(): stats for domain, stats in got}
