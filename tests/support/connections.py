"""A server on loopback, and bare connections to it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias
from unittest import mock

from aiohttp import web as aiohttp_web

from stratoscope.core.web import connections
from stratoscope.core.web.auth import Access
from stratoscope.core.web.server import CONNECTIONS, application, serve
from support.services import Domains, FakeService, service, until

HEALTHY = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"

Broken: TypeAlias = Callable[[aiohttp_web.Request], Awaitable[aiohttp_web.StreamResponse]]


@dataclass
class Served:
    """A server on loopback, and who is connected to it; its connections' clock stands until it is moved."""

    port: int
    shown: FakeService
    app: aiohttp_web.Application
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    now: float = 0.0

    @property
    def connections(self) -> connections.Connections:
        return self.app[CONNECTIONS]

    async def connect(
        self, sent: bytes = b"", context: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = "localhost" if context else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=context, server_hostname=name, limit=1 << 22
        )
        self.writers.append(writer)
        writer.write(sent)
        return reader, writer

    async def answer(self, sent: bytes) -> bytes:
        """What is answered until it is hung up."""
        reader, _ = await self.connect(sent)
        return await ended(reader)

    async def waiting(self, what_for: str, number: int = 1) -> None:
        """Return once so many connections wait for that."""

        def are_waiting() -> bool:
            return sum(one.waits_for == what_for for one in self.connections._open) == number

        await until(are_waiting)

    def passes(self, seconds: float) -> None:
        """Let time pass for the connections."""
        self.now += seconds

    def count(self, name: str, **labels: str) -> float:
        return self.shown.registry.get_sample_value(f"stratoscope_http_{name}", labels) or 0.0

    def hung_up(self, reason: str) -> float:
        return self.count("connections_hung_up_total", reason=reason)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the other side has ended, whichever way; an error if it does not."""
    found = b""
    async with asyncio.timeout(5):
        try:
            while part := await reader.read(1 << 20):
                found += part
        except ConnectionError:
            return found
    return found


@asynccontextmanager
async def serving(
    shown: FakeService | None = None,
    *,
    most: int = 512,
    access: Access | None = None,
    broken: Broken | None = None,
) -> AsyncIterator[Served]:
    """A server; `broken` is what it does at /broken."""
    access, shown = access or Access.open(None), shown or service(Domains())
    app = application(shown, access, most=most)
    if broken is not None:
        app.router.add_get("/broken", broken)
    with mock.patch.multiple(connections, _LINGER_S=0.05, _SWEEP_S=0.01):
        running = await serve(app, ["127.0.0.1:0"], access)
        served = Served(int(running.urls[0].rpartition(":")[2]), shown, app)
        served.connections.time = lambda: served.now
        try:
            yield served
        finally:
            for writer in served.writers:
                writer.transport.abort()
            await running.close()
            await asyncio.gather(*(runner.stop() for runner in shown.runners))
