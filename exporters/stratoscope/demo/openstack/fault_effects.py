"""What faults do to this cloud: broken or truncated responses."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from stratoscope.demo.faults import Fault
from stratoscope.demo.openstack.http_request import Response

_HUGE: Final = 10 * 1024 * 1024
_GARBAGE: Final = "<html><body>This is not what you have asked for.</body></html>"


def broken(body: bytes, fault: Fault) -> bytes:
    """A body whose first item is malformed, or that is no JSON at all."""
    if fault.fault == "garbage":
        return (fault.text or _GARBAGE).encode()
    try:
        document = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body
    for key, value in document.items() if isinstance(document, dict) else ():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value[0] = _BREAK[fault.variant](value[0])
            break
        if isinstance(value, dict):
            document[key] = _BREAK[fault.variant](value)
            break
    return msgspec.json.encode(document)


_BREAK: Final[Mapping[str, Callable[[dict[str, Any]], object]]] = {
    "no_flavor": lambda item: {key: value for key, value in item.items() if key != "flavor"},
    "null_host": lambda item: {**item, "OS-EXT-SRV-ATTR:host": None},
    "huge_name": lambda item: {**item, "name": "x" * _HUGE},
    "no_id": lambda item: {key: value for key, value in item.items() if key not in ("id", "uuid")},
    "no_object": lambda _: 17,
}


async def cut_off(request: web.Request, response: Response, body: bytes) -> web.StreamResponse:
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
