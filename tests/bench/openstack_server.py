"""Keystone's log-in and Nova's list of servers, answered with bytes that were made before.

`python openstack_server.py 10000` is such a server on a free port; `serving` starts one. Below `/N/` it is a
cloud of the first N servers; `/count` tells how often each operation was asked for.
"""

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import openstack_pages
from openstack_pages import PER_PAGE, Server, joined

CHANGES: Final = 100
"""One server of so many is another at each list of changes."""
DETAIL: Final = "/compute/v2.1/servers/detail"
FLOATING_IPS: Final = 50_000
"""Addresses of each cloud; it has twice as many volumes as servers."""
_LISTS: Final = {"/volume/v3/bench/volumes/detail": "volumes", "/network/v2.0/floatingips": "floatingips"}
_ROUNDS: Final = 10
"""So many lists of changes are about different servers, before the same ones change again."""

_FIXED: Final = {
    "": b'{"version": {"id": "v2.1", "version": "2.96", "min_version": "2.1"}}',  # /compute/v2.1/
    "extensions": b'{"extensions": [{"alias": "router"}]}',
}
"""Bodies by the last part of their path."""

Parts = Sequence[bytes]
"""A body in pieces, so that those of many megabytes are not put together for each answer."""


class Pages:
    """A list in pages of which those that are full, as Nova has it, tell where the next one is."""

    def __init__(self, servers: Iterable[Server]) -> None:
        self._pages: list[bytes] = []
        self._last: list[str] = []
        self._after: dict[str, int] = {"": 0}
        servers = iter(servers)
        while some := list(islice(servers, PER_PAGE)):
            self._pages.append(joined(some))
            self._last.append(some[-1]["id"] if len(some) == PER_PAGE else "")
            self._after[some[-1]["id"]] = len(self._pages)

    def page(self, query: Mapping[str, str], address: str, most: int) -> Parts:
        """The page after the query's `marker`; one beyond the first `most` is empty."""
        number = self._after[query.get("marker", "")]
        if number >= min(most, len(self._pages)):
            return [b'{"servers": []}']
        links = b""
        if self._last[number]:
            href = f"{address}?{urlencode({**query, 'marker': self._last[number]})}"
            links = b', "servers_links": ' + json.dumps([{"rel": "next", "href": href}]).encode()
        return [b'{"servers": [', self._pages[number], b"]", links, b"}"]


class Rows:
    """A list in pages, made when it is asked for."""

    def __init__(self, key: str, row: Callable[[int], object], count: int) -> None:
        self._key, self._row, self._count = key, row, count

    def page(self, query: Mapping[str, str], address: str) -> Parts:
        """The page after the query's `marker`, which is the number of rows before it."""
        start = int(query.get("marker", "0"))
        end = min(start + PER_PAGE, self._count)
        page: dict[str, object] = {self._key: [self._row(number) for number in range(start, end)]}
        if end < self._count:
            href = f"{address}?{urlencode({**query, 'marker': end})}"
            page[f"{self._key}_links"] = [{"rel": "next", "href": href}]
        return [json.dumps(page).encode()]


class Content:
    """What the clouds have in common: the servers, those that are being built, and names."""

    def __init__(self, count: int) -> None:
        self.building: list[tuple[int, str]] = []
        self.servers = Pages(self._noted(openstack_pages.servers(count)))
        self.names = {
            "projects": _named("projects", openstack_pages.project, openstack_pages.PROJECTS),
            "users": _named("users", openstack_pages.user, openstack_pages.USERS),
            "domains": b'{"domains": [{"id": "default", "name": "Default", "enabled": true}]}',
        }

    def _noted(self, servers: Iterable[Server]) -> Iterator[Server]:
        for number, server in enumerate(servers):
            if server["status"] == "BUILD":
                self.building.append((number, server["id"]))
            yield server


