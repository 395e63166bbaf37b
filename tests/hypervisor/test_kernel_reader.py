"""One reading of the kernel's files: what it holds, what is left out, and what is kept between readings."""

import errno
import logging
import os
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from stratoscope.core.errors import LeftOut
from stratoscope.hypervisor.kernel.cgroups import Cgroups
from stratoscope.hypervisor.kernel.oom import Kills
from stratoscope.hypervisor.kernel.past import Past
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.processes import NotFound, Process
from stratoscope.hypervisor.kernel_reader import Reading, _pasts
from support.hosts import copied, recorded
from support.kernel_readers import HYBRID, QUEUES, SECOND, UNIFIED, V1, Asked, Told, read
from support.libvirt_hosts import with_time
from support.source import Clock
from support.threads import set_threads


def write(directory: str, name: str, text: str) -> None:
    """Write the one file of that name, which may be a pattern."""
    (file,) = Path(directory).glob(name)
    file.write_text(text)


def rewrite(directory: str, name: str, old: str, new: str) -> None:
    file = Path(directory, name)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def take_quotas_away(paths: Paths) -> None:
    for file in Path(paths.cgroup).glob("cpu,cpuacct/machine.slice/*/**/cpu.cfs_quota_us"):
        file.write_text("-1\n")


def count_kills(paths: Paths, kills: int) -> None:
    Path(paths.cgroup, "machine.slice", "memory.events").write_text(f"oom_kill {kills}\n")


def set_state(paths: Paths, pid: int, state: str) -> None:
    file = Path(paths.procfs, str(pid), "stat")
    name, _, rest = file.read_text().rpartition(") ")
    file.write_text(f"{name}) {state}{rest[1:]}")


def remove(paths: Paths, tap: str) -> None:
    directory = Path(paths.sysfs, "class/net", tap)
    for file in directory.iterdir():
        file.unlink()
    directory.rmdir()


async def test_reading_holds_vms_taps_and_queues(readers: Asked) -> None:
    reader = readers.reader(recorded("hybrid"), lambda: QUEUES)
    reading = await read(reader, {HYBRID: ("guest-1", 1)}, "vnet0", "vnet1")
    assert set(reading.vms) == {HYBRID}
    assert set(reading.taps.taps) == {"vnet0", "vnet1"}
    assert reading.queues == QUEUES
    assert (reading.missing, reading.lacking, reading.malformed) == ({}, {}, 0)


async def test_vm_without_a_process_is_missing_with_the_reason(readers: Asked) -> None:
    reading = await read(readers.reader(recorded("hybrid")), {UNIFIED: ("guest", 1)})
    assert reading.vms == {}
    assert reading.missing == {UNIFIED: NotFound.ABSENT}


async def test_file_that_makes_no_sense_costs_its_vm_and_is_counted(readers: Asked, tmp_path: Path) -> None:
    paths = copied("unified", tmp_path)
    running = {UNIFIED: ("guest", 1)}
    reader = readers.reader(paths)
    assert set((await read(reader, running)).vms) == {UNIFIED}
    write(paths.cgroup, "machine.slice/*/memory.current", "much\n")
    reading = await read(reader, running)
    assert (reading.vms, reading.missing, reading.malformed) == ({}, {UNIFIED: NotFound.MALFORMED}, 1)


