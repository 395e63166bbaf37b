import shutil
from pathlib import Path

import pytest

from stratoscope.hypervisor.kernel.cgroups import Cgroups
from stratoscope.hypervisor.kernel.cpu import CPU, Throttling
from stratoscope.hypervisor.kernel.files import PAGE_BYTES
from stratoscope.hypervisor.kernel.memory import Memory
from stratoscope.hypervisor.kernel.past import Past
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.pressure import Pressure
from stratoscope.hypervisor.kernel.processes import Process, Processes
from stratoscope.hypervisor.kernel.vcpus import VCPU
from stratoscope.hypervisor.kernel.vm import VMKernel, VMPressure, read_vm
from support.hosts import Acting, Counting, Refusing, copied, recorded
from support.threads import set_threads

VMS = {
    "hybrid": {"00000000-0000-4000-8000-000000000001": ("guest-1", 1)},
    "unified": {"4dea22b3-1d52-48d8-9f2a-0123456789ab": ("guest", 1)},
    "v1": {"5b0a66b1-0c3c-4f0e-8a51-abcdef012345": ("old", 3)},
    "lxc": {"8f0d39b5-0000-4000-8000-000000000000": ("web", 3300)},
}


def vm_of(host: str, paths: Paths) -> Process:
    (process,) = Processes(paths).find(VMS[host]).values()
    return process


def a_copy(host: str, tmp_path: Path) -> tuple[Process, Paths]:
    paths = copied(host, tmp_path)
    return vm_of(host, paths), paths


def read(process: Process, paths: Paths) -> VMKernel:
    vm = read_vm(process, paths)
    assert vm is not None
    return vm


def test_a_guest_on_cgroup_v2() -> None:
    paths = recorded("unified")
    assert read_vm(vm_of("unified", paths), paths) == VMKernel(
        state="S",
        cpu=CPU(total=6000.0, user=4800.0, system=1200.0),
        vcpus={0: VCPU(3600.5, 42.25, 41.75025), 1: VCPU(1800.25, 21.125, 20.875125)},
        throttling=Throttling(periods=70_000, throttled_periods=2_000, throttled=100.0),
        pressure=VMPressure(cpu=Pressure(61.5, 12.25), io=Pressure(3.5, 3.25), memory=Pressure(1.5, 0.75)),
        memory=Memory(current=2_254_857_728, swap=8_388_608, oom_kills=1),
        rss=131_072 * PAGE_BYTES,
        blocked_s=0.0,
    )


def test_a_guest_on_cgroup_v1() -> None:
    paths = recorded("v1")
    assert read_vm(vm_of("v1", paths), paths) == VMKernel(
        state="D",
        cpu=CPU(total=15.75, user=10.5, system=5.25),
        vcpus={0: VCPU(12.5, 2.5, None)},  # its wait_sum is 0 because the statistics are switched off
        throttling=Throttling(periods=1900, throttled_periods=150, throttled=7.5),
        pressure=None,
        memory=Memory(current=268_435_456, swap=2048 * 1024, oom_kills=2),
        rss=65_536 * PAGE_BYTES,
        blocked_s=0.0,
    )


def test_a_guest_on_both_cgroup_versions() -> None:
    paths = recorded("hybrid")
    assert read_vm(vm_of("hybrid", paths), paths) == VMKernel(
        state="S",
        cpu=CPU(total=30.345324, user=26.432215, system=3.913109),
        vcpus={0: VCPU(25.611631468, 15.320092384, None)},
        throttling=None,
        pressure=VMPressure(
            cpu=Pressure(15.58816, 13.422847), io=Pressure(0.329807, 0.307762), memory=Pressure(0.0, 0.0)
        ),
        memory=Memory(current=171_737_088, swap=0, oom_kills=0),
        rss=47_301 * PAGE_BYTES,
        blocked_s=0.0,
    )


