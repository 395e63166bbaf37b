"""The exporter as configured, on libvirt's own driver inside this process: `test:`."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from stratoscope.core.collector import Collections, Every
from stratoscope.core.runner import Runner
from stratoscope.hypervisor import PROGRAM
from stratoscope.hypervisor.exporter import EXPORTER
from support.hosts import HOSTS
from support.opened import opened_exporter
from support.pages import parsed, promtool_findings
from support.services import FakeService, served
from support.source import until

DEFAULTS = {flag: default for flag, (default, _) in PROGRAM.flags.items()}
NODE = """
<node>
  <cpu><mhz>1400</mhz><model>i686</model><active>4</active><nodes>1</nodes><sockets>2</sockets></cpu>
  <memory>3145728</memory>
  <domain type="test">
    <name>one-77</name>
    <uuid>00000000-0000-4000-8000-000000000077</uuid>
    <memory>1048576</memory>
    <vcpu>2</vcpu>
    <os><type>hvm</type></os>
    <devices>
      <disk type="file" device="disk"><source file="/nowhere"/><target dev="vda" bus="virtio"/></disk>
      <interface type="network"><source network="default"/><target dev="tap7"/></interface>
    </devices>
  </domain>
  <network><name>default</name><bridge name="virbr0"/><ip address="10.0.0.1"/></network>
</node>
"""


def document(*uris: str, **collectors: dict[str, Any]) -> dict[str, Any]:
    return {
        "clouds": [{"name": "uni", "kind": "libvirt", "uri": list(uris), "host": "node1"}],
        "hypervisor": {"collectors": collectors},
    }


@asynccontextmanager
async def opened(config: dict[str, Any], **paths: str) -> AsyncIterator[Collections]:
    flags = DEFAULTS | {f"path.{name}": path for name, path in paths.items()}
    async with opened_exporter(EXPORTER, EXPORTER.parse(config, flags)) as collections:
        yield collections


@asynccontextmanager
async def served_at(config: dict[str, Any], **paths: str) -> AsyncIterator[str]:
    """The exporter's page, every collector tried once, as the App does it."""
    async with opened(config, **paths) as collections:
        runners = [Runner(collection) for collection in collections.running]
        await asyncio.gather(*(runner.first() for runner in runners))
        async with served(FakeService(runners=runners, left_out=collections.left_out)) as url:
            yield f"{url}/metrics"


async def got(url: str) -> tuple[int, str]:
    async with ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def page(config: dict[str, Any], query: str = "", **paths: str) -> str:
    async with served_at(config, **paths) as url:
        status, text = await got(url + query)
        assert status == 200, text
        return text


def named(shown: str, prefix: str = "stratoscope_hypervisor_") -> set[str]:
    """Names of metrics on a page."""
    lines = [line for line in shown.splitlines() if not line.startswith("#")]
    return {line.partition("{")[0].removeprefix(prefix) for line in lines if line.startswith(prefix)}


def left_out(shown: str) -> dict[str, str]:
    """Collector -> reason."""
    lines = [line for line in shown.splitlines() if line.startswith("stratoscope_collector_left_out{")]
    return {line.split('"')[3]: line.split('"')[5] for line in lines}


@pytest.fixture
def node_file(tmp_path: Path) -> str:
    """A URI of the `test:` driver with a VM of OpenNebula's name."""
    file = tmp_path / "node.xml"
    file.write_text(NODE)
    return f"test://{file}"


async def test_page_of_the_test_driver_has_its_vm_by_every_subject_that_the_driver_gives() -> None:
    shown = await page(document("test:///default"))
    assert promtool_findings(shown) == ""
    assert {
        "vm_info", "vm_state", "vm_vcpus", "vm_cpu_seconds_total", "vm_vcpu_seconds_total",
        "vm_memory_current_bytes", "vm_status_check_failed", "host_vms", "host_vcpus_promised", "host_cpus",
        "host_info", "libvirt_reachable", "host_events_total", "host_pool_state", "host_network_active",
    } <= named(shown)  # fmt: skip


async def test_every_collector_succeeds_on_the_test_driver() -> None:
    shown = await page(document("test:///default"))
    success = [line for line in shown.splitlines() if line.startswith("stratoscope_collector_success{")]
    assert [line.split('"')[3] for line in success if line.endswith(" 1")] == [
        "domains", "daemon", "events", "pools", "networks", "jobs", "mirrors", "node",
    ]  # fmt: skip
    assert all(line.endswith(" 1") for line in success)


async def test_subjects_of_the_kernel_are_left_out_where_the_host_is_none_of_ours() -> None:
    assert left_out(await page(document("test:///default"))) == {
        "storage": "absent", "taps": "absent", "pressure": "absent", "throttling": "absent", "oom": "absent",
        "cgroup_memory": "not_configured", "halt_poll": "not_configured",
        "block_jobs": "not_configured", "guest_huge_pages": "not_configured",
    }  # fmt: skip


