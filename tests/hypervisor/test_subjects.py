"""What each subject shows of a VM, and how many series that is."""

import pytest
from msgspec.structs import replace

from stratoscope.clouds.libvirt.model import Vcpu
from stratoscope.core.metrics import Labels
from stratoscope.hypervisor.kernel.cpu import CPU
from stratoscope.hypervisor.kernel.memory import Memory
from stratoscope.hypervisor.settings import subjects
from stratoscope.hypervisor.subjects import Subject
from stratoscope.hypervisor.vm import VM
from support.golden import assert_golden
from support.pages import promtool_findings, rendered
from support.vms import all_kinds, domain, full, hung, kvm, shut_off, unidentified, vm

SUBJECTS = {subject.name: subject for subject in subjects("node1")}
BY_DEFAULT = [subject for subject in SUBJECTS.values() if subject.is_on]


def shown(subject: Subject, *vms: VM) -> str:
    """The page of one subject."""
    samples = (sample for one in vms for sample in subject.samples(one, Labels(cloud="uni", vm_id=one.vm_id)))
    return rendered(samples, subject.families)


def series(page: str) -> list[str]:
    return [line for line in page.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("name", SUBJECTS)
def test_subject_shows_every_kind_of_vm_as_the_golden_page_has_it(name: str) -> None:
    page = shown(SUBJECTS[name], *all_kinds())
    assert_golden(f"hypervisor_subject_{name}.prom", page)


@pytest.mark.parametrize("name", SUBJECTS)
def test_promtool_finds_nothing_on_a_subjects_page(name: str) -> None:
    assert promtool_findings(shown(SUBJECTS[name], *all_kinds())) == ""


@pytest.mark.parametrize("name", SUBJECTS)
def test_subject_has_as_many_series_for_a_plain_guest_as_it_says(name: str) -> None:
    assert len(series(shown(SUBJECTS[name], kvm()))) == SUBJECTS[name].series


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_family_of_a_subject_is_shown_by_some_vm(name: str) -> None:
    page = shown(SUBJECTS[name], *all_kinds())
    assert [family.name for family in SUBJECTS[name].families if f"# TYPE {family.name} " not in page] == []


def test_plain_guest_has_at_most_61_series_by_default() -> None:
    pages = [series(shown(subject, kvm())) for subject in BY_DEFAULT]
    assert sum(len(lines) for lines in pages) == 61


def test_series_of_a_vm_carry_cloud_and_id_and_no_name() -> None:
    pages = [shown(subject, full()) for name, subject in SUBJECTS.items() if name != "info"]
    lines = [line for page in pages for line in series(page)]
    assert all(f'{{cloud="uni",vm_id="{full().vm_id}"' in line for line in lines)
    named = [line for line in lines if "web 1" in line]
    assert {line.partition("{")[0] for line in named} == {"stratoscope_hypervisor_vm_failed_check_info"}


@pytest.mark.parametrize(
    ("state", "reason"), [("running", "booted"), ("paused", "ioerror"), ("unknown_9", "unknown_4")]
)
def test_vm_shows_the_state_that_it_is_in_alone(state: str, reason: str) -> None:
    of_vm = f'cloud="uni",vm_id="0a1b2c3d-0000-4000-8000-000000000001",state="{state}"'
    assert series(shown(SUBJECTS["state"], vm(domain(state=state, reason=reason)))) == [
        f"stratoscope_hypervisor_vm_state{{{of_vm}}} 1",
        f'stratoscope_hypervisor_vm_state_reason{{{of_vm},reason="{reason}"}} 1',
    ]


def test_vm_without_identity_has_no_info_rather_than_a_wrong_owner() -> None:
    assert shown(SUBJECTS["info"], unidentified()) == ""


@pytest.mark.parametrize("name", ["cpu", "memory", "disks", "network", "taps", "pressure", "oom", "monitor"])
def test_vm_that_is_off_has_no_counters(name: str) -> None:
    assert shown(SUBJECTS[name], shut_off()) == ""


def test_hung_vm_keeps_what_needs_no_monitor() -> None:
    kept = {name for name in SUBJECTS if shown(SUBJECTS[name], hung())}
    assert kept >= {"info", "state", "cpu", "network", "taps", "pressure", "oom", "monitor", "checks"}
    assert shown(SUBJECTS["disks"], hung()) == ""


def test_hung_vm_keeps_the_memory_of_its_definition_and_what_is_resident() -> None:
    assert [line.partition("{")[0] for line in series(shown(SUBJECTS["memory"], hung()))] == [
        "stratoscope_hypervisor_vm_memory_current_bytes",
        "stratoscope_hypervisor_vm_memory_maximum_bytes",
        "stratoscope_hypervisor_vm_memory_rss_bytes",
    ]
    assert shown(SUBJECTS["guest_memory"], hung()) == ""


def test_last_answer_has_no_age_while_the_monitor_answers() -> None:
    assert "last_answer_age" not in shown(SUBJECTS["monitor"], kvm())


def test_cpu_of_the_kernel_goes_before_libvirts() -> None:
    both = kvm(domain=domain(cpu_s=99.0, vcpus=(Vcpu(0, 99.0, 99.0, 99.0),)))
    assert "99" not in "".join(line.rpartition(" ")[2] for line in series(shown(SUBJECTS["cpu"], both)))


def test_cpu_time_that_nobody_splits_is_shown_as_the_total_alone() -> None:
    one = kvm()
    assert one.kernel is not None
    by_kernel = replace(one, kernel=replace(one.kernel, cpu=CPU(3.0, None, None), vcpus={}))
    by_libvirt = vm(domain(cpu_s=3.0))
    for alone in (by_kernel, by_libvirt):
        names = [line.partition("{")[0] for line in series(shown(SUBJECTS["cpu"], alone))]
        assert [name for name in names if "_cpu_" in name] == ["stratoscope_hypervisor_vm_cpu_seconds_total"]


def test_memory_that_the_kernel_does_not_tell_is_absent() -> None:
    one = kvm()
    assert one.kernel is not None
    for memory in (Memory(None, None, None), None):
        untold = replace(one, kernel=replace(one.kernel, memory=memory))
        assert shown(SUBJECTS["cgroup_memory"], untold) == ""


def test_kills_that_nobody_counts_are_absent_and_those_of_a_vm_that_died_of_one_stay() -> None:
    assert shown(SUBJECTS["oom"], replace(kvm(), oom_kills=None)) == ""
    (line,) = series(shown(SUBJECTS["oom"], replace(shut_off(), oom_kills=1)))
    assert line == f'stratoscope_hypervisor_vm_oom_kills_total{{cloud="uni",vm_id="{shut_off().vm_id}"}} 1'


def test_limits_are_named_as_in_iotune_and_sorted_into_families_by_unit() -> None:
    page = shown(SUBJECTS["limits"], full())
    assert [line.replace("stratoscope_hypervisor_vm_disk_limit_", "") for line in series(page)] == [
        f'{family}{{cloud="uni",vm_id="{full().vm_id}",device="vdb",limit="{limit}"}} {value}'
        for family, limit, value in (
            ("bytes_per_second", "total_bytes_sec", 1048576),
            ("requests_per_second", "read_iops_sec", 100),
            ("burst_seconds", "total_bytes_sec_max_length", 30),
            ("request_bytes", "size_iops_sec", 4096),
        )
    ]


def test_check_that_cannot_be_told_is_absent() -> None:
    checks = [line for line in series(shown(SUBJECTS["checks"], unidentified())) if 'check="network"' in line]
    assert checks == []
