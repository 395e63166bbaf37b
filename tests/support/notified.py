"""Who fires alerts, and who is notified of them: a client and a receiver of Alertmanager."""

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple

from aiohttp import ClientError, ClientSession, web

_LASTS_S: Final = 240
"""Prometheus says so of an alert at each of its posts: four times its resend delay."""


class Notice(NamedTuple):
    """An alert of a notification. Attributes: at: Its moment, monotonic; labels: With `alertname`."""

    at: float
    status: str
    labels: Mapping[str, str]


class Webhook:
    """A receiver. Attributes: url: For Alertmanager's configuration; notices: All, oldest first."""

    def __init__(self) -> None:
        self.url, self.notices = "", list[Notice]()

    async def handle(self, request: web.BaseRequest) -> web.Response:
        at, body = time.monotonic(), await request.json()
        self.notices += [Notice(at, one["status"], one["labels"]) for one in body["alerts"]]
        return web.Response()

    def firing(self, **labels: str) -> Sequence[Notice]:
        """Those of firing alerts with these labels."""
        return [
            one for one in self.notices if one.status == "firing" and labels.items() <= one.labels.items()
        ]


@asynccontextmanager
async def webhook() -> AsyncIterator[Webhook]:
    found = Webhook()
    runner = web.ServerRunner(web.Server(found.handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield found
    finally:
        await runner.cleanup()


class AlertSource:
    """Fires alerts as Prometheus does: posts them again and again, each with the moment at which it began."""

    def __init__(self, alertmanager: str, every_s: float) -> None:
        self._url, self._every_s = f"{alertmanager}/api/v2/alerts", every_s
        self._began: dict[str, dt.datetime] = {}

    def fire(self, host: str) -> None:
        self._began[host] = dt.datetime.now(dt.UTC)

    def forget(self, host: str) -> None:
        """Post it no more."""
        self._began.pop(host, None)

    async def run(self) -> None:
        """Until it is cancelled; an Alertmanager that is away gets them later."""
        async with ClientSession() as session:
            while True:
                with suppress(ClientError, OSError):
                    async with session.post(self._url, json=[*self._alerts()]) as response:
                        assert response.status == 200, await response.text()
                await asyncio.sleep(self._every_s)

    def _alerts(self) -> Sequence[Mapping[str, object]]:
        ends = (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=_LASTS_S)).isoformat()
        return [
            {
                "labels": {"alertname": "HostDown", "cloud": "uni", "host": host},
                "startsAt": began.isoformat(),
                "endsAt": ends,
            }
            for host, began in self._began.items()
        ]


def notifying(url: str, *, group_wait: str, interval: str = "1s") -> str:
    """A configuration of Alertmanager whose alerts go to a webhook, one host at a time, again and again."""
    return f"""
route:
  receiver: hook
  group_by: [host]
  group_wait: {group_wait}
  group_interval: {interval}
  repeat_interval: {interval}
receivers:
  - name: hook
    webhook_configs: [{{url: "{url}", send_resolved: true}}]
"""


async def until(holds: Callable[[], object], within_s: float) -> float:
    """Wait until it holds; after how many seconds it did."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within_s
        await asyncio.sleep(0.05)
    return time.monotonic() - began
