import os
import shutil
from pathlib import Path

import pytest

from stratoscope.hypervisor.kernel import files
from stratoscope.hypervisor.kernel.cgroups import Cgroups, count_parts, read_cgroups
from stratoscope.hypervisor.kernel.passes import Pass
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.processes import NotFound, Process, Processes
from stratoscope.hypervisor.kernel.vcpus import find_vcpus
from support.hosts import Acting, Counting, Refusing, copied, recorded

GUEST_1, GUEST_2 = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
UNIFIED = "4dea22b3-1d52-48d8-9f2a-0123456789ab"
V1 = "5b0a66b1-0c3c-4f0e-8a51-abcdef012345"
SCOPE = "machine.slice/machine-qemu\\x2d1\\x2dguest.scope"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def one(paths: Paths, uuid: str, name: str) -> Process:
    return Processes(paths).find({uuid: (name, 1)})[uuid]


def test_guests_without_systemd_have_v1_and_v2_directories_of_their_own() -> None:
    paths = recorded("hybrid")
    found = Processes(paths).find({GUEST_1: ("guest-1", 1), GUEST_2: ("guest-2", 2)})
    vm = "machine/qemu-1-guest-1.libvirt-qemu"
    cpu = f"{paths.cgroup}/cpu/{vm}"
    assert found[GUEST_1] == Process(
        pid=3993,
        start_ticks=26670,
        cgroups=Cgroups(
            unified=f"{paths.cgroup}/unified/{vm}",
            cpu=cpu,
            cpuacct=None,  # its line is the root's, whose time is the whole host's
            memory=f"{paths.cgroup}/memory/{vm}",
            parts=cpu,
            limited=(cpu, f"{cpu}/emulator", f"{cpu}/vcpu0"),
        ),
        vcpus={0: 4000},
    )
    assert found[GUEST_2].pid == 4006


def test_a_guest_on_cgroup_v2_has_its_scope_not_the_child_its_process_is_in() -> None:
    paths = recorded("unified")
    scope = f"{paths.cgroup}/{SCOPE}"
    parts = ("emulator", "iothread1", "vcpu0", "vcpu1")
    process = one(paths, UNIFIED.upper(), "guest")
    assert process.cgroups == Cgroups(
        unified=scope,
        parts=f"{scope}/libvirt",
        limited=(scope, f"{scope}/libvirt", *(f"{scope}/libvirt/{part}" for part in parts)),
    )
    assert (process.pid, process.vcpus) == (2101, {0: 2110, 1: 2111})


def test_controllers_mounted_together_on_v1_are_found_whatever_their_order() -> None:
    paths = recorded("v1")
    vm = "machine.slice/machine-qemu\\x2d3\\x2dold.scope"
    process = one(paths, V1, "old")
    cpu = f"{paths.cgroup}/cpuacct/{vm}"
    assert process.cgroups == Cgroups(
        cpu=cpu,
        cpuacct=cpu,
        memory=f"{paths.cgroup}/memory/{vm}",
        parts=cpu,
        limited=(cpu, f"{cpu}/emulator", f"{cpu}/vcpu0"),
    )
    assert process.vcpus == {0: 4104}


def test_a_container_is_found_by_name_and_its_controller_is_the_oldest_of_those_processes() -> None:
    paths = recorded("lxc")
    process = one(paths, "any", "web")
    assert (process.pid, process.is_container, process.vcpus) == (3300, True, {})
    assert process.cgroups.unified == f"{paths.cgroup}/machine.slice/machine-lxc\\x2d3300\\x2dweb.scope"


def test_of_two_machines_with_one_uuid_the_younger_is_the_one_that_runs(tmp_path: Path) -> None:
    paths = copied("unified", tmp_path)
    shutil.copytree(f"{paths.procfs}/2101", f"{paths.procfs}/2050")
    stat = Path(paths.procfs, "2050", "stat")
    stat.write_text(stat.read_text().replace("2101 (", "2050 (").replace(" 456789 ", " 456790 "))
    assert one(paths, UNIFIED, "guest").pid == 2050


def test_what_is_known_costs_one_file_per_scrape() -> None:
    reader = Counting()
    processes = Processes(recorded("unified"), reader=reader)
    wanted = {UNIFIED: ("guest", 1)}
    first = processes.find(wanted)
    reader.read.clear()
    assert processes.find(wanted) == first
    assert [path.rsplit("/", 2)[1:] for path in reader.read] == [["2101", "stat"]]


