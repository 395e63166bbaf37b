"""The ledger: what is written is there after a restart, and counted."""

import asyncio
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.lifecycle import Object, Phase, RunReason
from stratoscope.vmprobe import ledger as ledger_module
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.ledger import Ledger
from stratoscope.vmprobe.record import Failure, Outcome, Run
from support.ledgers import CLOUD, a_mark, a_run, intend, intended, modes, open_ledger
from support.source import until
from support.wheel import Wheel

HOUR_S = 3600.0


async def test_file_is_named_for_its_cloud_and_readable_for_its_owner_alone(tmp_path: Path) -> None:
    async with open_ledger(tmp_path, cloud="my/cloud é"):
        pass
    name = "my%2Fcloud%20%C3%A9.db"
    assert modes(tmp_path) == {name: 0o600}
    (tmp_path / name).chmod(0o644)
    async with open_ledger(tmp_path, cloud="my/cloud é") as ledger:
        await ledger.pause("boot", None)
        assert modes(tmp_path) == {name: 0o600, f"{name}-wal": 0o600}


async def test_clouds_with_long_names_have_files_of_their_own(tmp_path: Path) -> None:
    for end in "ab":
        async with open_ledger(tmp_path, cloud="é" * 300 + end) as ledger:
            await ledger.pause(end, None)
    assert len(modes(tmp_path)) == 2
    assert max(len(name) for name in modes(tmp_path)) <= 203


async def test_intent_is_there_after_a_restart_until_it_is_gone(tmp_path: Path) -> None:
    wheel = Wheel()
    async with open_ledger(tmp_path, wheel.clock) as ledger:
        await intend(ledger, "r1", 1500.0, credential="user1")
    async with open_ledger(tmp_path, wheel.clock) as ledger:
        (row,) = await ledger.remaining()
        assert (row.run, row.probe, row.credential, row.object) == ("r1", "boot", "user1", intended("r1"))
        assert (row.deadline, row.since, row.is_created, row.vm_id) == (1500.0, 1000.0, False, "")
        await ledger.gone("r1", intended("r1"))
    async with open_ledger(tmp_path, wheel.clock) as ledger:
        assert await ledger.remaining() == []


