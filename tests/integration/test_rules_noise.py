"""How often somebody is notified of one fault: with the configuration of the examples."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from stratoscope.demo.openstack.seed import Size
from stratoscope.demo.world.world import World
from support.alertmanagers import RealAlertmanager, unpacked
from support.examples import alerting, scraping
from support.exporter_process import ExporterProcess
from support.live_clouds import LiveCloud, live_clouds
from support.notified import Webhook, webhook
from support.prometheus_process import RealPrometheus, Target
from support.thread_server import Pages, pages

pytestmark = [pytest.mark.integration, pytest.mark.full]

SIZE: Final = Size(vms=420, hosts=6, projects=3)
VMS: Final = 50
"""Of those on the host, so many are on the page of its hypervisor exporter."""
DEAD: Final = "cn01"
CLOUDS: Final = ("host", "compute", "identity")
LASTS_S: Final = 1080
"""So long the faults last: a quarter of an hour, the longest `for` of what they may cause, and a while."""
_PAGE: Final = f"/{DEAD}/metrics"
_OF_A_VM: Final = """\
stratoscope_hypervisor_vm_info{{cloud="host",vm_id="{id}",vm_name="{name}",host="cn01"}} 1
stratoscope_hypervisor_vm_vcpus{{cloud="host",vm_id="{id}"}} 1
stratoscope_hypervisor_vm_cpu_seconds_total{{cloud="host",vm_id="{id}"}} 100
"""


@dataclass
class Stack:
    """All that runs. Attributes: hypervisor: The page of the host DEAD."""

    clouds: dict[str, LiveCloud]
    hypervisor: Pages
    prometheus: RealPrometheus
    hook: Webhook

    def unseen(self) -> Sequence[str]:
        """Of what faults will change, what has not been seen healthy yet."""
        healthy = (
            "count(stratoscope_vmprobe_success == 1) == 3",
            "count(host:stratoscope_management_host_up:max == 1) == 18",
            f"count(vm:stratoscope_hypervisor_vm_cpu_seconds:rate5m_ratio) == {VMS}",
            'ALERTS{alertname="StratoscopeWatchdog", alertstate="firing"}',
        )
        return [query for query in healthy if not self.prometheus.ask(query)]

    def notifications(self, cloud: str) -> Sequence[Sequence[str]]:
        """The names of the alerts of each, oldest first; those of one arrive at one moment."""
        by_moment: dict[float, list[str]] = {}
        for notice in self.hook.firing(cloud=cloud):
            by_moment.setdefault(notice.at, []).append(notice.labels["alertname"])
        return [*by_moment.values()]


def page(world: World) -> str:
    """Of the hypervisor exporter on the host DEAD."""
    there = [vm for vm in world.vms if vm.host is world.hosts[DEAD]][:VMS]
    assert len(there) == VMS
    return "".join(_OF_A_VM.format(id=vm.id, name=vm.name) for vm in there)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Stack]:
    async with AsyncExitStack() as stack:
        hook = await stack.enter_async_context(webhook())
        clouds = dict(stack.enter_context(live_clouds(CLOUDS, SIZE)))
        hypervisor = stack.enter_context(pages())
        hypervisor.texts[_PAGE] = clouds["host"].change(page)
        am = RealAlertmanager(unpacked("trixie"), folder / "am", config=alerting(hook))
        stack.callback(am.stop)
        await asyncio.to_thread(am.start)
        exporters = [
            ExporterProcess(name, folder / name, document, has_state=name == "vmprobe")
            for name, document in configured(folder, clouds).items()
        ]
        for exporter in exporters:
            stack.callback(exporter.stop)
            exporter.launch()
        for exporter in exporters:
            await asyncio.to_thread(exporter.wait)
        of_exporters = [Target(f"stratoscope-{one.name}", one.url) for one in exporters]
        host = Target(
            "stratoscope-hypervisor",
            hypervisor.url,
            {"cloud": "host", "host": DEAD, "__metrics_path__": _PAGE},
        )
        prometheus = scraping(folder / "prometheus", [*of_exporters, host], am.url)
        stack.callback(prometheus.stop)
        prometheus.start()
        one = Stack(clouds, hypervisor, prometheus, hook)
        ends = time.monotonic() + 600
        while unseen := one.unseen():
            assert time.monotonic() < ends, unseen
            await asyncio.sleep(2)  # the clouds are in this process, too
        yield one


def configured(folder: Path, clouds: dict[str, LiveCloud]) -> dict[str, Any]:
    """By exporter; all intervals but those of the probes are the usual ones."""
    probes = [
        {
            "name": name, "cloud": name, "flavor": "t1.nano", "image": "cirros",
            "network": "astronomy-net", "interval": "60s",
        }
        for name in CLOUDS
    ]  # fmt: skip
    return {
        "management": {"clouds": [one.entry(folder) for one in clouds.values()]},
        "vmprobe": {
            "clouds": [one.entry(folder, user="user1") for one in clouds.values()],
            "vmprobe": {"probes": probes},
        },
    }


@pytest.mark.timeout(2400)
async def test_dead_host_is_one_notification_and_a_dead_api_three_at_most(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        assert {one["alertname"] for one in stack.prometheus.firing()} == {"StratoscopeWatchdog"}
        for service in ("compute", "network"):
            stack.clouds["host"].fault("down", service=service, host=DEAD)
        del stack.hypervisor.texts[_PAGE]
        for name in ("compute", "identity"):
            stack.clouds[name].fault("hang", service=name)
        await asyncio.sleep(LASTS_S)
        told = {name: stack.notifications(name) for name in CLOUDS}
    assert told["host"] == [["StratoscopeHostDown"]], told
    for name in ("compute", "identity"):
        assert ["StratoscopeAPIDown"] in told[name], told
        assert len(told[name]) <= 3, told
