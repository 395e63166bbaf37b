"""The probe exporter as core runs it, on an embedded cloud."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout

from stratoscope.core.app import App, settings_of
from stratoscope.core.flags import Flags
from stratoscope.core.web.auth import Access
from stratoscope.vmprobe import PROGRAM
from stratoscope.vmprobe.exporter import EXPORTER
from support.patience import FAR_S
from support.series import Page, read


class ProbingApp:
    """Attributes: url: Where it listens. folder: With its configuration and its state."""

    def __init__(self, app: App, session: ClientSession, folder: Path) -> None:
        self.url, self._app, self._session, self.folder = app.urls[0], app, session, folder

    @property
    def prober(self) -> Any:
        return self._app.parts.opened["demo/openstack"]

    async def page(self) -> Page:
        async with self._session.get(f"{self.url}/metrics") as response:
            return read(await response.text())

    async def until(self, holds: Callable[[Page], object]) -> Page:
        """The first page of which the claim holds."""
        async with asyncio.timeout(FAR_S):
            while not holds(page := await self.page()):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.1)
        return page

    async def reload(self, clouds_file: Path, *probes: Any, **section: Any) -> tuple[int, str]:
        write(self.folder, clouds_file, *probes, **section)
        async with self._session.post(f"{self.url}/-/reload") as response:
            return response.status, await response.text()


def write(folder: Path, clouds_file: Path, *probes: Any, **section: Any) -> Path:
    """The configuration. Its JSON is YAML, too."""
    entry = {"name": "demo", "kind": "openstack", "os_cloud": "admin", "clouds_file": str(clouds_file)}
    entry["budget"] = section.pop("budget", {"requests_per_second": 100})
    document = {"clouds": [entry], "vmprobe": {"probes": probes, **section}}
    file = folder / "vmprobe.yml"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


@asynccontextmanager
async def probing_app(
    folder: Path, clouds_file: Path, *probes: Any, **section: Any
) -> AsyncIterator[ProbingApp]:
    """The exporter with these probes on the cloud `demo`; it is stopped afterwards."""
    file = write(folder, clouds_file, *probes, **section)
    storage = folder / "state"
    storage.mkdir(exist_ok=True)
    flags = Flags.parse(PROGRAM, [f"--config.file={file}", f"--storage.path={storage}"])
    ended: list[int] = []
    app = App(EXPORTER, lambda: settings_of(EXPORTER, flags), storage=storage, end=ended.append)
    task = asyncio.create_task(app.run(Access.open(None), ["127.0.0.1:0"]))
    try:
        async with ClientSession(timeout=ClientTimeout(total=FAR_S)) as session:
            async with asyncio.timeout(FAR_S):
                while not app.ready and not task.done():  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0.01)
            if task.done():
                task.result()
            yield ProbingApp(app, session, folder)
    finally:
        app.stop()
        async with asyncio.timeout(FAR_S):
            await task
        assert ended == []