def test_a_new_domain_id_is_looked_for_anew(tmp_path: Path) -> None:
    paths = copied("unified", tmp_path)
    processes = Processes(paths)
    processes.find({UNIFIED: ("guest", 1)})
    Path(paths.procfs, "2101").rename(Path(paths.procfs, "2500"))
    assert processes.find({UNIFIED: ("guest", 2)})[UNIFIED].pid == 2500


def test_a_pid_used_again_by_another_process_is_not_the_vm(tmp_path: Path) -> None:
    paths = copied("unified", tmp_path)
    processes = Processes(paths)
    processes.find({UNIFIED: ("guest", 1)})
    stat = Path(paths.procfs, "2101", "stat")
    stat.write_text(stat.read_text().replace(" 456789 ", " 999999 "))
    Path(paths.procfs, "2101", "comm").write_text("bash\n")
    assert processes.find({UNIFIED: ("guest", 1)}) == {}
    assert processes.missing == {UNIFIED: NotFound.ABSENT}


def test_a_vm_that_is_not_there_is_looked_for_less_and_less_often() -> None:
    clock, reader = Clock(), Counting()
    processes = Processes(recorded("unified"), reader=reader, clock=clock)
    passes = []
    for second in range(1200):
        clock.now = 1000.0 + second
        reader.read.clear()
        assert processes.find({"gone": ("gone", 9)}) == {}
        assert processes.missing == {"gone": NotFound.ABSENT}
        if reader.read:
            passes.append(second)
    assert passes == [0, 5, 15, 35, 75, 155, 315, 615, 915]


def test_a_new_vm_is_looked_for_at_once_though_another_is_put_off() -> None:
    processes = Processes(recorded("unified"), clock=Clock())
    processes.find({"gone": ("gone", 9)})
    found = processes.find({"gone": ("gone", 9), UNIFIED: ("guest", 1)})
    assert list(found) == [UNIFIED]
    assert processes.missing == {"gone": NotFound.ABSENT}


def test_search_for_another_vm_puts_nobody_off() -> None:
    clock, reader = Clock(), Counting()
    processes = Processes(recorded("hybrid"), reader=reader, clock=clock)
    gone = {"a": ("gone", 1)}
    processes.find(gone)
    clock.now += 1
    processes.find(gone | {GUEST_1: ("guest-1", 1)})
    clock.now += 4
    reader.read.clear()
    processes.find(gone | {GUEST_1: ("guest-1", 1)})
    assert any(path.endswith("/comm") for path in reader.read), "its own 5 s are over"


def test_vm_whose_file_hangs_is_looked_for_every_5_s() -> None:
    clock = Clock()
    processes = Processes(recorded("unified"), clock=clock)
    wanted = {UNIFIED: ("guest", 1)}
    for _ in range(2):
        assert processes.find(wanted, Pass(hung={2101})) == {}
        assert processes.missing == {UNIFIED: NotFound.TIMEOUT}
        clock.now += 5
    assert set(processes.find(wanted, Pass())) == {UNIFIED}


def test_vm_that_ended_and_is_found_again_has_not_ended(tmp_path: Path) -> None:
    paths, clock = copied("hybrid", tmp_path), Clock()
    processes = Processes(paths, clock=clock)
    processes.find({GUEST_1: ("guest-1", 1)})
    shutil.move(f"{paths.procfs}/3993", tmp_path / "gone")
    assert processes.find({GUEST_1: ("guest-1", 1)}) == {}
    assert processes.ended == {GUEST_1: 1}
    shutil.move(tmp_path / "gone", f"{paths.procfs}/3993")
    clock.now += 5
    assert set(processes.find({GUEST_1: ("guest-1", 1)})) == {GUEST_1}
    assert processes.ended == {}


def test_vm_that_was_started_anew_is_not_its_old_process_which_is_still_ending(tmp_path: Path) -> None:
    paths = copied("hybrid", tmp_path)
    processes = Processes(paths)
    assert processes.find({GUEST_1: ("guest-1", 1)})[GUEST_1].pid == 3993
    shutil.copytree(f"{paths.procfs}/3993", f"{paths.procfs}/5000")
    stat = Path(paths.procfs, "5000/stat")
    stat.write_text(stat.read_text().replace(" 26670 ", " 99999 "))
    assert processes.find({GUEST_1: ("guest-1", 2)})[GUEST_1].pid == 5000


def test_what_is_wanted_no_more_is_forgotten() -> None:
    processes = Processes(recorded("unified"), clock=Clock())
    processes.find({"gone": ("gone", 9), UNIFIED: ("guest", 1)})
    assert processes.find({}) == {}
    assert (processes._known, processes._waits, processes.missing) == ({}, {}, {})