class Cloud:
    """The first `count` servers, a multiple of PER_PAGE."""

    def __init__(self, content: Content, count: int, base: str) -> None:
        self._content, self._count, self._base = content, count, base
        self._changes = [Pages(_changes(count, turn)) for turn in range(2 * _ROUNDS)]
        self._turn = -1
        self._rows = {
            "volumes": Rows("volumes", openstack_pages.volume, 2 * count),
            "floatingips": Rows("floatingips", openstack_pages.floating_ip, FLOATING_IPS),
        }

    def rows(self, key: str, path: str, query: Mapping[str, str]) -> Parts:
        """A page of the volumes or floating IPs."""
        return self._rows[key].page(query, self._base + path)

    def detail(self, query: Mapping[str, str]) -> tuple[str, Parts]:
        """The operation and the page that the query asks for."""
        is_first, address = "marker" not in query, self._base + DETAIL
        if "changes-since" not in query:
            page = self._content.servers.page(query, address, self._count // PER_PAGE)
            return "servers" if is_first else "next", page
        self._turn += is_first
        page = self._changes[self._turn % len(self._changes)].page(query, address, self._count)
        return "changes" if is_first else "next", page

    def building(self) -> Parts:
        """Nobody is ever built to the end."""
        ids = [{"id": one} for number, one in self._content.building if number < self._count]
        return [json.dumps({"servers": ids}).encode()]

    def token(self) -> Parts:
        places = {
            "identity": "/identity/v3",
            "compute": "/compute/v2.1",
            "block-storage": "/volume/v3/bench",
            "network": "/network",
        }
        catalogue = [
            {
                "type": service,
                "name": service,
                "endpoints": [{"interface": "public", "region_id": "RegionOne", "url": self._base + path}],
            }
            for service, path in places.items()
        ]
        owner = {"id": "bench", "name": "bench", "domain": {"id": "default", "name": "Default"}}
        token = {
            "methods": ["password"],
            "user": owner,
            "project": owner,
            "roles": [{"id": "1", "name": "admin"}],
            "issued_at": "2026-11-22T00:00:00.000000Z",
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "catalog": catalogue,
        }
        return [json.dumps({"token": token}).encode()]


def _changes(count: int, turn: int) -> Iterator[Server]:
    """The servers that are others than at the turn before."""
    numbers = range(turn % _ROUNDS, count, CHANGES)
    return (openstack_pages.changed(number, again=turn >= _ROUNDS) for number in numbers)


def _named(key: str, make: Callable[[int], object], count: int) -> bytes:
    return json.dumps({key: [make(number) for number in range(count)]}).encode()


class Api:
    """Answers requests, and counts them."""

    def __init__(self, counts: Sequence[int], base: str) -> None:
        content = Content(max(counts))
        self._names = content.names
        self._clouds = {str(count): Cloud(content, count, f"{base}/{count}") for count in counts}
        self._counts: Counter[str] = Counter()

    def answer(self, target: str) -> tuple[int, Parts]:
        """Status and body."""
        parts = urlsplit(target)
        if parts.path == "/count":
            return 200, [json.dumps(self._counts).encode()]
        count, _, path = parts.path[1:].partition("/")
        operation, status, body = self._of(self._clouds[count], f"/{path}", dict(parse_qsl(parts.query)))
        self._counts[operation] += 1
        return status, body

    def _of(self, cloud: Cloud, path: str, query: dict[str, str]) -> tuple[str, int, Parts]:
        if path == DETAIL:
            operation, body = cloud.detail(query)
            return operation, 200, body
        if path == "/compute/v2.1/servers":
            return "building", 200, cloud.building()
        if path in _LISTS:
            return _LISTS[path], 200, cloud.rows(_LISTS[path], path, query)
        if path == "/identity/v3/auth/tokens":
            return "login", 201, cloud.token()
        name = path.rpartition("/")[2]
        fixed = {**self._names, **_FIXED}
        if name in fixed:
            return name, 200, [fixed[name]]
        return "unknown", 404, [b'{"itemNotFound": {"code": 404, "message": "not here"}}']


class _Http(asyncio.Protocol):
    """As much of HTTP/1.1 as the requests of this benchmark need."""

    def __init__(self, api: Api) -> None:
        self._api, self._buffer = api, b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].decode("latin-1")
            _, found, rest = head.lower().partition("content-length:")
            whole = end + 4 + (int(rest.partition("\r")[0]) if found else 0)
            if len(self._buffer) < whole:
                return
            self._buffer = self._buffer[whole:]
            self._answer(head.split(" ", 2)[1])

    def _answer(self, target: str) -> None:
        status, body = self._api.answer(target)
        head = (
            f"HTTP/1.1 {status} \r\nContent-Type: application/json\r\nX-Subject-Token: bench\r\n"
            f"Content-Length: {sum(map(len, body))}\r\n\r\n"
        )
        self._transport.writelines([head.encode(), *body])


@dataclass(frozen=True)
class Serving:
    """A server that runs.

    Attributes:
        clouds_file: A clouds.yaml; its clouds are named by how many servers they have.
    """

    base: str
    clouds_file: Path

    def counts(self) -> Counter[str]:
        """How often each operation was asked for; of lists in pages: the first one."""
        with urllib.request.urlopen(f"{self.base}/count", timeout=60) as answer:  # noqa: S310 - its own server
            return Counter(json.load(answer))


@contextmanager
def serving(*counts: int) -> Iterator[Serving]:
    """A server for clouds of so many servers, in a process of its own."""
    command = [sys.executable, __file__, *map(str, counts)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            base = process.stdout.readline().strip()
            if not base:
                raise RuntimeError("the server does not start")
            clouds = {str(count): _cloud(f"{base}/{count}") for count in counts}
            file = Path(folder, "clouds.yaml")
            file.write_text(json.dumps({"clouds": clouds}))
            yield Serving(base, file)
        finally:
            process.terminate()


def _cloud(base: str) -> dict[str, object]:
    auth = {
        "auth_url": f"{base}/identity/v3",
        "username": "bench",
        "password": "bench",
        "project_name": "bench",
        "user_domain_id": "default",
        "project_domain_id": "default",
    }
    return {"auth_type": "v3password", "auth": auth, "region_name": "RegionOne"}


async def _main(counts: Sequence[int]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        api = Api(counts, base)
        server = await asyncio.get_running_loop().create_server(lambda: _Http(api), sock=listening)
        print(base, flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main([int(count) for count in sys.argv[1:]]))
