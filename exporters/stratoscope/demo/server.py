"""The embedded cloud while it runs: listening sockets, its pages for faults, the passing of time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import msgspec
from aiohttp import hdrs, web

from stratoscope.core.errors import ConfigError
from stratoscope.core.web.listen import Address, listening, url
from stratoscope.demo.openstack.app import OpenStack

_TICK_S: Final = 0.5
_SHUTDOWN_S: Final = 0.4
_ABOUT: Final = """An embedded OpenStack for demonstrations, tests and benchmarks.

{url}/identity/v3   Keystone; the other services stand in its catalogue
{url}/demo/faults   GET shows, POST adds, DELETE clears what is wrong on purpose
"""


@dataclass(frozen=True, slots=True)
class Running:
    """Attributes: urls: Where it listens, with the real port where 0 was asked for."""

    cloud: OpenStack
    urls: Sequence[str]


@asynccontextmanager
async def serving(cloud: OpenStack, addresses: Sequence[str]) -> AsyncIterator[Running]:
    """Serve a cloud, and let its time pass, until the block ends.

    Raises:
        ConfigError: An address is none, or cannot be listened on; it names `--web.listen-address`.
    """
    places = [Address.parse(text) for text in addresses]
    runner = web.AppRunner(
        application(cloud), access_log=None, shutdown_timeout=_SHUTDOWN_S, handler_cancellation=True
    )
    await runner.setup()
    urls = []
    try:
        for place in places:
            listener = await listening(place)
            urls.append(url(listener, tls=False))
            await web.SockSite(runner, listener).start()
        passing = asyncio.create_task(_pass_time(cloud), name="time")
        try:
            yield Running(cloud, urls)
        finally:
            passing.cancel()
            with suppress(asyncio.CancelledError):
                await passing
    finally:
        await runner.cleanup()


def application(cloud: OpenStack) -> web.Application:
    """The cloud's own paths, and those by which it is told what is to be wrong with it."""
    app = web.Application()
    app.on_response_prepare.append(_undress)
    pages = _Pages(cloud)
    app.router.add_get("/", pages.about)
    app.router.add_get("/demo/faults", pages.show)
    app.router.add_post("/demo/faults", pages.add)
    app.router.add_delete("/demo/faults", pages.clear)
    cloud.add_to(app)
    return app


class _Pages:
    """What is no part of OpenStack."""

    def __init__(self, cloud: OpenStack) -> None:
        self._cloud = cloud

    async def about(self, request: web.Request) -> web.Response:
        return web.Response(text=_ABOUT.format(url=f"{request.scheme}://{request.host}"))

    async def show(self, _: web.Request) -> web.Response:
        return self._shown()

    async def add(self, request: web.Request) -> web.Response:
        content = await request.read()
        self._cloud.advance()
        try:
            self._cloud.faults.add(msgspec.json.decode(content))
        except msgspec.DecodeError as error:
            return web.Response(status=400, text=f"not JSON: {error}\n")
        except ConfigError as error:
            return web.Response(status=400, text=f"{error}\n")
        return self._shown()

    async def clear(self, _: web.Request) -> web.Response:
        self._cloud.faults.clear()
        return self._shown()

    def _shown(self) -> web.Response:
        body = msgspec.json.encode(self._cloud.faults.shown())
        return web.Response(body=body, content_type="application/json")


async def _pass_time(cloud: OpenStack) -> None:
    """So that nobody who asks after a pause has to wait for all that has happened since."""
    while True:
        await asyncio.sleep(_TICK_S)
        cloud.advance()


async def _undress(_: web.Request, response: web.StreamResponse) -> None:
    """The real services do not tell what serves them, nor what time it is."""
    response.headers.pop(hdrs.SERVER, None)
    response.headers.pop(hdrs.DATE, None)
