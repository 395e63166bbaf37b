"""The whole way: Prometheus fires, Alertmanager notifies, and a downtime that a person files stops it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from integration.conftest import stratoscope
from support.alertmanagers import RealAlertmanager, unpacked
from support.downtime_process import DowntimeProcess
from support.notified import Webhook, notifying, until, webhook
from support.prometheus_process import RealPrometheus

pytestmark = pytest.mark.integration

DOWN = "".join(f'host_up{{cloud="uni",host="{host}"}} 0\n' for host in ("n1", "n2"))
RULES = {"groups": [{"name": "hosts", "rules": [{"alert": "HostDown", "expr": "host_up == 0", "for": "1s"}]}]}
FAR_S = 40.0
QUIET_S = 6.0
"""Six times as long as Alertmanager waits from one notification to the next."""


@dataclass
class Stack:
    """All that runs."""

    hook: Webhook
    am: RealAlertmanager
    service: DowntimeProcess
    prometheus: RealPrometheus

    async def cli(self, *arguments: str) -> Any:
        """What `stratoscope downtime` answers."""
        command = stratoscope("downtime", *arguments, "--json", f"--url={self.service.url}")
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said, trouble = await process.communicate()
        assert process.returncode == 0, trouble.decode()
        return json.loads(said)

    def suppressed(self) -> list[str]:
        """The hosts of the alerts that Alertmanager has silenced."""
        found = json.loads(self.am.amtool("alert", "query", "--silenced", "--output=json"))
        return [one["labels"]["host"] for one in found if one["status"]["silencedBy"]]

    def notified_since(self, moment: float, host: str) -> bool:
        return any(one.at > moment for one in self.hook.firing(host=host))


@asynccontextmanager
async def exporter_of_hosts() -> AsyncIterator[str]:
    """Two hosts that are down. Yields its URL."""

    async def page(_: web.BaseRequest) -> web.Response:
        return web.Response(text=DOWN)

    runner = web.ServerRunner(web.Server(page))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def stack(folder: Path, suite: str) -> AsyncIterator[Stack]:
    async with webhook() as hook, exporter_of_hosts() as hosts:
        am = RealAlertmanager(
            unpacked(suite), folder / "am", config=notifying(hook.url, group_wait="1s")
        ).start()
        service = DowntimeProcess(
            folder / "service", downtime={"alertmanagers": [{"name": "am", "urls": [am.url]}]}
        )
        targets = {"hosts": hosts, "downtime": service.url}
        prometheus = RealPrometheus(folder / "prometheus", alertmanager=am.url, rules=RULES, targets=targets)
        try:
            prometheus.start()
            await asyncio.to_thread(service.start)
            yield Stack(hook, am, service, prometheus)
        finally:
            prometheus.stop()
            service.stop()
            am.stop()


@pytest.mark.parametrize(
    "suite",
    ["trixie", pytest.param("sid", marks=pytest.mark.full), pytest.param("bookworm", marks=pytest.mark.full)],
)
async def test_alert_is_quiet_from_its_downtimes_begin_to_its_end(suite: str, tmp_path: Path) -> None:
    async with stack(tmp_path, suite) as all_of:
        hook, ask = all_of.hook, all_of.prometheus.ask
        await until(lambda: hook.firing(host="n1") and hook.firing(host="n2"), FAR_S)

        filed = await all_of.cli("add", "now for 1h", "--title=new switch", "--match", "cloud=uni", "host=n1")
        await until(lambda: all_of.suppressed() == ["n1"], FAR_S)
        await asyncio.sleep(1)  # what was sent before has arrived
        quiet_from = time.monotonic()
        await asyncio.sleep(QUIET_S)
        assert not all_of.notified_since(quiet_from, "n1")
        assert all_of.notified_since(quiet_from, "n2")
        active = 'stratoscope_downtime_active{cloud="uni",host="n1"}'
        await until(lambda: [*ask(active).values()] == [1], FAR_S)
        (labels,) = ask(active)
        assert dict(labels)["downtime_id"] == filed["id"]
        assert [*ask("stratoscope_downtime_silences_in_step").values()] == [1]

        ended_at = time.monotonic()
        await all_of.cli("end", filed["id"])
        await until(lambda: all_of.notified_since(ended_at, "n1"), FAR_S)
        await until(lambda: ask(active) == {}, FAR_S)
        assert all_of.suppressed() == []
