"""Ledgers for tests, and what is written to them."""

import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.lifecycle import Mark, Object
from stratoscope.vmprobe.ledger import Ledger
from stratoscope.vmprobe.record import Outcome, Run

TAG = "ours"
CLOUD = "uni"


@asynccontextmanager
async def open_ledger(folder: Path, clock: Clock = CLOCK, cloud: str = CLOUD) -> AsyncIterator[Ledger]:
    """A ledger, open."""
    ledger = Ledger(folder, cloud, clock)
    try:
        await ledger.open()
        yield ledger
    finally:
        await ledger.close()


def a_run(
    run_id: str, *, probe: str = "boot", outcome: Outcome = Outcome.RUNNING, began: float = 1000.0
) -> Run:
    """A run; one that has ended took 10 s."""
    ended = 0.0 if outcome is Outcome.RUNNING else began + 10
    return Run(id=run_id, probe=probe, began=began, ended=ended, outcome=outcome)


def a_mark(run_id: str, deadline: float, *, tag: str = TAG, probe: str = "boot") -> Mark:
    return Mark(tag, probe, run_id, deadline)


def intended(run_id: str) -> Object:
    """The VM that a run will create."""
    return Object("server", "", f"stratoscope-{run_id}")


async def intend(ledger: Ledger, run_id: str, deadline: float, *, credential: str = "") -> None:
    """Write down that a run will create a VM."""
    await ledger.intend(a_run(run_id), credential, intended(run_id), deadline)


def modes(folder: Path) -> Mapping[str, int]:
    """The modes of the files in a folder."""
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
