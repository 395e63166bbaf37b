"""A Prober on a cloud and a ledger in memory, in a loop whose time does not wait."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from yarl import URL

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.client.http import Http
from stratoscope.clouds.client.limiter import Budget, Limits
from stratoscope.clouds.client.proxies import Proxy
from stratoscope.clouds.client.request import Method, Response
from stratoscope.clouds.lifecycle import Phase
from stratoscope.vmprobe.entries import TIMEOUTS, Probe
from stratoscope.vmprobe.hosts import Hosts
from stratoscope.vmprobe.limits import Ceilings, CeilingSettings
from stratoscope.vmprobe.pause_url import PauseUrl
from stratoscope.vmprobe.phases import OPTIONAL
from stratoscope.vmprobe.prober import Prober
from stratoscope.vmprobe.probing import Shared
from stratoscope.vmprobe.record import Run
from stratoscope.vmprobe.records import Records
from stratoscope.vmprobe.sweep import Sweep
from support.fake_ledger import FakeLedger
from support.probe_cloud import ProbeCloud
from support.virtual_time import loop_clock, simulated

GENEROUS = CeilingSettings(vms_at_once=100, vm_hours_per_day=1000)


class Described(msgspec.Struct, frozen=True):
    """A description of a VM."""

    flavor: str = "m1.small"
    zone: str = "nova"
    credential: str = ""


def probe(name: str = "boot", interval_s: float = 60.0, **other: Any) -> Probe:
    vm, optional = other.pop("vm", Described()), other.pop("optional", ())
    return Probe(
        name=name,
        cloud="uni",
        kind="memory",
        vm=vm,
        described={"flavor": vm.flavor},
        interval_s=interval_s,
        timeouts={one: TIMEOUTS[one] for one in Phase if one not in OPTIONAL or one in optional},
        **other,
    )


class FakeHttp(Http):
    """Attributes: answer: What is answered, or raised. sent: The headers of each request."""

    def __init__(self) -> None:
        self.answer: Response | Exception = Response(404, b"", {})
        self.sent: list[Mapping[str, str]] = []
        self.takes_s = 0.0

    async def request(
        self, _method: Method, _url: URL, headers: Mapping[str, str], _proxy: Proxy | None, _body: bytes = b""
    ) -> Response:
        self.sent.append(headers)
        await asyncio.sleep(self.takes_s)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def answers(self, **body: object) -> None:
        self.answer = Response(200, json.dumps(body).encode(), {})

    async def close(self) -> None:
        pass


class Bench:
    """Attributes: prober: Not running yet. clock, cloud, ledger, http: What it uses."""

    def __init__(self, *, limits: CeilingSettings = GENEROUS, ledger: FakeLedger | None = None) -> None:
        self.clock: Clock = loop_clock()
        self.cloud = ProbeCloud(self.clock)
        self.ledger = ledger or FakeLedger()
        self.http = FakeHttp()
        sweep = Sweep(self.ledger, "ours", self.clock)
        self.shared = Shared(
            cloud="uni",
            tag="ours",
            budget=Budget(Limits(), self.clock),
            records=Records(self.ledger, "uni"),
            ceilings=Ceilings(self.ledger, sweep, limits, self.clock),
            pause_url=PauseUrl("uni", self.http, self.clock),
            hosts=Hosts("uni", self.clock),
            clock=self.clock,
        )
        self.prober = Prober(self.shared, self.ledger, sweep, lambda vm: self.cloud.lifecycle(vm.credential))

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    @asynccontextmanager
    async def running(self, *probes: Probe) -> AsyncIterator[None]:
        """The prober runs; afterwards it is stopped."""
        self.prober.change(probes)
        task = asyncio.create_task(self.prober.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()

    async def until(self, moment: float) -> None:
        """A moment since the loop began."""
        await asyncio.sleep(max(0.0, moment - self.now))

    def began(self, name: str = "boot") -> list[float]:
        """When the runs of a probe began that have ended."""
        return [round(one.began - 1_800_000_000, 2) for one in self.runs(name)]

    def runs(self, name: str = "boot") -> list[Run]:
        return list(self.prober.probings[name].history)

    def skipped(self, name: str = "boot") -> dict[str, int]:
        """By reason, without those that did not occur."""
        counted = self.prober.probings[name].tally.skipped
        return {str(reason): number for reason, number in counted.items() if number}


def on_bench(work: Callable[[Bench], Coroutine[Any, Any, None]], **options: Any) -> None:
    """Do the work on a bench, in virtual time."""

    async def main() -> None:
        await work(Bench(**options))

    simulated(main)
