"""A reconciler in a simulated loop, with what it works with."""

import asyncio
from collections.abc import Coroutine

from stratoscope.downtime.silences.reconciler import Reconciler
from stratoscope.downtime.silences.record import Standing
from support.fake_alertmanager import FakeAlertmanager, Records, downtime
from support.virtual_time import loop_clock


class House:
    """A reconciler, its downtimes and its Alertmanager. In a simulated loop."""

    def __init__(self, count: int = 1, *, is_dry_run: bool = False) -> None:
        clock = loop_clock()
        begin = int(clock.now())
        self.am = FakeAlertmanager(clock=clock)
        self.records = Records(downtime(f"d{n}", begin, begin + 3600) for n in range(count))
        self.reconciler = Reconciler(self.am, self.records, self.records, is_dry_run=is_dry_run, clock=clock)

    async def reconcile(self) -> None:
        await self.reconciler.reconcile()

    def run_for(self, seconds: float) -> Coroutine[None, None, None]:
        async def work() -> None:
            try:
                async with asyncio.timeout(seconds):
                    await self.reconciler.task().run()
            except TimeoutError:
                pass

        return work()

    @property
    def standings(self) -> set[Standing]:
        return {one.standing for one in self.records.all}
