"""The pages of downtimes over loopback, with made-up downtimes behind them.

`python -m support.downtime_pages HOW FLAGS...`: `few` downtimes of every kind, `10000`, or `none`.
"""

import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from stratoscope.core.app import main
from stratoscope.core.collector import Collections
from stratoscope.core.exporter import Exporter
from stratoscope.core.flags import Flags
from stratoscope.core.part import Opened, Part
from stratoscope.core.program import Program
from stratoscope.core.web.routes import LOGGED_IN, Request, Route
from stratoscope.downtime import PROGRAM
from stratoscope.downtime.draft import FieldError, checked
from stratoscope.downtime.model import Downtime
from stratoscope.downtime.pages import forms, history, overview, timeline
from stratoscope.downtime.pages.preview import Preview
from stratoscope.downtime.pages.shown import Shown
from support import fake_downtimes

ZONE = ZoneInfo("Europe/Berlin")
PART = "downtimes"
ALERTS = [
    {"alertname": "HostDown", "cloud": "uni", "host": f"n{n}", "severity": "critical"} for n in range(3)
]


def front(downtimes: Sequence[Downtime], query: Mapping[str, str], now: int) -> dict[str, Any]:
    """What the overview is made of."""
    window = timeline.asked(query.get("view", ""), query.get("from", ""), now, ZONE)
    return {
        "overview": overview.overview(downtimes, query.get("page", ""), now, ZONE),
        "timeline": timeline.timeline(downtimes, window, now),
        "alertmanagers": [*fake_downtimes.alertmanagers(now)] if downtimes else [],
        "imports": [*fake_downtimes.imports(now)] if downtimes else [],
        "now": now,
        "is_editor": True,
    }


def single(downtime: Downtime, now: int, error: str = "") -> dict[str, Any]:
    """What the page of a downtime is made of."""
    return {
        "shown": Shown(downtime, now, ZONE),
        "history": history.history(fake_downtimes.changes(now), ZONE),
        "silences": [],
        "extensions": ("30m", "1h", "4h", "1d"),
        "is_editor": True,
        "error": error,
    }


def filled(form: forms.Form, preview: Preview | None = None) -> dict[str, Any]:
    """What the form is made of."""
    return {
        "form": form, "preview": preview, "heading": "New downtime", "submit": "File it",
        "action": "/downtimes", "back": "/",
    }  # fmt: skip


async def show_all(request: Request) -> web.StreamResponse:
    return request.page("overview.html", **front(request.opened[PART], request.http.query, int(time.time())))


async def show_form(request: Request) -> web.StreamResponse:
    return request.page("form.html", **filled(forms.empty(time.time(), ZONE, key="k1")))


async def take_form(request: Request) -> web.StreamResponse:
    form, draft = forms.sent(fields := await request.form())
    if draft is not None:
        try:
            checked(draft, int(time.time()))
        except FieldError as error:
            form, draft = form.with_error(error), None
    if draft is None:
        return request.page("form.html", status=400, **filled(form))
    if fields["do"] == "store":
        raise web.HTTPSeeOther("/")
    preview = Preview(ALERTS, 5, 40, is_everything=draft.confirm, failed={"am-2": "connection refused"})
    return request.page("form.html", **filled(form, preview))


async def show_one(request: Request) -> web.StreamResponse:
    return request.page("downtime.html", **single(_found(request), int(time.time())))


async def show_change(request: Request) -> web.StreamResponse:
    return request.page("form.html", **filled(forms.of(_found(request), ZONE)))


async def change(request: Request) -> web.StreamResponse:
    await request.form()
    raise web.HTTPSeeOther(f"/downtimes/{_found(request).id}")


def _found(request: Request) -> Downtime:
    downtimes: Sequence[Downtime] = request.opened[PART]
    return next(one for one in downtimes if one.id == request.http.match_info["id"])


ROUTES = (
    Route("GET", "/", show_all, LOGGED_IN, title="Downtimes"),
    Route("GET", "/downtimes/new", show_form, LOGGED_IN),
    Route("POST", "/downtimes", take_form, LOGGED_IN),
    Route("GET", "/downtimes/{id}", show_one, LOGGED_IN),
    Route("GET", "/downtimes/{id}/change", show_change, LOGGED_IN),
    Route("POST", "/downtimes/{id}/{verb}", change, LOGGED_IN),
)


def exporter(downtimes: Sequence[Downtime]) -> Exporter:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Opened]:
        yield Opened(value=downtimes)

    part = Part(name=PART, identity=None, open=opened, collections=lambda _: Collections([]))
    return Exporter(
        program=Program(name="downtime", port=0, summary=PROGRAM.summary),
        parse=lambda *_: {},
        parts=lambda *_: [part],
        routes=ROUTES,
        templates="stratoscope.downtime",
    )


def run(arguments: Sequence[str]) -> int:
    sites: Mapping[str, Callable[[int], Iterable[Downtime]]] = {
        "few": fake_downtimes.few, "10000": fake_downtimes.many, "none": lambda _: (),
    }  # fmt: skip
    shown = exporter([*sites[arguments[0]](int(time.time()))])
    return main(shown, Flags.parse(shown.program, arguments[1:]))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
