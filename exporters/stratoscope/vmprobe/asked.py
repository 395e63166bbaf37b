"""The probe that a request names, and what it asks of it."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol, runtime_checkable

from aiohttp import web

from stratoscope.core.errors import one_line, short_line
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.probe_endpoint import ProbeEndpoint
from stratoscope.vmprobe.record import Run
from stratoscope.vmprobe.view import ProbeView

REFUSED_S: Final = 0.2
"""Seconds for which a request for a run waits whether a limit refuses it: limits are read from the ledger."""
_MOST_NAMED: Final = 20
_LONGEST_NAME: Final = 80


@runtime_checkable
class Prober(Protocol):
    """What routes need of the prober of one cloud."""

    cloud: str
    probe_endpoint: ProbeEndpoint

    def views(self) -> Sequence[ProbeView]: ...

    def view(self, name: str) -> ProbeView:
        """Raises KeyError."""

    async def pause(self, name: str, until: float | None) -> None: ...

    async def resume(self, name: str) -> None: ...

    def run_now(self, name: str) -> "asyncio.Future[Run]":
        """Joins a run in progress. The future fails if no run may begin."""


def probers(opened: Mapping[str, Any]) -> Sequence[Prober]:
    """Those of the clouds that are open."""
    return [one for one in opened.values() if isinstance(one, Prober)]


def views(opened: Mapping[str, Any]) -> Sequence[ProbeView]:
    """All probes."""
    return [view for prober in probers(opened) for view in prober.views()]


def views_of(opened: Mapping[str, Any], cloud: str | None) -> Sequence[ProbeView]:
    """All probes of a cloud; None or "" for any. Raises web.HTTPNotFound."""
    found = [view for view in views(opened) if not cloud or view.cloud == cloud]
    if cloud and not found:
        clouds = sorted({view.cloud for view in views(opened)})
        names = ", ".join(clouds[:_MOST_NAMED]) or "none"
        text = f"no probe in the cloud {cloud[:_LONGEST_NAME]!r}; those with probes: {names}"
        raise web.HTTPNotFound(text=f"{one_line(text)}\n")
    return found


def find(opened: Mapping[str, Any], name: str, cloud: str | None = None) -> tuple[Prober, ProbeView]:
    """The probe of that name, with its prober.

    Args:
        opened: The open parts.
        name: The probe's.
        cloud: None or "" for any.

    Raises:
        web.HTTPException: 404, which names those that exist; 409 if several clouds have one of that name.
    """
    found = [*_named(probers(opened), name, cloud)]
    if not found:
        raise web.HTTPNotFound(text=f"{_unknown(opened, name, cloud)}\n")
    if len(found) > 1:
        clouds = ", ".join(prober.cloud for prober, _ in found)
        raise web.HTTPConflict(
            text=f"{one_line(name)} is a probe of several clouds: {one_line(clouds)}; add ?cloud=NAME\n"
        )
    return found[0]


def _named(among: Iterable[Prober], name: str, cloud: str | None) -> Iterable[tuple[Prober, ProbeView]]:
    for prober in among:
        if not cloud or prober.cloud == cloud:
            try:
                yield prober, prober.view(name)
            except KeyError:
                continue


def _unknown(opened: Mapping[str, Any], name: str, cloud: str | None) -> str:
    names = sorted(f"{view.cloud}: {view.name}" for view in views(opened))
    rest = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED]) + (f", and {rest} more" if rest > 0 else "")
    place = f" in the cloud {cloud[:_LONGEST_NAME]!r}" if cloud else ""
    return one_line(f"no probe {name[:_LONGEST_NAME]!r}{place}; there are: {shown or 'none'}")


async def pause(prober: Prober, name: str, until: float | None) -> None:
    """Pause a probe. Raises web.HTTPServiceUnavailable if that cannot be kept."""
    with _ledger():
        await prober.pause(name, until)


async def resume(prober: Prober, name: str) -> None:
    """End a pause by hand. Raises web.HTTPServiceUnavailable if that cannot be kept."""
    with _ledger():
        await prober.resume(name)


@contextmanager
def _ledger() -> Iterator[None]:
    try:
        yield
    except LedgerError as error:
        raise web.HTTPServiceUnavailable(text=f"nothing is changed: {short_line(str(error))}\n") from error


def begin(prober: Prober, name: str) -> "asyncio.Future[Run]":
    """The run that begins now, or the one in progress. It goes on although nobody waits for it."""
    future = prober.run_now(name)
    future.add_done_callback(_observe)
    return future


async def run(prober: Prober, name: str) -> None:
    """Begin a run, or join the one in progress; its end is not waited for.

    Raises:
        web.HTTPConflict: It is refused at once.
    """
    future = begin(prober, name)
    await asyncio.wait({future}, timeout=REFUSED_S)
    if future.done() and not future.cancelled() and (error := future.exception()) is not None:
        raise web.HTTPConflict(text=f"not run: {short_line(str(error))}\n")


def _observe(future: "asyncio.Future[Run]") -> None:
    """The error has been recorded by the prober; asyncio would log it as never retrieved."""
    if not future.cancelled():
        future.exception()
