"""Requests to the programs of the demo, over HTTP on loopback."""

import json
import socket
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from stratoscope.demo.show.children import DemoError
from stratoscope.demo.show.terminal import say

_TIMEOUT_S = 5


def get(url: str, body: object = None) -> bytes:
    """What the URL answers; with a body, which is sent as JSON, to a POST.

    Raises:
        DemoError: It does not answer, or refuses.
    """
    content = None if body is None else json.dumps(body).encode()
    request = Request(url, content, {"Content-Type": "application/json"})  # noqa: S310 - http://127.0.0.1 only
    try:
        with urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - as above
            found: bytes = answer.read()
            return found
    except (URLError, OSError) as error:
        raise DemoError(f"{url}: {error}") from error


def is_ready(base: str) -> bool:
    try:
        get(f"{base}/-/ready")
    except DemoError:
        return False
    return True


def ask(prometheus: str, query: str) -> list[dict[str, Any]]:
    """The results of a query now; those are `metric`, its labels, and `value`, a moment and a text."""
    answer = json.loads(get(f"{prometheus}/api/v1/query?{urlencode({'query': query})}"))
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result


def free_port(wanted: int, whose: str) -> int:
    """The port wanted, or a free one in its place.

    Raises:
        DemoError: None is free.
    """
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found = int(probe.getsockname()[1])
            if found != wanted:
                say(f"port {wanted} is busy: {whose} takes {found}")
            return found
    raise DemoError("no free port on 127.0.0.1")