async def test_files_below_another_path_are_those_of_the_mock_drivers_host() -> None:
    root = HOSTS / "metal"
    shown = await page(document("test:///default"), procfs=f"{root}/proc", sysfs=f"{root}/sys")
    assert 'host_memory_available_bytes{cloud="uni",host="node1"} 20971520000' in shown
    assert 'host_vms_unreadable{cloud="uni",host="node1",uri="test:///default",reason="absent"} 1\n' in shown
    assert not {"storage", "taps", "throttling"} & set(left_out(shown))


async def test_two_uris_of_a_cloud_bear_tags_and_write_no_series_twice(node_file: str) -> None:
    shown = await page(document("test:///default", node_file))
    series = [line.rpartition(" ")[0] for line in shown.splitlines() if not line.startswith("#")]
    assert sorted(set(series)) == sorted(series)
    assert {"domains_0", "domains_1", "pools_0", "pools_1"} <= {
        sample.labels["collector"]
        for family in parsed(shown)
        for sample in family.samples
        if sample.name == "stratoscope_collector_success"
    }
    assert 'vm_id="77"' in shown


async def test_host_of_several_uris_is_shown_once(node_file: str) -> None:
    async with opened(document("test:///default", node_file)) as collections:
        names = [collection.collector.name for collection in collections.running]
    assert [name for name in names if name.startswith(("node", "host"))] == ["node_0"]


async def test_vm_of_opennebula_has_its_number_and_devices(node_file: str) -> None:
    shown = await page(document(node_file))
    assert 'vm_info{cloud="uni",vm_id="77",vm_name="one-77",host="node1"' in shown
    assert 'device="vda"' in shown
    assert 'device="tap7"' in shown


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("state", {"vm_state", "vm_state_reason"}),
        (
            "daemon",
            {
                "libvirt_reachable",
                "libvirt_round_trip_seconds",
                "libvirt_hung_calls",
                "libvirt_waiting_connections",
                "host_info",
            },
        ),
        ("info", {"vm_info"}),
    ],
)
async def test_scrape_may_choose_a_subject_or_a_collector(chosen: str, expected: set[str]) -> None:
    assert named(await page(document("test:///default"), f"?collect[]={chosen}")) == expected


async def test_scrape_chooses_a_collector_of_all_uris_by_its_plain_name(node_file: str) -> None:
    shown = await page(document("test:///default", node_file), "?collect[]=networks&collect[]=state")
    assert named(shown) == {"host_network_active", "host_network_info", "vm_state", "vm_state_reason"}
    assert shown.count("stratoscope_hypervisor_host_network_info{") == 2


async def test_scrape_for_a_name_that_nothing_bears_is_refused_with_what_is_allowed() -> None:
    async with served_at(document("test:///default")) as url:
        status, text = await got(f"{url}?collect[]=cpus")
    assert status == 400
    assert "'cpus'; allowed: " in text
    assert "checks, cpu, daemon" in text


async def test_what_is_switched_off_is_absent_and_said() -> None:
    off = {name: {"enabled": False} for name in ("disks", "pools", "state")}
    shown = await page(document("test:///default", **off))
    assert {"disks", "pools", "state"} <= {
        name for name, reason in left_out(shown).items() if reason == "not_configured"
    }
    assert not {"vm_state", "host_pool_state"} & named(shown)


async def test_halt_poll_times_can_be_switched_on() -> None:
    shown = await page(document("test:///default", halt_poll={"enabled": True}))
    assert "halt_poll" not in left_out(shown)
    assert 'stratoscope_collector_success{cloud="uni",collector="halt_poll"} 1\n' in shown


async def test_schedules_and_bounds_are_those_of_the_configuration() -> None:
    config = document("test:///default", pools={"interval": "2m", "max_series": 5})
    async with opened(config) as collections:
        (pools,) = [one for one in collections.running if one.collector.name == "pools"]
    assert pools.schedule == Every(120, 30, 300)
    assert pools.max_series == 5


async def test_local_uri_shows_this_host_even_while_its_daemon_is_away() -> None:
    root = HOSTS / "metal"
    config = document("qemu+unix:///system?socket=/nowhere", rapl={"enabled": False})
    shown = await page(config, procfs=f"{root}/proc", sysfs=f"{root}/sys")
    assert (
        'libvirt_reachable{cloud="uni",host="node1",uri="qemu+unix:///system?socket=/nowhere"} 0\n' in shown
    )
    assert 'host_memory_bytes{cloud="uni",host="node1"}' in shown
    assert left_out(shown)["rapl"] == "not_configured"
    assert "vm_id" not in shown


async def test_local_and_other_uris_of_one_host_show_its_kernel_once() -> None:
    async with opened(document("test:///default", "qemu+unix:///system?socket=/nowhere")) as collections:
        names = [collection.collector.name for collection in collections.running]
    assert [name for name in names if name.startswith(("node", "host"))] == ["host"]


async def test_closing_leaves_no_thread_over() -> None:
    before = set(threading.enumerate())
    root = HOSTS / "metal"
    await page(document("test:///default", "qemu+unix:///system?socket=/nowhere"), procfs=f"{root}/proc")

    def left() -> list[str]:
        later = set(threading.enumerate()) - before
        return [thread.name for thread in later if not thread.name.startswith(("libvirt events", "asyncio"))]

    await until(lambda: not left())
