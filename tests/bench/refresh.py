"""A full refresh of 10,000 servers against a bare aiohttp client that reads the same list, page by page.

The exporter's collector runs in this process as in its service: the list is fetched, counted, and made into
lines. The first refresh reads names besides, and knows none of the servers; later ones know all of them.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, Self

import aiohttp
import management_exporter
from openstack_server import DETAIL, Serving, serving
from pipeline import seconds as cpu_s
from results import Result, at_most, interleaved

from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.compute.server import SERVERS, Texts, vm
from stratoscope.clouds.openstack.config import Found
from stratoscope.clouds.vm_index import VMIndex
from stratoscope.core.app import SWITCH_S
from stratoscope.core.collector import Collection
from stratoscope.core.runner import Runner
from stratoscope.management.collector import QuestionCollector
from stratoscope.management.exporter import SUBJECTS
from stratoscope.management.settings import parse

COUNT: Final = 10_000


class Bare:
    """A client that does no more than it must to get at the pages."""

    def __init__(self, cloud: Serving) -> None:
        self._first = f"{cloud.base}/{COUNT}{DETAIL}?all_tenants=1&limit=1000"

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def page_through(self) -> Sequence[str]:
        """Read the list, of each page the JSON, since it holds the link to the next one; their addresses."""
        address, addresses, servers = self._first, list[str](), 0
        while address:
            addresses.append(address)
            async with self._session.get(address) as response:
                page: dict[str, Any] = await response.json()
            servers += len(page["servers"])
            address = page["servers_links"][0]["href"] if "servers_links" in page else ""
        if servers != COUNT:
            raise RuntimeError(f"{servers} servers instead of {COUNT}")
        return addresses

    async def bodies(self, addresses: Sequence[str]) -> Sequence[bytes]:
        """Read pages whose addresses are known as bytes."""
        found = []
        for address in addresses:
            async with self._session.get(address) as response:
                found.append(await response.read())
        return found


class Ours:
    """The exporter's collector of servers, logged in."""

    def __init__(self, config: Found) -> None:
        self._cloud = OpenStack(config)
        question = next(one for one in OpenStack.questions if one.name == "servers")
        subject = SUBJECTS[question.answer](self._cloud.cloud)
        collector = QuestionCollector(question, self._cloud, subject)
        self._runner = Runner(Collection(collector, question.every))

    async def __aenter__(self) -> Self:
        await self._cloud.session().access()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cloud.close()

    async def refresh(self) -> None:
        await self._runner.first()
        status = self._runner.status
        if not status.success or status.samples < 2 * COUNT:
            raise RuntimeError(f"the refresh failed: {status}")


class Turns:
    """What is compared, in one loop; each is the seconds of one turn."""

    def __init__(self, loop: asyncio.Runner, config: Found, bare: Bare, ours: Ours) -> None:
        self._loop, self._config, self._bare, self._ours = loop, config, bare, ours
        self._addresses = loop.run(bare.page_through())

    def bare(self) -> float:
        return self._loop.run(_timed(self._bare.page_through))

    def only_bytes(self) -> float:
        return self._loop.run(_timed(lambda: self._bare.bodies(self._addresses)))

    def first(self) -> float:
        async def first() -> float:
            async with Ours(self._config) as ours:
                return await _timed(ours.refresh)

        return self._loop.run(first())

    def later(self) -> float:
        return self._loop.run(_timed(self._ours.refresh))

    def bodies(self) -> Sequence[bytes]:
        return self._loop.run(self._bare.bodies(self._addresses))


async def _timed(call: Callable[[], Awaitable[Any]]) -> float:
    gc.collect()
    began = time.perf_counter()
    await call()
    return time.perf_counter() - began


def decode(bodies: Sequence[bytes]) -> None:
    """From bytes to what is known of each server, and of their owners, hosts, flavors together."""
    index, texts = VMIndex(), Texts()
    for body in bodies:
        for server in SERVERS.items(body)[0]:
            index.put(vm(server, texts))
    if len(index) != COUNT:
        raise RuntimeError(f"{len(index)} servers instead of {COUNT}")


def run(rounds: int) -> list[Result]:
    management_exporter.list_all_always()
    sys.setswitchinterval(SWITCH_S)  # as the service does
    with serving(COUNT) as cloud, asyncio.Runner() as loop:
        stack = AsyncExitStack()
        config = parse(management_exporter.document(cloud, COUNT, "1h"), {}).clouds[0]
        bare = loop.run(stack.enter_async_context(Bare(cloud)))
        ours = loop.run(stack.enter_async_context(Ours(config)))
        turns = Turns(loop, config, bare, ours)
        bare_s, bytes_s, first_s, later_s = interleaved(
            rounds, turns.bare, turns.only_bytes, turns.first, turns.later
        )
        bodies = turns.bodies()
        loop.run(stack.aclose())
    (decode_s,) = interleaved(rounds, lambda: cpu_s(lambda: decode(bodies)))
    print(
        f"{COUNT} servers: a bare client {bare_s:.3f} s, one that only reads the bytes {bytes_s:.3f} s; "
        f"the first refresh {first_s:.3f} s, later full ones {later_s:.3f} s"
    )
    return [
        at_most("10,000 servers: first refresh / a bare client", first_s / bare_s, 1.3),
        at_most("10,000 servers: later full refresh / a bare client", later_s / bare_s, 1.3),
        at_most("10,000 servers: decoding, mapping, counting one, CPU", decode_s / COUNT * 1e6, 40, "us"),
    ]
