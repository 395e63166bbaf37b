"""The two hosts of the embedded cloud whose files are written, and the real exporter that reads them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import ClientSession

from stratoscope.core import yaml_file
from stratoscope.core.runner import Runner
from stratoscope.demo.openstack.hypervisors.guests import ShownHost, shown_hosts
from stratoscope.demo.openstack.hypervisors.writer import CONFIGURATION, HostFiles
from stratoscope.demo.openstack.seed import Size, build
from stratoscope.demo.world.world import World
from stratoscope.hypervisor.exporter import EXPORTER
from support.opened import opened_exporter
from support.series import Page, read
from support.services import FakeService, served

BEGAN = 1_800_000_000.0
"""The first moment of the world, in Unix seconds."""


class Shown:
    """Attributes: noisy, limited: The host with a noisy neighbour, and the one with a VM at its own limit."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.world: World = build(Size(), seed=seed, now=BEGAN)
        self.noisy, self.limited = shown_hosts(self.world)
        self.files = [HostFiles(one, folder, BEGAN) for one in (self.noisy, self.limited)]
        for one in self.files:
            one.begin("demo")

    @property
    def shown_hosts(self) -> tuple[ShownHost, ShownHost]:
        return self.noisy, self.limited

    def move(self, seconds: float) -> None:
        """Move the files to a moment so many seconds after the beginning."""
        for one in self.files:
            one.move(BEGAN + seconds)


class Exporter:
    """The real exporter of a host."""

    def __init__(self, url: str, session: ClientSession) -> None:
        self._url, self._session = url, session

    async def text(self) -> str:
        async with self._session.get(self._url) as response:
            return await response.text()

    async def page(self) -> Page:
        return read(await self.text())


@asynccontextmanager
async def exporter_of(root: Path) -> AsyncIterator[Exporter]:
    """The exporter with the configuration and the flags that are written for a host."""
    flags = {flag: default for flag, (default, _) in EXPORTER.program.flags.items()} | {
        "path.procfs": f"{root}/proc",
        "path.sysfs": f"{root}/sys",
        "path.cgroup": f"{root}/sys/fs/cgroup",
    }
    settings = EXPORTER.parse(yaml_file.load(root / CONFIGURATION), flags)
    async with opened_exporter(EXPORTER, settings) as collections:
        runners = [Runner(collection) for collection in collections.running]
        await asyncio.gather(*(runner.first() for runner in runners))
        service = FakeService(runners=runners, left_out=collections.left_out)
        async with served(service) as url, ClientSession() as session:
            yield Exporter(f"{url}/metrics", session)
