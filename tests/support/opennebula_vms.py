"""The Lifecycle of OpenNebula on an oned in memory, as a user with USE alone, and runs on it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, Protocol

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.lifecycle import Mark, Phase, Seen, Underway
from stratoscope.clouds.opennebula.config import Found
from stratoscope.clouds.opennebula.kind import KIND
from stratoscope.clouds.opennebula.lifecycle.vms import OpenNebulaVMs
from stratoscope.clouds.opennebula.lifecycle.zone import WritableZone
from stratoscope.core.config import Secret, decode
from stratoscope.vmprobe.entries import TIMEOUTS
from stratoscope.vmprobe.order import Order
from stratoscope.vmprobe.record import Run
from stratoscope.vmprobe.records import Records
from stratoscope.vmprobe.run import run
from support.fake_ledger import FakeLedger
from support.fake_oned import PLAIN

TAG: Final = "stratoscope-vmprobe"
MARK: Final = Mark(TAG, "boot", "0123456789abcdef", 2e9)
NAME: Final = "stratoscope-0123456789abcdef-2000000000-stratoscope-vmprobe"
QUICK: Final = Limits(requests_per_second=1000)


class Endpoint(Protocol):
    """An oned, in memory or embedded."""

    @property
    def endpoint(self) -> str: ...


class SkippingClock:
    """A clock that sleeps by going on: polls of minutes take no time. The budget keeps the real one.

    Attributes:
        slept: Called with each sleep, for a cloud whose time goes on as well.
    """

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self.slept: Callable[[float], object] = lambda _: None

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: time.monotonic() + self.ahead_s, now=self.now, sleep=self.sleep)

    def now(self) -> float:
        return time.time() + self.ahead_s

    async def sleep(self, seconds: float) -> None:
        self.ahead_s += seconds
        self.slept(seconds)
        await asyncio.sleep(0)  # a time-out that is over ends what sleeps


@asynccontextmanager
async def opened(
    oned: Endpoint, session: str = PLAIN, *, clock: Clock | None = None, **more: Any
) -> AsyncIterator[WritableZone]:
    """The zone as an exporter opens it."""
    entry = Found("one", endpoint=oned.endpoint, session=Secret(session), budget=QUICK, **more)
    zone = WritableZone(entry, clock or Clock())
    try:
        yield zone
    finally:
        await zone.close()


def vms(zone: WritableZone, **more: Any) -> OpenNebulaVMs:
    """The Lifecycle of a description: the template `small`, with more keys or other values."""
    made = KIND.lifecycle(zone, decode(KIND.vm, {"template": "small", **more}, "vmprobe.probes[0]"))
    assert isinstance(made, OpenNebulaVMs)
    return made


async def booted(lifecycle: OpenNebulaVMs, mark: Mark = MARK, host: str = "") -> str:
    """The id of a VM that was requested."""
    return await lifecycle.request(Underway(mark, await lifecycle.resolve()), host)


async def looks(lifecycle: OpenNebulaVMs, vm_id: str, number: int) -> list[Seen | None]:
    return [await lifecycle.see(vm_id) for _ in range(number)]


class Probe:
    """A run of a probe on an oned. Attributes: ledger: What it wrote down; clock: Its time."""

    def __init__(self, oned: Endpoint, session: str = PLAIN, **described: Any) -> None:
        self.ledger, self.clock = FakeLedger(), SkippingClock()
        self._oned, self._session, self._described = oned, session, described
        self.order = Order(id=MARK.run, probe="boot", tag=TAG, timeouts=TIMEOUTS)

    def on(self, host: str) -> "Probe":
        """On a host of a rotation."""
        self.order = replace(self.order, host=host)
        return self

    async def hosts(self) -> Sequence[str]:
        async with opened(self._oned, self._session) as zone:
            return await vms(zone, **self._described).hosts()

    def within(self, **timeouts: float) -> "Probe":
        changed = {Phase(name): seconds for name, seconds in timeouts.items()}
        self.order = replace(self.order, timeouts={**TIMEOUTS, **changed})
        return self

    async def run(self) -> Run:
        async with opened(self._oned, self._session) as zone:
            records = Records(self.ledger, "one")
            return await run(
                self.order, vms(zone, **self._described), records, lambda _: None, self.clock.clock
            )
