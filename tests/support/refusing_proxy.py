"""A proxy before an Alertmanager that refuses writes with a word in them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, web


@asynccontextmanager
async def refusing_proxy(url: str, word: bytes, status: int) -> AsyncIterator[str]:
    """Its own address. What does not have the word goes to `url`, and comes back unchanged."""
    async with ClientSession() as session:

        async def handle(request: web.Request) -> web.Response:
            body = await request.read()
            if word in body:
                return web.Response(status=status, text="<html>refused</html>", content_type="text/html")
            headers = {"Content-Type": "application/json"}
            async with session.request(
                request.method, url + request.path_qs, data=body, headers=headers
            ) as answer:
                return web.Response(
                    status=answer.status, body=await answer.read(), content_type=answer.content_type
                )

        application = web.Application()
        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
