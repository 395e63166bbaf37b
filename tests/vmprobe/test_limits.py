"""The ceilings of a cloud: what one process or its successor may use of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from stratoscope.clouds.lifecycle import Object
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.ledger import Ledger
from stratoscope.vmprobe.limits import CeilingError, Ceilings, CeilingSettings
from stratoscope.vmprobe.sweep import Sweep
from support.ledgers import TAG, a_mark, intend, open_ledger
from support.probe_cloud import ProbeCloud
from support.wheel import Wheel

HOUR_S = 3600.0


@dataclass
class Runs:
    """Runs under ceilings, that begin and end when the test says so.

    Attributes:
        began: Their names, in order.
        refused: By the limit's key.
    """

    wheel: Wheel
    ledger: Ledger
    sweep: Sweep
    ceilings: Ceilings
    began: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    ends: dict[str, asyncio.Event] = field(default_factory=dict)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def begin(self, *names: str, expected_s: float = 60.0) -> None:
        """Let runs want a VM, and what follows from it happen."""
        for name in names:
            self.ends[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._run(name, expected_s))
            await self.settle()

    async def end(self, *names: str) -> None:
        for name in names:
            self.ends[name].set()
            await self.tasks[name]
        await self.settle()

    async def settle(self) -> None:
        """Until nothing goes on by itself: the ledger has answered, and its callers have gone on."""
        for _ in range(3):
            await self.ledger.pauses()
            for _ in range(10):
                await asyncio.sleep(0)

    async def spend(self, run_id: str, hours: float) -> None:
        """A run whose VM existed so long."""
        await intend(self.ledger, run_id, 1e9)
        vm = Object("server", f"vm-{run_id}", f"stratoscope-{run_id}")
        await self.ledger.created(run_id, vm)
        self.wheel.time_s += hours * HOUR_S
        await self.ledger.gone(run_id, vm)

    async def _run(self, name: str, expected_s: float) -> None:
        try:
            async with self.ceilings.vm(expected_s):
                self.began.append(name)
                await self.ends[name].wait()
        except CeilingError as error:
            self.refused[name] = f"{error.limit}: {error}"


def under_ceilings(wheel: Wheel, ledger: Ledger, **settings: float) -> Runs:
    sweep = Sweep(ledger, TAG, wheel.clock)
    return Runs(wheel, ledger, sweep, Ceilings(ledger, sweep, CeilingSettings(**settings), wheel.clock))  # type: ignore[arg-type]  # two are int


@pytest_asyncio.fixture
async def runs(tmp_path: Path) -> AsyncIterator[Runs]:
    wheel = Wheel(time_s=1e6)
    async with open_ledger(tmp_path, wheel.clock) as ledger:
        one = under_ceilings(wheel, ledger)
        await one.sweep.once({}, ())
        yield one
        for task in one.tasks.values():
            task.cancel()
        await asyncio.gather(*one.tasks.values(), return_exceptions=True)
        assert (one.ceilings.vms, one.ceilings.waiting) == (0, 0)


async def test_vms_at_once_begin_in_the_order_in_which_they_are_wanted(runs: Runs) -> None:
    await runs.begin("a", "b", "c", "d", "e")
    assert (runs.began, runs.ceilings.vms, runs.ceilings.waiting) == (["a", "b"], 2, 3)
    await runs.end("b")
    assert (runs.began, runs.ceilings.vms, runs.ceilings.waiting) == (["a", "b", "c"], 2, 2)
    await runs.end("a", "c")
    assert runs.began == ["a", "b", "c", "d", "e"]


async def test_run_that_is_given_up_while_it_waits_leaves_its_turn(runs: Runs) -> None:
    await runs.begin("a", "b", "c", "d")
    runs.tasks["c"].cancel()
    await runs.settle()
    assert runs.ceilings.waiting == 1
    await runs.end("a")
    assert runs.began == ["a", "b", "d"]


async def test_run_that_is_given_up_when_it_was_just_let_in_leaves_its_place(runs: Runs) -> None:
    await runs.begin("a", "b", "c", "d")
    runs.ends["a"].set()
    await runs.tasks["a"]
    runs.tasks["c"].cancel()
    await runs.settle()
    assert runs.began == ["a", "b", "d"]
    assert runs.ceilings.vms == 2


async def test_turn_that_is_given_up_at_the_moment_of_its_place_is_passed_on(runs: Runs) -> None:
    await runs.begin("a", "b", "c", "d")
    runs.tasks["c"].cancel()
    await asyncio.sleep(0)  # its turn is cancelled; it has not gone on yet
    runs.ceilings.settings = CeilingSettings(vms_at_once=3)
    await runs.settle()
    assert runs.began == ["a", "b", "d"]
    assert (runs.ceilings.vms, runs.ceilings.waiting) == (3, 0)


async def test_changed_number_of_vms_applies_to_those_that_have_not_begun(runs: Runs) -> None:
    await runs.begin("a", "b", "c", "d", "e")
    runs.ceilings.settings = CeilingSettings(vms_at_once=3)
    await runs.settle()
    assert runs.began == ["a", "b", "c"]
    runs.ceilings.settings = CeilingSettings(vms_at_once=1)
    await runs.end("a", "b")
    assert (runs.began, runs.ceilings.vms) == (["a", "b", "c"], 1)
    await runs.end("c")
    assert runs.began == ["a", "b", "c", "d"]


async def test_vm_hours_of_the_last_day_end_the_runs(runs: Runs) -> None:
    runs.ceilings.settings = CeilingSettings(vm_hours_per_day=3)
    await runs.spend("r1", hours=2)
    await runs.begin("a", expected_s=HOUR_S)
    await runs.end("a")
    await runs.begin("b", expected_s=HOUR_S + 1)
    assert runs.began == ["a"]
    assert runs.refused == {
        "b": "vm_hours_per_day: 2 VM-hours were spent in the last 24 hours, runs in progress may need 0,"
        " this one 1, and 3 are allowed"
    }
    runs.wheel.time_s += 22 * HOUR_S + 1  # its first second is a day ago
    await runs.begin("c", expected_s=HOUR_S + 1)
    assert runs.began == ["a", "c"]


async def test_vm_hours_are_not_overrun_by_runs_side_by_side(runs: Runs) -> None:
    runs.ceilings.settings = CeilingSettings(vms_at_once=10, vm_hours_per_day=3)
    names = [f"run-{number}" for number in range(10)]
    for name in names:
        runs.ends[name] = asyncio.Event()
        runs.tasks[name] = asyncio.create_task(runs._run(name, HOUR_S))
    await runs.settle()
    await asyncio.wait([runs.tasks[name] for name in names[3:]])
    assert runs.began == names[:3]
    assert [*runs.refused] == names[3:]
    await runs.end(*names[:3])
    await runs.begin("after", expected_s=3 * HOUR_S)
    assert runs.began == [*names[:3], "after"]


async def test_vm_that_is_still_there_counts_until_now(runs: Runs) -> None:
    await intend(runs.ledger, "r1", 1e9)
    await runs.ledger.created("r1", Object("server", "vm-1", "stratoscope-r1"))
    runs.wheel.time_s += 23 * HOUR_S
    assert await runs.ceilings.day_s() == 23 * HOUR_S
    await runs.begin("a", expected_s=2 * HOUR_S)
    assert runs.began == []
    runs.ceilings.settings = CeilingSettings(vm_hours_per_day=25)
    await runs.begin("b", expected_s=2 * HOUR_S)
    assert runs.began == ["b"]


async def test_vm_hours_survive_a_restart(tmp_path: Path) -> None:
    wheel = Wheel(time_s=1e6)
    async with open_ledger(tmp_path, wheel.clock) as ledger:
        await under_ceilings(wheel, ledger).spend("r1", hours=2)
    async with open_ledger(tmp_path, wheel.clock) as ledger:
        runs = under_ceilings(wheel, ledger, vm_hours_per_day=2.5)
        await runs.sweep.once({}, ())
        await runs.begin("a", expected_s=HOUR_S)
        assert "2 VM-hours were spent" in runs.refused["a"]


async def test_too_much_left_of_earlier_runs_ends_new_ones_until_it_is_gone(runs: Runs) -> None:
    cloud = ProbeCloud(runs.wheel.clock)
    for run_id in ("r1", "r2"):
        await intend(runs.ledger, run_id, 2e6)
        await runs.ledger.created(run_id, cloud.add_vm(f"vm-{run_id}", a_mark(run_id, 2e6)))
    runs.ceilings.settings = CeilingSettings(leaked_resources=3)
    lifecycles = {"": cloud.lifecycle()}
    await runs.ledger.keep("r2", 1e6 + 100)
    cloud.undeletable.update(["vm-r1", "vm-r2"])
    await runs.sweep.once(lifecycles, ())
    assert (runs.sweep.leaks.total, runs.sweep.leaks.kept) == (2, {"server": 1})
    await runs.begin("a")
    runs.wheel.time_s += 100
    await runs.sweep.once(lifecycles, ())
    await runs.begin("b")
    why = "server vm-r1: its deletion was accepted, and it is still there"
    assert runs.refused == {
        "b": f"leaked_resources: 4 objects are left of earlier runs, and 3 are allowed: {why}"
    }
    cloud.repaired()
    for _ in range(3):
        runs.wheel.time_s += 600
        await runs.sweep.once(lifecycles, ())
    await runs.begin("c")
    assert runs.began == ["a", "c"]


async def test_no_run_begins_before_it_is_known_what_is_left(tmp_path: Path) -> None:
    wheel = Wheel()
    async with open_ledger(tmp_path, wheel.clock) as ledger:
        runs = under_ceilings(wheel, ledger)
        await runs.begin("a")
        assert runs.refused == {"a": "leaked_resources: it is not known yet what is left of earlier runs"}
        assert runs.ceilings.vms == 0


async def test_no_run_begins_without_a_ledger(runs: Runs) -> None:
    await runs.ledger.close()
    for _ in range(3):
        with pytest.raises(LedgerError):
            async with runs.ceilings.vm(60.0):
                raise AssertionError
    assert runs.ceilings.vms == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"vms_at_once": 0}, ">= 1"),
        ({"vm_hours_per_day": 0}, "> 0"),
        ({"leaked_resources": -1}, ">= 0"),
        ({"vms": 1}, "unknown field `vms`"),
    ],
)
def test_settings_say_what_is_allowed(settings: dict[str, object], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(settings, CeilingSettings)


def test_default_ceilings_are_low() -> None:
    assert CeilingSettings() == CeilingSettings(vms_at_once=2, vm_hours_per_day=24.0, leaked_resources=5)
