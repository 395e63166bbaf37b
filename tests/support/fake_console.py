"""A libvirt daemon in memory that creates domains, and lets a test write to their consoles."""

# ruff: noqa: N802 - the names are libvirt's
import xml.etree.ElementTree as ET
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import libvirt

from stratoscope.clouds.libvirt.connection import Connection
from support.fake_libvirt import FakeDaemon, FakeDomain, FakeObject, FakeVirt, failure

CAPABILITIES = """<capabilities><host><cpu><arch>x86_64</arch></cpu></host><guest><os_type>hvm</os_type>
<arch name='x86_64'><domain type='qemu'/></arch></guest></capabilities>"""
PAUSED, RUNNING = [3, 1], [1, 1]


class FakeStream:
    """The stream of a console.

    Attributes:
        calls: What was called, in order.
        is_read: Somebody waits for what comes.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.is_read = False
        self._callback: Callable[..., object] | None = None
        self._parts: deque[bytes | int | Exception] = deque()

    def eventAddCallback(self, _events: int, callback: Callable[..., object], _opaque: object) -> None:
        self._callback, self.is_read = callback, True

    def eventRemoveCallback(self) -> int:
        if not self.is_read:
            raise failure(libvirt.VIR_ERR_INTERNAL_ERROR, "stream does not have a callback registered")
        self.is_read = False
        return 0

    def abort(self) -> int:
        self.calls.append("abort")
        return 0

    def recv(self, most: int) -> bytes | int:
        part = self._parts.popleft() if self._parts else -2
        if isinstance(part, Exception):
            raise part
        assert isinstance(part, int) or len(part) <= most
        return part

    def happens(self, part: bytes | int | Exception, events: int = libvirt.VIR_STREAM_EVENT_READABLE) -> None:
        """What libvirt's event thread does when something comes."""
        assert self._callback is not None
        self._parts.append(part)
        self._callback(self, events, None)


class ConsoleDaemon(FakeDaemon):
    """One that creates domains, and has the memory for them.

    Attributes:
        streams: Those that were opened.
        flags: Of each creation.
    """

    def __init__(self, *domains: FakeDomain, driver: str = "QEMU") -> None:
        super().__init__(*domains, driver=driver)
        self.streams: list[FakeStream] = []
        self.flags: list[int] = []

    def connect(self, _uri: str) -> Connection:
        self.call("connect")
        virt = _Virt(self)
        self.open.append(virt)
        return Connection(cast("libvirt.virConnect", virt))

    def create(self, text: str, flags: int) -> FakeDomain:
        self.flags.append(flags)
        root = ET.fromstring(text)  # noqa: S314 - our own
        domain = FakeDomain(root.findtext("uuid", ""), root.findtext("name", ""), xml=text)
        domain.calls = {
            "state": PAUSED if flags else RUNNING,
            "resume": lambda: domain.calls.update(state=RUNNING),
            "openConsole": 0,
            "destroy": lambda: self.domains.pop(domain.uuid) and None,
            "metadata": "",
        }
        self.domains[domain.uuid] = domain
        return domain


class _Virt(FakeVirt):
    def getCapabilities(self) -> str:
        self.call("getCapabilities")
        return CAPABILITIES

    def getMemoryStats(self, _cell: int) -> dict[str, int]:
        return {**super().getMemoryStats(_cell), "cached": 1 << 20}

    def createXML(self, text: str, flags: int = 0) -> FakeObject:
        self.call("createXML")
        return self._object(self._daemon.create(text, flags))

    def newStream(self, flags: int) -> FakeStream:
        assert flags == libvirt.VIR_STREAM_NONBLOCK
        self.call("newStream")
        stream = FakeStream()
        self._daemon.streams.append(stream)
        return stream

    @property
    def _daemon(self) -> Any:
        return self.daemon
