"""`GET /probe?name=`: one run, on request, as exporters in the manner of the blackbox exporter answer it."""

import asyncio
import time
from collections.abc import Iterator
from typing import Final

from aiohttp import web

from stratoscope.core import exposition
from stratoscope.core.errors import one_line
from stratoscope.core.exposition import page, render
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.core.web.cross_site import is_cross_site
from stratoscope.core.web.routes import Request
from stratoscope.core.web.scrape import within_s
from stratoscope.vmprobe.asked import begin, find
from stratoscope.vmprobe.probe_endpoint import ProbeEndpoint
from stratoscope.vmprobe.record import Outcome, Run
from stratoscope.vmprobe.run_log import run_log
from stratoscope.vmprobe.verdict import last_verdict
from stratoscope.vmprobe.view import ProbeView, State

_FAMILIES: Final = {
    name: Family(f"probe_{name}", text, labels=labels)
    for name, text, labels in (
        ("success", "1 if the run succeeded, else 0.", ()),
        ("duration_seconds", "Duration of the run with its clean-up, in seconds.", ()),
        ("ended_timestamp_seconds", "Unix time at which the run ended.", ()),
        ("in_progress", "1 while a later run is in progress than that of the other series, else 0.", ()),
        ("phase_duration_seconds", "Duration of each phase that ended, in seconds.", ("phase",)),
        ("failure_info", "Why the run failed; absent after a success.", ("phase", "reason", "blame")),
    )
}
"""By their names without `probe_`: named as exporters of this manner name theirs, and not on `/metrics`."""
_MOST_SERIES: Final = 1_000
_NOT_NOW: Final = (State.PAUSED, State.LIMITED)


async def probe(request: Request) -> web.StreamResponse:
    """The result of a run that began for this request, that was in progress, or that ended a moment ago."""
    if is_cross_site(request.http.headers):  # a GET that may create a VM
        raise web.HTTPForbidden(text="a page of another site may not ask for this\n")
    query = request.http.query
    prober, view = find(request.opened, query.get("name", ""), query.get("cloud"))
    settings = prober.probe_endpoint
    if not settings.enabled:
        raise web.HTTPNotFound(text="off; vmprobe.probe_endpoint.enabled: true switches it on\n")
    if view.running is not None or _is_due(view, settings, time.time()):
        within = within_s(request.http.headers.get("X-Prometheus-Scrape-Timeout-Seconds"))
        await asyncio.wait({begin(prober, view.name)}, timeout=within)
        view = prober.view(view.name)
    run = last_verdict(view.runs)
    if run is None:
        why = f": {one_line(view.why)}" if view.why else ""
        raise web.HTTPServiceUnavailable(text=f"no run has ended yet; {view.state}{why}\n")
    if query.get("debug") == "true":
        return web.Response(text=run_log(view, run))
    content = b"".join(
        page([render(_samples(view, run), _FAMILIES.values(), _MOST_SERIES)], openmetrics=False)
    )
    return web.Response(body=content, headers={"Content-Type": exposition.TEXT})


def _is_due(view: ProbeView, settings: ProbeEndpoint, now: float) -> bool:
    """Whether a run may begin: its VM would be wanted, and the last run is long enough ago."""
    last = view.runs[-1].ended if view.runs else 0.0
    return view.state not in (*_NOT_NOW, State.BACKING_OFF) and now - last >= settings.min_interval


def _samples(view: ProbeView, run: Run) -> Iterator[Sample]:
    none = Labels()
    yield _FAMILIES["success"](run.outcome is Outcome.SUCCESS, none)
    yield _FAMILIES["duration_seconds"](run.ended - run.began, none)
    yield _FAMILIES["ended_timestamp_seconds"](run.ended, none)
    yield _FAMILIES["in_progress"](view.running is not None, none)
    for phase, seconds in run.phases.items():
        yield _FAMILIES["phase_duration_seconds"](seconds, Labels(phase=phase))
    if run.failure is not None:
        failure = run.failure
        labels = Labels(phase=failure.phase, reason=failure.reason, blame=failure.blame)
        yield _FAMILIES["failure_info"](1, labels)
