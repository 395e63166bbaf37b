"""The server of the embedded cloud: listening sockets, pages for faults, a task that advances its time."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec
from aiohttp import hdrs, web

from stratoscope.core.errors import ConfigError
from stratoscope.core.web.cross_site import is_cross_site
from stratoscope.core.web.listen import Address, listening, url
from stratoscope.demo.faults import Faults

Answer = Callable[[web.Request], Awaitable[web.Response]]

_TICK_S: Final = 0.5
_SHUTDOWN_S: Final = 0.4
_ABOUT: Final = """An embedded {kind} for demonstrations, tests and benchmarks.

{url}{entrance}
{url}/demo/faults   GET shows, POST adds, DELETE ends faults
"""


class Cloud(Protocol):
    """A face of the world.

    Attributes:
        kind: As its users call it.
        entrance: The path where clients begin, and what is there.
    """

    kind: str
    entrance: str
    faults: Faults

    def add_to(self, app: web.Application) -> None: ...

    def advance(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Running:
    """Attributes:
    urls: Where it listens, with the port that the kernel chose for port 0.
    advancing: What advances its time; it fails by a bug only.
    """

    cloud: Cloud
    urls: Sequence[str]
    advancing: asyncio.Task[None]


@asynccontextmanager
async def serving(cloud: Cloud, addresses: Sequence[str]) -> AsyncIterator[Running]:
    """Serve a cloud, and advance its time, until the block ends.

    Raises:
        ConfigError: An address is invalid or taken; the message names `--web.listen-address`.
    """
    parsed = [Address.parse(text) for text in addresses]
    runner = web.AppRunner(
        application(cloud), access_log=None, shutdown_timeout=_SHUTDOWN_S, handler_cancellation=True
    )
    await runner.setup()
    urls = []
    try:
        for address in parsed:
            listener = await listening(address)
            urls.append(url(listener, tls=False))
            await web.SockSite(runner, listener).start()
        advancing = asyncio.create_task(_advance(cloud), name="time")
        try:
            yield Running(cloud, urls, advancing)
        finally:
            advancing.cancel()
            with suppress(asyncio.CancelledError):
                await advancing
    finally:
        await runner.cleanup()


def application(cloud: Cloud) -> web.Application:
    """The cloud's own paths, and those for faults."""
    app = web.Application()
    app.on_response_prepare.append(_strip_headers)
    pages = _Pages(cloud)
    app.router.add_get("/", pages.about)
    for method, page in (("GET", pages.show), ("POST", pages.add), ("DELETE", pages.clear)):
        app.router.add_route(method, "/demo/faults", _not_for_other_sites(page))
    cloud.add_to(app)
    return app


class _Pages:
    """The pages beside the cloud's."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def about(self, request: web.Request) -> web.Response:
        url = f"{request.scheme}://{request.host}"
        return web.Response(text=_ABOUT.format(kind=self._cloud.kind, url=url, entrance=self._cloud.entrance))

    async def add(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return web.Response(status=415, text="expected Content-Type: application/json\n")
        content = await request.read()
        self._cloud.advance()
        try:
            self._cloud.faults.add(msgspec.json.decode(content))
        except (msgspec.DecodeError, ConfigError) as error:
            before = "" if isinstance(error, ConfigError) else "not JSON: "
            return web.Response(status=400, text=f"{before}{error}\n")
        return await self.show(request)

    async def clear(self, request: web.Request) -> web.Response:
        self._cloud.faults.clear()
        return await self.show(request)

    async def show(self, _: web.Request) -> web.Response:
        body = msgspec.json.encode(self._cloud.faults.shown())
        return web.Response(body=body, content_type="application/json")


def _not_for_other_sites(answer: Answer) -> Answer:
    """The same, but pages of other sites in somebody's browser get 403.

    After DNS rebinding such a page asks under a name of its own: then Host is no address.
    """

    async def answered(request: web.Request) -> web.Response:
        if is_cross_site(request.headers):
            return web.Response(status=403, text="a page of another site may not ask this\n")
        if not _is_address(request.url.host or ""):
            return web.Response(status=403, text="Host is a name; allowed: localhost and addresses\n")
        return await answer(request)

    return answered


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


async def _advance(cloud: Cloud) -> None:
    """Advance the time often, so that the first request after a pause does not wait for all of it."""
    while True:
        await asyncio.sleep(_TICK_S)
        cloud.advance()


async def _strip_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Remove headers that the real services do not send."""
    response.headers.pop(hdrs.SERVER, None)
    response.headers.pop(hdrs.DATE, None)
