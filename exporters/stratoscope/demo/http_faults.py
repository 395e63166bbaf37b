"""What faults do to a response, whatever is in it."""

from aiohttp import web


async def cut_off(request: web.Request, response: web.Response, body: bytes) -> web.StreamResponse:
    """Send the head and half the body, then drop the connection; at once where there is no body."""
    if not body and request.transport is not None:
        request.transport.abort()
        return web.Response()
    partial = web.StreamResponse(status=response.status, headers=response.headers)
    partial.content_length = len(body)
    await partial.prepare(request)
    await partial.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.abort()
    return partial
