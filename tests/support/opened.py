"""An exporter that is opened without an App: its collections, for tests that run them themselves."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from stratoscope.core.collector import Collections
from stratoscope.core.exporter import Exporter
from stratoscope.core.part import Site


@asynccontextmanager
async def opened_parts(
    exporter: Exporter, settings: Any
) -> AsyncIterator[tuple[Collections, Mapping[str, Any]]]:
    """All its parts, open: what they collect, and what its routes get of each."""
    async with AsyncExitStack() as stack:
        parts = {
            part.name: (part, await stack.enter_async_context(part.open()))
            for part in exporter.parts(settings, Site(CollectorRegistry()))
        }
        found = [part.collections(opened) for part, opened in parts.values()]
        collections = Collections(
            [one for collections in found for one in collections.running],
            [one for collections in found for one in collections.left_out],
        )
        yield collections, {name: opened.value for name, (_, opened) in parts.items()}


@asynccontextmanager
async def opened_exporter(exporter: Exporter, settings: Any) -> AsyncIterator[Collections]:
    """All its parts, open."""
    async with opened_parts(exporter, settings) as (collections, _):
        yield collections
