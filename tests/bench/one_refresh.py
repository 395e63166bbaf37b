"""A full refresh of 10,000 OpenNebula VMs against the same answers, read by a bare client and parsed by lxml.

All figures are CPU seconds of this process; oned is another one. pyone (requirements/bench.txt) is asked for
the same pages, and makes its objects of them.
"""

import asyncio
import gc
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import pyone
from large import most_rss_bytes
from lxml import etree
from management_exporter import REAL, VMS, values
from one_server import SESSION, serving
from processes import exporter
from results import Result, at_most, interleaved

from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.opennebula.client.envelope import call
from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.opennebula.config import Found
from stratoscope.core.app import SWITCH_S
from stratoscope.core.collector import Collection
from stratoscope.core.config import Secret
from stratoscope.core.runner import Runner
from stratoscope.management.collector import QuestionCollector
from stratoscope.management.exporter import SUBJECTS

COUNT: Final = 10_000
PAGES: Final = tuple((start, 2000) for start in range(0, COUNT, 1980))
"""As the exporter asks for them: the last 20 of each twice."""
_SETS: Final = tuple(range(1, COUNT + 1, 500))


class Ours:
    """The exporter's collector of VMs."""

    def __init__(self, endpoint: str) -> None:
        limits = Limits(requests_per_second=1000)
        entry = Found("one", endpoint=endpoint, budget=limits, session=Secret(SESSION))
        self.cloud = OpenNebula(entry)
        question = next(one for one in OpenNebula.questions if one.name == "vms")
        subject = SUBJECTS[question.answer]("one")
        self._runner = Runner(Collection(QuestionCollector(question, self.cloud, subject), question.every))

    async def refresh(self) -> None:
        await self._runner.first()
        status = self._runner.status
        if not status.success or status.samples < 2 * COUNT:
            raise RuntimeError(f"the refresh failed: {status}")


async def bare(endpoint: str, bodies: Sequence[bytes]) -> None:
    """Each answer as bytes, its text by lxml, and what the text holds by lxml."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    async with aiohttp.ClientSession() as session:
        for body in bodies:
            async with session.post(endpoint, data=body) as response:
                text = etree.fromstring(await response.read(), parser).findtext(".//string")
            if not len(etree.fromstring(text.encode(), parser)):
                raise RuntimeError("an empty pool")


def by_pyone(endpoint: str) -> None:
    """The same pages as pyone's objects."""
    one = pyone.OneServer(endpoint, session=SESSION)
    for start, size in PAGES:
        if not one.vmpool.info(-2, start, -size, -1).VM:
            raise RuntimeError("an empty pool")


def cpu_s(loop: asyncio.Runner, work: Callable[[], Awaitable[Any]]) -> float:
    gc.collect()
    began = time.process_time()
    loop.run(_awaited(work))
    return time.process_time() - began


async def _awaited(work: Callable[[], Awaitable[Any]]) -> None:
    await work()


def most_memory(endpoint: str) -> int:
    """The most memory of the exporter as a process that reads everything, after some refreshes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "one_auth"
        file.write_text(SESSION, encoding="utf-8")
        entry = {"name": "one", "kind": "opennebula", "endpoint": endpoint, "credentials_file": str(file)}
        collectors = {"vms": {"interval": "2s", "timeout": "60s", "max_age": "3h"}}
        document = {"clouds": [entry], "management": {"collectors": collectors}}
        with exporter(json.dumps(document), command=REAL) as running:
            for _ in range(5):
                time.sleep(2)
                page = running.get()
            errors = values(page, "stratoscope_collector_errors_total")
            if running.count(VMS) != COUNT or any(errors.values()):
                raise RuntimeError(f"the page does not show all VMs, or a refresh failed: {errors}")
            return most_rss_bytes(running)


def run(rounds: int) -> list[Result]:
    sys.setswitchinterval(SWITCH_S)  # as the service does
    pages = [call("one.vmpool.info", SESSION, -2, start, -size, -1) for start, size in PAGES]
    sets = [
        call("one.vmpool.infoset", SESSION, ",".join(map(str, range(start, start + 500))), True)
        for start in _SETS
    ]
    with serving(COUNT) as endpoint, asyncio.Runner() as loop:
        ours = loop.run(_opened(endpoint))
        loop.run(ours.refresh())
        later_s, bare_s, first_s, bare_first_s, pyone_s = interleaved(
            rounds,
            lambda: cpu_s(loop, ours.refresh),
            lambda: cpu_s(loop, lambda: bare(endpoint, pages)),
            lambda: cpu_s(loop, lambda: _first(endpoint)),
            lambda: cpu_s(loop, lambda: bare(endpoint, [*pages, *sets])),
            lambda: cpu_s(loop, lambda: _by_pyone(endpoint)),
        )
        loop.run(ours.cloud.close())
        memory = most_memory(endpoint)
    print(
        f"{COUNT} VMs, CPU: raw transport and lxml {bare_s:.3f} s, a full refresh {later_s:.3f} s, pyone "
        f"{pyone_s:.3f} s; with templates, the first time: {bare_first_s:.3f} s, {first_s:.3f} s"
    )
    return [
        at_most("10,000 OpenNebula VMs: full refresh / raw transport and lxml, CPU", later_s / bare_s, 1.5),
        at_most("10,000 OpenNebula VMs: full refresh / pyone, CPU", later_s / pyone_s, 0.5),
        at_most("10,000 OpenNebula VMs: RSS at most", memory / 1e6, 250, "MB"),
    ]


async def _opened(endpoint: str) -> Ours:
    return Ours(endpoint)


async def _first(endpoint: str) -> None:
    ours = Ours(endpoint)
    try:
        await ours.refresh()
    finally:
        await ours.cloud.close()


async def _by_pyone(endpoint: str) -> None:
    by_pyone(endpoint)
