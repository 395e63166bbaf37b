"""The host by its kernel's files: recorded ones, and what a host lacks, refuses or garbles."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stratoscope.core.errors import CollectError, LeftOut, Reason
from stratoscope.hypervisor.collectors.host import PARTS, Host, Part
from stratoscope.hypervisor.kernel.host import HostCPU, HostPressure
from stratoscope.hypervisor.kernel.ksm import KSM
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.pressure import Pressure
from support.golden import assert_golden
from support.hosts import copied, recorded
from support.libvirt_hosts import fetched
from support.pages import promtool_findings, rendered

BY_NAME = {part.name: part for part in PARTS}


class Opened:
    """Collectors, closed at the end of the test."""

    def __init__(self) -> None:
        self._hosts: list[Host] = []

    def host(self, paths: Paths, *parts: Part) -> Host:
        host = Host("uni", "node1", parts or PARTS, paths)
        self._hosts.append(host)
        return host

    def close(self) -> None:
        for host in self._hosts:
            host.close()


@pytest.fixture
def opened() -> Iterator[Opened]:
    hosts = Opened()
    yield hosts
    hosts.close()


def given(name: str, answer: Any) -> Part:
    """A part that reads this answer."""
    part = BY_NAME[name]
    return Part(name, lambda _: answer, part.samples, part.families)


class File:
    """A file of a recorded host's copy."""

    def __init__(self, directory: str, name: str) -> None:
        self._path = Path(directory, name)
        self.text = self._path.read_text()

    def write(self, text: str) -> None:
        self._path.write_text(text)

    def remove(self) -> None:
        self._path.unlink()


async def page(host: Host) -> str:
    return rendered(host.samples(await fetched(host)), host.families)


def left_out(shown: str) -> dict[str, str]:
    """Part -> reason."""
    lines = [line for line in shown.splitlines() if line.startswith("stratoscope_collector_left_out{")]
    return {line.split('"')[3]: line.split('"')[5] for line in lines}


@pytest.mark.parametrize("name", ["hybrid", "metal"])
async def test_golden_page_of_a_recorded_host(opened: Opened, name: str) -> None:
    shown = await page(opened.host(recorded(name)))
    assert_golden(f"hypervisor_host_{name}.prom", shown)
    assert promtool_findings(shown) == ""


async def test_every_family_of_the_host_is_on_a_recorded_page(opened: Opened) -> None:
    shown = "".join([await page(opened.host(recorded(name))) for name in ("hybrid", "metal")])
    missing = [family.name for part in PARTS for family in part.families if f"{family.name}{{" not in shown]
    assert missing == []


async def test_host_that_lacks_a_part_says_so(opened: Opened, tmp_path: Path) -> None:
    paths = Paths(f"{tmp_path}/proc", f"{tmp_path}/sys", f"{tmp_path}/cgroup")
    assert left_out(await page(opened.host(paths))) == {part.name: "absent" for part in PARTS}


async def test_part_that_may_not_be_read_says_so(opened: Opened) -> None:
    shown = await page(opened.host(recorded("metal"), given("rapl", LeftOut.UNAUTHORIZED)))
    assert left_out(shown) == {"rapl": "unauthorized"}


async def test_part_that_appears_after_the_start_is_shown(opened: Opened, tmp_path: Path) -> None:
    paths = copied("metal", tmp_path)
    count = File(paths.procfs, "sys/net/netfilter/nf_conntrack_count")
    count.remove()
    host = opened.host(paths, BY_NAME["conntrack"])
    assert left_out(await page(host)) == {"conntrack": "absent"}
    count.write(count.text)
    shown = await page(host)
    assert "stratoscope_hypervisor_host_conntrack_entries{" in shown
    assert left_out(shown) == {}


async def test_part_that_makes_no_sense_costs_itself_and_is_counted(opened: Opened, tmp_path: Path) -> None:
    paths = copied("metal", tmp_path)
    File(paths.procfs, "stat").write("intr 0\n")
    host = opened.host(paths)
    data = await fetched(host)
    shown = rendered(host.samples(data), host.families)
    assert host.malformed(data) == 1
    assert "host_cpu_seconds_total" not in shown
    assert "host_memory_bytes" in shown


async def test_pressure_that_an_old_kernel_does_not_tell_is_absent(opened: Opened) -> None:
    pressure = HostPressure(Pressure(1.5, None), None, Pressure(0.5, 0.25))
    shown = await page(opened.host(recorded("metal"), given("host_pressure", pressure)))
    series = [line for line in shown.splitlines() if not line.startswith("#")]
    labels = 'cloud="uni",host="node1",resource'
    assert series == [
        f'stratoscope_hypervisor_host_pressure_some_seconds_total{{{labels}="cpu"}} 1.5',
        f'stratoscope_hypervisor_host_pressure_some_seconds_total{{{labels}="memory"}} 0.5',
        f'stratoscope_hypervisor_host_pressure_full_seconds_total{{{labels}="memory"}} 0.25',
    ]


async def test_cpu_modes_that_an_old_kernel_lacks_are_absent(opened: Opened) -> None:
    shown = await page(opened.host(recorded("metal"), given("host_cpu", HostCPU(2, 1.0, 0.5, 0.25, 90.0))))
    assert 'mode="idle"} 90.0\n' in shown
    assert 'mode="steal"' not in shown


async def test_ksm_values_that_an_old_kernel_lacks_are_absent(opened: Opened) -> None:
    ksm = KSM(False, 4096, 8192, None, None, None, 7)
    shown = await page(opened.host(recorded("metal"), given("ksm", ksm)))
    assert "ksm_running" in shown
    assert "ksm_profit" not in shown


async def test_file_that_hangs_is_a_time_out(opened: Opened) -> None:
    held = threading.Event()
    hanging = Part("ksm", lambda _: held.wait(5), BY_NAME["ksm"].samples, BY_NAME["ksm"].families)
    host = opened.host(recorded("metal"), hanging)
    with pytest.raises((CollectError, TimeoutError)) as raised:
        await fetched(host, 0.05)
    held.set()
    assert not isinstance(raised.value, CollectError) or raised.value.reason is Reason.TIMEOUT


def test_each_part_can_be_chosen_by_its_name(opened: Opened) -> None:
    host = opened.host(recorded("metal"))
    assert list(host.subjects) == list(BY_NAME)
