"""How soon a fault is an alert, and a downtime its silence: with the examples' configuration."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import pytest
import yaml

from stratoscope.rules import bundle
from stratoscope.rules.values import Values
from support.alertmanagers import RealAlertmanager, unpacked
from support.debian import ROOT
from support.exporter_process import ExporterProcess
from support.live_clouds import LiveCloud, live_clouds
from support.notified import Webhook, until, webhook
from support.prometheus_process import RealPrometheus, Target
from support.world_faults import disable_host, forget_host, stick

pytestmark = [pytest.mark.integration, pytest.mark.full]

LATE_S: Final = 45
"""From fault to firing, beyond the rule's `for` and the interval of what collects."""
SUPPRESSED_S: Final = 10
NOTIFIED_S: Final = 60
AGAIN: Final = {"group_interval": "5s", "repeat_interval": "4s"}
"""Each 5 s somebody is notified again: else quiet would prove nothing."""
QUIET_S: Final = 30
STUCK_S: Final = 60
"""The threshold vm_transition_seconds, which is an hour by default."""
PROBED_S: Final = 60
SPARES: Final = ("killed", "off")
OFF: Final = {"cloud": "hosts", "host": "cn05"}


@dataclass
class Stack:
    """All that runs. Attributes: am, frozen: Alertmanagers; Prometheus has the first alone."""

    clouds: Mapping[str, LiveCloud]
    exporters: Mapping[str, ExporterProcess]
    am: RealAlertmanager
    frozen: RealAlertmanager
    prometheus: RealPrometheus
    hook: Webhook

    def fires(self, labels: Mapping[str, str]) -> bool:
        return any(labels.items() <= one.items() for one in self.prometheus.firing())

    def is_suppressed(self, labels: Mapping[str, str]) -> bool:
        """Whether a silence suppresses all alerts with these labels, of which there is one at least."""
        with urlopen(f"{self.am.url}/api/v2/alerts", timeout=5) as answer:  # noqa: S310 - loopback
            alerts = [one for one in json.load(answer) if labels.items() <= one["labels"].items()]
        return bool(alerts) and all(one["status"]["silencedBy"] for one in alerts)

    def file(self, matchers: Mapping[str, str]) -> None:
        now = int(time.time())
        draft = {
            "title": "repair",
            "start": now,
            "end": now + 3600,
            "matcher_sets": [[f'{name}="{value}"' for name, value in matchers.items()]],
        }
        self.exporters["downtime"].post("/api/v1/downtimes", draft)


@dataclass(frozen=True)
class Situation:
    """What goes wrong.

    Attributes:
        alert: With its labels.
        for_s: Of the rule; what else has to last before it fires is counted with it.
        interval_s: Of what collects.
        downtime: The labels that a downtime for it names.
        begins: Waits until the cloud itself knows of the fault, from when seconds are counted.
    """

    words: str
    make: Callable[[Stack], object]
    alert: Mapping[str, str]
    for_s: float
    interval_s: float
    downtime: Mapping[str, str]
    begins: Callable[[Stack], bool] = field(default=lambda _: True)

    @property
    def within_s(self) -> float:
        return self.for_s + self.interval_s + LATE_S


def refuse_boots(stack: Stack) -> None:
    stack.clouds["creation"].fault("refuse_boot", refusal="no_valid_host")


def lose_host(stack: Stack) -> None:
    stack.clouds["hosts"].change(forget_host("cn06"))


def stop_compute(stack: Stack) -> None:
    stack.clouds["hosts"].fault("down", service="compute", host="cn01")


def knows_of_stop(stack: Stack) -> bool:
    return not stack.clouds["hosts"].change(lambda world: world.hosts["cn01"].daemon.is_up(world.now))


def hang(stack: Stack) -> None:
    stack.clouds["api"].fault("hang", service="network")


def stick_vm(stack: Stack) -> None:
    stack.clouds["stuck"].change(stick)


def kill(stack: Stack) -> None:
    stack.exporters["killed"].signal(signal.SIGKILL)


def freeze(stack: Stack) -> None:
    stack.frozen.signal(signal.SIGSTOP)


def switch_off(stack: Stack) -> None:
    """As an administrator does: disable the host, and then turn it off, its exporter with it."""
    stack.clouds["hosts"].change(disable_host(OFF["host"], "saves power"))
    stack.clouds["hosts"].fault("down", service="compute", host=OFF["host"], seconds=0)
    stack.exporters["off"].signal(signal.SIGKILL)


