"""A throw-away exporter: keeps notes on disk, shows them, takes new ones, files them slowly at its end."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from aiohttp import web

from stratoscope.core.collector import Collections
from stratoscope.core.config import Section, decode
from stratoscope.core.exporter import Exporter
from stratoscope.core.part import Opened, Part, Site, Task
from stratoscope.core.program import Program
from stratoscope.core.web.asking.settings import AccessSettings, Guard
from stratoscope.core.web.routes import LOGGED_IN, OPEN, Request, Role, Route

PROGRAM = Program(name="notes", port=0, summary="Keeps notes.", keeps_state=True, stop_timeout_s=60)


class Notes(Section, frozen=True):
    access: AccessSettings = AccessSettings(roles={"writer": ("alice",)})


async def show(request: Request) -> web.StreamResponse:
    return request.page("notes.html", notes=request.opened["notes"].read_text().splitlines())


async def add(request: Request) -> web.StreamResponse:
    notes, words = request.opened["notes"], (await request.form()).get("text", "").split()
    notes.write_text(f"{notes.read_text()}{request.asker.name}: {' '.join(words)}\n")
    raise web.HTTPSeeOther("/")


async def count(request: Request) -> web.StreamResponse:
    return web.json_response(len(request.opened["notes"].read_text().splitlines()))


def parts(_: object, site: Site) -> Iterator[Part]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Opened]:
        (notes := site.storage / "notes").touch()  # type: ignore[operator]  # it keeps state
        yield Opened(tasks=[Task("tick", lambda: asyncio.sleep(3600))], value=notes)
        await asyncio.sleep(30)
        notes.rename(site.storage / "filed")  # type: ignore[operator]  # the same

    yield Part(name="notes", identity=None, open=opened, collections=lambda _: Collections([]))


EXPORTER = Exporter(
    program=PROGRAM,
    parse=lambda document, _: decode(Notes, document.get("notes", {}), "notes"),
    parts=parts,
    routes=(
        Route("GET", "/", show, LOGGED_IN, title="Notes"),
        Route("POST", "/notes", add, Role("writer")),
        Route("GET", "/count", count, OPEN),
    ),
    templates=__name__,
    guard=lambda settings: Guard(settings.access),
)
