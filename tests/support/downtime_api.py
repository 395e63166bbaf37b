"""A server on loopback that answers the command line of downtimes as the API does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from stratoscope.__main__ import main
from support.little_server import listening

EXPORTERS = {"downtime": "stratoscope.downtime"}
DOWNTIME: dict[str, Any] = {
    "id": "a2b3c4d5e6", "title": "new\x1b switch", "text": "one\ntwo", "planned": True, "severity": "outage",
    "start": 1_800_000_000, "end": 1_800_007_200, "until_further_notice": False, "silences": True,
    "matcher_sets": [['cloud="uni"', 'host="n1"'], ['zone="az2"']], "author": "alice", "source": "person",
    "external_id": "", "revision": 3, "state": "upcoming", "silencing": "to be silenced by main",
    "history": [
        {"at": 1_799_990_000, "who": "alice", "action": "filed", "fields": {}},
        {"at": 1_799_990_060, "who": "bob", "action": "changed", "fields": {"title": ["old", "new"]}},
    ],
    "history_count": 5,
}  # fmt: skip
COUNTS = {"upcoming": 1, "active": 0, "ended": 0, "cancelled": 0}


class Api:
    """Answers each request, and remembers it.

    Attributes:
        counts: What it answers to the request by which a command sees whether a downtime exporter is there.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.headers: list[Any] = []
        self.answers: list[web.Response] = []
        self.url = ""
        self.counts: Callable[[], web.Response] = lambda: web.json_response(COUNTS)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        if request.path == "/api/v1/counts":
            return self.counts()
        self.asked.append((request.method, request.raw_path))
        self.headers.append(request.headers)
        self.bodies.append(await request.json() if request.body_exists else None)
        return self.answers.pop(0) if self.answers else web.json_response(DOWNTIME)

    async def command(self, *arguments: str, zone: str = "Europe/Berlin") -> int:
        """The exit status of a command. Args: zone: "" for this machine's."""
        flags = [f"--url={self.url}", *([f"--zone={zone}"] if zone else [])]
        words = ["downtime", arguments[0], *flags, *arguments[1:]]
        return await asyncio.to_thread(main, words, EXPORTERS)


@asynccontextmanager
async def api() -> AsyncIterator[Api]:
    found = Api()
    async with listening(found.handle) as found.url:
        yield found
