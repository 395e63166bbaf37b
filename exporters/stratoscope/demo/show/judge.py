"""Whether the demo has shown what it promises; for tests."""

import json
import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeVar

from stratoscope.demo.show import clouds, probes
from stratoscope.demo.show.asking import NoAnswerError, ask, is_ready
from stratoscope.demo.show.children import DemoError
from stratoscope.demo.show.events import BROKEN, HOST_DOWN, SILENT_AGENT, host_is_silenced
from stratoscope.demo.show.running import Running
from stratoscope.demo.show.shown import dashboards
from stratoscope.demo.show.terminal import say

T = TypeVar("T")
MOST_BYTES: Final = 1_500_000_000
"""The memory that all programs together may have."""
_FRONT_PAGE: Final = "stratoscope-now"
_TO_DASHBOARD: Final = re.compile(r"/d/([\w-]+)")
PATIENCE_S: Final = 20
"""How long a program that is slow to answer is asked again."""
_PAUSE_S: Final = 0.1
EXPECTED: Final[Mapping[str, str]] = {
    "clouds with VMs": f"count(count by (cloud) (stratoscope_management_vm_info)) == {len(clouds.CLOUDS)}",
    "probes that have run": f"count(stratoscope_vmprobe_runs_total > 0) >= {len(probes.PROBES)}",
    "probes whose VM was created and is gone": "count(stratoscope_vmprobe_success == 1) == 2",
    "probes that fail on their image, to blame: the cloud": (
        'count(stratoscope_vmprobe_last_failure{phase="built", reason="image", blame="cloud"} == 1) == 1'
    ),
    "hosts in downtime": f'count(stratoscope_downtime_active{{scope="host", host="{clouds.DOWN}"}} == 1)',
    "clouds with room": (
        f"count(count by (cloud) (stratoscope_management_flavor_room_vms > 0)) == {len(clouds.CLOUDS)}"
    ),
    "alerts on an agent that is silent": f"count({SILENT_AGENT})",
    "alerts on VM creation that is broken": f"count({BROKEN})",
}
"""Queries, by what they show; each has a result in a demo that is well."""


def exporters_up(count: int) -> str:
    """The query that has a result while so many exporters are scraped."""
    return f"count(up == 1) == {count}"


def judge(running: Running, unseen: list[str]) -> None:
    """Say what was seen. Args: unseen: What did not happen in time.

    Raises:
        DemoError: Something was not seen.
    """
    if running.lost:
        raise DemoError(f"ended while the demo ran: {', '.join(running.lost)}")
    if unseen:
        raise DemoError(f"not seen: {'; '.join(unseen)}")
    for one in running.exporters:
        if not is_ready(one.url):
            raise DemoError(f"{one.name} does not answer")
    if running.prometheus:
        _judge_metrics(running.prometheus, len(running.exporters))
    else:
        say("alerts and answers were not looked at: there is no Prometheus")
    if running.alertmanager and running.prometheus:
        if not _patiently(lambda: host_is_silenced(running)):
            raise DemoError(f"{HOST_DOWN} for {clouds.DOWN} is not silenced")
        say(f"Alertmanager has silenced {HOST_DOWN} for {clouds.DOWN}")
    _judge_dashboards()
    _judge_memory(running)


def _patiently(asked: Callable[[], T]) -> T:
    """What is answered, soon or after a while. Raises NoAnswerError."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return asked()
        except NoAnswerError:
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE_S)


def _judge_metrics(at: str, exporters: int) -> None:
    for what, query in {"exporters up": exporters_up(exporters), **EXPECTED}.items():
        result = _patiently(partial(ask, at, query))
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
    by_name = {one.name: one.child.resident_bytes() for one in running.servers}
    rows = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in by_name.items())
    total = sum(by_name.values())
    say(f"memory: {total / 1e6:.0f} MB ({rows})")
    if total > MOST_BYTES:
        raise DemoError(f"the programs have {total / 1e6:.0f} MB; allowed: {MOST_BYTES / 1e6:.0f} MB")
