import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stratoscope.core.errors import LeftOut
from stratoscope.hypervisor.kernel.files import PAGE_BYTES
from stratoscope.hypervisor.kernel.host import (
    Conntrack,
    HostCPU,
    HostMemory,
    HostPressure,
    read_conntrack,
    read_host_cpu,
    read_host_memory,
    read_host_pressure,
)
from stratoscope.hypervisor.kernel.ksm import KSM, read_ksm
from stratoscope.hypervisor.kernel.numa import HugePages, Node, cpus_of, read_hugepages, read_nodes
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.pressure import Pressure
from stratoscope.hypervisor.kernel.rapl import Zone, read_energy
from support.hosts import Refusing, copied, paths_in, recorded

METAL = recorded("metal")
MIB2, GIB, KIB = 2 << 20, 1 << 30, 1024
GROUPS = [
    read_host_cpu,
    read_host_memory,
    read_host_pressure,
    read_conntrack,
    read_hugepages,
    read_nodes,
    read_ksm,
    read_energy,
]


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_that_the_host_does_not_have_is_absent(tmp_path: Path, group: Callable[..., object]) -> None:
    assert group(paths_in(tmp_path)) is LeftOut.ABSENT


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_without_rights_is_unauthorized(group: Callable[..., object]) -> None:
    assert group(METAL, Refusing("/")) is LeftOut.UNAUTHORIZED


@pytest.mark.parametrize(
    ("group", "file", "text"),
    [
        (read_host_cpu, "proc/stat", "cpu0 1 2 3 4\n"),
        (read_host_cpu, "proc/stat", "cpu  1 2 3\n"),
        (read_host_cpu, "proc/stat", "cpu  1 2 3 x\n"),
        (read_host_memory, "proc/meminfo", "MemTotal: much kB\n"),
        (read_host_pressure, "proc/pressure/io", "all\n"),
        (read_conntrack, "proc/sys/net/netfilter/nf_conntrack_count", "\n"),
        (read_hugepages, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "-\n"),
        (read_nodes, "sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: x kB\n"),
        (read_nodes, "sys/devices/system/node/node0/cpulist", "0-x\n"),
        (read_ksm, "sys/kernel/mm/ksm/run", "yes\n"),
        (read_energy, "sys/class/powercap/intel-rapl:0/energy_uj", "\n"),
    ],
)
def test_a_file_that_makes_no_sense_is_named(
    tmp_path: Path, group: Callable[..., object], file: str, text: str
) -> None:
    paths = copied("metal", tmp_path)
    (tmp_path / "metal" / file).write_text(text)
    with pytest.raises(ValueError) as error:  # noqa: PT011 - what follows is the match
        group(paths)
    assert str(error.value).startswith(f"{tmp_path}/metal/{file}: ")


def test_cpu_seconds_by_mode() -> None:
    assert read_host_cpu(METAL) == HostCPU(
        online=3,
        user=12500.0,
        nice=25.0,
        system=3000.0,
        idle=90000.0,
        iowait=400.0,
        irq=1.0,
        softirq=120.0,
        steal=7.0,
        guest=11000.0,
        guest_nice=3.0,
    )


def test_modes_that_an_old_kernel_lacks_are_none_and_new_ones_are_ignored(tmp_path: Path) -> None:
    paths = copied("metal", tmp_path)
    stat = Path(paths.procfs, "stat")
    stat.write_text("cpu  100 200 300 400\n")
    assert read_host_cpu(paths) == HostCPU(0, 1.0, 2.0, 3.0, 4.0)
    stat.write_text("cpu  100 200 300 400 1 2 3 4 5 6 7 8\ncpu0 1\n")
    assert read_host_cpu(paths) == HostCPU(1, 1.0, 2.0, 3.0, 4.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06)


def test_memory_of_the_host() -> None:
    assert read_host_memory(METAL) == HostMemory(65_536_000 * KIB, 16_384_000 * KIB, 20_480_000 * KIB)


def test_available_memory_is_none_before_linux_3_14(tmp_path: Path) -> None:
    paths = copied("metal", tmp_path)
    Path(paths.procfs, "meminfo").write_text("MemTotal: 8 kB\nMemFree: 4 kB\n")
    assert read_host_memory(paths) == HostMemory(8192, 4096, None)


def test_pressure_of_the_host_has_no_full_for_cpu() -> None:
    assert read_host_pressure(METAL) == HostPressure(
        Pressure(12.5, None), Pressure(4.5, 4.25), Pressure(0.5, 0.25)
    )


def test_pressure_of_one_resource_is_enough(tmp_path: Path) -> None:
    paths = copied("metal", tmp_path)
    Path(paths.procfs, "pressure", "cpu").unlink()
    Path(paths.procfs, "pressure", "io").unlink()
    assert read_host_pressure(paths) == HostPressure(None, None, Pressure(0.5, 0.25))


