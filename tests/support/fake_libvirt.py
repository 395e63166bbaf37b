"""A libvirt daemon in memory: what only QEMU does, and trouble. The real code gets connections to it."""

# ruff: noqa: N802 - the names are libvirt's
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import libvirt

from stratoscope.clouds.libvirt.connection import Connection


def failure(code: int, text: str = "it failed", int1: int = -1) -> libvirt.libvirtError:
    """An error as libvirt-python raises it."""
    error = libvirt.libvirtError("")
    error.args = (text,)  # it takes the last error of this thread, if there was one
    error.err = (code, 0, text, 2, None, None, None, int1, -1)
    return error


@dataclass
class FakeDomain:
    """A domain. `stuck` is what NOWAIT gives of it while another call waits for its monitor."""

    uuid: str
    name: str = ""
    domain_id: int = 1
    listed: dict[str, Any] = field(default_factory=lambda: {"state.state": 1, "state.reason": 1})
    answer: dict[str, Any] = field(default_factory=lambda: {"balloon.rss": 1, "block.count": 0})
    stuck: dict[str, Any] = field(default_factory=lambda: {"block.count": 0})
    xml: str = ""
    calls: dict[str, Any] = field(default_factory=dict)
    gone: bool = False

    def __post_init__(self) -> None:
        self.name = self.name or f"instance-{self.uuid}"
        self.xml = self.xml or f"<domain><name>{self.name}</name><uuid>{self.uuid}</uuid></domain>"
        self.answers = threading.Event()
        self.answers.set()
        self.monitor = threading.Lock()

    def hang(self) -> None:
        """QEMU answers no more, until `answers` is set."""
        self.answers.clear()


class FakeDaemon:
    """Domains, and connections to them.

    Attributes:
        open: Connections that are open.
        asked: The UUIDs of each call for statistics of some domains.
        made: The names of all other calls.
        broken: Errors by the name of the call that raises them.
        answers: Not set while the daemon itself hangs.
    """

    def __init__(self, *domains: FakeDomain, driver: str = "QEMU") -> None:
        self.domains = {domain.uuid: domain for domain in domains}
        self.driver = driver
        self.open: list[FakeVirt] = []
        self.asked: list[tuple[str, ...]] = []
        self.made: list[str] = []
        self.broken: dict[str, Exception] = {}
        self.answers = threading.Event()
        self.answers.set()
        self.is_up = True
        self.pools: list[Any] = []
        self.networks: list[Any] = []

    def connect(self, _uri: str) -> Connection:
        """What `connection.connect` is in the program."""
        self.call("connect")
        virt = FakeVirt(self)
        self.open.append(virt)
        return Connection(cast("libvirt.virConnect", virt))

    def die(self, *, noticed: bool = True) -> None:
        """All connections are lost; where it is not `noticed`, they find out at their next call."""
        self.is_up = False
        for virt in self.open:
            virt.is_lost = True
            virt.is_noticed = noticed
        for domain in self.domains.values():
            domain.answers.set()

    def call(self, name: str) -> None:
        self.made.append(name)
        assert self.answers.wait(5), "the test forgot to let the daemon go on"
        if name in self.broken:
            raise self.broken[name]
        if not self.is_up:
            raise failure(libvirt.VIR_ERR_SYSTEM_ERROR, "Failed to connect socket: Connection refused", 111)


class FakeObject:
    """A domain, pool or network as libvirt-python hands it out: each call gives a value, or raises one."""

    def __init__(self, virt: "FakeVirt", calls: Mapping[str, Any]) -> None:
        self._virt, self._calls = virt, calls

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in self._calls:
            raise AttributeError(name)

        def call(*_: object) -> Any:
            self._virt.call(name)
            value = self._calls[name]
            if isinstance(value, BaseException):
                raise value
            return value() if callable(value) else value

        return call


