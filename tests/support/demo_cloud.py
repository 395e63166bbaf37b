"""The embedded cloud for tests: on a port of its own, with a clock that the test moves."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from stratoscope.demo.config_writer import CLOUDS_YAML, write_config
from stratoscope.demo.openstack.app import OpenStack
from stratoscope.demo.openstack.seed import Size, build
from stratoscope.demo.server import serving
from stratoscope.demo.world.world import World
from support.loop_thread import in_thread

LOOPBACK = "127.0.0.1:0"


class DemoClock:
    """The cloud's time: it goes on only when the test says so.

    Attributes:
        step_s: So much of it passes at every look at the clock: for clients that wait for something.
    """

    def __init__(self, now: float | None = None) -> None:
        # Clients compare it with their own: when does this token expire?
        self.now = time.time() if now is None else now
        self.step_s = 0.0

    def __call__(self) -> float:
        self.now += self.step_s
        return self.now

    def goes_on(self, seconds: float) -> None:
        """Let so much time pass; what is due happens at the next request."""
        self.now += seconds


@dataclass(frozen=True, slots=True)
class DemoCloud:
    """Attributes:
    url: Where it listens, without a path.
    cloud: The cloud: its `world`, its `faults`, its `request_counts`.
    loop: In which it answers, and lives on.
    """

    url: str
    cloud: OpenStack
    clock: DemoClock
    loop: asyncio.AbstractEventLoop

    @property
    def world(self) -> World:
        return self.cloud.world

    def clouds_yaml(self, folder: Path) -> Path:
        """A clouds.yaml with the clouds `admin`, `reader`, `user1`, and `credential` of user1."""
        write_config(folder / "stratoscope.yml", self.url)
        return folder / CLOUDS_YAML

    def after(self, seconds: float) -> World:
        """The world after so much time; it goes on in the cloud's own thread alone."""
        if asyncio._get_running_loop() is self.loop:
            return self._after(seconds)

        async def after() -> World:
            return self._after(seconds)

        return asyncio.run_coroutine_threadsafe(after(), self.loop).result()

    def _after(self, seconds: float) -> World:
        self.clock.goes_on(seconds)
        self.cloud.advance()
        return self.world


@asynccontextmanager
async def demo_cloud(
    vms: int = 60, hosts: int = 6, projects: int = 5, *, seed: int = 1, now: float | None = None
) -> AsyncIterator[DemoCloud]:
    """An embedded OpenStack in the test's own loop; `now` is when its clock begins, by default now."""
    # In debug mode each future and request keeps its whole stack, source lines included.
    asyncio.get_running_loop().set_debug(False)
    clock = DemoClock(now)
    cloud = OpenStack(build(Size(vms, hosts, projects), seed=seed, now=clock.now), clock)
    async with serving(cloud, [LOOPBACK]) as running:
        yield DemoCloud(running.urls[0], cloud, clock, asyncio.get_running_loop())


@contextmanager
def demo_cloud_in_thread(
    vms: int = 60, hosts: int = 6, projects: int = 5, *, seed: int = 1, now: float | None = None
) -> Iterator[DemoCloud]:
    """The same in a thread with a loop of its own, for clients that block, as openstacksdk does."""

    async def serve(stack: AsyncExitStack) -> DemoCloud:
        return await stack.enter_async_context(demo_cloud(vms, hosts, projects, seed=seed, now=now))

    with in_thread("demo-cloud", serve) as found:
        yield found