def test_a_container_has_its_cgroups_figures_and_none_of_its_controllers() -> None:
    paths = recorded("lxc")
    assert read_vm(vm_of("lxc", paths), paths) == VMKernel(
        state="S",
        cpu=CPU(total=90.5, user=60.25, system=30.25),
        vcpus={},
        throttling=Throttling(periods=1200, throttled_periods=300, throttled=12.5),
        pressure=VMPressure(cpu=Pressure(2.5, 0.5), io=Pressure(0.0, 0.0), memory=Pressure(0.0, 0.0)),
        memory=Memory(current=104_857_600, swap=0, oom_kills=0),
        rss=None,
    )


def test_a_guest_without_a_cgroup_of_its_own_has_its_processes_figures() -> None:
    paths = recorded("unified")
    process = Process(2101, 456789, Cgroups(), {})
    vm = read(process, paths)
    assert vm.cpu == CPU(total=6000.0, user=4800.0, system=1200.0)
    assert (vm.throttling, vm.pressure) == (None, None)
    assert vm.memory == Memory(current=None, swap=4096 * 1024, oom_kills=None)


def test_a_container_without_a_cgroup_of_its_own_has_no_figures() -> None:
    vm = read(Process(3300, 700000, Cgroups(), {}, is_container=True), recorded("lxc"))
    assert (vm.cpu, vm.memory, vm.rss) == (None, Memory(None, None, None), None)


def test_user_and_system_time_of_an_old_v1_kernel_come_in_ticks(tmp_path: Path) -> None:
    process, paths = a_copy("v1", tmp_path)
    directory = Path(str(process.cgroups.cpuacct))
    (directory / "cpuacct.usage_user").unlink()
    assert read(process, paths).cpu == CPU(total=15.75, user=10.4, system=5.3)
    (directory / "cpuacct.stat").unlink()
    assert read(process, paths).cpu == CPU(total=15.75, user=None, system=None)
    (directory / "cpuacct.usage").unlink()
    assert read(process, paths).cpu is None


def test_no_quota_is_no_throttling_not_0(tmp_path: Path) -> None:
    process, paths = a_copy("unified", tmp_path)
    for directory in process.cgroups.limited:
        Path(directory, "cpu.max").write_text("max 100000\n")
    assert read(process, paths).throttling is None


def test_throttling_is_left_out_when_a_part_of_it_vanishes(tmp_path: Path) -> None:
    process, paths = a_copy("unified", tmp_path)
    Path(process.cgroups.limited[-1], "cpu.stat").unlink()
    assert read(process, paths).throttling is None


class Throttled:
    """A guest that is read again and again, and what its quotas do."""

    def __init__(self, host: str, tmp_path: Path) -> None:
        self.process, self.paths = a_copy(host, tmp_path)
        self.past = Past()

    def read(self) -> Throttling | None:
        vm = read_vm(self.process, self.paths, past=self.past)
        assert vm is not None
        return vm.throttling

    def change(self, part: str, file: str, old: str, new: str) -> None:
        """Of the directory whose path ends so."""
        (directory,) = (one for one in self.process.cgroups.limited if one.endswith(part))
        path = Path(directory, file)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


def test_quota_that_is_taken_away_leaves_what_was_counted(tmp_path: Path) -> None:
    vm = Throttled("unified", tmp_path)
    before = vm.read()
    limited = [one for one in vm.process.cgroups.limited if "max" not in Path(one, "cpu.max").read_text()]
    assert len(limited) > 1
    for directory in limited:
        Path(directory, "cpu.max").write_text("max 100000\n")
        assert vm.read() == before
    assert vm.past.throttled.directories.keys() == set(limited)


def test_what_a_quota_did_before_it_was_taken_away_is_counted(tmp_path: Path) -> None:
    vm = Throttled("v1", tmp_path)
    assert vm.read() == Throttling(1900, 150, 7.5)
    directory = Path(next(one for one in vm.past.throttled.directories if one.endswith("vcpu0")))
    told = vm.past.throttled.directories[str(directory)]
    more = f"nr_periods {told.periods + 6}\nnr_throttled {told.throttled_periods + 2}\n"
    (directory / "cpu.stat").write_text(f"{more}throttled_time {int(told.throttled * 1e9) + 500_000_000}\n")
    (directory / "cpu.cfs_quota_us").write_text("-1\n")
    assert vm.read() == Throttling(1906, 152, 8.0)


