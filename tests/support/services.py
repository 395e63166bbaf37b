"""A service of small collectors, run by the real Runner, and a server of it over loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from stratoscope.core.collector import Absent, Collection, Collector, Every, OnScrape
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.core.runner import Runner
from stratoscope.core.web.asking.settings import Guard
from stratoscope.core.web.auth import Access
from stratoscope.core.web.routes import Route
from stratoscope.core.web.server import application, serve
from support.patience import FAR_S

CPU = Family("stratoscope_test_vm_cpu_seconds_total", "CPU time of a VM.", labels=("vm_id",))
MEMORY = Family("stratoscope_test_vm_memory_bytes", "Memory of a VM.", labels=("vm_id",))
POOLS = Family("stratoscope_test_pools", "Storage pools.", labels=("cloud",))


class Domains(Collector[int]):
    """CPU and memory of so many VMs, each a subject; counts how often it was asked."""

    name = "domains"
    cloud = "lab"
    families = (CPU, MEMORY)
    subjects: Mapping[str, Sequence[Family]] = {"cpu": (CPU,), "memory": (MEMORY,)}

    def __init__(self, vms: int = 2) -> None:
        self._vms = vms
        self.fetched = 0

    async def fetch(self) -> int:
        self.fetched += 1
        return self._vms

    def samples(self, data: int, /) -> Iterable[Sample]:
        for number in range(data):
            labels = Labels(vm_id=f"vm-{number}")
            yield CPU(number * 1.5, labels)
            yield MEMORY(1024, labels)


class Failing(Collector[int]):
    """Its source cannot be reached."""

    name = "pools"
    cloud = "lab"
    families = (POOLS,)

    async def fetch(self) -> int:
        raise CollectError(Reason.UNAVAILABLE, "no route to <b>storage</b>")

    def samples(self, data: int, /) -> Iterable[Sample]:
        yield POOLS(data, Labels(cloud="lab"))


class Unauthorized(Failing):
    """Its source lets only others ask."""

    name = "agents"

    async def fetch(self) -> int:
        raise LeftOutError(LeftOut.UNAUTHORIZED, "the role <admin> is needed")


class Hanging(Failing):
    """Its source never answers."""

    name = "hanging"

    async def fetch(self) -> int:
        never: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        return await never


@dataclass
class FakeService:
    """What a Service needs, as plain values; `reload_error` is what the next reload says."""

    runners: Sequence[Runner] = ()
    left_out: Sequence[Absent] = ()
    warnings: Sequence[str] = ()
    name: str = "hypervisor"
    summary: str = "Watches VMs from their host."
    version: str = "1.2.3"
    ready: bool = True
    reload_error: str | None = None
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    routes: Sequence[Route] = ()
    templates: str = ""
    opened: Mapping[str, Any] = field(default_factory=dict)
    guard: Guard = field(default_factory=Guard)

    @property
    def parts(self) -> "FakeService":
        return self

    def config_shown(self) -> str:
        return "clouds: []\n"

    async def reload(self) -> str | None:
        return self.reload_error


def service(*collectors: Collector[int]) -> FakeService:
    """A service of collectors that run when scraped."""
    return FakeService(runners=[Runner(Collection(collector, OnScrape())) for collector in collectors])


def background(collector: Collector[int]) -> Runner:
    """A collector that runs in the background, not run yet."""
    return Runner(Collection(collector, Every(60, 10, 300)))


@asynccontextmanager
async def served(shown: FakeService, access: Access | None = None) -> AsyncIterator[str]:
    """A server of it on a free port of loopback; yields its URL."""
    access = access or Access.open(None)
    serving = await serve(application(shown, access), ["127.0.0.1:0"], access)
    try:
        yield serving.urls[0]
    finally:
        await serving.close()
        await asyncio.gather(*(runner.stop() for runner in shown.runners))


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what sets no event.

    Raises:
        TimeoutError: It never holds.
    """
    async with asyncio.timeout(FAR_S):
        while not holds():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.005)