class FakeVirt:
    """One connection: what stratoscope uses of libvirt.virConnect."""

    def __init__(self, daemon: FakeDaemon) -> None:
        self.daemon = daemon
        self.is_lost = self.is_noticed = False
        self.callbacks: dict[int, Callable[..., object]] = {}
        self.event_ids: dict[int, int] = {}

    def call(self, name: str) -> None:
        if self.is_lost:
            self.is_noticed = True
            raise failure(libvirt.VIR_ERR_INTERNAL_ERROR, "client socket is closed")
        self.daemon.call(name)

    def isAlive(self) -> int:
        return 0 if self.is_noticed else 1

    def close(self) -> int:
        assert self in self.daemon.open, "closed twice"
        self.daemon.open.remove(self)
        self.call("close")
        return 0

    def getType(self) -> str:
        return self.daemon.driver

    def getLibVersion(self) -> int:
        self.call("getLibVersion")
        return 9_000_000

    def getVersion(self) -> int:
        self.call("getVersion")
        return 7_002_022

    def getInfo(self) -> tuple[str, int, int, int, int, int, int, int]:
        self.call("getInfo")
        return ("x86_64", 9562, 2, 2596, 1, 1, 2, 1)

    def getMemoryStats(self, _cell: int) -> dict[str, int]:
        self.call("getMemoryStats")
        return {"total": 9_792_000, "free": 1024}

    def getCPUStats(self, _cpu: int) -> dict[str, int]:
        self.call("getCPUStats")
        return {"kernel": 1_500_000_000, "idle": 3_000_000_000, "utilization": 12}

    def listAllDomains(self, flags: int = 0) -> list[FakeObject]:
        self.call("listAllDomains")
        active = bool(flags & libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
        return [self._object(one) for one in self.daemon.domains.values() if one.domain_id >= 0 or not active]

    def listAllStoragePools(self) -> list[FakeObject]:
        self.call("listAllStoragePools")
        return [FakeObject(self, calls) for calls in self.daemon.pools]

    def listAllNetworks(self) -> list[FakeObject]:
        self.call("listAllNetworks")
        return [FakeObject(self, calls) for calls in self.daemon.networks]

    def lookupByUUIDString(self, uuid: str) -> FakeObject:
        self.call("lookupByUUIDString")
        return self._object(self._domain(uuid))

    def getAllDomainStats(self, _groups: int, flags: int) -> list[tuple[FakeObject, dict[str, Any]]]:
        self.call("getAllDomainStats")
        active = bool(flags & libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE)
        domains = [one for one in self.daemon.domains.values() if one.domain_id >= 0 or not active]
        return [(self._object(domain), dict(domain.listed)) for domain in domains]

    def domainListGetStats(
        self, domains: Iterable[Any], _groups: int, flags: int
    ) -> list[tuple[FakeObject, dict[str, Any]]]:
        """As libvirt does it: one domain after the other, the one that hangs holds up the call."""
        assert flags & libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
        self.call("domainListGetStats")
        uuids = tuple(domain.UUIDString() for domain in domains)
        self.daemon.asked.append(uuids)
        return [self._stats(self.daemon.domains[uuid]) for uuid in uuids if uuid in self.daemon.domains]

    def _stats(self, domain: FakeDomain) -> tuple[FakeObject, dict[str, Any]]:
        if not domain.monitor.acquire(blocking=False):
            return self._object(domain), dict(domain.stuck)
        try:
            assert domain.answers.wait(5), "the test forgot to let the domain answer"
            if self.is_lost:
                self.call("domainListGetStats")
            return self._object(domain), dict(domain.answer)
        finally:
            domain.monitor.release()

    def domainEventRegisterAny(
        self, _domain: None, event_id: int, callback: Callable[..., object], _opaque: None
    ) -> int:
        self.call(f"register {event_id}")
        number = len(self.callbacks)
        self.callbacks[number], self.event_ids[number] = callback, event_id
        return number

    def domainEventDeregisterAny(self, number: int) -> None:
        del self.callbacks[number]
        self.call("domainEventDeregisterAny")

    def emit(self, event_id: int, uuid: str, *details: object) -> None:
        """Call back as libvirt-python does: (connection, domain, ..., opaque)."""
        for number, callback in self.callbacks.items():
            if self.event_ids[number] == event_id:
                callback(self, self._object(self.daemon.domains[uuid]), *details, None)

    def _domain(self, uuid: str) -> FakeDomain:
        domain = self.daemon.domains.get(uuid)
        if domain is None or domain.gone:
            raise failure(libvirt.VIR_ERR_NO_DOMAIN, "Domain not found")
        return domain

    def _object(self, domain: FakeDomain) -> FakeObject:
        return _FakeVirDomain(self, domain)


class _FakeVirDomain(FakeObject):
    """A domain object; its name, UUID and id need no daemon."""

    def __init__(self, virt: FakeVirt, domain: FakeDomain) -> None:
        super().__init__(virt, {"XMLDesc": domain.xml, **domain.calls})
        self._domain = domain

    def UUIDString(self) -> str:
        return self._domain.uuid

    def name(self) -> str:
        return self._domain.name

    def ID(self) -> int:
        return self._domain.domain_id
