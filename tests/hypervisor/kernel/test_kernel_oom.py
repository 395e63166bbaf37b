"""Kills for want of memory on cgroup v2, where the VM's own count goes away with it and its slice's stays."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stratoscope.hypervisor.kernel.cgroups import Cgroups
from stratoscope.hypervisor.kernel.memory import Memory
from stratoscope.hypervisor.kernel.oom import OOM, Kills
from stratoscope.hypervisor.kernel.passes import Pass
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.processes import Process
from support.hosts import Refusing
from support.vms import kernel

MACHINE, CUSTOM = "machine.slice", "machine.slice/machine-gold.slice"


@dataclass
class Host:
    """VMs by name, each a process in a slice, and the kernel's counts of kills."""

    root: Path
    is_v1: bool = False
    processes: dict[str, Process] = field(default_factory=dict)
    own: dict[str, int] = field(default_factory=dict)
    oom: OOM = field(default_factory=OOM)
    hung: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.paths = Paths(f"{self.root}/proc", f"{self.root}/sys", f"{self.root}/cgroup")
        self.set_slice(MACHINE, 0)

    def set_slice(self, slice_: str, kills: int) -> None:
        directory = Path(self.paths.cgroup, slice_)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "memory.events").write_text(f"low 0\noom 9\noom_kill {kills}\n")

    def start(self, *names: str, slice_: str = MACHINE) -> None:
        for name in names:
            pid = 100 + len(list(Path(self.root).glob("started-*")))
            Path(self.root, f"started-{pid}").touch()
            unified = f"{self.paths.cgroup}/{slice_}/machine-qemu\\x2d1\\x2d{name}.scope"
            cgroups = Cgroups(unified=unified, memory=f"/memory/{name}" if self.is_v1 else None)
            self.processes[name] = Process(pid, 1000 + pid, cgroups, {})
            self.own[name] = 0
            directory = Path(self.paths.procfs, str(pid))
            directory.mkdir(parents=True)
            (directory / "stat").write_text(f"{pid} (qemu) S {'1 ' * 18}{1000 + pid} 1 1\n")

    def end(self, name: str) -> None:
        shutil.rmtree(Path(self.paths.procfs, str(self.processes.pop(name).pid)))
        del self.own[name]

    def read(self, *but: str) -> Kills:
        """The counts, from all VMs but some that cannot be read this time."""
        vms = {
            name: kernel(memory=Memory(None, None, kills))
            for name, kills in self.own.items()
            if name not in but
        }
        self.oom = self.oom.copied()
        return self.oom.count(vms, self.processes, self.paths, Pass(hung=self.hung))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.start("a", "b", "c")
    assert host.read() == Kills({"a": 0, "b": 0, "c": 0}, {MACHINE: 0})
    return host


def test_the_one_that_died_when_the_slice_counted_a_kill_is_named(host: Host) -> None:
    host.end("b")
    host.set_slice(MACHINE, 1)
    assert host.read() == Kills({"a": 0, "b": 1, "c": 0}, {MACHINE: 1})
    assert host.read() == Kills({"a": 0, "b": 1, "c": 0}, {MACHINE: 1}), "it is told once, and stays told"


def test_of_two_that_died_none_is_named(host: Host) -> None:
    host.end("a")
    host.end("b")
    host.set_slice(MACHINE, 1)
    assert host.read() == Kills({"c": 0}, {MACHINE: 1})


@pytest.mark.parametrize("kills", [0, 2])
def test_the_one_that_died_is_not_named_for_no_kill_or_several(host: Host, kills: int) -> None:
    host.end("a")
    host.set_slice(MACHINE, kills)
    assert host.read() == Kills({"b": 0, "c": 0}, {MACHINE: kills})


def test_kill_in_a_vm_that_lives_on_is_its_own_and_no_dead_ones(host: Host) -> None:
    host.own["a"] = 1
    host.end("b")
    host.set_slice(MACHINE, 1)
    assert host.read().by_vm == {"a": 1, "c": 0}


def test_kill_in_a_vm_that_lives_on_hides_no_dead_one(host: Host) -> None:
    host.own["a"] = 1
    host.end("b")
    host.set_slice(MACHINE, 2)
    assert host.read().by_vm == {"a": 1, "b": 1, "c": 0}


