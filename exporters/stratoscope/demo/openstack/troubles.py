"""What faults do to this cloud: answers that make no sense or end too early, daemons that fall silent."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from stratoscope.demo.faults import Fault
from stratoscope.demo.openstack.asking import Answer
from stratoscope.demo.openstack.world import World

_HUGE: Final = 10 * 1024 * 1024
_GARBAGE: Final = "<html><body>This is not what you have asked for.</body></html>"


def broken(body: bytes, fault: Fault) -> bytes:
    """An answer with a first item that makes no sense, or without any sense at all."""
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


async def cut_off(request: web.Request, answer: Answer, body: bytes) -> web.StreamResponse:
    """Send the head and half the body, then drop the connection."""
    partial = web.StreamResponse(status=answer.status, headers=answer.headers)
    partial.content_length = len(body) or 1
    await partial.prepare(request)
    await partial.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.abort()
    return partial


def silence(world: World, service: str, host: str, seconds: float | None) -> Callable[[], None]:
    """Let the daemons of a service on a host report no more; what is returned lets them report again.

    Args:
        world: Whose daemons.
        service: Its type.
        host: As the service spells it.
        seconds: After how long they are taken for down; None for as long as the service usually waits.

    Raises:
        LookupError: There is no such daemon; it says which there are.
    """
    known = sorted({daemon.host for daemon in world.daemons if daemon.service == service})
    theirs = [daemon for daemon in world.daemons if daemon.service == service and daemon.host == host]
    if not theirs:
        raise LookupError(", ".join(known[:10]) + (", ..." if len(known) > 10 else ""))  # noqa: PLR2004 - enough
    before = [(daemon, daemon.silent_since, daemon.silent_patience_s) for daemon in theirs]
    for daemon in theirs:
        daemon.silent_since = world.now if daemon.silent_since is None else daemon.silent_since
        daemon.silent_patience_s = seconds

    def undo() -> None:
        for daemon, since, patience_s in before:
            daemon.silent_since, daemon.silent_patience_s = since, patience_s

    return undo
