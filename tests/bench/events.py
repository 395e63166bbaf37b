"""From event to metric: notifications at 200 a second, through a broker on loopback, to the page.

The exporter is a process of its own, and knows 10,000 VMs. Half of the notifications are of new VMs, half say
another state of one that is known. The time is from when the broker sends one until a page with it has come.
"""

import asyncio
import json
import re
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Final

import openstack_pages
from from_tests import LOGIN, FakeBroker, about, broker
from management_exporter import REAL, document
from openstack_server import Serving, serving
from processes import Running, exporter
from results import Result, at_most

COUNT: Final = 10_000
_RATE: Final = 200
_SECONDS: Final = 15
_ALL: Final = _RATE * _SECONDS
_SLOWEST_S: Final = 2
_GIVEN_UP_S: Final = 30
_BETWEEN_S: Final = 0.1
_LISTED_S: Final = 5
"""When events begin to arrive a list of changes is read: that of the server knows nothing of the events."""
_STATE: Final = re.compile(rb'stratoscope_management_vm_state{cloud="uni",vm_id="([^"]+)",state="([^"]+)"}')
_UP: Final = b'stratoscope_management_events_up{cloud="uni"} 1\n'


def run() -> list[Result]:
    """The longest time from an event to the page that shows it."""
    with tempfile.TemporaryDirectory() as name, serving(COUNT) as cloud:
        took_s = sorted(asyncio.run(_measured(Path(name), cloud)))
    median, most = took_s[len(took_s) // 2], took_s[len(took_s) * 99 // 100]
    print(f"events: median {median:.2f} s, 99 % within {most:.2f} s")
    return [
        at_most(f"event to metric at {_RATE} events/s, {COUNT} VMs", took_s[-1], _SLOWEST_S, "s"),
        at_most(f"events not shown of {_ALL}", _ALL - len(took_s), 0, ""),
    ]


async def _measured(folder: Path, cloud: Serving) -> list[float]:
    """Seconds from each event to the first page with what it says."""
    login = folder / "rabbit"
    login.write_text(LOGIN)
    active = (one["id"] for one in openstack_pages.servers(COUNT) if one["status"] == "ACTIVE")
    known = list(islice(active, _ALL // 2))
    async with broker() as rabbit:
        chosen = document(cloud, COUNT, "60s")
        chosen["clouds"][0]["events"] = {"urls": [rabbit.url], "credentials_file": str(login)}
        stack = ExitStack()
        try:
            started = exporter(json.dumps(chosen), command=REAL)
            running = await asyncio.to_thread(stack.enter_context, started)
            while _UP not in await asyncio.to_thread(running.get):  # noqa: ASYNC110 - of another process
                await asyncio.sleep(_BETWEEN_S)
            await asyncio.sleep(_LISTED_S)
            return await _followed(running, rabbit, known)
        finally:
            await asyncio.to_thread(stack.close)


async def _followed(running: Running, rabbit: FakeBroker, known: Sequence[str]) -> list[float]:
    sent: dict[tuple[str, str], float] = {}
    took_s: dict[tuple[str, str], float] = {}
    publishes = asyncio.create_task(_publish(rabbit, known, sent))
    until = time.monotonic() + _SECONDS + _GIVEN_UP_S
    while len(took_s) < _ALL and time.monotonic() < until:
        page = await asyncio.to_thread(running.get)
        now = time.monotonic()
        shown = {(vm_id.decode(), state.decode()) for vm_id, state in _STATE.findall(page)}
        took_s |= {one: now - sent[one] for one in (shown & sent.keys()) - took_s.keys()}
        await asyncio.sleep(_BETWEEN_S)
    await publishes
    return [*took_s.values()]


async def _publish(rabbit: FakeBroker, known: Sequence[str], sent: dict[tuple[str, str], float]) -> None:
    began = time.monotonic()
    for number in range(_ALL):
        if number % 2:
            one, event, state = (known[number // 2], "SHUTOFF"), "instance.power_off.end", "stopped"
        else:
            one, event, state = (f"vm-{number}", "ACTIVE"), "instance.create.end", "active"
        sent[one] = time.monotonic()
        rabbit.publish(about(event, one[0], time.time(), state=state))
        await asyncio.sleep(max(0.0, began + (number + 1) / _RATE - time.monotonic()))