def test_conntrack_entries_and_limit() -> None:
    assert read_conntrack(METAL) == Conntrack(65021, 262144)


def test_huge_pages_are_bytes_by_size() -> None:
    assert read_hugepages(METAL) == (
        HugePages(MIB2, 8192 * MIB2, 2048 * MIB2, 128 * MIB2),
        HugePages(GIB, 16 * GIB, 4 * GIB, 2 * GIB),
    )


def test_nodes_have_memory_cpus_and_huge_pages_and_some_have_no_cpus() -> None:
    pages = (
        HugePages(MIB2, 4096 * MIB2, 1024 * MIB2, None),
        HugePages(GIB, 8 * GIB, 2 * GIB, None),
    )
    assert read_nodes(METAL) == (
        Node(0, 32_768_000 * KIB, 4_096_000 * KIB, (0, 1, 3), pages),
        Node(1, 32_768_000 * KIB, 12_288_000 * KIB, (), pages),
    )


def test_a_list_of_cpus() -> None:
    assert cpus_of("f", b"0-2,8,10-11\n") == (0, 1, 2, 8, 10, 11)


def test_ksm_may_cost_more_than_it_saves() -> None:
    assert read_ksm(METAL) == KSM(
        is_running=True,
        shared=1000 * PAGE_BYTES,
        sharing=9000 * PAGE_BYTES,
        unshared=5000 * PAGE_BYTES,
        volatile=250 * PAGE_BYTES,
        profit=-65536,
        full_scans=42,
    )


def test_ksm_before_linux_6_4_does_not_tell_its_profit(tmp_path: Path) -> None:
    paths = copied("metal", tmp_path)
    Path(paths.sysfs, "kernel/mm/ksm/run").write_text("2\n")
    for name in ("general_profit", "pages_volatile"):
        Path(paths.sysfs, "kernel/mm/ksm", name).unlink()
    ksm = read_ksm(paths)
    assert isinstance(ksm, KSM)
    assert (ksm.is_running, ksm.profit, ksm.volatile) == (False, None, None)


def test_energy_zones_know_what_they_are_part_of() -> None:
    zones = read_energy(METAL)
    assert isinstance(zones, tuple)
    assert [(zone.zone, zone.parent, zone.name) for zone in zones] == [
        ("intel-rapl-mmio:0", None, "package-0"),
        ("intel-rapl:0", None, "package-0"),
        ("intel-rapl:0:0", "intel-rapl:0", "core"),
        ("intel-rapl:0:1", "intel-rapl:0", "dram"),
        ("intel-rapl:1", None, "package-1"),
        ("intel-rapl:2", None, "psys"),
    ]
    assert zones[3] == Zone("intel-rapl:0:1", "intel-rapl:0", "dram", 8.5)


def test_energy_that_only_root_may_read_is_unauthorized() -> None:
    assert read_energy(METAL, Refusing("energy_uj")) is LeftOut.UNAUTHORIZED


def test_a_zone_that_is_switched_off_is_left_out(tmp_path: Path) -> None:
    paths = copied("metal", tmp_path)
    zones = Path(paths.sysfs, "class/powercap")
    (zones / "intel-rapl:1" / "energy_uj").unlink()
    (zones / "intel-rapl:2" / "name").unlink()
    shutil.rmtree(zones / "intel-rapl-mmio:0")
    found = read_energy(paths)
    assert isinstance(found, tuple)
    assert [zone.zone for zone in found] == [
        "intel-rapl:0",
        "intel-rapl:0:0",
        "intel-rapl:0:1",
        "intel-rapl:2",
    ]
    assert found[3] == Zone("intel-rapl:2", None, "", 250.5)


def test_the_recorded_host_has_all_but_energy() -> None:
    paths: Paths = recorded("hybrid")
    cpu, memory = read_host_cpu(paths), read_host_memory(paths)
    assert cpu == HostCPU(2, 822.31, 0.0, 211.14, 3916.72, 24.56, 0.0, 6.37, 19.14, 0.0, 0.0)
    assert memory == HostMemory(24_684_084 * KIB, 19_836_620 * KIB, 20_753_148 * KIB)
    assert read_host_pressure(paths) == HostPressure(
        Pressure(216.886193, None), Pressure(19.425358, 16.527278), Pressure(0.0, 0.0)
    )
    assert read_conntrack(paths) == Conntrack(0, 262144)
    assert read_hugepages(paths) == (HugePages(MIB2, 0, 0, 0), HugePages(GIB, 0, 0, 0))
    pages = (HugePages(MIB2, 0, 0, None), HugePages(GIB, 0, 0, None))
    assert read_nodes(paths) == (Node(0, 8_612_044 * KIB, 3_764_632 * KIB, (0, 1), pages),)
    assert read_ksm(paths) == KSM(
        is_running=False, shared=0, sharing=0, unshared=0, volatile=0, profit=0, full_scans=0
    )
    assert read_energy(paths) is LeftOut.ABSENT
