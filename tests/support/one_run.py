"""A run of a probe on a cloud of tests, on simulated time."""

import asyncio
from typing import Any

import pytest

from stratoscope.vmprobe.entries import TIMEOUTS
from stratoscope.vmprobe.order import Order
from stratoscope.vmprobe.record import Outcome, Run
from stratoscope.vmprobe.records import Records
from stratoscope.vmprobe.run import run
from support.fake_ledger import FakeLedger
from support.probe_cloud import ProbeCloud
from support.virtual_time import loop_clock

ID = "0123456789abcdef"


class Bench:
    """A cloud, a ledger and a run. Attributes: seen: The run as it was reported each time."""

    def __init__(self, *, credential: str = "reader", **order: Any) -> None:
        self.clock, self.credential = loop_clock(), credential
        self.cloud = ProbeCloud(self.clock)
        self.ledger = FakeLedger()
        self.records = Records(self.ledger, "uni")
        self.seen: list[Run] = []
        self.order = Order(id=ID, probe="boot", tag="ours", timeouts=TIMEOUTS, **order)

    async def run(self) -> Run:
        lifecycle = self.cloud.lifecycle(self.credential)
        return await run(self.order, lifecycle, self.records, self.seen.append, self.clock)

    async def aborted(self, after_s: float, again_s: float | None = None) -> Run:
        """The run as it was reported last, when it is cancelled so soon, and perhaps once more."""
        task = asyncio.create_task(self.run())
        await asyncio.sleep(after_s)
        task.cancel()
        if again_s is not None:
            await asyncio.sleep(again_s)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return self.seen[-1]

    def check_clean(self) -> None:
        assert self.cloud.ids() == []
        assert self.ledger.open_objects[ID] == {}


def verdict(ended: Run) -> tuple[str, str, str]:
    assert ended.outcome is Outcome.FAILED
    assert ended.failure is not None
    return ended.failure.phase, ended.failure.reason, ended.failure.blame