@pytest.mark.parametrize("file", ["2101/comm", "2101/cmdline", "2101/stat", "2101/cgroup", "cgroup.threads"])
def test_a_process_without_rights_to_it_is_not_found_and_says_so(file: str) -> None:
    processes = Processes(recorded("unified"), reader=Refusing(file))
    assert processes.find({UNIFIED: ("guest", 1)}) == {}
    assert processes.missing == {UNIFIED: NotFound.UNAUTHORIZED}


def test_hidepid_that_hides_other_processes_altogether_is_noticed(tmp_path: Path) -> None:
    paths = copied("unified", tmp_path)
    for pid in ("1", "2101"):
        shutil.rmtree(f"{paths.procfs}/{pid}")
    processes = Processes(paths)
    assert processes.find({UNIFIED: ("guest", 1)}) == {}
    assert processes.missing == {UNIFIED: NotFound.UNAUTHORIZED}


def test_rights_taken_away_later_are_noticed_and_given_back_too() -> None:
    clock, reader = Clock(), Refusing()
    processes = Processes(recorded("unified"), reader=reader, clock=clock)
    wanted = {UNIFIED: ("guest", 1)}
    assert processes.find(wanted)
    reader.words = ("/2101/",)
    assert processes.find(wanted) == {}
    assert processes.missing == {UNIFIED: NotFound.UNAUTHORIZED}
    reader.words = ()
    clock.now += 6
    assert processes.find(wanted)
    assert processes.missing == {}


def test_a_cgroup_file_that_makes_no_sense_costs_that_vm_alone(tmp_path: Path) -> None:
    paths = copied("hybrid", tmp_path)
    Path(paths.procfs, "3993", "cgroup").write_text("nonsense\n")
    processes = Processes(paths)
    found = processes.find({GUEST_1: ("guest-1", 1), GUEST_2: ("guest-2", 2)})
    assert list(found) == [GUEST_2]
    assert processes.missing == {GUEST_1: NotFound.MALFORMED}


def test_a_process_whose_stat_makes_no_sense_counts_as_not_there(tmp_path: Path) -> None:
    paths = copied("unified", tmp_path)
    Path(paths.procfs, "2101", "stat").write_text("2101 (qemu) S\n")
    processes = Processes(paths)
    assert processes.find({UNIFIED: ("guest", 1)}) == {}
    assert processes.missing == {UNIFIED: NotFound.ABSENT}


def test_a_proc_that_is_not_mounted_has_no_processes(tmp_path: Path) -> None:
    processes = Processes(Paths(procfs=f"{tmp_path}/absent"))
    assert processes.find({UNIFIED: ("guest", 1)}) == {}
    assert processes.missing == {UNIFIED: NotFound.ABSENT}


def test_a_process_that_ends_during_the_pass_is_not_there(tmp_path: Path) -> None:
    paths = copied("unified", tmp_path)
    reader = Acting("/2101/stat", lambda: shutil.rmtree(f"{paths.procfs}/2101"))
    assert Processes(paths, reader=reader).find({UNIFIED: ("guest", 1)}) == {}


def test_a_command_line_that_ends_with_the_flag_is_no_vm(tmp_path: Path) -> None:
    paths = copied("unified", tmp_path)
    Path(paths.procfs, "2101", "cmdline").write_bytes(b"qemu\0-uuid")
    assert Processes(paths).find({UNIFIED: ("guest", 1)}) == {}


def test_a_plugged_vcpu_shows_in_the_next_scrape(tmp_path: Path) -> None:
    paths = copied("unified", tmp_path)
    links = os.stat(tmp_path).st_nlink  # noqa: PTH116 - as the code has it
    Path(tmp_path, "child").mkdir()
    if os.stat(tmp_path).st_nlink == links:  # noqa: PTH116
        pytest.skip("this file system does not count child directories, as cgroup's does")
    processes = Processes(paths)
    assert len(processes.find({UNIFIED: ("guest", 1)})[UNIFIED].vcpus) == 2
    parts = f"{paths.cgroup}/{SCOPE}/libvirt"
    shutil.copytree(f"{parts}/vcpu1", f"{parts}/vcpu2")
    Path(parts, "vcpu2", "cgroup.threads").write_text("2112\n")
    assert processes.find({UNIFIED: ("guest", 1)})[UNIFIED].vcpus == {0: 2110, 1: 2111, 2: 2112}


