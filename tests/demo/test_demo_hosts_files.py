"""What is written of a host, word by word: two VMs on four CPUs, and what they have used after 100 s."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml
from msgspec.structs import replace

from stratoscope.demo.openstack.hypervisors.activity import ALWAYS, Activity
from stratoscope.demo.openstack.hypervisors.definitions import node
from stratoscope.demo.openstack.hypervisors.files import files as files_of
from stratoscope.demo.openstack.hypervisors.guests import (
    OFF,
    PAUSED,
    RUNNING,
    Guest,
    ShownHost,
    with_own_limit,
)
from stratoscope.demo.openstack.hypervisors.meters import HostMeter
from stratoscope.demo.openstack.hypervisors.writer import HostFiles
from stratoscope.demo.openstack.seed import Size, build
from stratoscope.demo.world.models import VM, Resources
from support.shown_hosts import BEGAN

HALF: Final = Activity(mean=0.5, swing=0.0, period_s=600.0, phase=0.0, resident=0.5)
"""A VM that wants half of its virtual CPUs all the time."""
WORLD: Final = build(Size(), seed=1, now=BEGAN)
ANY: Final = next(one for one in WORLD.vms if one.ports and one.image and not one.volumes)
SMALL: Final = replace(ANY.flavor, name="m1", vcpus=2, memory_mib=4096, disk_gib=20)
SLICE: Final = "sys/fs/cgroup/machine.slice"
SCOPE: Final = f"{SLICE}/machine-qemu\\x2d1\\x2dinstance\\x2d00000007.scope"


def vm(serial: int, *, vcpus: int = 2) -> VM:
    return replace(
        ANY,
        serial=serial,
        id=f"vm-{serial}",
        name=f"web-{serial}",
        vm_state="active",
        flavor=replace(SMALL, vcpus=vcpus),
        ports=tuple(replace(ANY.ports[0], id=f"{serial:08}-{number}") for number in ("1111", "2222")),
    )


def host(*guests: Guest, noisy: Guest | None = None) -> ShownHost:
    one = replace(next(iter(WORLD.hosts.values())), name="cn01", has=Resources(vcpus=4, memory_mib=16384))
    return ShownHost(one, list(guests), noisy)


def two() -> ShownHost:
    """One VM at its own limit of half its two CPUs, and one that uses half of its one."""
    return host(Guest(vm(7), 1, RUNNING, ALWAYS, 0.5), Guest(vm(8, vcpus=1), 2, RUNNING, HALF))


def after(seconds: float, shown: ShownHost) -> HostMeter:
    meter = HostMeter(shown, BEGAN)
    meter.advance(BEGAN + seconds)
    return meter


def pressure(some: int, full: int) -> str:
    return "".join(
        f"{name} avg10=0.00 avg60=0.00 avg300=0.00 total={total}\n"
        for name, total in (("some", some), ("full", full))
    )


def test_files_of_a_vm_move_by_what_it_used_and_waited_for() -> None:
    files = dict(files_of(after(100, two())))
    # Each second it has 1 CPU, and its emulator 0.04; 8 % of that is in the kernel. It waits for 0.01 CPUs.
    assert files["proc/2100/stat"] == (
        "2100 (qemu-system-x86) S 1 2100 2100 0 -1 138412416 15791 0 0 0 9568 832 0 0 20 0 9 0 6100 975249408"
        f" {((120 << 20) + round(0.8 * (4096 << 20))) // 4096} 18446744073709551615\n"
    )
    for thread in (2101, 2102):
        assert files[f"proc/2100/task/{thread}/schedstat"] == "50001000000 500000000 20001\n"
    assert files[f"{SCOPE}/cpu.stat"] == "usage_usec 104000000\nuser_usec 95680000\nsystem_usec 8320000\n"
    # A thread waits all the time: for its quota.
    assert files[f"{SCOPE}/cpu.pressure"] == pressure(100_000_000, 30_000_000)
    assert files[f"{SCOPE}/io.pressure"] == pressure(3_000_000, 900_000)
    assert files[f"{SCOPE}/memory.current"] == f"{(120 << 20) + round(0.8 * (4096 << 20))}\n"
    # Of its quota all periods of 100 ms are throttled, for half of the time.
    for number in (0, 1):
        assert files[f"{SCOPE}/libvirt/vcpu{number}/cpu.stat"] == (
            "usage_usec 50001000\nuser_usec 46000921\nsystem_usec 4000079\n"
            "nr_periods 1000\nnr_throttled 1000\nthrottled_usec 50000000\n"
        )
    other = f"{SLICE}/machine-qemu\\x2d2\\x2dinstance\\x2d00000008.scope"
    assert files[f"{other}/cpu.stat"] == "usage_usec 52000000\nuser_usec 47840000\nsystem_usec 4160000\n"
    assert files[f"{other}/cpu.pressure"] == pressure(500_000, 150_000)
    assert files["proc/2200/task/2201/schedstat"] == "50001000000 500000000 20001\n"
    assert f"{other}/libvirt/vcpu0/cpu.stat" not in files


def test_files_of_the_host_move_by_what_all_its_vms_used() -> None:
    files = dict(files_of(after(100, two())))
    # 1.5 CPUs and their emulators' 4 % for 100 s, in ticks of 10 ms: guest time is user time, too.
    all_, *each = files["proc/stat"].splitlines()
    assert all_ == "cpu  14352 0 1248 24400 234 0 0 0 14352 0"
    assert each == [f"cpu{number} 3588 0 312 6100 58 0 0 0 3588 0" for number in range(4)]
    assert files["proc/pressure/cpu"] == pressure(1_560_000, 0)
    assert files["proc/pressure/io"] == pressure(2_340_000, 702_000)
    assert files["proc/pressure/memory"] == pressure(0, 0)
    assert files["proc/sys/net/netfilter/nf_conntrack_count"] == "180\n"
    available = (16384 << 20) - (3 << 30) - 2 * (120 << 20) - round(0.8 * (4096 << 20)) - (2048 << 20)
    free_kib = round(0.4 * available) >> 10
    assert files["proc/meminfo"] == (
        f"MemTotal:       16777216 kB\nMemFree:        {free_kib} kB\nMemAvailable:   {available >> 10} kB\n"
    )
    for cell in (0, 1):
        assert files[f"sys/devices/system/node/node{cell}/meminfo"] == (
            f"Node {cell} MemTotal:       8388608 kB\nNode {cell} MemFree:        {free_kib // 2} kB\n"
        )
        # 60 W and 7 W for each CPU in use, of which each socket has half.
        assert files[f"sys/class/powercap/intel-rapl:{cell}/energy_uj"] == "6546000000\n"
    assert files["sys/kernel/mm/ksm/full_scans"] == f"{round((BEGAN + 100) / 600)}\n"


def test_victims_of_a_noisy_neighbour_get_what_it_leaves_them_and_wait_for_the_rest() -> None:
    noisy = Guest(vm(7), 1, RUNNING, ALWAYS)
    shown = host(noisy, Guest(vm(8, vcpus=1), 2, RUNNING, HALF), Guest(vm(9), 3, RUNNING, HALF), noisy=noisy)
    meter = after(100, shown)
    # It takes 2 of 4 CPUs. The emulators take 4 %, so that 1.846 are left; the others want 2.6: 1.3 times 2.
    assert [one.used_s for one in meter.guests] == pytest.approx([208.0, 64.0, 128.0], rel=1e-3)
    assert [one.delay_s for one in meter.guests] == pytest.approx([1.0, 25.74, 25.74], rel=2e-3)
    assert [one.run_s for one in meter.guests] == pytest.approx([100.0, 61.54, 61.54], rel=1e-3)
    assert [one.stalled_s for one in meter.guests] == pytest.approx([2.0, 25.74, 51.48], rel=2e-3)
    assert [one.throttled_s for one in meter.guests] == [0, 0, 0]
    assert (meter.guest_s, meter.idle_s) == pytest.approx((400.0, 0.0), abs=0.01)
    assert meter.stalled_s == pytest.approx(100 * (2.6 - 1.846 + 0.04), rel=2e-3)


def test_vms_of_a_calm_host_want_no_more_than_seven_tenths_of_it() -> None:
    shown = host(*(Guest(vm(number), number, RUNNING, ALWAYS) for number in (1, 2, 3)))
    assert shown.wanted_cpus(BEGAN) == pytest.approx([2.8 / 3] * 3)


def test_vm_that_is_stopped_wants_nothing() -> None:
    shown = two()
    shown.guests[0].vm.vm_state = "stopped"
    assert shown.wanted_cpus(BEGAN) == [0.0, 0.5]


def test_limit_is_of_the_vm_that_has_two_cpus_or_about_as_many() -> None:
    shown = host()
    shown.host.vms = {1: vm(1, vcpus=8), 2: vm(2), 3: vm(3, vcpus=1)}
    limited = [(one.vm.serial, one.activity) for one in with_own_limit(shown.host).guests if one.quota == 0.5]
    assert limited == [(2, ALWAYS)]


def test_files_that_stay_name_the_vm_its_threads_and_its_quota() -> None:
    files = dict(files_of(HostMeter(two(), BEGAN)))
    of_process = {path.removeprefix("proc/2100/"): text for path, text in files.items() if "/2100/" in path}
    assert of_process["comm"] == "qemu-system-x86\n"
    assert (
        of_process["cmdline"] == "/usr/bin/qemu-system-x86_64\0-name\0guest=instance-00000007\0-uuid\0vm-7\0"
    )
    assert of_process["cgroup"] == f"0::/{SCOPE.removeprefix('sys/fs/cgroup/')}/libvirt/emulator\n"
    assert of_process["status"] == "Name:\tqemu-system-x86\nPid:\t2100\nVmSwap:\t       0 kB\nThreads:\t9\n"
    assert of_process["task/2100/comm"] == "qemu-system-x86\n"
    assert [of_process[f"task/{thread}/comm"] for thread in (2101, 2102)] == ["CPU 0/KVM\n", "CPU 1/KVM\n"]
    assert of_process["task/2101/stat"].startswith("2101 (CPU 0/KVM) S 1 ")
    of_group = {path.removeprefix(f"{SCOPE}/"): text for path, text in files.items() if SCOPE in path}
    moving = ("cpu.stat", "cpu.pressure", "io.pressure", "memory.current")
    assert {path: text for path, text in of_group.items() if not path.endswith(moving)} == {
        "cpu.max": "max 100000\n",
        "libvirt/cpu.max": "max 100000\n",
        "libvirt/emulator/cpu.max": "max 100000\n",
        "libvirt/emulator/cgroup.threads": "2100\n",
        "libvirt/vcpu0/cpu.max": "50000 100000\n",
        "libvirt/vcpu0/cgroup.threads": "2101\n",
        "libvirt/vcpu1/cpu.max": "50000 100000\n",
        "libvirt/vcpu1/cgroup.threads": "2102\n",
        "memory.swap.current": "0\n",
        "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n",
        "memory.pressure": pressure(0, 0),
    }
    other = f"{SLICE}/machine-qemu\\x2d2\\x2dinstance\\x2d00000008.scope"
    assert files[f"{other}/libvirt/vcpu0/cpu.max"] == "max 100000\n"
    assert tap("tap00000007-11", files) == {
        "ifindex": "2100\n", "flags": "0x1003\n", "carrier": "1\n", "mtu": "1450\n",
        "uevent": "INTERFACE=ovs-system\nIFINDEX=3\n",
    }  # fmt: skip
    assert tap("tap00000007-22", files)["ifindex"] == "2101\n"


def tap(name: str, files: Mapping[str, str]) -> Mapping[str, str]:
    """What the kernel says of a tap, by the file's name."""
    return {path.rpartition("/")[2]: text for path, text in files.items() if f"/{name}/" in path}


