"""Clients of every kind that ask for a route, and routes that say who has asked."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import bcrypt
from aiohttp import ClientSession, TCPConnector, web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from stratoscope.core.config import decode
from stratoscope.core.web.asking.settings import AccessSettings
from stratoscope.core.web.auth import Access
from stratoscope.core.web.routes import LOGGED_IN, OPEN, Request, Role, Route
from support.source import Clock

SECRET = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
USERS = f"basic_auth_users: {{alice: {SECRET}, bob: {SECRET}}}\n"
OTHER_ADDRESS = "127.0.0.2"


@dataclass(frozen=True)
class Answered:
    """What a client got. Attributes: location: Where it is sent, as a path from the root on."""

    status: int
    text: str
    headers: CIMultiDictProxy[str]
    location: str = ""


async def whoami(request: Request) -> web.Response:
    """Says who asks, and in which roles."""
    return web.Response(text=f"{request.asker.name}:{','.join(sorted(request.asker.roles))}")


WHOAMI = (
    Route("GET", "/open", whoami, OPEN),
    Route("GET", "/inside", whoami, LOGGED_IN),
    Route("GET", "/edit", whoami, Role("editor")),
    Route("POST", "/edit", whoami, Role("editor")),
    Route("GET", "/view", whoami, Role("viewer", "editor")),
)
"""One route of each kind."""


def basic(user: str, password: str = "secret") -> dict[str, str]:  # noqa: S107 - that of USERS
    """The header of a log-in."""
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}


def sha256(token: str) -> str:
    """As sha256sum has it."""
    return hashlib.sha256(token.encode()).hexdigest()


def web_config(folder: Path, text: str = USERS, clock: Clock | None = None) -> Access:
    """Access under a web configuration file."""
    (folder / "web.yml").write_text(text)
    clock = clock or Clock()
    return Access(folder / "web.yml", monotonic=clock, now=clock)


def access_settings(**given: object) -> AccessSettings:
    """The section `access`, as YAML would give it."""
    return decode(AccessSettings, given, "access")


async def ask(
    url: str | URL,
    method: str = "GET",
    *,
    headers: Mapping[str, str] | CIMultiDict[str] | None = None,
    source: str = "127.0.0.1",
    **more: Any,
) -> Answered:
    """One request, from an address of this machine."""
    connector = TCPConnector(local_addr=(source, 0))
    async with (
        ClientSession(connector=connector) as session,
        session.request(method, url, headers=headers, allow_redirects=False, **more) as response,
    ):
        where = response.headers.get("Location", "")
        location = urljoin(str(response.url), where).removeprefix(str(response.url.origin())) if where else ""
        return Answered(response.status, await response.text(), response.headers, location)
