"""What faults do to this cloud: broken or truncated responses, daemons that fall silent."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from stratoscope.demo.faults import Fault
from stratoscope.demo.openstack.http_request import Response
from stratoscope.demo.openstack.world import World

_HUGE: Final = 10 * 1024 * 1024
_GARBAGE: Final = "<html><body>This is not what you have asked for.</body></html>"
_MOST_NAMED: Final = 10


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


def silence(world: World, service: str, host: str, seconds: float | None) -> Callable[[], None]:
    """Stop the reports of a service's daemons on a host; the returned function lets them report again.

    Args:
        world: Whose daemons.
        service: Its type.
        host: As the service spells it.
        seconds: After how long they are down; None for as long as the service usually waits.

    Raises:
        LookupError: There is no such daemon; the message lists the hosts that have one.
    """
    of_service = [daemon for daemon in world.daemons if daemon.service == service]
    daemons = [daemon for daemon in of_service if daemon.host == host]
    if not daemons:
        known = sorted({daemon.host for daemon in of_service})
        raise LookupError(", ".join(known[:_MOST_NAMED]) + (", ..." if len(known) > _MOST_NAMED else ""))
    before = [(daemon, daemon.silent_since, daemon.silent_patience_s) for daemon in daemons]
    for daemon in daemons:
        daemon.silent_since = world.now if daemon.silent_since is None else daemon.silent_since
        daemon.silent_patience_s = seconds

    def undo() -> None:
        for daemon, since, patience_s in before:
            daemon.silent_since, daemon.silent_patience_s = since, patience_s

    return undo
