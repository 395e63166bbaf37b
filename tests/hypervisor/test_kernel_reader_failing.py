"""A reading that fails halfway, for want of file descriptors, is as if it never was."""

import errno
from pathlib import Path

import pytest

from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.processes import NotFound
from stratoscope.hypervisor.kernel_reader import KernelReader, Reading
from support.hosts import copied
from support.kernel_readers import V1, Asked, Told
from support.libvirt_hosts import with_time
from support.source import Clock
from support.threads import set_threads


class Failing:
    """The reader of a host with one VM; while it is `short`, the end of a reading fails."""

    def __init__(self, readers: Asked, tmp_path: Path) -> None:
        self.paths: Paths = copied("v1", tmp_path)
        self.clock = Clock()
        self.short = False
        self.reader: KernelReader = readers.reader(self.paths, self._queues, clock=self.clock)

    def _queues(self) -> Told:
        if self.short:
            raise OSError(errno.EMFILE, "too many open files")
        return {}

    async def read(self, *, after_s: float = 0.0) -> Reading:
        self.clock.time_s += after_s
        return await with_time(lambda: self.reader.read({V1: ("old", 3)}, ["vnet0"]))

    async def read_again(self, *, after_s: float = 0.0) -> Reading:
        self.clock.time_s += after_s
        return await with_time(lambda: self.reader.read_again({V1: 3}, ["vnet0"]))

    async def fail(self, name: str) -> None:
        """Make the reading of that name fail, 15 s after the one before."""
        self.short = True
        reading = await getattr(self, name)(after_s=15.0)
        assert reading == Reading(missing={V1: NotFound.UNAVAILABLE})
        self.short = False

    def set_stat(self, state: str, start_ticks: int) -> None:
        file = Path(self.paths.procfs, "4100/stat")
        name, _, rest = file.read_text().rpartition(") ")
        words = rest.split()
        words[0], words[19] = state, str(start_ticks)
        file.write_text(f"{name}) {' '.join(words)}\n")

    @property
    def start_ticks(self) -> int:
        text = Path(self.paths.procfs, "4100/stat").read_text()
        return int(text.rpartition(") ")[2].split()[19])


@pytest.fixture
def failing(readers: Asked, tmp_path: Path) -> Failing:
    return Failing(readers, tmp_path)


@pytest.mark.parametrize("name", ["read", "read_again"])
async def test_what_it_saw_of_a_process_begins_with_the_next_reading(failing: Failing, name: str) -> None:
    await failing.read()
    failing.set_stat("T", failing.start_ticks)
    set_threads(failing.paths, 4100, {4100: ("D", 5), 4104: ("S", 7)})
    await failing.fail(name)
    for expected in (0.0, 15.0):
        reading = await failing.read(after_s=15.0)
        assert (reading.stuck_s, reading.vms[V1].blocked_s) == ({V1: expected}, expected)


@pytest.mark.parametrize("name", ["read", "read_again"])
async def test_process_that_it_did_not_find_is_still_known(failing: Failing, name: str) -> None:
    await failing.read()
    ticks = failing.start_ticks
    failing.set_stat("S", ticks + 1)
    await failing.fail(name)
    failing.set_stat("S", ticks)
    reading = await failing.read_again()
    assert (set(reading.vms), reading.dead_s) == ({V1}, {})


@pytest.mark.parametrize("name", ["read", "read_again"])
async def test_history_of_a_process_lasts(failing: Failing, name: str) -> None:
    set_threads(failing.paths, 4100, {4100: ("D", 5), 4104: ("S", 7)})
    await failing.read()
    set_threads(failing.paths, 4100, {4100: ("S", 5), 4104: ("S", 7)})
    await failing.fail(name)
    set_threads(failing.paths, 4100, {4100: ("D", 5), 4104: ("S", 7)})
    reading = await failing.read(after_s=15.0)
    assert reading.vms[V1].blocked_s == 30.0
