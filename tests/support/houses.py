"""An exporter that does as it is told, and the real App that runs it on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import ClientSession, ClientTimeout

from stratoscope.core import state
from stratoscope.core.app import App, settings_of
from stratoscope.core.collector import Absent, Collection, Collections, Collector, Every, OnScrape
from stratoscope.core.config import CollectorSettings, Secret, decode
from stratoscope.core.errors import LeftOut
from stratoscope.core.exporter import Exporter
from stratoscope.core.flags import Flags
from stratoscope.core.part import Opened, Part, Site
from stratoscope.core.program import Program
from stratoscope.core.web.auth import Access
from support.patience import FAR_S
from support.services import Domains
from support.source import until

SLOWLY = Every(interval_s=60, timeout_s=0.05, max_age_s=200)
PROGRAM = Program(
    name="slurper",
    port=0,
    summary="Shows what it is told to.",
    flags={"path.procfs": ("/proc", "where /proc is mounted")},
)


class Slurper(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The section of the exporter; so many VMs are shown."""

    vms: int = 2
    password: Secret | None = None
    collectors: dict[str, CollectorSettings] = {}


class Settings(msgspec.Struct, frozen=True):
    """What is in force."""

    slurper: Slurper
    paths: Mapping[str, str]


def domains(settings: Slurper) -> Collections:
    """One collector when scraped, and one that is left out."""
    absent = Absent("pools", LeftOut.NOT_CONFIGURED, "lab")
    return Collections([Collection(Domains(settings.vms), OnScrape(60))], [absent])


def one(collector: Collector[Any]) -> Collections:
    """That collector alone, when scraped."""
    return Collections([Collection(collector, OnScrape(60))])


async def never() -> None:
    """Does not return."""
    await asyncio.get_running_loop().create_future()


@dataclass
class House:
    """How the exporter is built, and what became of it.

    Attributes:
        collections: What it runs under its settings.
        opening: Awaited while it is opened.
        closing: Awaited while it is closed.
        opened: Settings with which it was opened.
        closed: Settings with which it was closed.
    """

    collections: Callable[[Slurper], Collections] = domains
    opening: Callable[[], Any] = lambda: asyncio.sleep(0)
    closing: Callable[[], Any] = lambda: asyncio.sleep(0)
    opened: list[Slurper] = field(default_factory=list)
    closed: list[Slurper] = field(default_factory=list)

    def exporter(self) -> Exporter:
        return Exporter(program=PROGRAM, parse=parse, parts=self._parts)

    def _parts(self, settings: Settings, _: Site) -> Iterator[Part]:
        """One part, which any change opens anew."""
        yield Part(
            name="house",
            identity=settings,
            open=partial(self.open, settings.slurper),
            collections=lambda opened: opened.value,
        )

    @asynccontextmanager
    async def open(self, settings: Slurper) -> AsyncIterator[Opened]:
        await self.opening()
        self.opened.append(settings)
        try:
            yield Opened(value=self.collections(settings))
        finally:
            await self.closing()
            self.closed.append(settings)


def parse(document: Mapping[str, Any], flags: Mapping[str, str]) -> Settings:
    return Settings(decode(Slurper, document.get("slurper", {}), "slurper"), flags)


@dataclass
class Runs:
    """An App that runs, with its configuration file.

    Attributes:
        task: Its `run`.
        ended: The exit statuses with which it has ended the process, or would have.
    """

    app: App
    file: Path
    task: "asyncio.Task[None]"
    session: ClientSession
    ended: Sequence[int]

    async def ask(self, path: str, method: str = "GET", **sent: Any) -> tuple[int, str]:
        """Status and text of a page."""
        async with self.session.request(method, self.app.urls[0] + path, **sent) as response:
            return response.status, await response.text()

    async def page(self) -> str:
        return (await self.ask("/metrics"))[1]

    async def reload(self, text: str) -> tuple[int, str]:
        """Write the file anew and ask for a reload."""
        self.file.write_text(text)
        return await self.ask("/-/reload", "POST")

    async def ready(self) -> None:
        await until(lambda: self.app.ready or self.task.done())

    async def stopped(self) -> None:
        """Stop it, if it runs still, and see it end."""
        self.app.stop()
        async with asyncio.timeout(FAR_S):
            await self.task


@asynccontextmanager
async def served(
    exporter: Exporter,
    folder: Path,
    text: str = "",
    *,
    web_config: Path | None = None,
    stop_timeout_s: float | None = None,
) -> AsyncIterator[Runs]:
    """An exporter behind the real App on a free port of loopback; it is stopped at the end."""
    file = folder / "stratoscope.yml"
    file.write_text(text)
    if stop_timeout_s is not None:
        exporter = replace(exporter, program=replace(exporter.program, stop_timeout_s=stop_timeout_s))
    storage = [f"--storage.path={folder}/data"] if exporter.program.keeps_state else []
    flags = Flags.parse(exporter.program, [f"--config.file={file}", *storage])
    ended: list[int] = []
    app = App(exporter, lambda: settings_of(exporter, flags), storage=flags.storage_path, end=ended.append)
    access = Access.open(None if web_config is None else str(web_config))
    with state.locked(flags.storage_path):
        task = asyncio.create_task(app.run(access, ["127.0.0.1:0"]))
        async with ClientSession(timeout=ClientTimeout(total=FAR_S)) as session:
            await until(lambda: bool(app.urls) or task.done())
            yield Runs(app, file, task, session, ended)
        if not task.done():
            app.stop()
            async with asyncio.timeout(FAR_S):
                await task


def running(
    house: House, folder: Path, text: str = "", *, stop_timeout_s: float = 0.3
) -> AbstractAsyncContextManager[Runs]:
    """The house's exporter, served."""
    return served(house.exporter(), folder, text, stop_timeout_s=stop_timeout_s)
