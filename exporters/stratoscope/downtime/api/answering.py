"""Answers of the API: a downtime with its revision, and any other JSON."""

from typing import Any

import msgspec
from aiohttp import web

from stratoscope.core.web.routes import Request
from stratoscope.downtime.api.answers import HistoryEntry, OneDowntime
from stratoscope.downtime.database.finding import History
from stratoscope.downtime.entries import shortened
from stratoscope.downtime.model import Change, Downtime
from stratoscope.downtime.query import revision_of
from stratoscope.downtime.serving import Service
from stratoscope.downtime.shown_json import as_json


def one_answer(downtime: Downtime, now: int, history: History) -> web.Response:
    """A downtime as JSON, with its revision as ETag, and its history."""
    return _one_answer(
        downtime,
        now,
        history=tuple(map(_entry, map(shortened, history.changes))),
        history_count=history.total,
        history_next=history.first if history.first > 1 else None,
    )


async def done_answer(served: Service, downtime: Downtime, now: int, *, status: int = 200) -> web.Response:
    """What was filed or changed as JSON, with its revision as ETag."""
    return _one_answer(downtime, now, status, silencing=await served.silencing(downtime, now))


def _one_answer(downtime: Downtime, now: int, status: int = 200, **fields: Any) -> web.Response:
    shown = msgspec.structs.asdict(as_json(downtime, now))
    answer = OneDowntime(**shown, as_of=now, **fields)
    return json_answer(answer, status=status, ETag=f'"{downtime.revision}"')


def _entry(one: Change) -> HistoryEntry:
    return HistoryEntry(revision=one.revision, at=one.at, who=one.who, action=one.action, fields=one.fields)


def json_answer(value: object, *, status: int = 200, **headers: str) -> web.Response:
    """An answer of JSON."""
    body = msgspec.json.encode(value) + b"\n"
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def revision_wanted(request: Request) -> int | None:
    """The revision of If-Match; None for any. Raises web.HTTPBadRequest."""
    text = request.http.headers.get("If-Match", "*").strip()
    if text == "*":
        return None
    number = revision_of(text.removeprefix("W/").strip('"'))
    if number is None:
        raise web.HTTPBadRequest(text="If-Match: no revision; allowed: the ETag of the downtime, or *\n")
    return number
