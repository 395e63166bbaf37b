"""The downtime exporter as core runs it, beside an Alertmanager of a few lines."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout, web

from stratoscope.core.app import App, settings_of
from stratoscope.core.flags import Flags
from stratoscope.core.web.auth import Access
from stratoscope.downtime import PROGRAM
from stratoscope.downtime.exporter import EXPORTER
from support.little_server import listening
from support.patience import FAR_S
from support.series import Page, read


class LittleAlertmanager:
    """Keeps silences, whatever they are; they do not expire by themselves.

    Attributes:
        silences: By id.
        alerts: The labels of each alert.
    """

    def __init__(self) -> None:
        self.url, self.silences = "", dict[str, dict[str, Any]]()
        self.alerts: Sequence[Mapping[str, str]] = ()

    async def handle(self, request: web.BaseRequest) -> web.Response:
        if request.path.endswith("/status"):
            running = {"versionInfo": {"version": "0.0.0"}, "uptime": "2026-01-01T00:00:00Z"}
            return web.json_response(running | {"cluster": {"name": self.url}})
        if request.path.endswith("/alerts"):
            return web.json_response([{"labels": labels, "annotations": {}} for labels in self.alerts])
        if request.method == "POST":
            body = await request.json()
            silence_id = body.get("id") or str(uuid.uuid4())
            self.silences[silence_id] = body | {
                "id": silence_id, "status": {"state": "active"}, "updatedAt": body["startsAt"],
            }  # fmt: skip
            return web.json_response({"silenceID": silence_id})
        if request.method == "DELETE":
            del self.silences[request.path.rpartition("/")[2]]
            return web.Response()
        return web.json_response([*self.silences.values()])


@asynccontextmanager
async def alertmanager() -> AsyncIterator[LittleAlertmanager]:
    found = LittleAlertmanager()
    async with listening(found.handle) as found.url:
        yield found


class DowntimeApp:
    """Attributes: app: It; url: Where it listens."""

    def __init__(self, app: App, session: ClientSession, folder: Path) -> None:
        self.app = app
        self.url, self._session, self._folder = app.urls[0], session, folder

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer in JSON, which is one of success."""
        async with self._session.request(method, f"{self.url}/api/v1{path}", json=body) as response:
            assert response.status in (200, 201), await response.text()
            return await response.json()

    async def page(self) -> Page:
        async with self._session.get(f"{self.url}/metrics") as response:
            return read(await response.text())

    async def until(self, holds: Callable[[Page], object]) -> Page:
        """The first page of which the claim holds."""
        async with asyncio.timeout(FAR_S):
            while not holds(page := await self.page()):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.1)
        return page

    async def reload(self, **document: Any) -> tuple[int, str]:
        (self._folder / "downtime.yml").write_text(json.dumps(document))
        async with self._session.post(f"{self.url}/-/reload") as response:
            return response.status, await response.text()


@asynccontextmanager
async def downtime_app(
    folder: Path, access: Access | None = None, **document: Any
) -> AsyncIterator[DowntimeApp]:
    """The exporter with this configuration; it is stopped afterwards. Args: access: Who may log in."""
    file, storage = folder / "downtime.yml", folder / "state"
    file.write_text(json.dumps(document))
    storage.mkdir(exist_ok=True)
    flags = Flags.parse(PROGRAM, [f"--config.file={file}", f"--storage.path={storage}"])
    ended: list[int] = []
    app = App(EXPORTER, lambda: settings_of(EXPORTER, flags), storage=storage, end=ended.append)
    task = asyncio.create_task(app.run(access or Access.open(None), ["127.0.0.1:0"]))
    try:
        async with ClientSession(timeout=ClientTimeout(total=FAR_S)) as session:
            async with asyncio.timeout(FAR_S):
                while not app.ready and not task.done():  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0.01)
            if task.done():
                task.result()
            yield DowntimeApp(app, session, folder)
    finally:
        app.stop()
        async with asyncio.timeout(FAR_S):
            await task
        assert ended == []