def test_a_plugged_vcpu_that_no_cgroup_tells_shows_after_a_while(tmp_path: Path) -> None:
    paths, clock = copied("unified", tmp_path), Clock()
    Path(paths.procfs, "2101", "cgroup").write_text("0::/system.slice/libvirtd.service\n")
    processes = Processes(paths, clock=clock)
    assert processes.find({UNIFIED: ("guest", 1)})[UNIFIED].cgroups == Cgroups()
    Path(paths.procfs, "2101", "task", "2112", "comm").write_text("CPU 2/KVM\n")
    assert processes.find({UNIFIED: ("guest", 1)})[UNIFIED].vcpus == {0: 2110, 1: 2111}
    clock.now += 301
    assert processes.find({UNIFIED: ("guest", 1)})[UNIFIED].vcpus == {0: 2110, 1: 2111, 2: 2112}


def test_a_machine_that_is_still_starting_is_looked_at_in_each_scrape(tmp_path: Path) -> None:
    paths = copied("unified", tmp_path)
    shutil.move(f"{paths.procfs}/2101/task", f"{tmp_path}/task")
    processes = Processes(paths)
    assert processes.find({UNIFIED: ("guest", 1)})[UNIFIED].vcpus == {}
    shutil.move(f"{tmp_path}/task", f"{paths.procfs}/2101/task")
    assert processes.find({UNIFIED: ("guest", 1)})[UNIFIED].vcpus == {0: 2110, 1: 2111}


def test_a_cgroup_that_makes_no_sense_later_takes_the_vm_away_with_the_reason(tmp_path: Path) -> None:
    paths, clock = copied("unified", tmp_path), Clock()
    processes = Processes(paths, clock=clock)
    assert processes.find({UNIFIED: ("guest", 1)})
    Path(paths.procfs, "2101", "cgroup").write_text("x:y\n")
    clock.now += 301
    assert processes.find({UNIFIED: ("guest", 1)}) == {}
    assert processes.missing == {UNIFIED: NotFound.MALFORMED}


@pytest.mark.parametrize(
    "group",
    [
        f"/../../{SCOPE}/libvirt/emulator",  # seen from another cgroup namespace
        f"/{SCOPE}",
        f"/{SCOPE}/emulator",
    ],
)
def test_the_scope_is_found_from_wherever_the_process_is_in_it(tmp_path: Path, group: str) -> None:
    paths = copied("unified", tmp_path)
    Path(paths.procfs, "2101", "cgroup").write_text(f"0::{group}\n")
    assert read_cgroups(2101, paths, files.read).unified == f"{paths.cgroup}/{SCOPE}"


@pytest.mark.parametrize(
    "group",
    [
        "/",
        "/user.slice/user-0.slice/session-1.scope",
        f"/{SCOPE} (deleted)",
        "/machine.slice/machine-qemu\\x2d9\\x2dunmounted.scope",
    ],
)
def test_a_cgroup_that_is_not_the_vms_own_is_none(tmp_path: Path, group: str) -> None:
    paths = copied("unified", tmp_path)
    Path(paths.procfs, "2101", "cgroup").write_text(f"0::{group}\n")
    assert read_cgroups(2101, paths, files.read) == Cgroups()


def test_a_process_that_is_gone_has_no_cgroup() -> None:
    assert read_cgroups(77, recorded("unified"), files.read) == Cgroups()


def test_a_nested_v1_memory_cgroup_is_where_the_process_is(tmp_path: Path) -> None:
    paths = copied("v1", tmp_path)
    vm = "/machine.slice/machine-qemu\\x2d3\\x2dold.scope"
    Path(paths.procfs, "4100", "cgroup").write_text(f"9:memory:{vm}/libvirt\n")
    assert read_cgroups(4100, paths, files.read).memory == f"{paths.cgroup}/memory{vm}/libvirt"


def test_the_number_of_parts_is_0_without_a_cgroup_and_when_it_is_gone(tmp_path: Path) -> None:
    assert count_parts(Cgroups()) == count_parts(Cgroups(parts=f"{tmp_path}/gone")) == 0


@pytest.mark.parametrize("thread", ["0\n", "31999\n", ""])
def test_thread_ids_of_another_pid_namespace_are_not_used(tmp_path: Path, thread: str) -> None:
    paths = copied("unified", tmp_path)
    for vcpu in ("vcpu0", "vcpu1"):
        Path(paths.cgroup, SCOPE, "libvirt", vcpu, "cgroup.threads").write_text(thread)
    cgroups = read_cgroups(2101, paths, files.read)
    assert find_vcpus(2101, cgroups, paths, files.read) == {0: 2110, 1: 2111}  # by their names


def test_threads_of_tcg_are_found_by_name() -> None:
    assert find_vcpus(3993, Cgroups(), recorded("hybrid"), files.read) == {0: 4000}
