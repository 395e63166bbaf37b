"""`/api/v1/probes`: the probes and their last runs as JSON; operators pause, resume and run them."""

import datetime as dt
import re
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from stratoscope.core.config import Duration, moment
from stratoscope.core.errors import one_line
from stratoscope.core.web.routes import Request
from stratoscope.vmprobe import asked
from stratoscope.vmprobe.record import Run
from stratoscope.vmprobe.view import ProbeView

_OF_ONE: Final = (50, 200)
_OF_EACH: Final = (5, 5)
"""Runs that are shown of the probe that is asked for, and of each in the list: by default, and at most."""


class Pause(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"for_": "for"}):
    """The body of a request to pause; without both keys until somebody resumes the probe."""

    until: str | None = None
    for_: Duration | None = None

    def __post_init__(self) -> None:
        if self.until is not None and self.for_ is not None:
            raise ValueError("until: together with `for`; allowed: one of them")
        if self.until is not None:
            _moment(self.until)

    def end(self, now: float) -> float | None:
        """Unix time. Raises web.HTTPBadRequest for a moment that has passed."""
        if self.until is None:
            return None if self.for_ is None else now + self.for_
        until = _moment(self.until).timestamp()
        if until <= now:
            raise web.HTTPBadRequest(text="until: it has passed; allowed: a moment to come\n")
        return until


def _moment(text: str) -> dt.datetime:
    found = moment(text)
    if found is None:
        raise ValueError(f"until: {text[:40]!r} is no moment; allowed: such as 2027-01-01T00:00:00Z")
    return found


async def show_all(request: Request) -> web.StreamResponse:
    """All probes, or those of `?cloud=`."""
    most, cloud = _most(request, _OF_EACH), request.http.query.get("cloud")
    views = asked.views_of(request.opened, cloud)
    return _json({"as_of": time.time(), "probes": [as_json(view, most) for view in views]})


async def show(request: Request) -> web.StreamResponse:
    """One probe."""
    _, view = _found(request)
    return _answer(view, _most(request, _OF_ONE))


async def pause(request: Request) -> web.StreamResponse:
    """Pause a probe."""
    prober, view = _found(request)
    body = await request.json(Pause) if request.http.body_exists else Pause()
    await asked.pause(prober, view.name, body.end(time.time()))
    return _answer(prober.view(view.name))


async def resume(request: Request) -> web.StreamResponse:
    """End a pause by hand."""
    prober, view = _found(request)
    await asked.resume(prober, view.name)
    return _answer(prober.view(view.name))


async def run(request: Request) -> web.StreamResponse:
    """Begin a run, or join the one in progress; the answer does not wait for its end."""
    prober, view = _found(request)
    await asked.run(prober, view.name)
    return _answer(prober.view(view.name), status=202)


def _found(request: Request) -> tuple[asked.Prober, ProbeView]:
    return asked.find(request.opened, request.http.match_info["name"], request.http.query.get("cloud"))


def _most(request: Request, bounds: tuple[int, int]) -> int:
    """How many runs are wanted. Raises web.HTTPBadRequest."""
    default, most = bounds
    text = request.http.query.get("runs", str(default))
    if not (re.fullmatch("[0-9]{1,9}", text) and int(text) <= most):
        raise web.HTTPBadRequest(text=f"runs: expected a whole number from 0 to {most}\n")
    return int(text)


def _answer(view: ProbeView, runs: int = _OF_ONE[0], *, status: int = 200) -> web.Response:
    return _json({"as_of": time.time(), **as_json(view, runs)}, status=status)


def as_json(view: ProbeView, runs: int) -> dict[str, Any]:
    """A probe with its last runs, the oldest first. Moments are Unix seconds."""
    return {
        "cloud": view.cloud,
        "name": view.name,
        "vm": msgspec.to_builtins(view.vm, enc_hook=str),
        "interval_s": float(view.interval_s),  # msgspec writes no Duration
        "timeout_s": float(view.timeout_s),
        "state": view.state.value,
        "why": view.why,
        "next_run": view.next_run,
        "until": view.until,
        "running": None if view.running is None else _run(view.running),
        "runs": _runs(view.runs[-runs:] if runs else ()),
        "hosts": {host: _run(one) for host, one in view.hosts.items()},
    }


def _runs(runs: Sequence[Run]) -> list[dict[str, Any]]:
    return [_run(run) for run in runs]


def _run(run: Run) -> dict[str, Any]:
    """The fields of record.py, and the blame. A run in progress has no end."""
    fields: dict[str, Any] = msgspec.to_builtins(run)
    if run.failure is not None:
        fields["failure"] = {**fields["failure"], "blame": run.failure.blame.value}
    return fields | {"ended": run.ended or None}


def _json(value: object, *, status: int = 200) -> web.Response:
    """An answer without characters that a terminal would obey."""
    body = msgspec.json.encode(_printable(value))
    return web.Response(body=body + b"\n", status=status, content_type="application/json")


def _printable(value: Any) -> Any:
    """The value, the texts in it (keys, too) with unprintable characters as escapes."""
    if isinstance(value, str):
        return value if value.isprintable() else one_line(value)
    if isinstance(value, dict):
        return {_printable(key): _printable(part) for key, part in value.items()}
    return [_printable(part) for part in value] if isinstance(value, list) else value
