"""Threads that wait for storage: who hangs, and who is only busy."""

import errno
from collections.abc import Mapping
from pathlib import Path

import pytest

from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.threads import Threads
from support.hosts import Acting, Counting, copied
from support.threads import set_threads

PID, VCPU, WORKER, OTHER = 4100, 4104, 4200, 4201


class Looked:
    """The threads of one VM, looked at again and again; QEMU and its vCPU are well unless said otherwise."""

    def __init__(self, tmp_path: Path) -> None:
        self.paths: Paths = copied("v1", tmp_path)
        self.threads = Threads()
        self.reader = Counting()
        self.now = 1000.0

    def __call__(
        self, after_s: float = 0.0, workers: Mapping[int, tuple[str, int]] | None = None, leader: str = "S"
    ) -> float:
        """For how long one has waited, after so much time, with these workers."""
        self.now += after_s
        set_threads(self.paths, PID, {PID: (leader, 50), VCPU: ("S", 900), **(workers or {})})
        return self.threads.blocked_s(PID, self.paths, self.reader, self.now)


@pytest.fixture
def looked(tmp_path: Path) -> Looked:
    return Looked(tmp_path)


def test_thread_that_waits_without_a_switch_is_blocked_since_it_was_first_seen_so(looked: Looked) -> None:
    assert looked() == 0
    assert looked(15, {WORKER: ("D", 25)}) == 0
    assert looked(7, {WORKER: ("D", 25)}) == 7
    assert looked(8, {WORKER: ("D", 25)}) == 15
    assert looked(60, {WORKER: ("D", 25)}) == 75


@pytest.mark.parametrize("every_s", [0.5, 1, 5, 15, 60])
def test_thread_of_a_busy_disk_is_never_blocked(looked: Looked, every_s: float) -> None:
    for number in range(40):
        assert looked(every_s, {WORKER: ("D", 25 + number), OTHER: ("D", 70 + 3 * number)}) == 0


def test_thread_that_went_on_and_waits_again_begins_anew(looked: Looked) -> None:
    looked(0, {WORKER: ("D", 25)})
    assert looked(9, {WORKER: ("D", 25)}) == 9
    assert looked(9, {WORKER: ("D", 26)}) == 0
    assert looked(9, {WORKER: ("D", 26)}) == 9


def test_thread_that_goes_on_is_no_longer_blocked_at_once(looked: Looked) -> None:
    looked(0, {WORKER: ("D", 25)})
    assert looked(20, {WORKER: ("D", 25)}) == 20
    assert looked(0.1, {WORKER: ("S", 26)}) == 0
    assert looked(15, {}) == 0


def test_the_longest_wait_counts_whoever_scrapes_in_between(looked: Looked) -> None:
    looked(0, {WORKER: ("D", 25)})
    looked(1, {WORKER: ("D", 25), OTHER: ("D", 3)})
    looked(0.1, {WORKER: ("D", 25), OTHER: ("D", 3)})
    assert looked(13, {WORKER: ("D", 25), OTHER: ("D", 4)}) == pytest.approx(14.1)


def test_another_thread_in_its_place_is_not_the_same(looked: Looked) -> None:
    looked(0, {WORKER: ("D", 25)})
    assert looked(20, {OTHER: ("D", 25)}) == 0


def test_main_thread_that_waits_is_blocked_as_with_io_native(looked: Looked) -> None:
    looked(0, leader="D")
    assert looked(12, leader="D") == 12


def test_one_thread_that_is_all_the_process_has_is_not_frozen(looked: Looked) -> None:
    for expected in (0, 20):
        set_threads(looked.paths, PID, {PID: ("D", 50)})
        assert looked.threads.blocked_s(PID, looked.paths, looked.reader, looked.now) == expected
        assert not looked.threads.is_frozen
        looked.now += 20


def test_process_of_which_every_thread_stands_still_is_frozen_and_waits_for_no_storage(
    looked: Looked,
) -> None:
    for _ in range(2):
        looked.now += 20
        set_threads(looked.paths, PID, {PID: ("D", 50), VCPU: ("D", 900), WORKER: ("D", 25)})
        assert looked.threads.blocked_s(PID, looked.paths, looked.reader, looked.now) == 0
        assert looked.threads.is_frozen
    assert looked(1, {WORKER: ("D", 25)}) == 21, "this one waits for storage, too"
    assert not looked.threads.is_frozen


def test_threads_are_not_looked_at_again_at_once_while_none_waits(looked: Looked) -> None:
    looked()
    first = len(looked.reader.read)
    assert first == 2
    looked(4.9)
    assert len(looked.reader.read) == first
    looked(0.2)
    assert len(looked.reader.read) == 2 * first


def test_thread_that_ends_while_it_is_looked_at_is_none(looked: Looked) -> None:
    set_threads(looked.paths, PID, {PID: ("S", 50), WORKER: ("D", 25)})
    status = Path(looked.paths.procfs, str(PID), "task", str(WORKER), "status")
    reader = Acting(f"{WORKER}/status", status.unlink)
    assert looked.threads.blocked_s(PID, looked.paths, reader, 0) == 0
    assert looked.threads._waiting == {}


def test_thread_that_stands_still_while_the_process_dumps_its_core_waits_for_no_storage(
    looked: Looked,
) -> None:
    set_threads(looked.paths, PID, {PID: ("R", 50), VCPU: ("D", 25)})
    status = Path(looked.paths.procfs, str(PID), "task", str(VCPU), "status")
    status.write_text("CoreDumping:\t1\n" + status.read_text())
    for now in (0, 30):
        assert looked.threads.blocked_s(PID, looked.paths, looked.reader, now) == 0
    status.write_text(status.read_text().replace("CoreDumping:\t1", "CoreDumping:\t0"))
    assert looked.threads.blocked_s(PID, looked.paths, looked.reader, 60) == 0
    assert looked.threads.blocked_s(PID, looked.paths, looked.reader, 75) == 15


@pytest.mark.parametrize("error", [OSError(errno.EMFILE, "too many"), ValueError("cut short")])
@pytest.mark.parametrize("file", ["task/4201/stat", "task/4201/status"])
def test_look_that_fails_midway_costs_no_memory_of_the_one_before(
    looked: Looked, error: Exception, file: str
) -> None:
    looked(0, {WORKER: ("D", 25), OTHER: ("D", 3)})
    looked.now += 20

    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        looked.threads.blocked_s(PID, looked.paths, Acting(file, fail), looked.now)
    assert looked(0, {WORKER: ("D", 25), OTHER: ("S", 4)}) == 20
    assert not looked.threads.is_frozen


def test_process_that_is_gone_has_no_thread(looked: Looked) -> None:
    assert looked.threads.blocked_s(77, looked.paths, looked.reader, 0) == 0
    assert not looked.threads.is_frozen


@pytest.mark.parametrize(
    "text", ["Name:\tworker\n", "voluntary_ctxt_switches:\tmany\nnonvoluntary_ctxt_switches:\t1\n"]
)
def test_status_that_makes_no_sense_is_named(looked: Looked, text: str) -> None:
    set_threads(looked.paths, PID, {PID: ("S", 50), WORKER: ("D", 25)})
    Path(looked.paths.procfs, str(PID), "task", str(WORKER), "status").write_text(text)
    with pytest.raises(ValueError, match=f"task/{WORKER}/status: "):
        looked.threads.blocked_s(PID, looked.paths, looked.reader, 0)
