"""`/metrics`: what is shown, collected within the scrape's own time-out, sent in pieces."""

import asyncio
import logging
import math
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry, exposition
from prometheus_client.openmetrics import exposition as openmetrics_exposition

from stratoscope.core.collector import Absent
from stratoscope.core.exposition import Lines, page, render
from stratoscope.core.metrics import Family
from stratoscope.core.runner import FAMILIES, Runner, left_out
from stratoscope.core.web.service import Service

log = logging.getLogger(__name__)

DEFAULT_S: Final = 10.0
SEND_TIMEOUT_S: Final = 60.0
"""A client that needs longer to read a page has timed out long before, or tries to occupy memory."""

_MARGIN_S, _MARGIN_RATIO = 0.5, 0.1
_SMALL: Final = 64 * 1024
_PIECE: Final = 256 * 1024
_FIRST: Final = 4 * 1024
"""The first piece is small, so that the first byte is sent soon."""
_GZIP_WBITS: Final = 31


class UnknownNameError(ValueError):
    """A name in `collect[]` that no collector or subject has."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a scrape shows: these collectors, and of their families `only` these (None: all)."""

    runners: Sequence[Runner]
    left_out: Sequence[Absent]
    only: frozenset[Family] | None


def choose(service: Service, names: Sequence[str]) -> Choice:
    """The collectors and subjects of these names; without names, everything.

    Raises:
        UnknownNameError: A name is unknown; the message lists all that are allowed.
    """
    if not names:
        return Choice(service.parts.runners, service.parts.left_out, None)
    wanted = frozenset(names)
    allowed = {absent.collector for absent in service.parts.left_out}
    for runner in service.parts.runners:
        allowed |= {runner.collector.name, *runner.collector.subjects}
    if not wanted <= allowed:
        unknown = ", ".join(repr(name) for name in sorted(wanted - allowed))
        raise UnknownNameError(f"collect[]: unknown: {unknown}; allowed: {', '.join(sorted(allowed))}")
    chosen = [
        runner
        for runner in service.parts.runners
        if wanted & {runner.collector.name, *runner.collector.subjects}
    ]
    return Choice(
        chosen,
        [absent for absent in service.parts.left_out if absent.collector in wanted],
        frozenset(FAMILIES).union(*(_families(runner, wanted) for runner in chosen)),
    )


def _families(runner: Runner, wanted: frozenset[str]) -> frozenset[Family]:
    collector = runner.collector
    if collector.name in wanted:
        return frozenset(collector.families)
    return frozenset().union(*(families for name, families in collector.subjects.items() if name in wanted))


def within_s(header: str | None) -> float:
    """How long a scrape may collect: its own time-out minus the time for sending; without one, 10 s."""
    try:
        timeout_s = float(header or "")
    except ValueError:
        return DEFAULT_S
    if not math.isfinite(timeout_s) or timeout_s <= 0:
        return DEFAULT_S
    return timeout_s - min(_MARGIN_S, _MARGIN_RATIO * timeout_s)


async def collect(
    choice: Choice, registry: CollectorRegistry, within: float, *, openmetrics: bool
) -> list[bytes]:
    """The page, in chunks, after `within` seconds at the latest: what is not ready by then is left out."""
    outcomes = await asyncio.gather(*(runner.lines(within) for runner in choice.runners))
    accounts = [runner.account(status) for runner, (_, status) in zip(choice.runners, outcomes, strict=True)]
    accounts.append([left_out(absent) for absent in choice.left_out])
    own = render((sample for account in accounts for sample in account), FAMILIES, sys.maxsize)
    parts: list[Lines] = [lines for lines, _ in outcomes if lines is not None]
    chunks = page([*parts, own], openmetrics=openmetrics, only=choice.only)
    generate = openmetrics_exposition.generate_latest if openmetrics else exposition.generate_latest
    chunks.append(generate(registry))  # with OpenMetrics' end mark
    return chunks


async def send(
    request: web.Request,
    chunks: Sequence[bytes],
    *,
    gzip: bool,
    headers: Mapping[str, str],
    timeout_s: float = SEND_TIMEOUT_S,
) -> web.StreamResponse:
    """Answer with a page: a small one at once, a large one in pieces, so that the event loop is not
    blocked.
    """
    if gzip:
        headers = {**headers, hdrs.CONTENT_ENCODING: "gzip"}
    size = sum(len(chunk) for chunk in chunks)
    if size <= _SMALL:
        body = b"".join(chunks)
        return web.Response(body=_gzipped(body) if gzip else body, headers=headers)
    response, transport = web.StreamResponse(headers=headers), request.transport
    if transport is None:  # the client is gone
        return response
    if not gzip:
        response.content_length = size
    try:
        async with asyncio.timeout(timeout_s):
            await response.prepare(request)
            await (_send_gzipped if gzip else _send_plain)(response, _pieces(chunks))
    except TimeoutError:
        log.warning("client reads too slowly, connection closed address=%s", request.remote)
        transport.abort()
    except ConnectionError:
        log.debug("client closed the connection address=%s", request.remote)
    return response


async def _send_plain(response: web.StreamResponse, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        await response.write(piece)
        await asyncio.sleep(0)  # a client that reads at once never makes write() wait


async def _send_gzipped(response: web.StreamResponse, pieces: Iterable[bytes]) -> None:
    compressor = zlib.compressobj(1, zlib.DEFLATED, _GZIP_WBITS)
    for piece in pieces:
        compressed = await asyncio.to_thread(compressor.compress, piece)
        if compressed:
            await response.write(compressed)
    await response.write(await asyncio.to_thread(compressor.flush))


def _gzipped(body: bytes) -> bytes:
    return zlib.compress(body, 1, _GZIP_WBITS)


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of a size that grows to a maximum: small chunks are joined, large ones are
    split.
    """
    together: list[bytes] = []
    held, size = 0, _FIRST
    for chunk in chunks:
        start = 0
        while start < len(chunk):
            part = chunk[start : start + size]
            start += len(part)
            together.append(part)
            held += len(part)
            if held >= size:
                yield b"".join(together)
                together, held, size = [], 0, min(4 * size, _PIECE)
    if together:
        yield b"".join(together)
