"""A subscriber to events of oned, while a test needs it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from stratoscope.clouds.events import Events, Outcome
from stratoscope.clouds.opennebula.config import Publishers
from stratoscope.clouds.opennebula.events import Subscriber
from support.patience import FAR_S
from support.source import until


@asynccontextmanager
async def subscribed(events: Events, *urls: str, hear: Any = None) -> AsyncIterator[asyncio.Task[None]]:
    hear = hear or (lambda _: Outcome.APPLIED)
    listens = asyncio.create_task(Subscriber(Publishers(urls=[*urls]), events, hear).listen())
    try:
        await until(lambda: events.account().is_up or listens.done())
        yield listens
    finally:
        listens.cancel()
        async with asyncio.timeout(FAR_S):
            await asyncio.gather(listens, return_exceptions=True)
