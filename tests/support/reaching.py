"""A run whose VM is on loopback, for the step `reachable`."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest

from stratoscope.clouds.abilities import Step
from stratoscope.clouds.lifecycle import Mark, Resolved, Seen, StepError, Underway
from stratoscope.clouds.steps.last_look import LAST_S
from stratoscope.core.deadline import DEADLINE

Say: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]


def underway(*addresses: str) -> Underway:
    seen = Seen("running", is_networked=True, is_built=True, addresses=addresses)
    return Underway(Mark("tag", "boot", "57a7", 1_800_000_000.0), Resolved("", None), "vm", seen)


async def verdict(step: Step, run: Underway) -> StepError:
    """What the last try of the phase raises."""
    token = DEADLINE.set(time.monotonic() + LAST_S / 2)
    try:
        with pytest.raises(StepError) as error:
            await step.has_ended(run)
    finally:
        DEADLINE.reset(token)
    return error.value


@asynccontextmanager
async def hearing(host: str, say: Say) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server's port, and what it gets from each client, to whom it says this."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await say(writer)
            heard.append(await reader.read())
        except ConnectionError:
            heard.append(b"")
        finally:
            writer.close()

    heard: list[bytes] = []
    server = await asyncio.start_server(served, host, 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard
        async with asyncio.timeout(5):
            while not heard:  # noqa: ASYNC110 - the connection ends by itself
                await asyncio.sleep(0.01)


def saying(text: bytes) -> Say:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()

    return say


def endlessly(text: bytes, beginning: bytes = b"") -> Say:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while True:
            writer.write(text)
            await writer.drain()
            await asyncio.sleep(0)

    return say
