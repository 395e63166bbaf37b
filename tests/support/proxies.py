"""Proxies: one refuses writes with a word in them, one is a load balancer, one has a path of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import cycle

from aiohttp import ClientSession, web
from multidict import CIMultiDict
from yarl import URL

_OF_THE_CONNECTION = ("Host", "Connection", "Content-Length", "Transfer-Encoding", "Keep-Alive")


@asynccontextmanager
async def refusing_proxy(url: str, word: bytes, status: int) -> AsyncIterator[str]:
    """Its own address. What does not have the word goes to `url`, and comes back unchanged."""
    async with ClientSession() as session:

        async def handle(request: web.Request) -> web.Response:
            if word in await request.read():
                return web.Response(status=status, text="<html>refused</html>", content_type="text/html")
            return await _forwarded(session, url, request)

        async with _served(handle) as own:
            yield own


@asynccontextmanager
async def balancer(*urls: str) -> AsyncIterator[str]:
    """Its own address. Each request goes to the next of `urls`."""
    turns = cycle(urls)
    async with ClientSession() as session:

        async def handle(request: web.Request) -> web.Response:
            return await _forwarded(session, next(turns), request)

        async with _served(handle) as own:
            yield own


@asynccontextmanager
async def beneath(url: str, prefix: str) -> AsyncIterator[str]:
    """Its own address and the prefix, without a slash at the end; what is asked beneath it goes to `url`.

    Redirects and pages come back as they are; as nginx by default, it says the host of `url`.
    """
    async with ClientSession(auto_decompress=False) as session:

        async def handle(request: web.Request) -> web.Response:
            if not request.raw_path.startswith(f"{prefix}/"):
                return web.Response(status=404, text="no page of the exporter")
            to = URL(url + request.raw_path.removeprefix(prefix), encoded=True)
            kept = {name: value for name, value in request.headers.items() if name not in _OF_THE_CONNECTION}
            async with session.request(
                request.method, to, data=await request.read(), headers=kept, allow_redirects=False
            ) as answer:
                headers = [one for one in answer.headers.items() if one[0] not in _OF_THE_CONNECTION]
                return web.Response(
                    status=answer.status, body=await answer.read(), headers=CIMultiDict(headers)
                )

        async with _served(handle) as own:
            yield own + prefix


async def _forwarded(session: ClientSession, url: str, request: web.Request) -> web.Response:
    headers = {"Content-Type": "application/json"}
    async with session.request(
        request.method, url + request.path_qs, data=await request.read(), headers=headers
    ) as answer:
        return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)


@asynccontextmanager
async def _served(handle: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
