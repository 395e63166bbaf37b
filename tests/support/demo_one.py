"""The embedded OpenNebula for tests: on a port of its own, with a clock that the test moves."""

import asyncio
import xmlrpc.client
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stratoscope.demo.config_writer import ONE_AUTH, write_config
from stratoscope.demo.opennebula.app import OpenNebula
from stratoscope.demo.opennebula.seed import Size, build
from stratoscope.demo.server import serving
from stratoscope.demo.world.world import World
from support.demo_cloud import LOOPBACK, DemoClock
from support.loop_thread import in_thread

ADMIN = "oneadmin:demo"


@dataclass(frozen=True, slots=True)
class DemoOne:
    """Attributes:
    url: Where it listens, without a path.
    cloud: The cloud: its `world`, its `faults`, its `request_counts`.
    loop: In which it answers, and lives on.
    """

    url: str
    cloud: OpenNebula
    clock: DemoClock
    loop: asyncio.AbstractEventLoop

    @property
    def endpoint(self) -> str:
        return f"{self.url}/RPC2"

    @property
    def world(self) -> World:
        return self.cloud.world

    def credentials(self, folder: Path) -> Path:
        """A file with the administrator's credential."""
        write_config(folder / "stratoscope.yml", self.url, "opennebula")
        return folder / ONE_AUTH

    def after(self, seconds: float) -> World:
        """The world after so much time; it goes on in the cloud's own thread alone."""
        if asyncio._get_running_loop() is self.loop:
            return self._after(seconds)

        async def after() -> World:
            return self._after(seconds)

        return asyncio.run_coroutine_threadsafe(after(), self.loop).result()

    def ask(self, method: str, *args: object, session: str = ADMIN) -> list[Any]:
        """What oned answers to `one.METHOD`: whether it was done, the value, the code. It blocks.

        Raises:
            xmlrpc.client.Fault: The call itself is wrong.
        """
        with xmlrpc.client.ServerProxy(self.endpoint) as proxy:
            answer: list[Any] = getattr(proxy, f"one.{method}")(session, *args)
            return answer

    def _after(self, seconds: float) -> World:
        self.clock.goes_on(seconds)
        self.cloud.advance()
        return self.world


@asynccontextmanager
async def demo_one(
    vms: int = 60, hosts: int = 6, projects: int = 5, *, seed: int = 1, now: float | None = None
) -> AsyncIterator[DemoOne]:
    """An embedded OpenNebula in the test's own loop; `now` is when its clock begins, by default now."""
    # In debug mode each future and request keeps its whole stack, source lines included.
    asyncio.get_running_loop().set_debug(False)
    clock = DemoClock(now)
    cloud = OpenNebula(build(Size(vms, hosts, projects), seed=seed, now=clock.now), clock)
    async with serving(cloud, [LOOPBACK]) as running:
        yield DemoOne(running.urls[0], cloud, clock, asyncio.get_running_loop())


@contextmanager
def demo_one_in_thread(
    vms: int = 60, hosts: int = 6, projects: int = 5, *, seed: int = 1, now: float | None = None
) -> Iterator[DemoOne]:
    """The same in a thread with a loop of its own, for clients that block."""

    async def serve(stack: AsyncExitStack) -> DemoOne:
        return await stack.enter_async_context(demo_one(vms, hosts, projects, seed=seed, now=now))

    with in_thread("demo-one", serve) as found:
        yield found
