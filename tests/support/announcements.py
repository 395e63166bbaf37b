"""What sources of downtimes answer: the samples, and a server that gives them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from yarl import URL

from stratoscope.downtime.imports.announced import Announced, Parsed, Rows
from stratoscope.downtime.model import Severity

SAMPLES = Path(__file__).parents[1] / "fixtures" / "downtime" / "imports"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def parsed(take: Callable[[Rows], object]) -> Parsed:
    """What a parser has taken."""
    rows = Rows()
    take(rows)
    return rows.parsed()


def announced(external_id: str = "1", **fields: object) -> Announced:
    """A row, in whose place a test may put something else."""
    given = {
        "title": "t", "planned": True, "severity": Severity.OUTAGE, "start": 1_800_000_000,
        "end": 1_800_003_600, "hosts": ("n1",), "services": ("CE",),
    } | fields  # fmt: skip
    return Announced(external_id=external_id, **given)  # type: ignore[arg-type]  # they are as given


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[URL]:
    """A server on loopback."""
    application = web.Application()
    application.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield URL(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    finally:
        await runner.cleanup()