def test_count_that_was_seen_before_the_process_was_gone_stays_and_is_not_counted_twice(host: Host) -> None:
    host.own["b"] = 1
    host.set_slice(MACHINE, 1)
    assert host.read().by_vm["b"] == 1
    host.end("b")
    assert host.read().by_vm["b"] == 1


def test_kill_that_a_living_vm_had_counted_before_hides_no_dead_one(host: Host) -> None:
    host.own["a"] = 1
    host.set_slice(MACHINE, 1)
    host.read()
    host.end("b")
    host.set_slice(MACHINE, 2)
    assert host.read().by_vm == {"a": 1, "b": 1, "c": 0}


def test_vm_that_is_started_again_counts_on(host: Host) -> None:
    host.end("b")
    host.set_slice(MACHINE, 1)
    host.start("b")
    assert host.read().by_vm["b"] == 1, "it died and was started between two readings"
    host.own["b"] = 1
    host.set_slice(MACHINE, 2)
    assert host.read().by_vm["b"] == 2


def test_one_that_could_not_be_read_has_not_died(host: Host) -> None:
    host.end("a")
    host.set_slice(MACHINE, 1)
    assert host.read("b").by_vm == {"a": 1, "b": 0, "c": 0}
    assert host.read().by_vm == {"a": 1, "b": 0, "c": 0}


def test_one_whose_files_hang_has_not_died(host: Host) -> None:
    host.hung = frozenset({"b"})
    host.end("a")
    host.set_slice(MACHINE, 1)
    assert host.read("b").by_vm["a"] == 1


def test_nobody_looks_for_one_whose_files_hang(host: Host) -> None:
    host.hung = frozenset({"b"})
    host.end("b")
    host.set_slice(MACHINE, 1)
    assert host.read("b").by_vm == {"a": 0, "b": 0, "c": 0}


def test_copy_counts_by_itself(host: Host) -> None:
    host.own["b"] = 1
    host.set_slice(MACHINE, 1)
    host.read()
    host.end("b")
    before = host.oom
    assert host.read().by_vm["b"] == 1
    host.oom = before
    assert host.read().by_vm["b"] == 1


def test_one_that_is_hidden_has_not_died(host: Host) -> None:
    host.end("a")
    host.set_slice(MACHINE, 1)
    vms = {"c": kernel(memory=Memory(None, None, 0))}
    kills = host.oom.count(vms, host.processes, host.paths, Pass(Refusing("/stat")))
    assert kills.by_vm == {"a": 0, "b": 0, "c": 0}, "nobody knows"


def test_slices_are_apart(host: Host) -> None:
    host.set_slice(CUSTOM, 5)
    host.start("gold", slice_=CUSTOM)
    assert host.read().by_slice == {MACHINE: 0, CUSTOM: 5}
    host.end("gold")
    host.end("a")
    host.set_slice(MACHINE, 1)
    host.set_slice(CUSTOM, 5)
    assert host.read().by_vm == {"a": 1, "b": 0, "c": 0}


def test_slice_outlives_its_last_vm_and_goes_when_it_is_gone(host: Host) -> None:
    for name in "abc":
        host.end(name)
    host.set_slice(MACHINE, 3)
    assert host.read() == Kills({}, {MACHINE: 3})
    Path(host.paths.cgroup, MACHINE, "memory.events").unlink()
    assert host.read() == Kills({}, {})


@pytest.mark.parametrize("text", ["oom_kill many\n", "low 0\n"])
def test_slice_that_makes_no_sense_or_does_not_count_costs_itself(host: Host, text: str) -> None:
    Path(host.paths.cgroup, MACHINE, "memory.events").write_text(text)
    assert host.read() == Kills({"a": 0, "b": 0, "c": 0}, {})


def test_cgroup_v1_has_no_slice_that_outlives_the_vm(tmp_path: Path) -> None:
    host = Host(tmp_path, is_v1=True)
    host.start("a", "b")
    host.own["b"] = 1
    host.read()
    host.end("a")
    host.set_slice(MACHINE, 1)
    assert host.read() == Kills({"b": 1}, {})


def test_counts_of_vms_that_are_gone_take_no_memory_for_ever(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stratoscope.hypervisor.kernel.oom._MOST_KEPT", 2)
    for number, name in enumerate("abc", start=1):
        host.end(name)
        host.set_slice(MACHINE, number)
        kills = host.read()
    assert kills.by_vm == {"b": 1, "c": 1}