def test_kernel_without_quotas_throttles_nothing(tmp_path: Path) -> None:
    process, paths = a_copy("v1", tmp_path)
    for directory in process.cgroups.limited:
        Path(directory, "cpu.cfs_quota_us").unlink(missing_ok=True)
        Path(directory, "cpu.stat").write_text("")
    assert read(process, paths).throttling is None


def test_copy_of_what_is_known_goes_on_by_itself(tmp_path: Path) -> None:
    vm = Throttled("v1", tmp_path)
    vm.past.has_cgroup = False
    before = vm.read()
    copy = vm.past.copied()
    assert copy.has_cgroup is False
    copy.throttled.add("another", Throttling(1, 1, 1.0))
    copy.has_cgroup = True
    assert vm.past.throttled.total == before
    assert "another" not in vm.past.throttled.directories
    assert vm.past.has_cgroup is False


def test_quota_that_is_set_again_counts_on(tmp_path: Path) -> None:
    vm = Throttled("v1", tmp_path)
    assert vm.read() == Throttling(1900, 150, 7.5)
    directory = Path(next(iter(vm.past.throttled.directories)))
    quota = (directory / "cpu.cfs_quota_us").read_text()
    (directory / "cpu.cfs_quota_us").write_text("-1\n")
    assert vm.read() == Throttling(1900, 150, 7.5)
    (directory / "cpu.cfs_quota_us").write_text(quota)
    stat = dict(line.split() for line in (directory / "cpu.stat").read_text().splitlines())
    more = {"nr_periods": 10, "nr_throttled": 5, "throttled_time": 2_000_000_000}
    lines = [f"{name} {int(stat[name]) + grown}" for name, grown in more.items()]
    (directory / "cpu.stat").write_text("\n".join(lines) + "\n")
    assert vm.read() == Throttling(1910, 155, 9.5)


def test_vcpu_that_is_unplugged_leaves_what_was_counted_and_a_new_one_adds_to_it(tmp_path: Path) -> None:
    vm = Throttled("v1", tmp_path)
    assert vm.read() == Throttling(1900, 150, 7.5)
    directory = Path(next(one for one in vm.past.throttled.directories if one.endswith("vcpu0")))
    told = vm.past.throttled.directories[str(directory)]
    shutil.move(directory, tmp_path / "unplugged")
    assert vm.read() == Throttling(1900, 150, 7.5)
    shutil.move(tmp_path / "unplugged", directory)
    (directory / "cpu.stat").write_text("nr_periods 4\nnr_throttled 2\nthrottled_time 500000000\n")
    assert told.periods > 4
    assert vm.read() == Throttling(1904, 152, 8.0)


def test_cpu_time_has_one_source_as_long_as_the_process_lives(tmp_path: Path) -> None:
    process, paths = a_copy("unified", tmp_path)
    past = Past()
    vm = read_vm(process, paths, past=past)
    assert vm is not None
    assert vm.cpu is not None
    moved = Process(process.pid, process.start_ticks, Cgroups(), process.vcpus)
    vm = read_vm(moved, paths, past=past)
    assert vm is not None
    assert vm.cpu is None, "its process's own time is another counter"


def test_threads_that_wait_are_told_with_the_vm(tmp_path: Path) -> None:
    process, paths = a_copy("v1", tmp_path)
    past = Past()
    set_threads(paths, 4100, {4100: ("S", 5), 4104: ("S", 7), 4200: ("D", 9)})
    told = [read_vm(process, paths, past=past, now=now) for now in (100.0, 112.5)]
    assert [vm.blocked_s for vm in told if vm is not None] == [0.0, 12.5]


def test_threads_without_rights_to_them_are_not_told_to_be_well() -> None:
    paths = recorded("unified")
    vm = read_vm(vm_of("unified", paths), paths, Refusing("/task/2101/stat"))
    assert vm is not None
    assert (vm.blocked_s, vm.refused) == (None, ("threads",))


