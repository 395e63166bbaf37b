"""A Keystone and services behind one port, over real HTTP, that answer what a test tells them to."""

import asyncio
import datetime as dt
import io
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from aiohttp import web

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.client.limiter import Budget, Limits
from stratoscope.clouds.openstack.client.services import Client
from stratoscope.clouds.openstack.config import OpenStackCloud

PASSWORD: Final = "s3cr3t-word"  # noqa: S105 - to be looked for where it must not be
PROJECT: Final = "11111111111111111111111111111111"
PATHS: Final[Mapping[str, str]] = {
    "identity": "/identity/v3",
    "compute": "/compute/v2.1",
    "placement": "/placement",
    "network": "/network",
    "volumev3": f"/volume/v3/{PROJECT}",
    "image": "/image",
}
"""Where each service of the catalogue is."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Reply = web.StreamResponse | Handler | Mapping[str, Any] | bytes | int


class FakeOpenStack:
    """The whole of it.

    Attributes:
        url: Where it listens.
        asked: Every request, as `GET /compute/v2.1/servers/detail?limit=2`.
        headers: Of every request, in the same order.
        password: What the log-in accepts.
        lives_s: How long the next token lives.
        valid: The tokens that services accept.
        scope: What the next token is for; by default a project.
        roles: What the next token is given.
        catalogue: Paths by type; more of it by `entries`.
        entries: The catalogue as it is, instead of `catalogue`.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.password = PASSWORD
        self.lives_s = 3600.0
        self.valid: set[str] = set()
        self.scope: Mapping[str, Any] | None = None
        self.roles: Sequence[str] = ("admin", "reader")
        self.catalogue: Mapping[str, str] = dict(PATHS)
        self.entries: list[Any] | None = None
        self.most_at_once = 0
        self._replies: dict[str, list[Reply]] = {}
        self._tokens = 0
        self._at_once = 0

    @property
    def logins(self) -> int:
        """How often somebody tried to log in."""
        return sum(one.startswith("POST ") for one in self.asked)

    def count(self, start: str) -> int:
        """How many requests begin with this."""
        return sum(one.startswith(start) for one in self.asked)

    def counted(self) -> Counter[str]:
        """How many requests by method and path."""
        return Counter(one.partition("?")[0] for one in self.asked)

    def says(self, path: str, *replies: Reply) -> None:
        """What a path answers, in turn, the last one for ever.

        A mapping is a body in JSON, a number a status; services' answers are given to valid tokens only.
        """
        self._replies[path] = [*replies]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        self.headers.append(dict(request.headers))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._answered(request)
        finally:
            self._at_once -= 1

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        replies = self._replies.get(request.path)
        if replies is not None:
            if not self._may(request):
                to_keystone = {"WWW-Authenticate": f'Keystone uri="{self.url}/identity"'}
                return web.json_response(
                    {"error": {"message": "no such token"}}, status=401, headers=to_keystone
                )
            return await _response(replies.pop(0) if len(replies) > 1 else replies[0], request)
        if request.path == "/identity/v3/auth/tokens":
            return await self._login(request)
        if request.path in {"/identity", "/identity/", "/identity/v3", "/identity/v3/"}:
            return self._identity(request)
        return web.json_response({"versions": []}, status=404)

    def _may(self, request: web.Request) -> bool:
        path = request.path
        if path.startswith("/identity/v3/auth") or path in {"/identity", "/identity/v3"}:
            return True  # the log-in
        if path.endswith("/") and path.count("/") == 2:
            return True  # lists of versions
        return request.headers.get("X-Auth-Token", "") in self.valid

    def _identity(self, request: web.Request) -> web.StreamResponse:
        link = {"rel": "self", "href": f"{self.url}/identity/v3/"}
        version = {"id": "v3.14", "status": "stable", "links": [link]}
        if request.path in {"/identity", "/identity/"}:
            return web.json_response({"versions": {"values": [version]}}, status=300)
        return web.json_response({"version": version})

    async def _login(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        if asked["auth"]["identity"]["password"]["user"]["password"] != self.password:
            error = {
                "code": 401,
                "message": "The request you have made requires authentication.",
                "title": "U",
            }
            return web.json_response({"error": error}, status=401)
        self._tokens += 1
        token = f"token-{self._tokens}"
        self.valid.add(token)
        return web.json_response(self._token(), status=201, headers={"X-Subject-Token": token})

    def _token(self) -> Mapping[str, Any]:
        now = dt.datetime.now(dt.UTC)
        domain = {"id": "default", "name": "Default"}
        entries, scope = self.entries, self.scope
        if scope is None:
            scope = {"project": {"id": PROJECT, "name": "admin", "domain": domain}}
        if entries is None:
            entries = [entry(name, f"{self.url}{path}") for name, path in self.catalogue.items()]
        return {
            "token": {
                "methods": ["password"],
                "user": {"id": "u1", "name": "admin", "domain": domain},
                **scope,
                "roles": [{"id": f"r{one}", "name": one} for one in self.roles],
                "issued_at": now.isoformat().replace("+00:00", "Z"),
                "expires_at": (now + dt.timedelta(seconds=self.lives_s)).isoformat().replace("+00:00", "Z"),
                "audit_ids": ["a"],
                "catalog": entries,
            }
        }


def entry(name: str, url: str, *, region: str = "RegionOne", interface: str = "public") -> Mapping[str, Any]:
    """One service of a catalogue."""
    place = {"id": "e1", "interface": interface, "region": region, "region_id": region, "url": url}
    return {"type": name, "name": name, "id": "s1", "endpoints": [place]}


def pages(key: str, *ids: Iterable[str], path: str = "/servers/detail") -> list[Mapping[str, Any]]:
    """Pages of a list, each with Nova's link to the next one."""
    made: list[dict[str, Any]] = [{key: [{"id": one} for one in of_page]} for of_page in ids]
    for number, page in enumerate(made[:-1]):
        marker = f"http://elsewhere.invalid{path}?limit=2&marker=m{number + 1}"
        page[f"{key}_links"] = [{"rel": "next", "href": marker}]
    return list(made)


async def hangs(_: web.Request) -> web.StreamResponse:
    """A handler that never answers."""
    await asyncio.Event().wait()
    return web.Response()


@asynccontextmanager
async def running(tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeOpenStack]:
    """A cloud that listens."""
    # In debug mode each future and request keeps its whole stack, source lines included.
    asyncio.get_running_loop().set_debug(False)
    cloud = FakeOpenStack()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", cloud.serve)
    runner = web.AppRunner(application, shutdown_timeout=0.01, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    cloud.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield cloud
    finally:
        await runner.cleanup()


def clouds_yaml(folder: Path, url: str, **more: Any) -> Path:
    """A clouds.yaml with the one cloud `test` in it."""
    auth = {
        "auth_url": f"{url}/identity",
        "username": "admin",
        "password": PASSWORD,
        "project_name": "admin",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }
    file = folder / "clouds.yaml"
    entry_of_it = {"auth": auth, "region_name": "RegionOne", **more}
    file.write_text(yaml.safe_dump({"clouds": {"test": entry_of_it}}), encoding="utf-8")
    return file


def config(folder: Path, url: str, limits: Limits | None = None, **more: Any) -> OpenStackCloud:
    """The exporter's entry for that cloud; `more` is for clouds.yaml."""
    file = clouds_yaml(folder, url, **more)
    limits = limits or Limits(requests_per_second=1000)
    return OpenStackCloud(name="uni", os_cloud="test", clouds_file=str(file), budget=limits)


@asynccontextmanager
async def opened(configured: OpenStackCloud, clock: Clock = CLOCK) -> AsyncIterator[Client]:
    """A client of it, closed at the end."""
    client = Client(configured, Budget(configured.budget, clock))
    try:
        yield client
    finally:
        await client.close()


async def _response(reply: Reply, request: web.Request) -> web.StreamResponse:
    if isinstance(reply, web.Response):  # one can be sent only once
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
    if isinstance(reply, web.StreamResponse):
        return reply
    if isinstance(reply, int):
        return web.json_response({"error": {"code": reply, "message": "as told"}}, status=reply)
    if isinstance(reply, bytes):
        return web.Response(body=reply)
    if isinstance(reply, Mapping):
        return web.Response(body=io.BytesIO(json.dumps(reply).encode()), content_type="application/json")
    return await reply(request)
