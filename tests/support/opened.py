"""An exporter that is opened without an App: its collections, for tests that run them themselves."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from stratoscope.core.collector import Collections
from stratoscope.core.exporter import Exporter
from stratoscope.core.part import Site


@asynccontextmanager
async def opened_exporter(exporter: Exporter, settings: Any) -> AsyncIterator[Collections]:
    """All its parts, open."""
    async with AsyncExitStack() as stack:
        found = [
            part.collections(await stack.enter_async_context(part.open()))
            for part in exporter.parts(settings, Site(CollectorRegistry()))
        ]
        yield Collections(
            [one for collections in found for one in collections.running],
            [one for collections in found for one in collections.left_out],
        )