def test_files_of_the_host_that_stay() -> None:
    files = dict(files_of(HostMeter(two(), BEGAN)))
    assert files["sys/devices/system/node/node0/cpulist"] == "0-1\n"
    assert files["sys/devices/system/node/node1/cpulist"] == "2-3\n"
    assert files["sys/class/powercap/intel-rapl:1/name"] == "package-1\n"
    assert files["proc/sys/kernel/sched_schedstats"] == "0\n"
    assert files["proc/sys/net/netfilter/nf_conntrack_max"] == "262144\n"
    assert files["sys/fs/cgroup/cgroup.controllers"] == "cpuset cpu io memory hugetlb pids\n"
    pages = 83_886  # KSM saves 2 % of 16 GiB
    ksm = {path.rpartition("/")[2]: text for path, text in files.items() if "/ksm/" in path}
    assert ksm.pop("full_scans") == f"{round(BEGAN / 600)}\n"
    assert ksm == {
        "run": "1\n", "pages_shared": f"{pages // 4}\n", "pages_sharing": f"{pages}\n",
        "pages_unshared": f"{2 * pages}\n", "pages_volatile": f"{pages // 8}\n",
    }  # fmt: skip


def test_libvirt_knows_the_vms_by_novas_ids_names_and_owners() -> None:
    shown = host(
        Guest(vm(7), 1, RUNNING, ALWAYS, 0.5), Guest(vm(8), 2, PAUSED, HALF), Guest(vm(9), 0, OFF, HALF)
    )
    root = ET.fromstring(node(shown))  # noqa: S314 - we wrote it
    names = {
        "nova": "http://openstack.org/xmlns/libvirt/nova/1.1",
        "t": "http://libvirt.org/schemas/domain/test/1.0",
    }
    first, *others = root.findall("domain")
    assert [root.findtext(one) for one in ("cpu/active", "cpu/cores", "memory")] == ["4", "2", "16777216"]
    assert [first.findtext(one) for one in ("name", "uuid", "memory", "vcpu")] == [
        "instance-00000007", "vm-7", "4194304", "2",
    ]  # fmt: skip
    assert [first.findtext(f"cputune/{one}") for one in ("period", "quota")] == ["100000", "50000"]
    instance = first.find("metadata/nova:instance", names)
    assert instance is not None
    assert instance.findtext("nova:name", None, names) == "web-7"
    flavor = instance.find("nova:flavor", names)
    assert flavor is not None
    assert (flavor.get("name"), flavor.findtext("nova:vcpus", None, names)) == ("m1", "2")
    user, project = (instance.find(f"nova:owner/nova:{one}", names) for one in ("user", "project"))
    assert user is not None
    assert project is not None
    assert (user.get("uuid"), user.text) == (ANY.user.id, ANY.user.name)
    assert (project.get("uuid"), project.text) == (ANY.project.id, ANY.project.name)
    interface = first.find("devices/interface")
    assert interface is not None
    parameters, target = interface.find("virtualport/parameters"), interface.find("target")
    assert parameters is not None
    assert target is not None
    assert parameters.get("interfaceid") == "00000007-1111"
    assert target.get("dev") == "tap00000007-11"
    assert first.find("t:runstate", names) is None
    assert [one.findtext("t:runstate", None, names) for one in others] == ["3", "5"]
    assert others[0].find("cputune") is None


def test_all_is_written_first_and_then_what_has_changed(tmp_path: Path) -> None:
    shown = two()
    files = HostFiles(shown, tmp_path, BEGAN)
    files.begin("demo")
    written = {
        str(path.relative_to(files.root)): path.read_text()
        for path in files.root.rglob("*")
        if path.is_file()
    }
    document = yaml.safe_load(written.pop("hypervisor.yml"))
    uri = f"test://{files.root}/node.xml"
    assert document["clouds"] == [{"name": "demo", "kind": "libvirt", "uri": uri, "host": "cn01"}]
    assert written.pop("node.xml") == node(shown)
    assert written == dict(files_of(HostMeter(shown, BEGAN)))
    files.move(BEGAN + 100)
    for path, text in files_of(after(100, shown)):
        assert (files.root / path).read_text() == text