SITUATIONS: Final = (
    Situation(
        "VM creation broken: no valid host, probed each minute", refuse_boots,
        {"alertname": "StratoscopeVMCreationBroken", "cloud": "creation", "phase": "scheduled"},
        2 * PROBED_S, PROBED_S, {"cloud": "creation"},
    ),
    Situation(
        "host gone from the lists", lose_host,
        {"alertname": "StratoscopeHostGone", "cloud": "hosts", "host": "cn06"},
        600, 60, {"cloud": "hosts", "host": "cn06"},
    ),
    Situation(
        "nova-compute stopped; from when Nova says so, 60 s later", stop_compute,
        {"alertname": "StratoscopeHostDown", "cloud": "hosts", "host": "cn01"},
        180, 60, {"cloud": "hosts", "host": "cn01"}, knows_of_stop,
    ),
    Situation(
        "API hanging", hang,
        {"alertname": "StratoscopeAPIDown", "cloud": "api", "service": "network"},
        180, 30, {"cloud": "api", "service": "network"},
    ),
    Situation(
        f"VM stuck in its reboot, {STUCK_S} s allowed", stick_vm,
        {"alertname": "StratoscopeVMTransitionStuck", "cloud": "stuck", "state": "rebooting"},
        300 + STUCK_S, 60, {"cloud": "stuck"},
    ),
    Situation(
        "exporter killed", kill, {"alertname": "StratoscopeExporterDown", "cloud": "spare"},
        300, 0, {"cloud": "spare"},
    ),
    Situation(
        "Alertmanager unreachable: frozen", freeze,
        {"alertname": "StratoscopeSilencesNotInStep", "alertmanager": "frozen"},
        180, 30, {"alertmanager": "frozen"},
    ),
)  # fmt: skip


def alerting(hook: Webhook) -> str:
    """The example of Alertmanager's configuration, which tells the webhook, and tells it again and again."""
    config = yaml.safe_load((ROOT / "alertmanager/alertmanager.yml").read_text(encoding="utf-8"))
    config["receivers"] = [
        {"name": one["name"]} | ({} if one["name"] == "nobody" else {"webhook_configs": [{"url": hook.url}]})
        for one in config["receivers"]
    ]
    for route in (config["route"], *config["route"]["routes"]):
        route.update(AGAIN)
    del config["templates"]
    return json.dumps(config)


def configured(folder: Path, clouds: Mapping[str, LiveCloud], urls: Mapping[str, str]) -> Mapping[str, Any]:
    """By exporter; all intervals but that of the probe are the usual ones."""

    def entries(*names: str, user: str = "admin") -> Sequence[Mapping[str, Any]]:
        return [clouds[name].entry(folder, user=user) for name in names]

    probe = {
        "name": "boot", "cloud": "creation", "flavor": "t1.nano", "image": "cirros",
        "network": "astronomy-net", "interval": f"{PROBED_S}s",
    }  # fmt: skip
    downtime = {
        "alertmanagers": [{"name": name, "urls": [url]} for name, url in urls.items()],
        "hosts_off": {"clouds": ["hosts"]},
        "labels": ["alertmanager"],
    }
    return {
        "management": {"clouds": entries("hosts", "api", "stuck")},
        "vmprobe": {"clouds": entries("creation", user="user1"), "vmprobe": {"probes": [probe]}},
        "downtime": {"clouds": entries("hosts"), "downtime": downtime},
        **{name: {"clouds": entries("spare")} for name in SPARES},
    }


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Stack]:
    """All, once Prometheus has seen what it needs."""
    async with AsyncExitStack() as stack:
        hook = await stack.enter_async_context(webhook())
        clouds = stack.enter_context(live_clouds(["creation", "hosts", "api", "stuck", "spare"]))
        tools = unpacked("trixie")
        am = RealAlertmanager(tools, folder / "am", config=alerting(hook))
        frozen = RealAlertmanager(tools, folder / "frozen")
        for one in (am, frozen):
            stack.callback(one.stop)
            await asyncio.to_thread(one.start)
        documents = configured(folder, clouds, {"own": am.url, "frozen": frozen.url})
        exporters = {
            name: ExporterProcess(
                "management" if name in SPARES else name, folder / name, document,
                has_state=name in ("vmprobe", "downtime"),
            )
            for name, document in documents.items()
        }  # fmt: skip
        for exporter in exporters.values():
            stack.callback(exporter.stop)
            exporter.launch()
        for exporter in exporters.values():
            await asyncio.to_thread(exporter.wait)
        prometheus = scraping(folder / "prometheus", exporters, am.url)
        stack.callback(prometheus.stop)
        prometheus.start()
        await until(lambda: is_seen(prometheus), 300)
        yield Stack(clouds, exporters, am, frozen, prometheus, hook)


