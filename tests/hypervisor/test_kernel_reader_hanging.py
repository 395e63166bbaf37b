"""Readings of the kernel's files of which one hangs: it costs the VM whose it is."""

import asyncio
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from stratoscope.hypervisor.kernel.processes import NotFound
from support.hosts import copied, recorded
from support.kernel_readers import HYBRID, QUEUES, SECOND, Asked, Told, read
from support.libvirt_hosts import with_time
from support.source import until


class Hanging:
    """A file that whoever opens it waits for, until `go_on`."""

    def __init__(self, directory: str, name: str) -> None:
        self._path = Path(directory, name)
        self._text = self._path.read_bytes()
        self._path.unlink()
        os.mkfifo(self._path)

    def go_on(self) -> None:
        """All that wait read what the file held; from now on it is a file again."""
        fifo = self._path.with_name("fifo")
        self._path.rename(fifo)
        self._path.write_bytes(self._text)
        with suppress(OSError):  # nobody waits
            os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))


BOTH = {HYBRID: ("guest-1", 1), SECOND: ("guest-2", 2)}


@pytest.mark.parametrize(
    "file",
    [
        "proc/3993/cmdline",
        "proc/3993/comm",
        "proc/3993/stat",
        "proc/3993/cgroup",
        "proc/3993/task/4000/schedstat",
        "sys/fs/cgroup/memory/machine/qemu-1-guest-1.libvirt-qemu/memory.usage_in_bytes",
    ],
)
async def test_file_that_hangs_costs_the_vm_whose_it_is_alone(
    readers: Asked, tmp_path: Path, file: str
) -> None:
    paths = copied("hybrid", tmp_path)
    reader = readers.reader(paths)
    hanging = Hanging(f"{tmp_path}/hybrid", file)
    try:
        for _ in range(3):
            reading = await read(reader, BOTH, "vnet0")
            assert set(reading.vms) == {SECOND}
            assert reading.missing == {HYBRID: NotFound.TIMEOUT}
            assert set(reading.taps.taps) == {"vnet0"}
            assert len(reader._patience.hung) == 1, "no second thread waits for it"
    finally:
        hanging.go_on()
    await until(lambda: not reader._patience.hung)


async def test_vm_known_before_is_found_again_when_its_file_goes_on(readers: Asked, tmp_path: Path) -> None:
    paths = copied("hybrid", tmp_path)
    reader = readers.reader(paths)
    assert set((await read(reader, BOTH)).vms) == {HYBRID, SECOND}
    hanging = Hanging(paths.procfs, "3993/stat")
    try:
        assert set((await read(reader, BOTH)).vms) == {SECOND}
        assert (await with_time(lambda: reader.read_again({HYBRID: 1, SECOND: 2}, []))).missing == {
            HYBRID: NotFound.TIMEOUT
        }
    finally:
        hanging.go_on()
    await until(lambda: not reader._patience.hung)
    assert set((await read(reader, BOTH)).vms) == {HYBRID, SECOND}


async def test_command_line_of_a_vm_that_is_known_is_not_read_for_a_new_one(
    readers: Asked, tmp_path: Path
) -> None:
    paths = copied("hybrid", tmp_path)
    reader = readers.reader(paths)
    await read(reader, {HYBRID: ("guest-1", 1)})
    hanging = Hanging(paths.procfs, "3993/cmdline")
    try:
        assert set((await read(reader, BOTH)).vms) == {HYBRID, SECOND}
        assert reader._patience.hung == {}
    finally:
        hanging.go_on()


async def test_tap_whose_file_hangs_costs_itself(readers: Asked, tmp_path: Path) -> None:
    paths = copied("hybrid", tmp_path)
    hanging = Hanging(paths.sysfs, "class/net/vnet0/mtu")
    reader = readers.reader(paths)
    try:
        reading = await read(reader, {HYBRID: ("guest-1", 1)}, "vnet0", "vnet1")
        assert (set(reading.vms), set(reading.taps.taps)) == ({HYBRID}, {"vnet1"})
    finally:
        hanging.go_on()
    await until(lambda: not reader._patience.hung)


async def test_queues_that_hang_leave_the_vms_and_are_asked_again_when_they_go_on(readers: Asked) -> None:
    held = threading.Event()

    def hanging() -> Told:
        held.wait(5)
        return QUEUES

    reader = readers.reader(recorded("hybrid"), hanging)
    for _ in range(2):
        reading = await with_time(lambda: reader.read({HYBRID: ("guest-1", 1)}, ["vnet0"]))
        assert (set(reading.vms), reading.queues) == ({HYBRID}, {})
    held.set()
    await until(lambda: not reader._patience.hung)
    assert (await read(reader, {HYBRID: ("guest-1", 1)}, "vnet0")).queues == QUEUES


async def test_nothing_is_read_in_no_time(readers: Asked) -> None:
    reader = readers.reader(recorded("hybrid"))
    reading = await with_time(lambda: reader.read(BOTH, []), 0.0001)
    assert reading.missing == dict.fromkeys(BOTH, NotFound.TIMEOUT)


async def test_threads_that_files_hold_are_bounded(
    readers: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratoscope.hypervisor.patience.MOST_HUNG", 0)
    paths = copied("hybrid", tmp_path)
    reader = readers.reader(paths)
    hanging = Hanging(paths.procfs, "3993/cmdline")
    try:
        for _ in range(2):
            assert (await read(reader, BOTH)).missing == dict.fromkeys(BOTH, NotFound.TIMEOUT)
        assert len(reader._patience.hung) == 1
    finally:
        hanging.go_on()
    await until(lambda: not reader._patience.hung)
    assert set((await read(reader, BOTH)).vms) == {HYBRID, SECOND}


async def test_reading_that_nobody_waits_for_any_more_changes_nothing(readers: Asked, tmp_path: Path) -> None:
    paths = copied("hybrid", tmp_path)
    reader = readers.reader(paths)
    await read(reader, BOTH)
    before = reader._memory
    hanging = Hanging(paths.procfs, "4006/stat")
    task = asyncio.create_task(read(reader, BOTH))
    await until(lambda: reader._patience._calls.busy == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hanging.go_on()
    await until(lambda: not reader._patience.hung)
    assert reader._memory is before
    assert set((await read(reader, BOTH)).vms) == {HYBRID, SECOND}