async def test_process_that_ended_meanwhile_is_neither_read_nor_missing(
    readers: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = readers.reader(recorded("hybrid"))
    monkeypatch.setattr("stratoscope.hypervisor.kernel_reader.read_vm", lambda *_: None)
    reading = await read(reader, {HYBRID: ("guest-1", 1)})
    assert (reading.vms, reading.missing) == ({}, {})


async def test_tap_that_makes_no_sense_is_left_out_and_counted(readers: Asked, tmp_path: Path) -> None:
    paths = copied("hybrid", tmp_path)
    write(paths.sysfs, "class/net/vnet0/flags", "up\n")
    reading = await read(readers.reader(paths), {}, "vnet0", "vnet1")
    assert set(reading.taps.taps) == {"vnet1"}
    assert reading.malformed == 1


async def test_tap_that_was_there_and_is_gone_is_told_from_one_that_never_was(
    readers: Asked, tmp_path: Path
) -> None:
    paths = copied("hybrid", tmp_path)
    reader = readers.reader(paths)
    assert set((await read(reader, {}, "vnet0", "vhu1")).taps.taps) == {"vnet0"}
    remove(paths, "vnet0")
    for _ in range(2):
        assert (await read(reader, {}, "vnet0", "vhu1")).taps.taps == {"vnet0": None}


async def test_tap_that_nobody_asked_for_in_between_begins_anew(readers: Asked, tmp_path: Path) -> None:
    paths = copied("hybrid", tmp_path)
    reader = readers.reader(paths)
    await read(reader, {}, "vnet0")
    remove(paths, "vnet0")
    await read(reader, {})
    assert (await read(reader, {}, "vnet0")).taps.taps == {}


async def test_more_that_listen_on_a_tap_than_ever_before_are_noticed(readers: Asked) -> None:
    counts = {"vnet0": 1, "vnet1": 2}
    reader = readers.reader(recorded("hybrid"), promiscuity=lambda: dict(counts))
    seen = []
    for vnet0, vnet1 in ((1, 2), (2, 2), (2, 1), (1, 2)):
        counts |= {"vnet0": vnet0, "vnet1": vnet1}
        promiscuous = (await read(reader, {}, "vnet0", "vnet1")).taps.promiscuous
        seen.append((promiscuous["vnet0"], promiscuous["vnet1"]))
    assert seen == [(False, False), (True, False), (True, False), (False, True)]


@pytest.mark.parametrize("why", [LeftOut.UNAUTHORIZED, LeftOut.ABSENT])
async def test_kernel_that_does_not_tell_who_listens_is_said(readers: Asked, why: LeftOut) -> None:
    reading = await read(readers.reader(recorded("hybrid"), promiscuity=lambda: why), {}, "vnet0")
    assert (reading.taps.promiscuous, reading.lacking) == ({}, {"promiscuity": why})


async def test_queues_are_not_asked_for_where_there_is_no_tap(readers: Asked) -> None:
    calls: list[int] = []
    reader = readers.reader(recorded("hybrid"), lambda: calls.append(1) or QUEUES)  # type: ignore[func-returns-value]
    await read(reader, {})
    assert calls == []


@pytest.mark.parametrize("why", [LeftOut.UNAUTHORIZED, LeftOut.ABSENT])
async def test_kernel_that_does_not_tell_queues_is_said(readers: Asked, why: LeftOut) -> None:
    reading = await read(readers.reader(recorded("hybrid"), lambda: why), {}, "vnet0")
    assert (reading.queues, reading.lacking) == ({}, {"queues": why})


@pytest.mark.parametrize("error", [TimeoutError("timed out"), OSError(5, "EIO"), ValueError("cut short")])
async def test_queues_that_cannot_be_read_cost_themselves(readers: Asked, error: Exception) -> None:
    def failing() -> Told:
        raise error

    reading = await read(readers.reader(recorded("hybrid"), failing), {HYBRID: ("guest-1", 1)}, "vnet0")
    assert (set(reading.vms), set(reading.taps.taps), reading.malformed) == ({HYBRID}, {"vnet0"}, 1)


async def test_subject_that_the_kernel_has_for_no_vm_is_lacking(readers: Asked) -> None:
    reading = await read(readers.reader(recorded("v1")), {V1: ("old", 3)})
    assert reading.lacking == {"pressure": LeftOut.ABSENT}


async def test_subject_that_is_refused_for_every_vm_is_lacking_for_want_of_a_right(
    readers: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = (await read(readers.reader(recorded("v1")), {V1: ("old", 3)})).vms[V1]
    changed = replace(refused, pressure=None, memory=None, refused=("memory", "pressure"))
    monkeypatch.setattr("stratoscope.hypervisor.kernel_reader.read_vm", lambda *_: changed)
    reading = await read(readers.reader(recorded("v1")), {V1: ("old", 3)})
    assert reading.lacking == {"pressure": LeftOut.UNAUTHORIZED, "oom": LeftOut.UNAUTHORIZED}


@pytest.mark.parametrize("state", ["T", "t"])
async def test_stopped_process_is_stuck_since_the_first_reading_that_found_it_so(
    readers: Asked, tmp_path: Path, state: str
) -> None:
    paths, clock = copied("v1", tmp_path), Clock()
    reader = readers.reader(paths, clock=clock)
    set_state(paths, 4100, state)
    assert (await read(reader, {V1: ("old", 3)})).stuck_s == {V1: 0.0}
    clock.time_s += 15
    reading = await read(reader, {V1: ("old", 3)})
    assert (reading.stuck_s, reading.dead_s) == ({V1: 15.0}, {})


async def test_process_that_was_seen_at_work_in_between_is_not_stuck(readers: Asked, tmp_path: Path) -> None:
    paths, clock = copied("v1", tmp_path), Clock()
    reader = readers.reader(paths, clock=clock)
    for state in "TRT":
        set_state(paths, 4100, state)
        reading = await read(reader, {V1: ("old", 3)})
        clock.time_s += 15
    assert reading.stuck_s == {V1: 0.0}


async def test_frozen_process_is_stuck_and_waits_for_no_storage(readers: Asked, tmp_path: Path) -> None:
    paths, clock = copied("v1", tmp_path), Clock()
    reader = readers.reader(paths, clock=clock)
    set_threads(paths, 4100, {4100: ("D", 5), 4104: ("D", 7)})
    for _ in range(2):
        reading = await read(reader, {V1: ("old", 3)})
        clock.time_s += 15
    assert reading.stuck_s == {V1: 15.0}
    assert reading.vms[V1].blocked_s == 0


async def test_thread_that_waits_for_storage_is_told_of_and_its_process_is_not_stuck(
    readers: Asked, tmp_path: Path
) -> None:
    paths, clock = copied("v1", tmp_path), Clock()  # its QEMU's main thread is in D
    reader = readers.reader(paths, clock=clock)
    set_threads(paths, 4100, {4100: ("D", 5), 4104: ("S", 7)})
    for _ in range(2):
        reading = await read(reader, {V1: ("old", 3)})
        clock.time_s += 15
    assert (reading.vms[V1].blocked_s, reading.stuck_s, reading.dead_s) == (15.0, {}, {})


async def test_zombie_is_dead_unless_a_thread_of_it_still_waits(readers: Asked, tmp_path: Path) -> None:
    paths, clock = copied("v1", tmp_path), Clock()
    reader = readers.reader(paths, clock=clock)
    set_state(paths, 4100, "Z")
    for _ in range(2):
        reading = await read(reader, {V1: ("old", 3)})
        clock.time_s += 15
    assert (reading.dead_s, reading.stuck_s) == ({V1: 15.0}, {})
    set_threads(paths, 4100, {4100: ("Z", 5), 4104: ("D", 7)})
    for _ in range(2):
        reading = await read(reader, {V1: ("old", 3)})
        clock.time_s += 15
    assert (reading.dead_s, reading.vms[V1].blocked_s) == ({}, 15.0)


async def test_process_that_has_ended_is_dead_until_the_vm_is_no_longer_listed(
    readers: Asked, tmp_path: Path
) -> None:
    paths, clock = copied("v1", tmp_path), Clock()
    reader = readers.reader(paths, clock=clock)
    await read(reader, {V1: ("old", 3)})
    shutil.rmtree(Path(paths.procfs, "4100"))
    for expected in (0.0, 15.0):
        reading = await read(reader, {V1: ("old", 3)})
        assert (reading.vms, reading.dead_s) == ({}, {V1: expected})
        clock.time_s += 15
    assert (await read(reader, {V1: ("old", 4)})).dead_s == {}, "it was started anew"
    assert (await read(reader, {})).dead_s == {}


async def test_vms_known_from_before_are_read_again_without_a_search(readers: Asked, tmp_path: Path) -> None:
    paths = copied("hybrid", tmp_path)
    reader = readers.reader(paths)
    await read(reader, {HYBRID: ("guest-1", 1)})
    known = {HYBRID: 1, SECOND: 2}
    reading = await with_time(lambda: reader.read_again(known, ["vnet0"]))
    assert set(reading.vms) == {HYBRID}, "the second was never looked for"
    assert set(reading.taps.taps) == {"vnet0"}
    assert (reading.missing, reading.dead_s) == ({}, {})
    rewrite(paths.procfs, "3993/stat", " 26670 ", " 99999 ")
    for _ in range(2):
        reading = await with_time(lambda: reader.read_again(known, []))
        assert (reading.vms, set(reading.dead_s)) == ({}, {HYBRID}), "another process has its id by now"


async def test_count_of_throttling_outlives_its_quota_from_reading_to_reading(
    readers: Asked, tmp_path: Path
) -> None:
    paths = copied("v1", tmp_path)
    reader = readers.reader(paths)
    before = (await read(reader, {V1: ("old", 3)})).vms[V1].throttling
    take_quotas_away(paths)
    assert (await read(reader, {V1: ("old", 3)})).vms[V1].throttling == before


async def test_kills_are_counted_from_reading_to_reading(readers: Asked, tmp_path: Path) -> None:
    paths = copied("unified", tmp_path)
    count_kills(paths, 1)
    reader = readers.reader(paths)
    first = await read(reader, {UNIFIED: ("guest", 1)})
    assert first.kills == Kills({UNIFIED: 1}, {"machine.slice": 1})
    shutil.rmtree(Path(paths.procfs, "2101"))
    count_kills(paths, 2)
    assert (await read(reader, {})).kills == Kills({UNIFIED: 2}, {"machine.slice": 2})


@pytest.mark.parametrize(
    ("change", "goes_on"), [({}, True), ({"pid": 7}, False), ({"start_ticks": 7}, False)]
)
def test_what_is_known_of_a_process_is_not_of_the_next_one(change: dict[str, int], *, goes_on: bool) -> None:
    process, past = Process(5, 1000, Cgroups(), {}), Past()
    (found,) = _pasts({"a": (process, past)}, {"a": replace(process, **change)}).values()
    assert (found[1] is past) is goes_on
    assert found[0] == replace(process, **change)


async def test_bug_in_a_reading_is_not_taken_for_a_file_that_hangs(
    readers: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr("stratoscope.hypervisor.kernel_reader.read_vm", broken)
    with pytest.raises(KeyError):
        await read(readers.reader(recorded("hybrid")), {HYBRID: ("guest-1", 1)})


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
async def test_exporter_short_of_descriptors_leaves_the_vms_to_other_sources_and_says_so_once(
    readers: Asked, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    short = True

    def queues() -> Told:
        if short:
            raise OSError(number, os.strerror(number))
        return {}

    reader = readers.reader(recorded("hybrid"), queues)
    running = {HYBRID: ("guest-1", 1)}
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            assert await read(reader, running, "vnet0") == Reading(missing={HYBRID: NotFound.UNAVAILABLE})
        short = False
        for _ in range(2):
            assert set((await read(reader, running, "vnet0")).vms) == {HYBRID}
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    assert os.strerror(number) in caplog.text