def scraping(folder: Path, exporters: Mapping[str, ExporterProcess], alertmanager: str) -> RealPrometheus:
    """A Prometheus with the intervals of its example."""
    labels = {"killed": {"cloud": "spare"}, "off": OFF}
    targets = [
        Target(f"stratoscope-{'management' if name in SPARES else name}", one.url, labels.get(name, {}))
        for name, one in exporters.items()
    ]
    values = Values(thresholds={"vm_transition_seconds": STUCK_S})
    groups = [group for text in bundle.files(values).values() for group in yaml.safe_load(text)["groups"]]
    example = yaml.safe_load((ROOT / "prometheus/prometheus.example.yml").read_text(encoding="utf-8"))
    return RealPrometheus(
        folder, alertmanager=alertmanager, rules={"groups": groups}, targets=targets, settings=example
    )


def is_seen(prometheus: RealPrometheus) -> bool:
    """Whether all that faults will change has been seen healthy."""
    records = (
        'host:stratoscope_management_host_wanted:max{cloud="hosts",host="cn06"} == 1',
        'endpoint:stratoscope_management_endpoint_up:max{cloud="api",service="network"} == 1',
        'stratoscope_vmprobe_success{cloud="creation"} == 1',
        'stratoscope_downtime_silences_in_step{alertmanager="frozen"} == 1',
        "count(up == 1) == 5",
    )
    return all(prometheus.ask(record) for record in records)


async def follow(one: Situation, stack: Stack) -> str:
    """Make a fault, wait for its alert and its notification, and file a downtime; a line of the docs' table.

    Raises:
        AssertionError: It fired, or was suppressed, too late; or somebody was notified after that.
    """
    await asyncio.to_thread(one.make, stack)
    await until(lambda: one.begins(stack), 90)
    fired_s = await until(lambda: stack.fires(one.alert), one.within_s)
    for number in (1, 2):  # filed just after the second, so that the third would be in 5 s
        await until(lambda: len(stack.hook.firing(**one.alert)) >= number, NOTIFIED_S)  # noqa: B023 - awaited
    assert not stack.is_suppressed(one.alert)
    filed_at = time.monotonic()
    await asyncio.to_thread(stack.file, one.downtime)
    await until(lambda: stack.is_suppressed(one.alert), SUPPRESSED_S)
    suppressed_s = time.monotonic() - filed_at
    await asyncio.sleep(QUIET_S)
    assert all(notice.at < filed_at for notice in stack.hook.firing(**one.alert))
    allowed = f"{one.for_s:g} + {one.interval_s:g} + {LATE_S}"
    return f"| {one.words} | {one.alert['alertname']} | {fired_s:.0f} | {allowed} | {suppressed_s:.1f} |"


async def follow_switch_off(stack: Stack) -> str:
    """A host that is switched off on purpose: its downtime is filed by itself, and nobody is notified."""
    active = {"alertname": "StratoscopeDowntimeActive", "scope": "host", **OFF}
    silence = f'host="{OFF["host"]}"'
    await asyncio.to_thread(switch_off, stack)
    began = time.monotonic()
    await until(lambda: stack.prometheus.ask(f"stratoscope_downtime_host_off{{{silence}}} == 1"), 105)
    silences = await asyncio.to_thread(stack.am.amtool, "silence", "query", silence)
    assert OFF["host"] in silences
    await until(lambda: stack.fires(active), 105)
    fired_s = time.monotonic() - began
    assert fired_s < 60 + LATE_S
    down = {"alertname": "StratoscopeExporterDown", **OFF}
    await until(lambda: stack.is_suppressed(down), 300 + 60 + LATE_S)
    await asyncio.sleep(QUIET_S)
    assert not stack.hook.firing(**OFF)
    assert not stack.fires({"alertname": "StratoscopeHostDown", **OFF})
    words = "host switched off on purpose"
    return f"| {words} | {active['alertname']} | {fired_s:.0f} | 0 + 60 + {LATE_S} | by itself |"


@pytest.mark.timeout(1800)
async def test_fault_is_an_alert_and_a_downtime_its_silence_in_time(tmp_path: Path) -> None:
    async with running(tmp_path) as stack:
        firing = {one["alertname"] for one in stack.prometheus.firing()}
        assert firing <= {"StratoscopeWatchdog"}, firing
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(follow(one, stack)) for one in SITUATIONS]
            tasks.append(group.create_task(follow_switch_off(stack)))
    print(*(task.result() for task in tasks), sep="\n")  # noqa: T201 - lines of the docs' table
