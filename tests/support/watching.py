"""The management exporter as core runs it, on an embedded cloud, with schedules that show trouble soon."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession, ClientTimeout

from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.core.app import App, settings_of
from stratoscope.core.flags import Flags
from stratoscope.core.web.auth import Access
from stratoscope.management import PROGRAM
from stratoscope.management.exporter import EXPORTER
from support.series import Page, read

SOON_S: Final = 120.0
"""Long enough for a machine that is busy: what happens does so within a few seconds."""
_A_BIT_S: Final = 1.0

OFTEN: Final[Mapping[str, Any]] = {"interval": "250ms", "timeout": "30s", "max_age": "2m"}
"""Shows soon what has become of the cloud; never fails because the machine is busy."""
HASTY: Final[Mapping[str, Any]] = {"interval": "250ms", "timeout": "4s", "max_age": "4500ms"}
"""Gives up soon, and what it shows is soon too old; a collection takes 0.2 s where nothing else runs."""
MAX_AGE_S: Final = 4.5
"""Of these."""
BUDGET: Final[Mapping[str, Any]] = {"concurrency": 16, "requests_per_second": 1000}
"""Not what makes it slow."""


@dataclass(frozen=True)
class Seen:
    """Attributes: asked, got: Unix seconds, before and after the page came."""

    page: Page
    asked: float
    got: float

    def check_shown_while_young(self, collector: str, family: str) -> None:
        """What a hasty collector shows is there until its last success is too old, and no longer."""
        last = self.page.last_success(collector)
        if self.page.all(family):
            assert self.asked - last <= MAX_AGE_S + _A_BIT_S, f"{family} is too old"
        else:
            assert self.got - last >= MAX_AGE_S - _A_BIT_S, f"{family} is gone too early"


class Watching:
    """Attributes: url: Where the exporter listens. file: Its configuration."""

    def __init__(self, url: str, session: ClientSession, file: Path) -> None:
        self.url, self._session, self.file = url, session, file

    async def reload(self, text: str) -> tuple[int, str]:
        """The answer to a reload with that configuration."""
        self.file.write_text(text, encoding="utf-8")
        async with self._session.post(f"{self.url}/-/reload") as response:
            return response.status, await response.text()

    async def see(self) -> Seen:
        asked = time.time()
        async with self._session.get(f"{self.url}/metrics") as response:
            assert response.status == 200
            text = await response.text()
        return Seen(read(text), asked, time.time())

    async def page(self) -> Page:
        return (await self.see()).page

    async def until(
        self,
        holds: Callable[[Page], object],
        what: str,
        *,
        always: Callable[[Seen], None] = lambda _: None,
    ) -> Page:
        """The first page of which the claim holds; `always` is checked on each page until then.

        Raises:
            AssertionError: It does not come to hold; or `always` does not.
        """
        give_up = time.monotonic() + SOON_S
        while True:
            seen = await self.see()
            always(seen)
            if holds(seen.page):
                return seen.page
            assert time.monotonic() < give_up, f"it does not come to this: {what}\n{seen.page.text}"
            await asyncio.sleep(0.1)

    async def refreshed(self, collectors: Iterable[str], times: int = 2) -> Page:
        """A page after so many more successes of each of these collectors, and no failure."""
        page = await self.page()
        before = {collector: page.errors(collector) for collector in collectors}
        for _ in range(times):
            page = await self.until(_newer_than(page, before), f"{', '.join(before)} go on")
        assert {collector: page.errors(collector) for collector in before} == before
        return page

    async def recovered(self, collectors: Iterable[str]) -> Page:
        """The first page on which all of these have succeeded again."""
        wanted = list(collectors)
        return await self.until(lambda page: succeeding(page, wanted), f"{', '.join(wanted)} recover")


def _newer_than(before: Page, collectors: Iterable[str]) -> Callable[[Page], bool]:
    return lambda page: all(page.last_success(one) > before.last_success(one) for one in collectors)


def succeeding(page: Page, collectors: Iterable[str]) -> bool:
    return all(page.success(collector) == 1 for collector in collectors)


def failing(page: Page, collectors: Iterable[str]) -> bool:
    return all(page.success(collector) == 0 for collector in collectors)


@asynccontextmanager
async def watching(
    clouds_file: Path,
    collectors: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    budget: Mapping[str, Any] = BUDGET,
    events: Mapping[str, Any] | None = None,
    is_ready: bool = True,
) -> AsyncIterator[Watching]:
    """The exporter on the cloud `admin` of a clouds.yaml.

    Args:
        collectors: Those that are asked, with their schedules, the others are off; None for all, as they are
            without a configuration.
        events: The block of the cloud; None for none.
        is_ready: Wait until each of them has been tried.
    """
    file = clouds_file.with_name("watching.yml")
    file.write_text(configuration(clouds_file, collectors, budget, events), encoding="utf-8")
    flags = Flags.parse(PROGRAM, [f"--config.file={file}"])
    ended: list[int] = []
    exporter = replace(EXPORTER, program=replace(PROGRAM, stop_timeout_s=SOON_S / 2))
    app = App(exporter, lambda: settings_of(exporter, flags), end=ended.append)
    task = asyncio.create_task(app.run(Access.open(None), ["127.0.0.1:0"]))
    try:
        async with ClientSession(timeout=ClientTimeout(total=SOON_S)) as session:
            async with asyncio.timeout(SOON_S):
                while not (app.ready if is_ready else app.urls) and not task.done():  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0.01)
            if task.done():
                task.result()
            yield Watching(app.urls[0], session, file)
    finally:
        app.stop()
        async with asyncio.timeout(SOON_S):
            await task
    assert not ended, "it did not stop in time"


def configuration(
    clouds_file: Path,
    collectors: Mapping[str, Mapping[str, Any]] | None = None,
    budget: Mapping[str, Any] = BUDGET,
    events: Mapping[str, Any] | None = None,
) -> str:
    """A configuration file with one cloud, `demo`. JSON is YAML. Args: as of `watching`."""
    entry: dict[str, Any] = {
        "name": "demo",
        "kind": "openstack",
        "os_cloud": "admin",
        "clouds_file": str(clouds_file),
        "budget": dict(budget),
    }
    if events is not None:
        entry["events"] = dict(events)
    document: dict[str, Any] = {"clouds": [entry]}
    if collectors is None:
        return json.dumps(document)
    off = {one.name for one in OpenStack.questions} - collectors.keys()
    chosen = {name: {"enabled": False} for name in off} | {
        name: dict(one) for name, one in collectors.items()
    }
    return json.dumps(document | {"management": {"collectors": chosen}})
