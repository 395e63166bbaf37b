"""Whether the demo has shown what it promises; for tests."""

import json
import re
from typing import Final

from stratoscope.demo.stage import cloud, probes
from stratoscope.demo.stage.asking import ask, is_ready
from stratoscope.demo.stage.children import DemoError
from stratoscope.demo.stage.running import Running
from stratoscope.demo.stage.shown import BAD_IMAGE, HOST_DOWN, SILENT_AGENT, dashboards, host_is_silenced
from stratoscope.demo.stage.terminal import say

MOST_BYTES: Final = 1_500_000_000
"""The memory that all programs together may have."""
_FRONT_PAGE: Final = "stratoscope-now"
_TO_DASHBOARD: Final = re.compile(r"/d/([\w-]+)")
_EXPECTED: Final = {
    "VMs of the cloud": "count(stratoscope_management_vm_info)",
    "probes that have run": f"count(stratoscope_vmprobe_runs_total > 0) >= {len(probes.PROBES)}",
    "probes whose VM was created and is gone": "count(stratoscope_vmprobe_success == 1) == 1",
    "probes that fail on their image, to blame: the project": (
        'count(stratoscope_vmprobe_last_failure{phase="resolve", reason="image", blame="project"} == 1) == 1'
    ),
    "hosts in downtime": f'count(stratoscope_downtime_active{{scope="host", host="{cloud.DOWN}"}} == 1)',
    "flavors with room": "count(stratoscope_management_flavor_room_vms > 0)",
    "alerts on an agent that is silent": f"count({SILENT_AGENT})",
    "alerts on a probe whose image is bad": f"count({BAD_IMAGE})",
}


def judge(running: Running, late: list[str]) -> None:
    """Say what was seen. Args: late: What did not happen in time.

    Raises:
        DemoError: Something was not seen.
    """
    if late:
        raise DemoError(f"not seen: {'; '.join(late)}")
    for one in running.exporters:
        if not is_ready(one.url):
            raise DemoError(f"{one.name} does not answer")
    if running.prometheus:
        _judge_metrics(running.prometheus, len(running.exporters))
    if running.alertmanager and running.prometheus:
        if not host_is_silenced(running):
            raise DemoError(f"{HOST_DOWN} for {cloud.DOWN} is not silenced")
        say(f"Alertmanager has silenced {HOST_DOWN} for {cloud.DOWN}")
    _judge_dashboards()
    _judge_memory(running)


def _judge_metrics(at: str, exporters: int) -> None:
    for what, query in {"exporters up": f"count(up == 1) == {exporters}", **_EXPECTED}.items():
        result = ask(at, query)
        if not result:
            raise DemoError(f"Prometheus did not see {what}: {query} is empty")
        say(f"Prometheus saw {what}: {result[0]['value'][1]}")


def _judge_dashboards() -> None:
    """The front page is there, and all that dashboards lead to."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(dashboards().glob("*.json"))]
    titles = {board["uid"]: board["title"] for board in map(json.loads, texts)}
    wanted = {_FRONT_PAGE, *_TO_DASHBOARD.findall(" ".join(texts))}
    if missing := sorted(wanted - titles.keys()):
        raise DemoError(f"no dashboards {', '.join(missing)} in {dashboards()}")
    say(f"dashboards: {', '.join(titles.values())}")


def _judge_memory(running: Running) -> None:
    by_name = {child.name: child.resident_bytes() for child in running.children}
    rows = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in by_name.items())
    total = sum(by_name.values())
    say(f"memory: {total / 1e6:.0f} MB ({rows})")
    if total > MOST_BYTES:
        raise DemoError(f"the programs have {total / 1e6:.0f} MB; allowed: {MOST_BYTES / 1e6:.0f} MB")