async def test_created_object_keeps_its_vm_after_that_is_gone(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        await intend(ledger, "r1", 1500.0)
        server, port = Object("server", "vm-1", "stratoscope-r1"), Object("port", "port-1")
        for one in (server, port, port):
            await ledger.created("r1", one)
        assert [(row.object, row.vm_id) for row in await ledger.remaining()] == [
            (server, "vm-1"),
            (port, "vm-1"),
        ]
        await ledger.gone("r1", server)
    async with open_ledger(tmp_path) as ledger:
        (row,) = await ledger.remaining()
        assert (row.object, row.vm_id, row.is_created) == (port, "vm-1", True)


async def test_intended_objects_of_one_kind_are_told_apart_by_their_names(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        await intend(ledger, "r1", 1500.0)
        await ledger.intend(a_run("r1"), "", Object("server", "", "another"), 1500.0, is_vm=False)
        await ledger.gone("r1", Object("server", "", "another"))
        assert [row.object for row in await ledger.remaining()] == [intended("r1")]


async def test_object_without_a_name_is_the_intended_one_of_its_kind(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        await intend(ledger, "r1", 1500.0)
        await ledger.created("r1", Object("server", "vm-1"))
        (row,) = await ledger.remaining()
        assert (row.object.id, row.vm_id) == ("vm-1", "vm-1")


async def test_object_that_was_not_created_does_not_close_one_that_was(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        await intend(ledger, "r1", 1500.0)
        await ledger.created("r1", Object("server", "vm-1", "stratoscope-r1"))
        await ledger.gone("r1", intended("r1"))
        assert [row.object.id for row in await ledger.remaining()] == ["vm-1"]


async def test_object_of_a_run_that_is_not_known_is_rejected(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        with pytest.raises(TypeError):  # a bug amid a call leaves no transaction behind
            await ledger.save(replace(a_run("r1"), host=object()))
        with pytest.raises(LedgerError, match="FOREIGN KEY constraint failed"):
            await ledger.created("never", Object("port", "port-1"))
        assert await ledger.remaining() == []


async def test_adopted_object_is_of_the_run_that_its_mark_names(tmp_path: Path) -> None:
    found = Object("server", "vm-1", "stratoscope-r1", a_mark("r1", 900.0))
    async with open_ledger(tmp_path) as ledger:
        for _ in range(2):
            await ledger.adopt("user1", found, is_vm=True)
            (row,) = await ledger.remaining()
            assert (row.run, row.probe, row.credential, row.deadline) == ("r1", "boot", "user1", 900.0)
            assert (row.object, row.vm_id) == (Object("server", "vm-1", "stratoscope-r1"), "vm-1")
            await ledger.gone("r1", row.object)
        assert await ledger.known(["r1", "r2"]) == {"r1"}
        with pytest.raises(ValueError, match="without a mark"):
            await ledger.adopt("", Object("port", "port-1"), is_vm=False)


async def test_whole_run_is_remembered(tmp_path: Path) -> None:
    run = Run(
        id="r1",
        probe="boot",
        began=1000.25,
        ended=1010.5,
        outcome=Outcome.FAILED,
        failure=Failure(Phase.BUILT, RunReason.NO_VALID_HOST, "No valid host was found. ☹"),
        phases={Phase.REQUEST: 0.125, Phase.SCHEDULED: 2.5},
        accepted_s={Phase.BUILT: 3.5},
        host="host-1",
        vm_id="vm-1",
        image_id="image-1",
        vm_s=9.75,
        polls=12,
    )
    async with open_ledger(tmp_path) as ledger:
        await ledger.save(a_run("r1"))
        await ledger.save(run)
    async with open_ledger(tmp_path) as ledger:
        assert [*(await ledger.runs())["boot"]] == [run]


async def test_run_in_progress_at_a_kill_is_interrupted_when_it_was_saved_last(tmp_path: Path) -> None:
    wheel = Wheel()
    async with open_ledger(tmp_path, wheel.clock) as ledger:
        await ledger.save(a_run("r1", outcome=Outcome.SUCCESS))
        await intend(ledger, "r2", 1500.0)
        wheel.time_s += 20
        await ledger.save(a_run("r2"))
        assert [run.id for run in (await ledger.runs())["boot"]] == ["r1"]
    wheel.time_s += 3 * 24 * HOUR_S
    ledger = Ledger(tmp_path, CLOUD, wheel.clock)
    (interrupted,) = await ledger.open()
    assert (interrupted.id, interrupted.outcome, interrupted.ended) == ("r2", Outcome.INTERRUPTED, 1020.0)
    assert [*(await ledger.runs())["boot"]] == [a_run("r1", outcome=Outcome.SUCCESS), interrupted]
    assert await ledger.open() == []
    await ledger.close()


async def test_run_that_a_kill_interrupted_names_the_vm_that_it_had_created(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        for run in ("r1", "r2"):
            await intend(ledger, run, 1500.0)
        await ledger.created("r1", Object("server", "vm-1", "stratoscope-r1"))
        await ledger.save(replace(a_run("r3"), vm_id="vm-3"))
    ledger = Ledger(tmp_path, CLOUD)
    assert [run.vm_id for run in await ledger.open()] == ["vm-1", "", "vm-3"]
    await ledger.close()


async def test_newest_200_runs_of_each_probe_are_kept(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        await ledger.save(a_run("other", probe="other", outcome=Outcome.FAILED))
        await ledger.save(a_run("in-progress"))
        for number in range(203):  # the clock goes back meanwhile
            await ledger.save(a_run(f"r{number}", outcome=Outcome.SUCCESS, began=5000.0 - number))
        runs = await ledger.runs()
        assert [run.id for run in runs["boot"]] == [f"r{number}" for number in range(3, 203)]
        assert [run.id for run in runs["other"]] == ["other"]
        assert len((await ledger.runs(newest=300))["boot"]) == 200, "older ones are not only left out"
        assert [run.id for run in (await ledger.runs(newest=2))["boot"]] == ["r201", "r202"]
        await ledger.save(a_run("in-progress", outcome=Outcome.SUCCESS))
        assert "in-progress" not in [run.id for run in (await ledger.runs(newest=2))["boot"]]


async def test_run_that_cannot_be_read_costs_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_ledger(tmp_path) as ledger:
        for run_id in ("r1", "r2"):
            await ledger.save(a_run(run_id, outcome=Outcome.SUCCESS))
        await ledger.save(a_run("r3"))
        await ledger._execute("UPDATE runs SET document = '{}' WHERE id IN ('r1', 'r3')")
    async with open_ledger(tmp_path) as ledger:
        assert [run.id for run in (await ledger.runs())["boot"]] == ["r2"]
    assert "left out a run that cannot be read" in caplog.text


async def test_vm_seconds_are_those_of_the_time_asked_for(tmp_path: Path) -> None:
    wheel = Wheel()
    async with open_ledger(tmp_path, wheel.clock) as ledger:
        for run_id, at, exists_s in (("r1", 1000.0, 100.0), ("r2", 2000.0, 50.0), ("r3", 3000.0, None)):
            wheel.time_s = at
            await intend(ledger, run_id, 9000.0)
            vm = Object("server", f"vm-{run_id}", f"stratoscope-{run_id}")
            await ledger.created(run_id, vm)
            await ledger.created(run_id, Object("port", f"port-{run_id}"))  # no VM
            if exists_s is not None:
                wheel.time_s += exists_s
                await ledger.gone(run_id, vm)
                await ledger.gone(run_id, Object("port", f"port-{run_id}"))
        await intend(ledger, "r4", 9000.0)  # perhaps none
        assert await ledger.vm_seconds(0.0, 3200.0) == 100 + 50 + 200
        assert await ledger.vm_seconds(1060.0, 3200.0) == 40 + 50 + 200
        assert await ledger.vm_seconds(1100.0, 3200.0) == 50 + 200
        assert await ledger.vm_seconds(3100.0, 3200.0) == 100
    async with open_ledger(tmp_path, wheel.clock) as ledger:
        assert await ledger.vm_seconds(0.0, 3200.0) == 350


async def test_vm_seconds_after_the_clock_went_back_are_not_fewer(tmp_path: Path) -> None:
    wheel = Wheel(time_s=10_000.0)
    async with open_ledger(tmp_path, wheel.clock) as ledger:
        assert await ledger.vm_seconds(0.0, 10_000.0) == 0
        await intend(ledger, "r1", 11_000.0)
        await ledger.created("r1", Object("server", "vm-1", "stratoscope-r1"))
        wheel.time_s += 100
        await ledger.gone("r1", Object("server", "vm-1", "stratoscope-r1"))
        wheel.time_s -= HOUR_S
        assert await ledger.vm_seconds(wheel.time_s - 24 * HOUR_S, wheel.time_s) == 100
        await intend(ledger, "r2", 11_000.0)
        await ledger.created("r2", Object("server", "vm-2", "stratoscope-r2"))
        wheel.time_s -= HOUR_S
        assert await ledger.vm_seconds(wheel.time_s - 24 * HOUR_S, wheel.time_s) == 100


async def test_what_is_gone_is_forgotten_after_25_hours_unless_something_of_its_run_is_left(
    tmp_path: Path,
) -> None:
    wheel = Wheel()
    port = Object("port", "port-r2")
    async with open_ledger(tmp_path, wheel.clock) as ledger:
        for run_id in ("r1", "r2"):
            await intend(ledger, run_id, 1500.0)
            vm = Object("server", f"vm-{run_id}", f"stratoscope-{run_id}")
            await ledger.created(run_id, vm)
            if run_id == "r2":
                await ledger.created(run_id, port)
            await ledger.gone(run_id, vm)
        for hours, known in ((24.9, {"r1", "r2"}), (26, {"r2"})):
            wheel.time_s = 1000.0 + hours * HOUR_S
            await ledger.gone("none", port)
            assert await ledger.known(["r1", "r2"]) == known
        assert [(row.object, row.vm_id) for row in await ledger.remaining()] == [(port, "vm-r2")]
        await ledger.gone("r2", port)
        wheel.time_s += 26 * HOUR_S
        await ledger.gone("none", port)
        assert await ledger.known(["r2"]) == set()


async def test_kept_run_says_until_when(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        await intend(ledger, "r1", 1500.0)
        await ledger.keep("r1", 3000.0)
    async with open_ledger(tmp_path) as ledger:
        assert [row.kept_until for row in await ledger.remaining()] == [3000.0]


async def test_pauses_by_hand_survive_a_restart(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        await ledger.pause("boot", 2000.0)
        await ledger.pause("boot", None)
        await ledger.pause("other", 3000.0)
        await ledger.pause("third", None)
        await ledger.resume("third")
        await ledger.resume("never paused")
    async with open_ledger(tmp_path) as ledger:
        assert await ledger.pauses() == {"boot": None, "other": 3000.0}


async def test_calls_at_once_wait_for_each_other(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        await asyncio.gather(*(intend(ledger, f"r{number}", 1500.0) for number in range(20)))
        assert len(await ledger.remaining()) == 20


class HungDisk:
    """The ledger's thread hangs in its next call, until it is released."""

    def __init__(self, ledger: Ledger) -> None:
        self.is_released, self.has_begun = threading.Event(), asyncio.Event()
        self._database, self._loop = ledger._database, asyncio.get_running_loop()
        self._transaction = self._database.transaction
        self._database.transaction = self._hang  # type: ignore[method-assign]

    def _hang(self):  # noqa: ANN202 - a context manager
        self._database.transaction = self._transaction  # type: ignore[method-assign]
        self._loop.call_soon_threadsafe(self.has_begun.set)
        self.is_released.wait()
        return self._transaction()


async def test_call_that_hangs_is_reported_and_the_next_ones_go_on_once_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_ledger(tmp_path) as ledger:
        disk = HungDisk(ledger)
        monkeypatch.setattr(ledger_module, "_PATIENCE_S", 0.02)
        for run_id in ("r1", "r2"):
            with pytest.raises(LedgerError, match=r"^ledger .*/uni\.db: its disk does not answer within 0"):
                await intend(ledger, run_id, 1500.0)
        monkeypatch.setattr(ledger_module, "_PATIENCE_S", 60.0)
        disk.is_released.set()
        await intend(ledger, "r3", 1500.0)
        assert [row.run for row in await ledger.remaining()] == ["r1", "r3"]


async def test_call_that_is_cancelled_does_not_disturb_the_next(tmp_path: Path) -> None:
    async with open_ledger(tmp_path) as ledger:
        disk = HungDisk(ledger)
        cancelled = asyncio.create_task(intend(ledger, "r1", 1500.0))
        await disk.has_begun.wait()
        cancelled.cancel()
        after = asyncio.create_task(ledger.gone("r1", intended("r1")))
        await asyncio.wait({cancelled})
        disk.is_released.set()
        await after
        assert await ledger.remaining() == []


async def test_hung_ledger_is_abandoned_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path, CLOUD)
    await ledger.open()
    disk = HungDisk(ledger)
    monkeypatch.setattr(ledger_module, "_PATIENCE_S", 0.02)
    with pytest.raises(LedgerError):
        await ledger.pauses()
    await ledger.close()
    with pytest.raises(LedgerError):
        await ledger.pauses()
    disk.is_released.set()
    await until(lambda: ledger._database._connection is None)


async def test_closed_ledger_says_so(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, CLOUD, Clock())
    await ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        await ledger.pauses()