def test_a_kernel_without_psi_has_no_pressure(tmp_path: Path) -> None:
    process, paths = a_copy("unified", tmp_path)
    for name in ("io", "memory"):
        Path(str(process.cgroups.unified), f"{name}.pressure").unlink()
    assert read(process, paths).pressure == VMPressure(Pressure(61.5, 12.25), None, None)
    Path(str(process.cgroups.unified), "cpu.pressure").unlink()
    assert read(process, paths).pressure is None


def test_cpu_pressure_before_linux_5_13_has_no_full(tmp_path: Path) -> None:
    process, paths = a_copy("unified", tmp_path)
    path = Path(str(process.cgroups.unified), "cpu.pressure")
    path.write_text("some avg10=0.00 avg60=0.00 avg300=0.00 total=61500000\n")
    assert read(process, paths).pressure == VMPressure(
        Pressure(61.5, None), Pressure(3.5, 3.25), Pressure(1.5, 0.75)
    )


def test_kernels_that_do_not_count_something_give_none_for_it(tmp_path: Path) -> None:
    process, paths = a_copy("unified", tmp_path)
    scope = Path(str(process.cgroups.unified))
    (scope / "memory.swap.current").unlink()
    (scope / "memory.events").write_text("low 0\nhigh 0\n")
    Path(paths.procfs, "2101", "status").write_text("Name:\tqemu\nVmRSS:\t 8 kB\n")
    assert read(process, paths).memory == Memory(2_254_857_728, None, None)
    (scope / "memory.events").unlink()
    Path(paths.procfs, "2101", "status").unlink()
    assert read(process, paths).memory == Memory(2_254_857_728, None, None)


def test_a_kernel_without_schedstat_has_no_vcpu_times_rather_than_0(tmp_path: Path) -> None:
    process, paths = a_copy("unified", tmp_path)
    Path(paths.procfs, "2101", "task", "2110", "schedstat").write_text("0 0 0\n")
    assert list(read(process, paths).vcpus) == [1]
    Path(paths.procfs, "2101", "task", "2111", "schedstat").unlink()
    assert read(process, paths).vcpus == {}


def test_wait_is_read_by_its_old_name_too_and_is_none_without_one(tmp_path: Path) -> None:
    process, paths = a_copy("v1", tmp_path)
    Path(paths.procfs, "sys", "kernel", "sched_schedstats").write_text("1\n")
    assert read(process, paths).vcpus == {0: VCPU(12.5, 2.5, 0.0)}
    Path(paths.procfs, "4100", "task", "4104", "sched").write_text("nr_switches : 1\n")
    assert read(process, paths).vcpus == {0: VCPU(12.5, 2.5, None)}
    Path(paths.procfs, "4100", "task", "4104", "sched").unlink()
    assert read(process, paths).vcpus == {0: VCPU(12.5, 2.5, None)}


@pytest.mark.parametrize("state", ["Z", "X", "x"])
def test_a_dead_process_has_a_state_but_no_resident_memory(tmp_path: Path, state: str) -> None:
    process, paths = a_copy("unified", tmp_path)
    stat = Path(paths.procfs, "2101", "stat")
    stat.write_text(stat.read_text().replace(") S ", f") {state} "))
    assert (read(process, paths).state, read(process, paths).rss) == (state, None)


def test_a_command_with_brackets_and_blanks_is_no_trouble(tmp_path: Path) -> None:
    process, paths = a_copy("unified", tmp_path)
    stat = Path(paths.procfs, "2101", "stat")
    stat.write_text(stat.read_text().replace("(qemu-system-x86) S", "(qemu) R 1 (2) T"))
    assert read(process, paths).state == "T"


def test_a_vm_that_ended_before_it_is_read_is_none(tmp_path: Path) -> None:
    process, paths = a_copy("unified", tmp_path)
    shutil.rmtree(f"{paths.procfs}/2101")
    assert read_vm(process, paths) is None


