"""A LibvirtHost and a KernelReader that answer from memory, and a collection that asks them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from stratoscope.clouds.libvirt.events import Events
from stratoscope.clouds.libvirt.host import LibvirtHost, Listed, Listing
from stratoscope.clouds.libvirt.model import BlockJob, Daemon, Identity, Job, Monitor, Network, Node, Pool
from stratoscope.clouds.libvirt.off_disks import Disks, Sizes
from stratoscope.core.collector import Collector
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, Reason
from stratoscope.hypervisor.kernel_reader import KernelReader, Reading
from support.vms import answer, stats, uuid

T = TypeVar("T")


def listed(number: int = 1, *, is_active: bool = True, name: str = "", **other: Any) -> Listed:
    """A domain on the list; `other` are its statistics."""
    domain_id = number if is_active else -1
    return Listed(uuid(number), name or f"instance-{number:08x}", domain_id, stats(**other))


@dataclass
class FakeMonitors:
    """States by UUID; a monitor that is not named answers."""

    states: dict[str, Monitor] = field(default_factory=dict)
    begun: int = 0

    def state(self, of: str) -> Monitor:
        return self.states.get(of, Monitor(0.0, 0.0))

    def begin_anew(self) -> None:
        self.begun += 1


@dataclass
class FakeHost:
    """What the collectors use of a LibvirtHost. `down` is what every question fails with."""

    domains: list[Listed] = field(default_factory=list)
    complete: bool = False
    failed: int = 0
    known: dict[str, Identity] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    down: CollectError | None = None
    down_for_monitors: CollectError | None = None
    tag: str = ""
    cloud: str = "uni"
    host: str = "node1"
    uri: str = "qemu:///system"
    is_hearing: bool = True
    malformed_identities: int = 0
    vm_ids: Mapping[str, str] = field(default_factory=dict)
    monitors: FakeMonitors = field(default_factory=FakeMonitors)
    events: Events = field(default_factory=lambda: Events(lambda _: None))
    asked: dict[str, frozenset[str]] = field(default_factory=dict)
    listed_groups: frozenset[str] = frozenset()
    its_daemon: Daemon | None = None
    its_node: Node | None = None
    its_pools: list[Pool] = field(default_factory=list)
    its_networks: list[Network] = field(default_factory=list)
    its_jobs: list[Job] = field(default_factory=list)
    its_mirrors: list[BlockJob] = field(default_factory=list)
    its_block_jobs: list[BlockJob] = field(default_factory=list)
    its_off_disks: dict[str, Sizes] = field(default_factory=dict)
    asked_off: Mapping[str, Disks] = field(default_factory=dict)
    its_halt_poll: dict[str, dict[str, int]] = field(default_factory=dict)

    async def listing(self, groups: frozenset[str]) -> Listing:
        self._check(self.down)
        began = time.monotonic()
        self.events.keep({one.uuid: one.domain_id for one in self.domains}, began)
        self.listed_groups = groups
        self.vm_ids = {
            one.uuid: one.name.removeprefix("one-") if one.name.startswith("one-") else one.uuid
            for one in self.domains
        }
        return Listing(self.domains, complete=self.complete, failed=self.failed)

    async def identities(self, domains: Iterable[Listed]) -> tuple[Mapping[str, Identity], int]:
        there = {one.uuid for one in domains}
        known = {of: identity for of, identity in self.known.items() if of in there}
        return known, self.malformed_identities

    async def ask(self, wanted: Mapping[str, frozenset[str]]) -> dict[str, dict[str, Any]]:
        self._check(self.down_for_monitors)
        self.asked = dict(wanted)
        return {of: self.answers.get(of, answer()) for of in wanted}

    async def daemon(self) -> Daemon:
        if self.its_daemon is None:
            return Daemon(reachable=False, round_trip_s=None, hung_calls=2, waiting_connections=3)
        return self.its_daemon

    async def hears_events(self) -> bool:
        return self.is_hearing

    async def node(self) -> Node:
        self._check(self.down)
        assert self.its_node is not None
        return self.its_node

    async def pools(self) -> list[Pool]:
        return self.its_pools

    async def networks(self) -> list[Network]:
        return self.its_networks

    async def jobs(self) -> list[Job]:
        return self.its_jobs

    async def off_disks(self, off: Mapping[str, Disks]) -> Mapping[str, Sizes]:
        self.asked_off = off
        return self.its_off_disks

    async def mirrors(self) -> list[BlockJob]:
        return self.its_mirrors

    async def block_jobs(self) -> list[BlockJob]:
        return self.its_block_jobs

    async def halt_poll(self) -> dict[str, dict[str, int]]:
        return self.its_halt_poll

    @property
    def as_host(self) -> LibvirtHost:
        return cast(LibvirtHost, self)

    @staticmethod
    def _check(error: CollectError | None) -> None:
        if error is not None:
            raise error


@dataclass
class FakeKernel:
    """Readings in store, the last for ever, given while `gate` is set; remembers what it was asked for."""

    readings: list[Reading] = field(default_factory=lambda: [Reading()])
    running: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    known: Mapping[str, int] = field(default_factory=dict)
    taps: Sequence[str] = ()
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def read(self, running: Mapping[str, tuple[str, int]], taps: Sequence[str]) -> Reading:
        self.running, self.taps = running, taps
        await self.gate.wait()
        return self._next()

    async def read_again(self, known: Mapping[str, int], taps: Sequence[str]) -> Reading:
        self.known, self.taps = known, taps
        return self._next()

    def _next(self) -> Reading:
        return self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]

    @property
    def as_kernel(self) -> KernelReader:
        return cast(KernelReader, self)


def unavailable() -> CollectError:
    return CollectError(Reason.UNAVAILABLE, "qemu:///system: no such socket")


async def fetched(collector: Collector[T], within_s: float = 5.0) -> T:
    """One collection as the Runner makes it, with so much time."""
    return await with_time(collector.fetch, within_s)


async def with_time(ask: Callable[[], Awaitable[T]], within_s: float = 5.0) -> T:
    """What is asked inside a collection that has so much time."""
    DEADLINE.set(time.monotonic() + within_s)
    async with asyncio.timeout(within_s):
        return await ask()
