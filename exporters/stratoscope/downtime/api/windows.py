"""`/api/v1/windows`: recurring windows as JSON, filed and cancelled. Each occurrence is a downtime."""

import asyncio
from typing import Any, Final

import msgspec
from aiohttp import web

from stratoscope.core.web.routes import Request
from stratoscope.downtime.api.answering import json_answer
from stratoscope.downtime.api.answers import OccurrenceShown, OneWindow, WindowPage, WindowShown
from stratoscope.downtime.api.downtimes import idempotency_key
from stratoscope.downtime.database.errors import StoreError
from stratoscope.downtime.model import State
from stratoscope.downtime.query import PAGING, Query
from stratoscope.downtime.serving import NOT_KNOWN, Service, answered, editor, service
from stratoscope.downtime.silences.words import silencing
from stratoscope.downtime.windows.draft import WindowDraft
from stratoscope.downtime.windows.recurrence import following
from stratoscope.downtime.windows.window import Window

_SHOWN: Final = 3
"""Occurrences that are said of a window."""


class Cancel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a request to cancel. Attributes: end_running: Whether the occurrence that lasts ends."""

    end_running: bool = False


@answered
async def find(request: Request) -> web.StreamResponse:
    """Windows, also cancelled ones, in order of their filing; `next` is `after` of the next page."""
    served, asked = service(request), Query(request.http.query, PAGING)
    page = await served.store.windows.page(limit=asked.limit(), after=asked.place("after"))
    windows = tuple(WindowShown(**_fields(one)) for one in page.windows)
    place = None if page.next is None else page.next.text
    return json_answer(WindowPage(served.second, windows, place))


@answered
async def file(request: Request) -> web.StreamResponse:
    """File one, and its next occurrences; with Idempotency-Key a request that comes again files no other."""
    draft, by = await request.json(WindowDraft), editor(request)
    one = await by.file_window(draft, key=idempotency_key(request))
    response = await _answer(service(request), one, by.now, status=201)
    response.headers["Location"] = f"/api/v1/windows/{one.id}"
    return response


@answered
async def show(request: Request) -> web.StreamResponse:
    """One, with its next occurrences."""
    served = service(request)
    one = await served.store.windows.get(request.http.match_info["id"])
    return await _answer(served, one, served.second)


@answered
async def cancel(request: Request) -> web.StreamResponse:
    """Cancel it, and its occurrences that have not begun."""
    served, now = service(request), service(request).second
    body = await request.json(Cancel) if request.http.body_exists else Cancel()
    one = await served.store.windows.cancel(
        request.http.match_info["id"], who=request.asker.name, now=now, end_running=body.end_running
    )
    served.changed()
    return await _answer(served, one, now)


async def _answer(served: Service, one: Window, now: int, *, status: int = 200) -> web.Response:
    """A window, and when it occurs next; one that is cancelled does not."""
    found = [] if one.cancelled_at else await asyncio.to_thread(following, one.recurrence, now, _SHOWN)
    upcoming = tuple(OccurrenceShown(*occurrence) for occurrence in found)
    said = await _silencing(served, one, now, recurs=bool(found))
    return json_answer(OneWindow(as_of=now, silencing=said, next=upcoming, **_fields(one)), status=status)


async def _silencing(served: Service, one: Window, now: int, *, recurs: bool) -> str:
    """Whether its alerts are silenced, in words: those of the occurrence that lasts, if one does."""
    try:
        running = await served.store.windows.running(one.id, now)
    except StoreError as error:  # what is filed is filed
        return f"{NOT_KNOWN}: {error}"
    if running is not None:
        return await served.silencing(running, now)
    over = State.CANCELLED if one.cancelled_at else State.ENDED
    return silencing(State.UPCOMING if recurs else over, served.silences(), silences=one.template.silences)


def _fields(one: Window) -> dict[str, Any]:
    """Those of WindowShown."""
    fields = msgspec.structs.asdict(one)
    del fields["recurrence"], fields["template"]
    sets = tuple(tuple(map(str, matchers)) for matchers in one.template.matcher_sets)
    said = msgspec.structs.asdict(one.template) | {"matcher_sets": sets}
    return {**fields, **said, **msgspec.structs.asdict(one.recurrence)}
