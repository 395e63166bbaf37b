"""From event to metric: notifications at 200 a second, through a broker on loopback, to the page."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

from from_tests import LOGIN, FakeBroker, about, broker, demo_cloud, watching
from results import Result, at_most

_RATE: Final = 200
_SECONDS: Final = 15
_SLOWEST_S: Final = 2
_GIVEN_UP_S: Final = 30
_STATE: Final = "stratoscope_management_vm_state"
_UP: Final = "stratoscope_management_events_up"
_AS_USUAL: Final = {"interval": "1m", "timeout": "50s", "max_age": "5m"}


def run() -> list[Result]:
    """The longest time from an event to the page that shows it."""
    with tempfile.TemporaryDirectory() as name:
        took_s = asyncio.run(_measured(Path(name)))
    lost = _RATE * _SECONDS - len(took_s)
    return [
        at_most(f"event to metric at {_RATE} events/s", max(took_s), _SLOWEST_S, "s"),
        at_most(f"events not shown of {_RATE * _SECONDS}", lost, 0, ""),
    ]


async def _measured(folder: Path) -> list[float]:
    """Seconds from each event to the first page with its VM."""
    login = folder / "rabbit"
    login.write_text(LOGIN)
    async with demo_cloud() as cloud, broker() as rabbit:
        events = {"urls": [rabbit.url], "credentials_file": str(login)}
        chosen = {"servers": _AS_USUAL, "events": {}}
        async with watching(cloud.clouds_yaml(folder), chosen, events=events) as exporter:
            await exporter.until(lambda page: page.value(_UP) == 1 and page.all(_STATE), "events arrive")
            sent: dict[str, float] = {}
            publishes = asyncio.create_task(_publish(rabbit, sent))
            took_s: dict[str, float] = {}
            until = time.monotonic() + _SECONDS + _GIVEN_UP_S
            while len(took_s) < _RATE * _SECONDS and time.monotonic() < until:
                page = await exporter.page()
                now = time.monotonic()
                for labels, _ in page.all(_STATE):
                    if labels["vm_id"] in sent:
                        took_s.setdefault(labels["vm_id"], now - sent[labels["vm_id"]])
                await asyncio.sleep(0.2)
            await publishes
    return [*took_s.values()]


async def _publish(rabbit: FakeBroker, sent: dict[str, float]) -> None:
    began = time.monotonic()
    for number in range(_RATE * _SECONDS):
        vm_id = f"vm-{number}"
        sent[vm_id] = time.monotonic()
        rabbit.publish(about("instance.create.end", vm_id, time.time()))
        await asyncio.sleep(max(0.0, began + (number + 1) / _RATE - time.monotonic()))