def test_a_vm_whose_pid_another_process_has_now_is_none() -> None:
    paths = recorded("unified")
    process = vm_of("unified", paths)
    later = Process(process.pid, process.start_ticks + 1, process.cgroups, process.vcpus)
    assert read_vm(later, paths) is None


@pytest.mark.parametrize(
    ("ending", "has_vcpus"),
    [
        ("guest.scope/cpu.stat", True),
        ("guest.scope/cpu.stat", False),
        ("2110/schedstat", True),
        ("2111/schedstat", True),
    ],
)
def test_a_vm_that_ends_while_it_is_read_is_none(tmp_path: Path, ending: str, *, has_vcpus: bool) -> None:
    process, paths = a_copy("unified", tmp_path)
    if not has_vcpus:
        process = Process(process.pid, process.start_ticks, process.cgroups, {})

    def end() -> None:
        shutil.rmtree(f"{paths.procfs}/2101")
        shutil.rmtree(str(process.cgroups.unified))

    assert read_vm(process, paths, Acting(ending, end)) is None


def test_a_vm_that_is_hidden_from_now_on_is_none() -> None:
    paths = recorded("unified")
    assert read_vm(vm_of("unified", paths), paths, Refusing("/2101/stat")) is None


@pytest.mark.parametrize(
    ("file", "field"),
    [
        ("guest.scope/cpu.stat", "cpu"),
        ("schedstat", "vcpus"),
        ("cpu.max", "throttling"),
        ("cpu.pressure", "pressure"),
        ("memory.current", "memory"),
    ],
)
def test_a_missing_right_costs_that_field_and_is_said(file: str, field: str) -> None:
    paths = recorded("unified")
    process = vm_of("unified", paths)
    whole, vm = read(process, paths), read_vm(process, paths, Refusing(file))
    assert vm is not None
    assert vm.refused == (field,)
    assert not getattr(vm, field)
    others = {"state", "cpu", "vcpus", "throttling", "pressure", "memory", "rss"} - {field}
    assert all(getattr(vm, other) == getattr(whole, other) for other in others)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("proc/2101/stat", "2101 (qemu) S 1 2"),
        ("proc/2101/task/2110/schedstat", "1 2"),
        ("proc/2101/task/2110/schedstat", "a b c"),
        ("SCOPE/cpu.stat", ""),
        ("SCOPE/cpu.stat", "usage_usec x\nuser_usec 1\nsystem_usec 1\n"),
        ("SCOPE/libvirt/vcpu0/cpu.stat", "usage_usec 1\n"),
        ("SCOPE/cpu.pressure", "full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"),
        ("SCOPE/io.pressure", "some avg10=0.00\n"),
        ("SCOPE/memory.current", "max\n"),
        ("SCOPE/memory.events", "oom_kill many\n"),
    ],
)
def test_a_file_that_makes_no_sense_is_named(tmp_path: Path, file: str, text: str) -> None:
    process, paths = a_copy("unified", tmp_path)
    path = file.replace("SCOPE", "sys/fs/cgroup/machine.slice/machine-qemu\\x2d1\\x2dguest.scope")
    (tmp_path / "unified" / path).write_text(text)
    with pytest.raises(ValueError) as error:  # noqa: PT011 - what follows is the match
        read_vm(process, paths)
    assert str(error.value).startswith(f"{tmp_path}/unified/{path}: ")


def test_a_directory_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    process, paths = a_copy("v1", tmp_path)
    path = Path(str(process.cgroups.memory), "memory.usage_in_bytes")
    path.unlink()
    path.mkdir()
    with pytest.raises(ValueError, match=r"memory\.usage_in_bytes: Is a directory"):
        read_vm(process, paths)


@pytest.mark.parametrize(
    ("host", "most"), [("hybrid", 13 + 9), ("unified", 21 + 4), ("v1", 15 + 2), ("lxc", 12)]
)
def test_a_vm_costs_few_files(host: str, most: int) -> None:
    """Besides what belongs to it, one for each of its threads."""
    reader, paths = Counting(), recorded(host)
    read_vm(vm_of(host, paths), paths, reader)
    assert len(reader.read) <= most
    assert len(set(reader.read)) == len(reader.read)
