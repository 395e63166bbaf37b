"""An oned that answers what a real one answered (tests/fixtures/opennebula), over XML-RPC on loopback."""

import asyncio
import xmlrpc.client
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html import escape
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from lxml import etree

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.client.limiter import Budget
from stratoscope.clouds.opennebula.client.oned import Oned as Client
from stratoscope.clouds.opennebula.config import Found
from stratoscope.core.config import Secret
from support.little_server import listening

FIXTURES: Final = Path(__file__).parent.parent / "fixtures" / "opennebula"
SESSION: Final = "oneadmin:opennebula-secret"
_PAGED: Final = {"vmpool.info", "vnpool.info", "imagepool.info", "templatepool.info"}


def recorded(name: str) -> str:
    """The XML of an answer."""
    return (FIXTURES / f"{name}.xml").read_text(encoding="utf-8")


def refused(name: str) -> bytes:
    """The body of a call that failed."""
    return (FIXTURES / "errors" / f"{name}.xml").read_bytes()


def enveloped(text: str) -> bytes:
    """The body of a call that was done."""
    value = f"<value><boolean>1</boolean></value><value><string>{escape(text, quote=False)}</string></value>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?><methodResponse><params><param><value><array><data>'
        f"{value}<value><i4>0</i4></value></data></array></value></param></params></methodResponse>"
    ).encode()


class Oned:
    """What it answers, and what it was asked.

    Attributes:
        answers: By method: XML, or a whole body, which replaces what was recorded.
        calls: How often each method was called.
        pages: Start and size of each page that was asked for.
        endpoint: Its URL.
        gate: While it is closed no call is answered.
    """

    def __init__(self, answers: Mapping[str, str | bytes] | None = None) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.answers: dict[str, str | bytes] = dict(answers or {})
        self.calls: Counter[str] = Counter()
        self.pages: list[tuple[int, int]] = []
        self.paths: set[str] = set()
        self.endpoint = ""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """As oned: 200 to every call, whatever it says."""
        self.paths.add(request.path)
        if request.method != "POST":
            return web.Response(status=405)
        params, method = xmlrpc.client.loads(await request.read())
        name = str(method).removeprefix("one.")
        self.calls[name] += 1
        await self.gate.wait()
        if not params:
            return _response(refused("unknown_method"))
        if params[0] != SESSION:
            return _response(refused("bad_password"))
        return _response(self._body(name, params[1:]))

    def _body(self, name: str, params: tuple[Any, ...]) -> bytes:
        found = self.answers.get(name)
        if found is None:
            found = recorded(f"{name}-{params[0]}" if name == "vn.info" else name)
        if isinstance(found, bytes):
            return found
        if name in _PAGED:
            self.pages.append((params[1], -params[2]))
            found = paged(found, params[1], -params[2])
        if name == "vmpool.infoset":
            found = chosen(found, params[0].split(","))
        return enveloped(found)


def paged(text: str, start: int, size: int) -> str:
    """A page of a pool."""
    pool = etree.fromstring(text, etree.XMLParser())
    for one in [*pool][:start] + [*pool][start + size :]:
        pool.remove(one)
    return etree.tostring(pool).decode()


def chosen(text: str, ids: list[str]) -> str:
    """The items of a pool with these ids."""
    pool = etree.fromstring(text, etree.XMLParser())
    for one in [*pool]:
        if one.findtext("ID", "") not in ids:
            pool.remove(one)
    return etree.tostring(pool).decode()


def credentials(folder: Path, session: str = SESSION) -> str:
    """The path of a file with the credential."""
    file = folder / "one_auth"
    file.write_text(f"{session}\n", encoding="utf-8")
    return str(file)


@asynccontextmanager
async def replayed(answers: Mapping[str, str | bytes] | None = None) -> AsyncIterator[Oned]:
    """An oned, meanwhile."""
    oned = Oned(answers)
    async with listening(oned.answer) as address:
        oned.endpoint = f"{address}/RPC2"
        yield oned


def _response(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="text/xml")


@asynccontextmanager
async def client_of(oned: Oned, session: str = SESSION, clock: Clock = CLOCK) -> AsyncIterator[Client]:
    """A client of an oned, meanwhile."""
    entry = Found("one", endpoint=oned.endpoint, session=Secret(session))
    client = Client(entry, Budget(entry.budget, clock))
    try:
        yield client
    finally:
        await client.close()
